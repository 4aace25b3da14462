#include "storage/postgres/read_models.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sb::postgres {
namespace {

// A shard's cursor is its fence: the shard's rows are written only if it moved from the expected place in this same
// statement.
constexpr statement apply_batch{"read_models_apply", R"(
with part as (
  select * from unnest($2::int[], $3::bigint[], $4::bigint[]) p(shard, expected, seq)),
moved as (
  insert into projection_cursor as c (projection, shard, seq)
  select $1::text, p.shard, p.seq from part p
  where p.expected = 0 or exists (
    select from projection_cursor k where k.projection = $1::text and k.shard = p.shard)
  on conflict (projection, shard) do update set seq = excluded.seq
  where c.seq = (select p.expected from part p where p.shard = excluded.shard)
  returning shard),
order_rows as (
  insert into orders as old (
    order_id, organization, user_id, account_id, client_order_id, exchange, symbol, side, order_type, product_type,
    validity, quantity, price, state, cancel_requested, broker_order_id, filled_quantity, average_price, reason,
    version, created_at, updated_at, trading_day, seq, shard)
  select x.*
  from unnest(
    $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
    $13::text[], $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::text[], $19::boolean[], $20::text[],
    $21::bigint[], $22::bigint[], $23::text[], $24::bigint[], $25::bigint[], $26::bigint[], $27::int[],
    $28::bigint[], $29::int[]) x(
    order_id, organization, user_id, account_id, client_order_id, exchange, symbol, side, order_type, product_type,
    validity, quantity, price, state, cancel_requested, broker_order_id, filled_quantity, average_price, reason,
    version, created_at, updated_at, trading_day, seq, shard)
  join moved on moved.shard = x.shard
  on conflict (order_id) do update set
    organization = excluded.organization, user_id = excluded.user_id, account_id = excluded.account_id,
    client_order_id = excluded.client_order_id, exchange = excluded.exchange, symbol = excluded.symbol,
    side = excluded.side, order_type = excluded.order_type, product_type = excluded.product_type,
    validity = excluded.validity, quantity = excluded.quantity, price = excluded.price, state = excluded.state,
    cancel_requested = excluded.cancel_requested, broker_order_id = excluded.broker_order_id,
    filled_quantity = excluded.filled_quantity, average_price = excluded.average_price, reason = excluded.reason,
    version = excluded.version, created_at = excluded.created_at, updated_at = excluded.updated_at,
    trading_day = excluded.trading_day, seq = excluded.seq, shard = excluded.shard
  where old.seq < excluded.seq),
position_rows as (
  insert into positions as old (
    organization, account_id, exchange, symbol, product_type, trading_day, day_buy_quantity, day_sell_quantity,
    day_buy_value, day_sell_value, net_buy_quantity, net_sell_quantity, net_buy_value, net_sell_value, net_quantity,
    average_price, realized_pnl, last_price, last_fill_at, updated_at, seq, shard)
  select x.*
  from unnest(
    $30::bigint[], $31::bigint[], $32::text[], $33::text[], $34::text[], $35::int[], $36::bigint[], $37::bigint[],
    $38::bigint[], $39::bigint[], $40::bigint[], $41::bigint[], $42::bigint[], $43::bigint[], $44::bigint[],
    $45::bigint[], $46::bigint[], $47::bigint[], $48::bigint[], $49::bigint[], $50::bigint[], $51::int[]) x(
    organization, account_id, exchange, symbol, product_type, trading_day, day_buy_quantity, day_sell_quantity,
    day_buy_value, day_sell_value, net_buy_quantity, net_sell_quantity, net_buy_value, net_sell_value, net_quantity,
    average_price, realized_pnl, last_price, last_fill_at, updated_at, seq, shard)
  join moved on moved.shard = x.shard
  on conflict (account_id, exchange, symbol, product_type) do update set
    organization = excluded.organization, trading_day = excluded.trading_day,
    day_buy_quantity = excluded.day_buy_quantity, day_sell_quantity = excluded.day_sell_quantity,
    day_buy_value = excluded.day_buy_value, day_sell_value = excluded.day_sell_value,
    net_buy_quantity = excluded.net_buy_quantity, net_sell_quantity = excluded.net_sell_quantity,
    net_buy_value = excluded.net_buy_value, net_sell_value = excluded.net_sell_value,
    net_quantity = excluded.net_quantity, average_price = excluded.average_price,
    realized_pnl = excluded.realized_pnl, last_price = excluded.last_price, last_fill_at = excluded.last_fill_at,
    updated_at = excluded.updated_at, seq = excluded.seq, shard = excluded.shard
  where old.seq < excluded.seq)
select shard from moved)"};

constexpr statement read_cursors{"read_models_cursors",
                                 "select shard, seq from projection_cursor where projection = $1::text order by shard"};

constexpr statement select_orders{"read_models_orders", R"(
select
  order_id, organization, user_id, account_id, client_order_id, exchange, symbol, side, order_type, product_type,
  validity, quantity, price, state, cancel_requested, broker_order_id, filled_quantity, average_price, reason,
  version, created_at, updated_at, trading_day, seq, shard
from orders
where organization = $1::bigint
  and ($2::bigint is null or account_id = $2::bigint)
  and ($3::bigint is null or user_id = $3::bigint)
  and ($4::text is null or state = $4::text)
  and ($5::text is null or symbol = $5::text)
  and ($6::bigint is null or created_at >= $6::bigint)
  and ($7::bigint is null or created_at < $7::bigint)
  and (created_at, order_id) < ($8::bigint, $9::text)
order by created_at desc, order_id desc
limit $10::int)"};

constexpr statement select_order{"read_models_order", R"(
select
  order_id, organization, user_id, account_id, client_order_id, exchange, symbol, side, order_type, product_type,
  validity, quantity, price, state, cancel_requested, broker_order_id, filled_quantity, average_price, reason,
  version, created_at, updated_at, trading_day, seq, shard
from orders where order_id = $1::text)"};

// An absent order is looked for once more at its day's end, and an empty look leaves no fact: a start looks again for
// those of the week that ends with the shard's newest one, however long the node was down, and for no more than these.
// Each half has the order and the limit by itself: PostgreSQL gives neither to the halves of a union that have
// conditions, and would read and sort all that is left for every page.
constexpr statement select_open_orders{"read_models_open_orders", R"(
(select organization, created_at, order_id from orders
 where shard = $1::int and (created_at, order_id) > ($2::bigint, $3::text)
   and state in ('pending_new', 'new', 'partially_filled', 'unknown')
 order by created_at, order_id limit $4::int)
union all
(select organization, created_at, order_id from orders
 where shard = $1::int and (created_at, order_id) > ($2::bigint, $3::text) and state = 'absent' and trading_day > (
   select max(trading_day) - 7 from orders where shard = $1::int and state = 'absent')
 order by created_at, order_id limit $4::int)
order by created_at, order_id
limit $4::int)"};

constexpr statement set_cursor{"read_models_set_cursor", R"(
insert into projection_cursor as old (projection, shard, seq) values ($1::text, $2::int, $3::bigint)
on conflict (projection, shard) do update set seq = excluded.seq where old.seq < excluded.seq)"};

constexpr statement count_of_day{"read_models_count_orders", R"(
select count(*) from orders
where organization = $1::bigint and ($2::bigint is null or user_id = $2::bigint) and trading_day = $3::int)"};

constexpr statement select_positions{"read_models_positions", R"(
select
  organization, account_id, exchange, symbol, product_type, trading_day, day_buy_quantity, day_sell_quantity,
  day_buy_value, day_sell_value, net_buy_quantity, net_sell_quantity, net_buy_value, net_sell_value, net_quantity,
  average_price, realized_pnl, last_price, last_fill_at, updated_at, seq, shard
from positions
where account_id = $2::bigint and organization = $1::bigint
order by exchange, symbol, product_type)"};

/// Reads a row's columns from left to right.
class row_reader {
 public:
  row_reader(const result& rows, int row) : rows_{rows}, row_{row} {}
  std::string text() { return rows_.text(row_, column_++); }
  std::int64_t int8() { return rows_.int8(row_, column_++); }
  std::int32_t int4() { return rows_.int4(row_, column_++); }
  bool boolean() { return rows_.boolean(row_, column_++); }
  money amount() { return money{int8()}; }
  wall_ms time() { return wall_ms{int8()}; }

 private:
  const result& rows_;
  int row_;
  int column_ = 0;
};

// The order of columns here, in the writers below and in the SQL above is one.

order_row to_order(row_reader in) {
  order_row out;
  out.id = in.text();
  out.organization.value = in.int8();
  out.user.value = in.int8();
  out.account.value = in.int8();
  out.client_order_id = in.text();
  out.exchange = in.text();
  out.symbol = in.text();
  out.side = in.text();
  out.order_type = in.text();
  out.product_type = in.text();
  out.validity = in.text();
  out.quantity = in.int8();
  out.price = in.amount();
  out.state = in.text();
  out.cancel_requested = in.boolean();
  out.broker_order_id = in.text();
  out.filled_quantity = in.int8();
  out.average_price = in.amount();
  out.reason = in.text();
  out.version = in.int8();
  out.created_at = in.time();
  out.updated_at = in.time();
  out.day.value = in.int4();
  out.seq = in.int8();
  out.shard = in.int4();
  return out;
}

position_row to_position(row_reader in) {
  position_row out;
  out.organization.value = in.int8();
  out.account.value = in.int8();
  out.exchange = in.text();
  out.symbol = in.text();
  out.product_type = in.text();
  out.day.value = in.int4();
  out.day_buy_quantity = in.int8();
  out.day_sell_quantity = in.int8();
  out.day_buy_value = in.amount();
  out.day_sell_value = in.amount();
  out.net_buy_quantity = in.int8();
  out.net_sell_quantity = in.int8();
  out.net_buy_value = in.amount();
  out.net_sell_value = in.amount();
  out.net_quantity = in.int8();
  out.average_price = in.amount();
  out.realized_pnl = in.amount();
  out.last_price = in.amount();
  out.last_fill_at = in.time();
  out.updated_at = in.time();
  out.seq = in.int8();
  out.shard = in.int4();
  return out;
}

/// Of several rows for one key the newest, because one statement can write a key only once. A key is of one shard.
template <class Row, class Key>
auto newest_by(const std::vector<projection_batch>& parts, std::vector<Row> projection_batch::*rows, Key key) {
  std::map<std::invoke_result_t<Key, const Row&>, const Row*> newest;
  for (const auto& part : parts) {
    for (const auto& row : part.*rows) {
      auto& kept = newest[key(row)];
      if (kept == nullptr || kept->seq < row.seq) kept = &row;
    }
  }
  std::vector<const Row*> out;
  for (const auto& entry : newest) out.push_back(entry.second);
  return out;
}

template <class Row, class Get>
void add_texts(parameters& values, const std::vector<const Row*>& rows, Get get) {
  auto column = array::of_text(rows.size());
  for (const auto* row : rows) column.put_bytes(get(*row));
  values.add(std::move(column));
}

template <class Row, class Get>
void add_int8s(parameters& values, const std::vector<const Row*>& rows, Get get) {
  auto column = array::of_int8(rows.size());
  for (const auto* row : rows) column.put8(get(*row));
  values.add(std::move(column));
}

template <class Row, class Get>
void add_int4s(parameters& values, const std::vector<const Row*>& rows, Get get) {
  auto column = array::of_int4(rows.size());
  for (const auto* row : rows) column.put4(get(*row));
  values.add(std::move(column));
}

void add_orders(parameters& values, const std::vector<const order_row*>& rows) {
  using row = const order_row&;
  const auto texts = [&](std::string order_row::*member) {
    add_texts(values, rows, [member](row r) -> const std::string& { return r.*member; });
  };
  const auto int8s = [&](auto get) { add_int8s(values, rows, get); };
  texts(&order_row::id);
  int8s([](row r) { return r.organization.value; });
  int8s([](row r) { return r.user.value; });
  int8s([](row r) { return r.account.value; });
  texts(&order_row::client_order_id);
  texts(&order_row::exchange);
  texts(&order_row::symbol);
  texts(&order_row::side);
  texts(&order_row::order_type);
  texts(&order_row::product_type);
  texts(&order_row::validity);
  int8s([](row r) { return r.quantity; });
  int8s([](row r) { return r.price.ticks; });
  texts(&order_row::state);
  auto flags = array::of_bool(rows.size());
  for (const auto* one : rows) flags.put_bool(one->cancel_requested);
  values.add(std::move(flags));
  texts(&order_row::broker_order_id);
  int8s([](row r) { return r.filled_quantity; });
  int8s([](row r) { return r.average_price.ticks; });
  texts(&order_row::reason);
  int8s([](row r) { return r.version; });
  int8s([](row r) { return r.created_at.value; });
  int8s([](row r) { return r.updated_at.value; });
  add_int4s(values, rows, [](row r) { return r.day.value; });
  int8s([](row r) { return r.seq; });
  add_int4s(values, rows, [](row r) { return r.shard; });
}

void add_positions(parameters& values, const std::vector<const position_row*>& rows) {
  using row = const position_row&;
  const auto texts = [&](std::string position_row::*member) {
    add_texts(values, rows, [member](row r) -> const std::string& { return r.*member; });
  };
  const auto int8s = [&](auto get) { add_int8s(values, rows, get); };
  int8s([](row r) { return r.organization.value; });
  int8s([](row r) { return r.account.value; });
  texts(&position_row::exchange);
  texts(&position_row::symbol);
  texts(&position_row::product_type);
  add_int4s(values, rows, [](row r) { return r.day.value; });
  int8s([](row r) { return r.day_buy_quantity; });
  int8s([](row r) { return r.day_sell_quantity; });
  int8s([](row r) { return r.day_buy_value.ticks; });
  int8s([](row r) { return r.day_sell_value.ticks; });
  int8s([](row r) { return r.net_buy_quantity; });
  int8s([](row r) { return r.net_sell_quantity; });
  int8s([](row r) { return r.net_buy_value.ticks; });
  int8s([](row r) { return r.net_sell_value.ticks; });
  int8s([](row r) { return r.net_quantity; });
  int8s([](row r) { return r.average_price.ticks; });
  int8s([](row r) { return r.realized_pnl.ticks; });
  int8s([](row r) { return r.last_price.ticks; });
  int8s([](row r) { return r.last_fill_at.value; });
  int8s([](row r) { return r.updated_at.value; });
  int8s([](row r) { return r.seq; });
  add_int4s(values, rows, [](row r) { return r.shard; });
}

/// A row under another shard than its part's would be written under that one's fence.
void require_own_rows(const projection_batch& part) {
  const auto own = [&](const auto& row) { return row.shard == part.shard; };
  if (!std::all_of(part.orders.begin(), part.orders.end(), own) ||
      !std::all_of(part.positions.begin(), part.positions.end(), own)) {
    throw std::invalid_argument("a row of another shard in the batch of shard " + std::to_string(part.shard));
  }
}

template <class Id>
void add_id(parameters& values, const std::optional<Id>& id) {
  if (id) {
    values.int8(id->value);
  } else {
    values.null();
  }
}

void add_text(parameters& values, const std::optional<std::string>& text) {
  if (text) {
    values.text(*text);
  } else {
    values.null();
  }
}

}  // namespace

read_models::read_models(std::string conninfo, const node_identity& self, plans planning)
    : connection_(std::move(conninfo), self, planning) {}

std::vector<shard_id> read_models::apply(const std::string& projection, const std::vector<projection_batch>& parts,
                                         deadline within) {
  auto shards = array::of_int4(parts.size());
  auto expected = array::of_int8(parts.size());
  auto seqs = array::of_int8(parts.size());
  for (const auto& part : parts) {
    require_own_rows(part);
    shards.put4(part.shard);
    expected.put8(part.expected);
    seqs.put8(part.seq);
  }
  parameters values;
  values.text(projection).add(std::move(shards)).add(std::move(expected)).add(std::move(seqs));
  add_orders(values, newest_by(parts, &projection_batch::orders,
                               [](const order_row& row) { return std::string_view{row.id}; }));
  add_positions(values, newest_by(parts, &projection_batch::positions, [](const position_row& row) {
                  return std::tuple{row.account.value, std::string_view{row.exchange}, std::string_view{row.symbol},
                                    std::string_view{row.product_type}};
                }));
  const auto moved = connection_.run(apply_batch, values, from_now(within));
  std::vector<shard_id> written;
  for (int row = 0; row < moved.rows(); ++row) written.push_back(moved.int4(row, 0));
  return written;
}

std::vector<shard_cursor> read_models::cursors(const std::string& projection, deadline within) {
  const auto rows = connection_.run(read_cursors, parameters{}.text(projection), from_now(within));
  std::vector<shard_cursor> out;
  for (int row = 0; row < rows.rows(); ++row) out.push_back({rows.int4(row, 0), rows.int8(row, 1)});
  return out;
}

std::vector<order_row> read_models::list_orders(const order_filter& filter, std::int32_t limit,
                                                const std::optional<order_cursor>& after, deadline within) {
  parameters values;
  values.int8(filter.organization.value);
  add_id(values, filter.account);
  add_id(values, filter.user);
  add_text(values, filter.state);
  add_text(values, filter.symbol);
  add_id(values, filter.from);
  add_id(values, filter.to);
  values.int8(after ? after->created_at.value : std::numeric_limits<std::int64_t>::max());
  values.text(after ? after->id : std::string{});
  values.int4(limit);
  const auto rows = connection_.run(select_orders, values, from_now(within));
  std::vector<order_row> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) out.push_back(to_order({rows, row}));
  return out;
}

std::optional<order_row> read_models::find_order(const order_id& order, deadline within) {
  const auto rows = connection_.run(select_order, parameters{}.text(order), from_now(within));
  if (rows.rows() == 0) return std::nullopt;
  return to_order({rows, 0});
}

std::vector<open_order_row> read_models::open_orders(shard_id shard, const std::optional<order_cursor>& after,
                                                     std::int32_t limit, deadline within) {
  parameters values;
  values.int4(shard);
  values.int8(after ? after->created_at.value : std::numeric_limits<std::int64_t>::min());
  values.text(after ? after->id : std::string{});
  values.int4(limit);
  const auto rows = connection_.run(select_open_orders, values, from_now(within));
  std::vector<open_order_row> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row)
    out.push_back({{rows.int8(row, 0)}, {{rows.int8(row, 1)}, rows.text(row, 2)}});
  return out;
}

void read_models::save_cursor(const std::string& projection, shard_id shard, std::int64_t seq, deadline within) {
  connection_.run(set_cursor, parameters{}.text(projection).int4(shard).int8(seq), from_now(within));
}

std::int64_t read_models::count_orders(organization_id organization, std::optional<user_id> user, trading_day day,
                                       deadline within) {
  parameters values;
  values.int8(organization.value);
  add_id(values, user);
  values.int4(day.value);
  return connection_.run(count_of_day, values, from_now(within)).int8(0, 0);
}

std::vector<position_row> read_models::list_positions(organization_id organization, account_id account,
                                                      deadline within) {
  const auto rows =
      connection_.run(select_positions, parameters{}.int8(organization.value).int8(account.value), from_now(within));
  std::vector<position_row> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) out.push_back(to_position({rows, row}));
  return out;
}

}  // namespace sb::postgres
