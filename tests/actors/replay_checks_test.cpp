#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "actors/trade/brokers/paper_record.hpp"
#include "app/replay/checks.hpp"
#include "app/replay/journal_audit.hpp"
#include "runtime/address.hpp"
#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"

using namespace sb;
using namespace sb::replay;

namespace {

const organization_id alpha{7};
const account_id account{70};
const user_id trader{700};

money rupees(std::int64_t amount) { return {amount * money::unit}; }

order_command buy(const order_id& id, std::int64_t quantity) {
  order_command command;
  command.organization = alpha;
  command.account = account;
  command.user = trader;
  command.client_order_id = "run-" + id;
  command.exchange = "NSE";
  command.symbol = "SBIN";
  command.quantity = quantity;
  command.price = rupees(800);
  return command;
}
order_requested requested(const order_id& id, std::int64_t quantity) {
  return {buy(id, quantity), "f", 1, {19'000}, 3'000};
}
order_filled fill(const std::string& fill_id, std::int64_t quantity, bool last) {
  return {fill_id, quantity, rupees(800), {1}, last, trader, account, "NSE", "SBIN", side::buy, product_type::intraday};
}
limit_reserved reserved(const order_id& id, std::int64_t quantity) {
  return {id, 1, "f", trader, account, quantity, rupees(800), {19'000}};
}

/// Writes journal rows as the product would.
class journal_writer {
 public:
  template <class Event>
  journal_row append(const entity_key& key, const std::vector<Event>& events) {
    journal_row row;
    row.stream = stream_of(key);
    row.shard = shard_of(key);
    row.seq = ++heads_[row.shard].first;
    row.version = versions_[row.stream] + 1;
    row.events = static_cast<std::int32_t>(events.size());
    versions_[row.stream] += row.events;
    row.epoch = 1;
    row.at = {1'700'000'000'000};
    std::vector<event_record> records;
    for (const auto& event : events) records.push_back(encode(event));
    row.body = pack(records);
    seal(row);
    return row;
  }
  void seal(journal_row& row) {
    auto& hash = heads_[row.shard].second;
    row.hash = chain(hash, row);
    hash = row.hash;
  }
  journal_row order(const order_id& id, const std::vector<order_event>& events) {
    return append(order_key(alpha, id), events);
  }
  journal_row book(const std::vector<risk_event>& events) { return append(book_key(alpha), events); }

 private:
  std::map<shard_id, std::pair<std::int64_t, digest>> heads_;
  std::map<stream_id, std::int64_t> versions_;
};

broker::place placed(const order_id& id, std::int64_t quantity) {
  broker::place order;
  order.id = id;
  order.organization = alpha;
  order.account = account;
  order.exchange = "NSE";
  order.symbol = "SBIN";
  order.quantity = quantity;
  order.price = rupees(800);
  return order;
}

paper_log_summary broker_log(const std::vector<paper::record>& records) {
  std::string text = paper::header_line();
  std::int64_t line = 1;
  for (const auto& record : records) paper::append_line(text, ++line, record);
  std::istringstream file{text};
  auto summary = summarize_paper_log(file);
  REQUIRE(summary.error.empty());
  return summary;
}

/// A day with one order working after a fill, one canceled and one denied, all sides agreeing.
struct quiet_day {
  journal_audit journal;
  std::vector<paper::record> records;
  std::vector<acknowledged_order> answers;
  journal_writer writer;

  quiet_day() {
    const std::vector<journal_row> rows{
        writer.book({limits_set{{scope_kind::organization, 7}, {{limit_type::daily_value, rupees(10'000).ticks, {}}}},
                     day_rolled{{19'000}}, reserved("A", 10), reserved("B", 2)}),
        writer.order("A", {requested("A", 10)}),
        writer.order("A", {order_accepted{"PB1"}, fill("f1", 4, false)}),
        writer.order("B", {requested("B", 2), order_accepted{"PB2"}}),
        writer.order("B", {order_cancel_requested{trader}, order_canceled{}}),
        writer.order("C", {requested("C", 99), order_denied{denial::limits, "no", {}, 0}}),
        writer.book({facts_settled{4,
                                   {{order_fact::kind::fill, 2, "A", 4, rupees(800), {19'000}, trader, account},
                                    {order_fact::kind::closed, 4, "B", 0, {}, {}, {}, {}}}}}),
    };
    for (const auto& row : rows) journal.take(row);
    records = {paper::placed{1, placed("A", 10), {1}}, paper::filled{1, 1, {"f1", 4, rupees(800), {1}}},
               paper::placed{2, placed("B", 2), {1}}, paper::canceled{2, 2, {1}}};
    answers = {answer("A", 10, acknowledged_order::answer::accepted),
               answer("B", 2, acknowledged_order::answer::pending),
               answer("C", 99, acknowledged_order::answer::denied)};
    answers[0].fills = {{"f1", 4, rupees(800)}};
    answers[1].canceled = true;
  }

  static acknowledged_order answer(const order_id& id, std::int64_t quantity, acknowledged_order::answer what) {
    acknowledged_order order;
    order.placed = what;
    order.id = id;
    order.client_order_id = "run-" + id;
    order.organization = alpha;
    order.account = account;
    order.exchange = "NSE";
    order.symbol = "SBIN";
    order.quantity = quantity;
    order.price = rupees(800);
    return order;
  }
};

std::string told(const check_result& result) { return result.offenders.empty() ? "" : result.offenders.front(); }

}  // namespace

SCENARIO("a quiet day holds every check") {
  quiet_day day;
  const auto broker = broker_log(day.records);
  const net_positions projected{{{account, "NSE", "SBIN", product_type::intraday}, 4}};
  const std::vector<projected_order> rows{{"A", "partially_filled", 4}, {"B", "canceled", 0}, {"C", "denied", 0}};
  const std::vector<check_result> results{
      day.journal.rows(),
      day.journal.steps(),
      day.journal.limits(),
      check_acknowledged(day.journal, day.answers),
      check_at_most_once(day.journal, broker),
      check_broker_agrees(day.journal, broker),
      check_no_open_work(day.journal),
      check_reservations(day.journal),
      check_working_orders(day.journal, broker),
      check_positions(positions_of(day.journal), positions_of(broker), projected),
      check_projected_orders(day.journal, rows),
  };
  for (const auto& result : results) {
    INFO(format_check(result));
    CHECK(result.holds());
    CHECK(result.checked > 0);
  }
  CHECK(format_check(results[0]).starts_with("OK      the journal's rows"));
}

TEST_CASE("an answer that the journal contradicts is found") {
  quiet_day day;
  struct row {
    const char* what;
    std::size_t order;
    void (*twist)(acknowledged_order&);
    std::string offence;
  };
  using o = acknowledged_order;
  const auto r = GENERATE(values<row>({
      {"lost", 0, [](o& x) { x.id = "Z"; }, "it is not there"},
      {"another client id", 0, [](o& x) { x.client_order_id = "run-X"; }, "not what was sent"},
      {"another organization", 0, [](o& x) { x.organization = {8}; }, "not what was sent"},
      {"another account", 0, [](o& x) { x.account = {71}; }, "not what was sent"},
      {"another exchange", 0, [](o& x) { x.exchange = "BSE"; }, "not what was sent"},
      {"another symbol", 0, [](o& x) { x.symbol = "TCS"; }, "not what was sent"},
      {"another side", 0, [](o& x) { x.direction = side::sell; }, "not what was sent"},
      {"another quantity", 0, [](o& x) { x.quantity = 11; }, "not what was sent"},
      {"another price", 0, [](o& x) { x.price = rupees(801); }, "not what was sent"},
      {"denied to the client only", 0, [](o& x) { x.placed = o::answer::denied; }, "answered as denied"},
      {"accepted to the client only", 2, [](o& x) { x.placed = o::answer::accepted; }, "answered as accepted"},
      {"canceled to the client only", 0, [](o& x) { x.canceled = true; }, "answered as canceled"},
      {"a fill more", 0,
       [](o& x) {
         x.fills.push_back({"f2", 1, rupees(800)});
       },
       "fill f2 is missing"},
      {"a larger fill", 0, [](o& x) { x.fills[0].quantity = 5; }, "fill f1 is missing"},
      {"a dearer fill", 0, [](o& x) { x.fills[0].price = rupees(801); }, "fill f1 is missing"},
  }));
  INFO(r.what);
  r.twist(day.answers[r.order]);
  const auto result = check_acknowledged(day.journal, day.answers);
  CHECK(result.failed == 1);
  CHECK(result.checked == 3);
  CHECK_THAT(told(result), Catch::Matchers::Contains(r.offence));
}

TEST_CASE("what was never acknowledged is not asked for") {
  quiet_day day;
  acknowledged_order unanswered;
  unanswered.client_order_id = "run-Z";
  CHECK(check_acknowledged(day.journal, std::vector{unanswered}).checked == 0);
}

TEST_CASE("an order whose intent was never stored may be answered as denied, and as nothing else") {
  using answer = acknowledged_order::answer;
  quiet_day day;
  day.journal.take(day.writer.order("D", {order_denied{denial::never_requested, "capacity was reserved", {}, {}}}));
  const auto failed = [&](answer what) {
    return check_acknowledged(day.journal, std::vector{quiet_day::answer("D", 5, what)}).failed;
  };
  CHECK(failed(answer::denied) == 0);
  CHECK(failed(answer::accepted) == 1);
  CHECK(failed(answer::pending) == 1);
}

SCENARIO("broker and journal that differ are found") {
  quiet_day day;
  WHEN("an order is there twice") {
    day.records.emplace_back(paper::placed{3, placed("A", 10), {1}});
    const auto broker = broker_log(day.records);
    CHECK_THAT(told(check_at_most_once(day.journal, broker)), Catch::Matchers::Contains("A: there again as PB3"));
    CHECK_FALSE(check_broker_agrees(day.journal, broker).holds());
  }
  WHEN("an order is there for which nothing was reserved") {
    day.records.emplace_back(paper::placed{3, placed("C", 99), {1}});
    const auto broker = broker_log(day.records);
    CHECK_THAT(told(check_at_most_once(day.journal, broker)), Catch::Matchers::Contains("C: nothing was reserved"));
    CHECK_THAT(told(check_broker_agrees(day.journal, broker)),
               Catch::Matchers::Contains("C: denied here, working there"));
    CHECK_THAT(told(check_working_orders(day.journal, broker)),
               Catch::Matchers::Contains("C: works only at the broker"));
  }
  WHEN("an order is there that nobody knows") {
    day.records.emplace_back(paper::placed{3, placed("Z", 1), {1}});
    const auto broker = broker_log(day.records);
    CHECK_THAT(told(check_broker_agrees(day.journal, broker)),
               Catch::Matchers::Contains("Z: only the broker knows it"));
  }
  WHEN("an order is not there") {
    day.records.resize(2);
    const auto broker = broker_log(day.records);
    CHECK_THAT(told(check_broker_agrees(day.journal, broker)),
               Catch::Matchers::Contains("B: the broker does not know it"));
  }
  WHEN("it was canceled there only") {
    day.records.emplace_back(paper::canceled{1, 3, {1}});
    const auto broker = broker_log(day.records);
    CHECK_THAT(told(check_broker_agrees(day.journal, broker)),
               Catch::Matchers::Contains("A: partially_filled here, canceled there"));
    CHECK_THAT(told(check_working_orders(day.journal, broker)),
               Catch::Matchers::Contains("A: works only in the journal"));
  }
  WHEN("a fill is there only") {
    day.records.emplace_back(paper::filled{1, 3, {"f2", 1, rupees(800), {1}}});
    const auto broker = broker_log(day.records);
    CHECK_THAT(told(check_broker_agrees(day.journal, broker)), Catch::Matchers::Contains("A: filled 4 here, 5 there"));
    const auto positions = check_positions(positions_of(day.journal), positions_of(broker), positions_of(day.journal));
    CHECK_THAT(told(positions), Catch::Matchers::Contains("journal 4, broker 5, projection 4"));
  }
  WHEN("the same quantity was filled by another fill") {
    day.records[1] = paper::filled{1, 1, {"f9", 4, rupees(800), {1}}};
    CHECK_FALSE(check_broker_agrees(day.journal, broker_log(day.records)).holds());
  }
  WHEN("it is there for another quantity") {
    day.records[0] = paper::placed{1, placed("A", 11), {1}};
    CHECK_THAT(told(check_broker_agrees(day.journal, broker_log(day.records))),
               Catch::Matchers::Contains("another order under this id"));
  }
  WHEN("it is there under another broker id") {
    std::swap(day.records[0], day.records[2]);
    day.records = {paper::placed{1, placed("B", 2), {1}}, paper::placed{2, placed("A", 10), {1}},
                   paper::filled{2, 1, {"f1", 4, rupees(800), {1}}}, paper::canceled{1, 2, {1}}};
    CHECK(check_broker_agrees(day.journal, broker_log(day.records)).failed == 2);
  }
}

SCENARIO("open work is found") {
  quiet_day day;
  WHEN("an order has no outcome yet") {
    day.journal.take(day.writer.order("D", {requested("D", 1)}));
    CHECK_THAT(told(check_no_open_work(day.journal)), Catch::Matchers::Contains("D: pending_new"));
  }
  WHEN("an order's outcome is unknown") {
    day.journal.take(day.writer.order("D", {requested("D", 1), order_outcome_unknown{"timeout"}}));
    CHECK_THAT(told(check_no_open_work(day.journal)), Catch::Matchers::Contains("D: unknown"));
  }
  WHEN("capacity was reserved for an order that never was") {
    day.journal.take(day.writer.book({reserved("D", 1)}));
    CHECK_THAT(told(check_no_open_work(day.journal)), Catch::Matchers::Contains("D: reserved, but neither"));
    CHECK_THAT(told(check_reservations(day.journal)), Catch::Matchers::Contains("D: held for an order that is none"));
  }
  WHEN("a closed order still holds capacity") {
    day.journal.take(day.writer.order("A", {order_canceled{}}));
    CHECK_THAT(told(check_reservations(day.journal)),
               Catch::Matchers::Contains("A: held for an order that is canceled"));
  }
  WHEN("a fill has not been settled") {
    day.journal.take(day.writer.order("A", {fill("f2", 1, false)}));
    CHECK_THAT(told(check_reservations(day.journal)),
               Catch::Matchers::Contains("A: the book has settled 4 of 5 filled"));
  }
  WHEN("a working order holds nothing") {
    day.journal.take(day.writer.order("D", {requested("D", 1), order_accepted{"PB3"}}));
    CHECK_THAT(told(check_reservations(day.journal)), Catch::Matchers::Contains("D: working, but nothing is held"));
  }
  WHEN("an order works that was absent before") {
    day.journal.take(day.writer.order(
        "D", {requested("D", 1), order_outcome_unknown{}, order_marked_absent{3}, order_accepted{"PB3"}}));
    THEN("its capacity was released, and that is known") { CHECK(check_reservations(day.journal).holds()); }
  }
}

SCENARIO("a journal that is not what was written is found") {
  quiet_day day;
  auto row = day.writer.order("D", {requested("D", 1)});
  const auto offence = [&] {
    day.journal.take(row);
    return told(day.journal.rows());
  };
  WHEN("it is as written") { CHECK(offence().empty()); }
  WHEN("a row is missing") {
    row = day.writer.order("D", {order_accepted{"PB3"}});
    CHECK_THAT(offence(), Catch::Matchers::Contains("follows seq 5"));
  }
  WHEN("a bit is flipped") {
    row.body[row.body.size() / 2] ^= 1;
    CHECK_THAT(offence(), Catch::Matchers::Contains("its hash does not match"));
  }
  WHEN("a version is skipped") {
    journal_writer again = quiet_day{}.writer;
    row.version = 2;
    again.seal(row);
    CHECK_THAT(offence(), Catch::Matchers::Contains("version 2 follows 0"));
  }
  WHEN("the epoch goes back") {
    journal_writer again = quiet_day{}.writer;
    row.epoch = 0;
    again.seal(row);
    CHECK_THAT(offence(), Catch::Matchers::Contains("its epoch goes back"));
  }
  WHEN("the stream belongs to another shard") {
    row.shard = (row.shard + 1) % shard_count;
    row.seq = 1;
    row.hash = chain({}, row);
    CHECK_THAT(offence(), Catch::Matchers::Contains("belongs to another shard"));
  }
  WHEN("the body is no packed events") {
    journal_writer again = quiet_day{}.writer;
    row.body = "[]";
    again.seal(row);
    CHECK_FALSE(offence().empty());
  }
}

TEST_CASE("a step that no order takes is found") {
  struct row {
    const char* what;
    std::vector<order_event> events;
    std::string offence;
  };
  const auto r = GENERATE(values<row>({
      {"accepted unasked", {order_accepted{"PB3"}}, "order.accepted after none"},
      {"requested twice", {requested("D", 2), requested("D", 2)}, "order.requested after pending_new"},
      {"denied after it was accepted",
       {requested("D", 2), order_accepted{"PB3"}, order_denied{}},
       "order.denied after new"},
      {"a fill twice",
       {requested("D", 2), order_accepted{"PB3"}, fill("f", 1, false), fill("f", 1, true)},
       "fill f is there twice"},
      {"filled beyond", {requested("D", 2), order_accepted{"PB3"}, fill("f", 3, true)}, "filled beyond its quantity"},
      {"last and not the last",
       {requested("D", 2), order_accepted{"PB3"}, fill("f", 1, true)},
       "the last fill is not the last"},
      {"all filled and not the last",
       {requested("D", 2), order_accepted{"PB3"}, fill("f", 2, false)},
       "the last fill is not"},
  }));
  INFO(r.what);
  quiet_day day;
  day.journal.take(day.writer.order("D", r.events));
  CHECK_FALSE(day.journal.steps().holds());
  CHECK_THAT(told(day.journal.steps()), Catch::Matchers::Contains(r.offence));
}

TEST_CASE("a reservation beyond a limit is found, whichever limit it is") {
  struct row {
    limit_scope scope;
    limit_type type;
    std::int64_t good;  ///< the least value under which the reservation is allowed
  };
  // Of 10 and 2 at 800.00 the 2 are released and 4 are filled on the same day when 3 more come: 3200 + 4800 + 2400.
  const auto r = GENERATE(values<row>({
      {{scope_kind::organization, 7}, limit_type::daily_value, rupees(10'400).ticks},
      {{scope_kind::user, 700}, limit_type::daily_value, rupees(10'400).ticks},
      {{scope_kind::account, 70}, limit_type::daily_value, rupees(10'400).ticks},
      {{scope_kind::account, 70}, limit_type::single_order_value, rupees(2'400).ticks},
      {{scope_kind::user, 700}, limit_type::orders_per_day, 3},
      {{scope_kind::organization, 7}, limit_type::open_orders, 2},
      {{scope_kind::user, 700}, limit_type::order_quantity, 3},
  }));
  INFO(word(r.scope.kind) << ' ' << word(r.type));
  for (const std::int64_t less : {0, 1}) {
    quiet_day day;
    day.journal.take(day.writer.book({limits_set{{scope_kind::organization, 7}, {}},
                                      limits_set{r.scope, {{r.type, r.good - less, {}}}}, reserved("D", 3)}));
    INFO(told(day.journal.limits()));
    CHECK(day.journal.limits().holds() == (less == 0));
    CHECK(day.journal.limits().checked == 3);
  }
}

TEST_CASE("a limit of another scope does not bind") {
  quiet_day day;
  day.journal.take(day.writer.book({limits_set{{scope_kind::organization, 7}, {}},
                                    limits_set{{scope_kind::account, 71}, {{limit_type::order_quantity, 1, {}}}},
                                    reserved("D", 3)}));
  CHECK(day.journal.limits().holds());
}

TEST_CASE("reserving twice for one order is found") {
  quiet_day day;
  day.journal.take(day.writer.book({limits_set{{scope_kind::organization, 7}, {}}, reserved("B", 2)}));
  CHECK_THAT(told(day.journal.limits()), Catch::Matchers::Contains("B: reserved twice"));
}

TEST_CASE("projections that differ are found") {
  quiet_day day;
  struct row {
    const char* what;
    std::vector<projected_order> rows;
    std::string offence;
  };
  const auto r = GENERATE(values<row>({
      {"a row is missing", {{"A", "partially_filled", 4}, {"B", "canceled", 0}}, "C: no row"},
      {"an old state", {{"A", "new", 4}, {"B", "canceled", 0}, {"C", "denied", 0}}, "A: new filled 4, in the journal"},
      {"a fill is missing",
       {{"A", "partially_filled", 3}, {"B", "canceled", 0}, {"C", "denied", 0}},
       "A: partially_filled filled 3"},
  }));
  INFO(r.what);
  const auto result = check_projected_orders(day.journal, r.rows);
  CHECK(result.failed == 1);
  CHECK_THAT(told(result), Catch::Matchers::Contains(r.offence));

  const net_positions ours = positions_of(day.journal);
  const position_key other{account, "NSE", "TCS", product_type::intraday};
  CHECK(check_positions(ours, ours, ours).holds());
  CHECK(check_positions(ours, ours, {}).failed == 1);
  CHECK(check_positions(ours, ours, {{other, 1}}).failed == 2);
}

TEST_CASE("a failed check names the first five") {
  check_result result{"it holds", 9, 0, {}};
  for (int i = 0; i < 7; ++i) result.offend("number " + std::to_string(i));
  CHECK(format_check(result) ==
        "FAILED  it holds (7 wrong, 9 checked)\n          number 0\n          number 1\n          number 2\n"
        "          number 3\n          number 4\n");
}
