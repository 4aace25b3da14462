#include "audit_ledger.hpp"

#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"
#include "storage/tenant_events.hpp"

namespace sb::test {
namespace {

constexpr user_id trader{12};
constexpr account_id account{31};
constexpr trading_day today{19'700};

principal person(organization_id organization) {
  return {principal::kind::user, organization, trader, "session-1", "jwt"};
}
principal ourselves(organization_id organization) {
  principal by;
  by.organization = organization;
  return by;
}

template <class Fact>
event_record record(const Fact& fact, principal by, std::string correlation, std::string causation) {
  auto event = encode(fact);
  event.by = std::move(by);
  event.correlation = std::move(correlation);
  event.causation = std::move(causation);
  return event;
}

order_filled part(std::string id, std::int64_t quantity, bool last) {
  order_filled fill;
  fill.fill_id = std::move(id);
  fill.quantity = quantity;
  fill.price = money{8'000'000};
  fill.at = wall_ms{1'702'000'000'000};
  fill.last = last;
  fill.user = trader;
  fill.account = account;
  fill.exchange = "NSE";
  fill.symbol = "SBIN";
  return fill;
}

}  // namespace

void ledger::write(const entity_key& to, const std::vector<event_record>& events) {
  auto& head = heads_[shard_of(to)];
  if (head.epoch == 0) {
    head.shard = shard_of(to);
    head.epoch = 1;
  }
  journal_row row;
  row.shard = head.shard;
  row.seq = head.head + 1;
  row.stream = stream_of(to);
  row.version = versions_[row.stream] + 1;
  row.events = static_cast<std::int32_t>(events.size());
  row.at = wall_ms{1'702'000'000'000 + row.seq};
  row.epoch = head.epoch;
  row.body = pack(events);
  row.hash = chain(head.head_hash, row);
  versions_[row.stream] += row.events;
  head.head = row.seq;
  head.head_hash = row.hash;
  rows_.push_back(std::move(row));
}

void ledger::open_organization(organization_id organization) {
  const auto by = person(organization);
  write(organization_key(organization),
        {record(organization_event{organization_created{organization, "Desk"}}, by, "set-up", "request-1")});
  write(user_key(organization, trader), {record(user_event{user_created{trader, {}}}, by, "set-up", "request-2"),
                                         record(user_event{user_status_set{true}}, by, "set-up", "request-2")});
  write(account_key(organization, account),
        {record(account_event{account_opened{account, "Main", "paper"}}, by, "set-up", "request-3")});
  write(book_key(organization),
        {record(risk_event{permissions_set{{trader, true, true, true, {}}}}, by, "set-up", "r-4"),
         record(risk_event{day_rolled{today}}, ourselves(organization), "", "settlement")});
}

void ledger::trade(organization_id organization, int orders) {
  const auto by = person(organization);
  const auto broker = ourselves(organization);
  for (int at = 0; at < orders; ++at) {
    const auto number = std::to_string(++orders_);
    const order_id id = "ORD" + std::string(29 - number.size(), 'A') + number;
    const auto order = order_key(organization, id);
    const auto request = "request-" + number;
    order_command command;
    command.organization = organization;
    command.account = account;
    command.user = trader;
    command.client_order_id = "c-" + number;
    command.exchange = "NSE";
    command.symbol = "SBIN";
    command.quantity = 10;
    command.price = money{8'000'000};
    write(order, {record(order_event{order_requested{command, "f-" + number, 1, today, 3'000}}, by, id, request)});
    limit_reserved reserved;
    reserved.order = id;
    reserved.fingerprint = "f-" + number;
    reserved.user = trader;
    reserved.account = account;
    reserved.quantity = 10;
    reserved.price = money{8'000'000};
    reserved.day = today;
    write(book_key(organization), {record(risk_event{reserved}, by, id, id)});
    write(order, {record(order_event{order_accepted{"B-" + number}}, broker, id, "broker")});
    if (at % 3 == 0) {
      write(order, {record(order_event{order_cancel_requested{trader}}, by, id, "cancel-" + number),
                    record(order_event{order_canceled{false}}, broker, id, "broker")});
    } else {
      write(order, {record(order_event{part("F1", 4, false)}, broker, id, "broker"),
                    record(order_event{part("F2", 6, true)}, broker, id, "broker")});
    }
  }
}

std::vector<audit::stored_row> stored_rows(const std::vector<journal_row>& rows, shard_id shard) {
  std::vector<audit::stored_row> stored;
  for (const auto& row : rows) {
    if (row.shard != shard) continue;
    audit::stored_row one;
    one.row = row;
    stored.push_back(std::move(one));
  }
  find_formers(stored);
  return stored;
}

void find_formers(std::vector<audit::stored_row>& rows) {
  for (auto& each : rows) {
    each.former.reset();
    for (const auto& other : rows) {
      if (&other == &each || other.row.stream != each.row.stream || other.row.version > each.row.version) continue;
      if (!each.former || each.former->version < other.row.version)
        each.former = audit::former_row{other.row.seq, other.row.version, other.row.events};
    }
  }
}

}  // namespace sb::test
