#include "runtime/projection.hpp"

#include <catch2/catch.hpp>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"

using namespace sb;

namespace {

constexpr organization_id organization{7};
const shard_id trade_shard = shard_of(shard_role::trade, organization);

order_requested request() {
  order_requested fact;
  fact.command.organization = organization;
  fact.command.quantity = 100;
  fact.command.price = {500'000};
  return fact;
}
order_filled fill(std::string id, std::int64_t quantity, bool last = false) {
  order_filled fact;
  fact.fill_id = std::move(id);
  fact.quantity = quantity;
  fact.price = {500'000};
  fact.at = {1'767'249'000'000};
  fact.last = last;
  fact.account = {10};
  fact.exchange = "NSE";
  fact.symbol = "SBIN";
  return fact;
}

struct desk {
  void happened(const order_id& order, const std::vector<order_event>& facts) {
    journal_row row;
    row.shard = trade_shard;
    row.seq = std::ssize(rows) + 1;
    row.stream = stream_of(order_key(organization, order));
    row.version = 1;
    for (const auto& before : rows) {
      if (before.stream == row.stream) row.version = before.version + before.events;
    }
    row.events = static_cast<std::int32_t>(facts.size());
    row.at = {1'000 + row.seq};
    std::vector<event_record> events;
    for (const auto& fact : facts) events.push_back(encode(fact));
    row.body = pack(events);
    rows.push_back(std::move(row));
  }
  std::vector<journal_row> after(std::int64_t seq, std::int64_t count = 1'000) const {
    std::vector<journal_row> some;
    for (const auto& row : rows) {
      if (row.seq > seq && row.seq <= seq + count) some.push_back(row);
    }
    return some;
  }
  /// What is stored, as a transaction leaves it.
  void save(const projection_batch& batch) {
    CHECK(batch.cursor_before == cursor);
    cursor = batch.cursor;
    for (const auto& order : batch.orders) orders[order.id] = order.state;
    for (const auto& held : batch.positions) positions[held.key] = held.held;
  }
  projection made(projection_bounds bounds = {}) {
    return projection{
        330, [this](shard_id shard, const std::vector<stream_id>& streams) { return histories(shard, streams); },
        [this](const position_owner& owner) { return held_by(owner); }, bounds};
  }
  /// All that is stored, also what the projection has not seen yet.
  std::vector<stream_history> histories(shard_id shard, const std::vector<stream_id>& streams) {
    ++loads;
    std::vector<stream_history> found;
    for (const auto& stream : streams) {
      auto& history = found.emplace_back(stream_history{stream, std::nullopt, {}});
      for (const auto& row : rows) {
        if (row.shard == shard && row.stream == stream) history.rows.push_back(row);
      }
    }
    return found;
  }

  std::map<position_key, position> held_by(const position_owner& owner) const {
    std::map<position_key, position> held;
    for (const auto& [key, one] : positions) {
      if (key.owner == owner) held.emplace(key, one);
    }
    return held;
  }

  std::vector<journal_row> rows;
  std::int64_t cursor = 0;
  std::map<order_id, order_state> orders;
  std::map<position_key, position> positions;
  int loads = 0;
};

std::vector<stream_history> no_histories(shard_id, const std::vector<stream_id>& streams) {
  return std::vector<stream_history>(streams.size());
}

/// An organization of another shard than the desk's, and its trade shard.
struct neighbour {
  neighbour() {
    while (shard_of(shard_role::trade, id) == trade_shard) ++id.value;
    shard = shard_of(shard_role::trade, id);
  }
  /// The desk's only row is of this one's.
  void owns_row_of(desk& from, const order_id& order) const {
    auto& row = from.rows.front();
    row.shard = shard;
    row.stream = stream_of(order_key(id, order));
  }

  organization_id id{8};
  shard_id shard = 0;
};

const position_key sbin{{organization, {10}}, "NSE", "SBIN", product_type::intraday};

}  // namespace

SCENARIO("the read models are the fold of the journal up to their cursor") {
  desk d;
  d.happened("O1", {request()});
  d.happened("O1", {order_accepted{"B1"}, fill("F1", 40)});
  d.happened("O2", {request()});
  d.happened("O1", {fill("F2", 60, true)});
  GIVEN("everything in one go") {
    auto p = d.made();
    p.follow(trade_shard, 0);
    REQUIRE(p.fold(trade_shard, d.rows));
    CHECK(p.position_of(trade_shard) == 4);
    d.save(p.take(trade_shard));
    CHECK(d.orders["O1"].status == order_status::filled);
    CHECK(d.orders["O2"].status == order_status::pending_new);
    CHECK(d.positions[sbin].net_quantity == 100);
    CHECK(p.take(trade_shard).orders.empty());
  }
  GIVEN("any split into chunks, with a restart between them") {
    const auto chunk = GENERATE(1, 2, 3);
    CAPTURE(chunk);
    for (std::int64_t after = 0; after < 4; after += chunk) {
      auto p = d.made();
      p.follow(trade_shard, d.cursor);
      REQUIRE(p.fold(trade_shard, d.after(after, chunk)));
      d.save(p.take(trade_shard));
    }
    CHECK(d.orders["O1"].status == order_status::filled);
    CHECK(d.orders["O1"].filled_quantity == 100);
    CHECK(d.orders["O1"].version == 4);
    CHECK(d.positions[sbin].net_quantity == 100);
    CHECK(d.cursor == 4);
  }
}

SCENARIO("rows that were folded before change nothing, a gap is refused") {
  desk d;
  d.happened("O1", {request()});
  d.happened("O1", {order_accepted{"B1"}, fill("F1", 40)});
  d.happened("O1", {fill("F2", 10)});
  auto p = d.made();
  p.follow(trade_shard, 0);
  REQUIRE(p.fold(trade_shard, d.after(0, 2)));
  REQUIRE(p.fold(trade_shard, d.after(0, 2)));
  CHECK(p.take(trade_shard).positions.front().held.net_quantity == 40);
  auto hole = d.made();
  hole.follow(trade_shard, 0);
  CHECK_FALSE(hole.fold(trade_shard, d.after(1)));
  CHECK(hole.position_of(trade_shard) == 0);
}

SCENARIO("an order that is not in memory is loaded once, a new one never") {
  desk d;
  d.happened("O1", {request()});
  d.happened("O1", {order_accepted{"B1"}});
  d.happened("O1", {fill("F1", 10)});
  auto p = d.made();
  p.follow(trade_shard, 0);
  p.fold(trade_shard, d.after(0, 1));
  d.save(p.take(trade_shard));
  CHECK(d.loads == 0);
  auto later = d.made();
  later.follow(trade_shard, d.cursor);
  later.fold(trade_shard, d.after(1));
  CHECK(d.loads == 1);
  d.save(later.take(trade_shard));
  CHECK(d.orders["O1"].filled_quantity == 10);
  CHECK(d.orders["O1"].created_at == wall_ms{1'001});
}

SCENARIO("an unreadable row is told of, and others go on") {
  desk d;
  d.happened("O1", {request()});
  d.rows.back().body = "[";
  d.happened("O2", {request()});
  auto p = d.made();
  p.follow(trade_shard, 0);
  CHECK(p.fold(trade_shard, d.rows));
  const auto batch = p.take(trade_shard);
  REQUIRE(batch.unreadable.size() == 1);
  CHECK_THAT(batch.unreadable.front(), Catch::Contains("O1"));
  CHECK(batch.cursor == 2);
  REQUIRE(batch.orders.size() == 1);
  CHECK(batch.orders.front().id == "O2");
}

SCENARIO("of a row that cannot be read to its end nothing is folded") {
  desk d;
  d.happened("O1", {request()});
  d.happened("O1", {order_accepted{"B1"}, fill("F1", 40)});
  std::string why;
  auto events = unpack(d.rows.back().body, why);
  REQUIRE(events);
  events->back().type = "order.of_tomorrow";
  d.rows.back().body = pack(*events);
  auto p = d.made();
  p.follow(trade_shard, 0);
  CHECK(p.fold(trade_shard, d.rows));
  const auto batch = p.take(trade_shard);
  CHECK(batch.unreadable.size() == 1);
  REQUIRE(batch.orders.size() == 1);
  CHECK(batch.orders.front().state.status == order_status::pending_new);
  CHECK(batch.orders.front().seq == 1);
}

SCENARIO("a row that cannot be read is left out, whether its order was kept or is loaded") {
  const auto kept = GENERATE(std::size_t{0}, std::size_t{1});
  CAPTURE(kept);
  desk d;
  auto p = d.made({100, kept});
  p.follow(trade_shard, 0);
  d.happened("O1", {request()});
  d.happened("O1", {fill("F1", 10)});
  d.rows.back().body = "[";
  d.happened("O1", {order_accepted{"B1"}, fill("F2", 20)});
  REQUIRE(p.fold(trade_shard, d.rows));
  d.save(p.take(trade_shard));
  d.happened("O1", {fill("F3", 5)});
  REQUIRE(p.fold(trade_shard, d.after(3)));
  d.save(p.take(trade_shard));
  CHECK(d.loads == (kept == 0 ? 1 : 0));
  CHECK(d.orders["O1"].filled_quantity == 25);
  CHECK(d.orders["O1"].broker_order_id == "B1");
  CHECK(d.positions[sbin].net_quantity == 25);
}

SCENARIO("an order behind a gap is not loaded") {
  desk d;
  d.happened("O1", {request()});
  d.happened("O2", {request()});
  auto p = d.made({100, 0});
  p.follow(trade_shard, 0);
  REQUIRE(p.fold(trade_shard, d.rows));
  d.save(p.take(trade_shard));
  d.happened("O1", {order_accepted{"B1"}});
  d.happened("O2", {order_accepted{"B2"}, fill("F1", 40)});
  d.happened("O2", {fill("F2", 60, true)});
  auto holed = d.after(2);
  holed.erase(holed.begin() + 1);
  CHECK_FALSE(p.fold(trade_shard, holed));
  CHECK(p.orders_kept() == 1);
  REQUIRE(p.fold(trade_shard, d.after(p.position_of(trade_shard))));
  d.save(p.take(trade_shard));
  CHECK(d.positions[sbin].net_quantity == 100);
}

SCENARIO("a shard that is dropped is forgotten, and can be followed again") {
  desk d;
  d.happened("O1", {request()});
  d.happened("O1", {order_accepted{"B1"}, fill("F1", 40)});
  auto p = d.made();
  p.follow(trade_shard, 0);
  p.fold(trade_shard, d.rows);
  p.drop(trade_shard);
  CHECK_FALSE(p.follows(trade_shard));
  CHECK(p.fold(trade_shard, d.rows));
  CHECK(p.position_of(trade_shard) == 0);
  p.follow(trade_shard, 0);
  p.fold(trade_shard, d.rows);
  const auto batch = p.take(trade_shard);
  CHECK(batch.positions.front().held.net_quantity == 40);
  CHECK(batch.orders.front().state.version == 3);
}

SCENARIO("accounts that were not filled lately leave memory and are loaded again, whole") {
  desk d;
  const auto fill_of = [](std::int64_t account, std::int64_t quantity, const std::string& symbol) {
    auto fact = fill("F" + std::to_string(quantity), quantity);
    fact.account = {account};
    fact.symbol = symbol;
    return fact;
  };
  std::vector<std::int64_t> loaded;
  projection p{330,
               no_histories,
               [&](const position_owner& owner) {
                 loaded.push_back(owner.account.value);
                 return d.held_by(owner);
               },
               {5}};  // one account with two positions and one with one, and no third
  p.follow(trade_shard, 0);
  const auto happened = [&](std::int64_t account, std::int64_t quantity, const std::string& symbol = "SBIN") {
    d.happened("O" + std::to_string(d.rows.size()), {request(), fill_of(account, quantity, symbol)});
    REQUIRE(p.fold(trade_shard, d.after(p.position_of(trade_shard))));
  };
  happened(1, 20, "TCS");
  for (const auto account : {1, 2, 3}) happened(account, 10);
  CHECK(p.accounts_kept() == 3);  // what is not stored yet stays
  d.save(p.take(trade_shard));
  CHECK(p.accounts_kept() == 2);
  happened(2, 1);
  happened(1, 5);
  happened(1, 6, "TCS");
  d.save(p.take(trade_shard));
  CHECK(loaded == std::vector<std::int64_t>{1, 2, 3, 1});
  CHECK(p.accounts_kept() == 2);
  auto key = sbin;
  key.owner.account = {1};
  CHECK(d.positions[key].net_quantity == 15);
  key.symbol = "TCS";
  CHECK(d.positions[key].net_quantity == 26);
  key = sbin;
  key.owner.account = {2};
  CHECK(d.positions[key].net_quantity == 11);
}

SCENARIO("an account is read once, whatever it trades") {
  desk d;
  int loads = 0;
  projection p{330, no_histories, [&](const position_owner& owner) {
                 ++loads;
                 return d.held_by(owner);
               }};
  p.follow(trade_shard, 0);
  for (const auto* symbol : {"SBIN", "TCS", "INFY"}) {
    auto fact = fill("F1", 10);
    fact.symbol = symbol;
    d.happened(symbol, {request(), fact});
    REQUIRE(p.fold(trade_shard, d.after(p.position_of(trade_shard))));
    d.save(p.take(trade_shard));
  }
  CHECK(loads == 1);
  CHECK(d.positions.size() == 3);
  CHECK(d.positions[sbin].net_quantity == 10);
}

SCENARIO("what is dropped with its shard does not count as kept") {
  desk d;
  d.happened("O1", {request(), fill("F1", 10)});
  projection p{330, no_histories, [](const position_owner&) { return std::map<position_key, position>{}; }, {2}};
  p.follow(trade_shard, 0);
  REQUIRE(p.fold(trade_shard, d.rows));
  p.drop(trade_shard);
  CHECK(p.accounts_kept() == 0);
  p.follow(trade_shard, 0);
  REQUIRE(p.fold(trade_shard, d.rows));
  d.save(p.take(trade_shard));
  CHECK(p.accounts_kept() == 1);
}

SCENARIO("an account that has changed stays until its own shard is taken") {
  desk here;
  desk there;
  const neighbour other;
  here.happened("O1", {request(), fill("F1", 10)});
  there.happened("O2", {request(), fill("F2", 20)});
  other.owns_row_of(there, "O2");
  projection p{330, no_histories, [](const position_owner&) { return std::map<position_key, position>{}; }, {0}};
  p.follow(trade_shard, 0);
  p.follow(other.shard, 0);
  REQUIRE(p.fold(trade_shard, here.rows));
  REQUIRE(p.fold(other.shard, there.rows));
  there.save(p.take(other.shard));
  here.save(p.take(trade_shard));
  CHECK(here.positions[sbin].net_quantity == 10);
  CHECK(p.accounts_kept() == 0);
}

SCENARIO(
    "open orders that did not change lately leave memory and are loaded again, all that a batch needs with one "
    "question") {
  desk d;
  auto p = d.made({100, 2});
  p.follow(trade_shard, 0);
  const auto fold_all = [&] { return p.fold(trade_shard, d.after(p.position_of(trade_shard))); };
  for (const auto* id : {"O1", "O2", "O3", "O4"}) d.happened(id, {request()});
  REQUIRE(fold_all());
  CHECK(p.orders_kept() == 4);  // what is not stored yet stays
  d.save(p.take(trade_shard));
  CHECK(p.orders_kept() == 2);
  WHEN("those that left and those that stayed go on") {
    d.happened("O4", {order_accepted{"B4"}});
    d.happened("O1", {order_accepted{"B1"}});
    d.happened("O5", {request()});
    d.happened("O2", {order_accepted{"B2"}});
    d.happened("O1", {fill("F1", 40)});
    d.happened("O5", {order_accepted{"B5"}});
    REQUIRE(fold_all());
    CHECK(d.loads == 1);
    d.save(p.take(trade_shard));
    THEN("the ones that changed last are kept, and nothing of the others is lost") {
      CHECK(p.orders_kept() == 2);
      CHECK(d.orders["O1"].filled_quantity == 40);
      for (const auto* id : {"O1", "O2", "O4", "O5"}) CHECK_FALSE(d.orders[id].broker_order_id.empty());
      d.happened("O5", {fill("F5", 10)});
      d.happened("O1", {fill("F2", 60, true)});
      REQUIRE(fold_all());
      CHECK(d.loads == 1);
      d.save(p.take(trade_shard));
      CHECK(d.orders["O1"].status == order_status::filled);
      CHECK(p.orders_kept() == 1);
    }
  }
  WHEN("the shard is dropped") {
    p.drop(trade_shard);
    THEN("none is kept") { CHECK(p.orders_kept() == 0); }
  }
}

SCENARIO("an order that has changed stays until its own shard is taken") {
  desk here;
  desk there;
  const neighbour other;
  here.happened("O1", {request()});
  there.happened("O2", {request()});
  other.owns_row_of(there, "O2");
  auto p = here.made({100, 0});
  p.follow(trade_shard, 0);
  p.follow(other.shard, 0);
  REQUIRE(p.fold(trade_shard, here.rows));
  REQUIRE(p.fold(other.shard, there.rows));
  there.save(p.take(other.shard));
  CHECK(there.orders.contains("O2"));
  here.save(p.take(trade_shard));
  CHECK(here.orders.contains("O1"));
  CHECK(p.orders_kept() == 0);
}
