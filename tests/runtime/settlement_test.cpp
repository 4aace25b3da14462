#include "runtime/settlement.hpp"

#include <catch2/catch.hpp>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"

using namespace sb;

namespace {

constexpr organization_id organization{7};
const shard_id trade_shard = shard_of(shard_role::trade, organization);
constexpr std::int64_t retry_ms = 2'000;

order_filled a_fill(std::string id, bool last) {
  order_filled fill;
  fill.fill_id = std::move(id);
  fill.quantity = 10;
  fill.price = {500'000};
  fill.at = {1'767'249'000'000};
  fill.last = last;
  fill.user = {1};
  fill.account = {10};
  return fill;
}

/// Rows of one trade shard, and a book that settles what it is told like the real one.
struct desk {
  explicit desk(std::size_t facts_max = 100, std::size_t pending_max = 1'000)
      : core{330, facts_max, pending_max, retry_ms} {}

  void happened(const order_id& order, const std::vector<order_event>& facts, organization_id whose = organization) {
    journal_row row;
    row.shard = trade_shard;
    row.seq = std::ssize(rows) + 1;
    row.stream = stream_of(order_key(whose, order));
    row.version = 1;
    row.events = static_cast<std::int32_t>(facts.size());
    std::vector<event_record> events;
    for (const auto& fact : facts) events.push_back(encode(fact));
    row.body = pack(events);
    rows.push_back(std::move(row));
  }
  void follow(std::int64_t cursor = 0) { core.follow(trade_shard, cursor, out); }
  /// The rows after `after`, at most `count`.
  void read(std::int64_t after, std::int64_t count = 1'000) {
    std::vector<journal_row> some;
    for (const auto& row : rows) {
      if (row.seq > after && row.seq <= after + count) some.push_back(row);
    }
    core.rows(trade_shard, some, {clock}, out);
  }
  /// The newest message arrives at the book, and its answer here.
  void answer() {
    const auto asked = all<settle_ask>();
    REQUIRE_FALSE(asked.empty());
    settled told{organization, true, settled_seq};
    if (const auto* request = std::get_if<settle_request>(&asked.back().what)) {
      if (request->what.seq > settled_seq) {
        told.accepted = request->what.prev_seq == settled_seq;
        if (told.accepted) {
          settled_seq = told.settled_seq = request->what.seq;
          for (const auto& fact : request->what.facts) booked.push_back(fact);
        }
      }
    }
    out.clear();
    core.answered(told, {clock}, out);
  }
  void answer_all() {
    while (!all<settle_ask>().empty()) answer();
  }

  template <class Output>
  std::vector<Output> all() const {
    std::vector<Output> found;
    for (const auto& one : out) {
      if (const auto* match = std::get_if<Output>(&one)) found.push_back(*match);
    }
    return found;
  }
  const settle_facts& asked() const { return std::get<settle_request>(all_asked().back().what).what; }
  std::vector<std::int64_t> booked_seqs() const {
    std::vector<std::int64_t> seqs;
    for (const auto& fact : booked) seqs.push_back(fact.seq);
    return seqs;
  }

  settlement core;
  settlement_outputs out;
  std::vector<journal_row> rows;
  std::int64_t clock = 1'000;
  std::int64_t settled_seq = 0;
  std::vector<order_fact> booked;

 private:
  const std::vector<settle_ask>& all_asked() const { return last_ = all<settle_ask>(); }
  mutable std::vector<settle_ask> last_;
};

using seqs = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("which facts of an order the risk book must hear of") {
  struct row {
    const char* name;
    order_event event;
    std::vector<order_fact::kind> expected;
  };
  using kind = order_fact::kind;
  const auto one = GENERATE(values<row>({
      {"requested", order_requested{}, {}},
      {"accepted", order_accepted{"B1"}, {}},
      {"unknown", order_outcome_unknown{"?"}, {}},
      {"cancel requested", order_cancel_requested{}, {}},
      {"a part filled", a_fill("F1", false), {kind::fill}},
      {"filled", a_fill("F1", true), {kind::fill, kind::closed}},
      {"denied", order_denied{}, {kind::closed}},
      {"rejected", order_rejected{}, {kind::closed}},
      {"canceled", order_canceled{}, {kind::closed}},
      {"expired", order_expired{}, {kind::closed}},
      {"absent", order_marked_absent{3}, {kind::absent}},
  }));
  CAPTURE(one.name);
  desk d;
  d.happened("O1", {one.event});
  std::string why;
  const auto facts = facts_of(order_key(organization, "O1"), d.rows.front(), 330, why);
  CHECK(why.empty());
  REQUIRE(facts.size() == one.expected.size());
  for (std::size_t i = 0; i < facts.size(); ++i) {
    CHECK(facts[i].what == one.expected[i]);
    CHECK(facts[i].order == "O1");
    CHECK(facts[i].seq == 1);
  }
}

TEST_CASE("a fill carries what the book needs without knowing the order") {
  desk d;
  auto fill = a_fill("F1", false);
  fill.at = {1'767'205'800'000 - 1};  // a millisecond before midnight of 2026-01-01 at the exchange
  d.happened("O1", {fill});
  std::string why;
  const auto fact = facts_of(order_key(organization, "O1"), d.rows.front(), 330, why).at(0);
  CHECK(fact.quantity == 10);
  CHECK(fact.price == money{500'000});
  CHECK(fact.user == user_id{1});
  CHECK(fact.account == account_id{10});
  CHECK(fact.day == trading_day{20'453});
}

SCENARIO("settlement asks a book how far it is, then sends what is new, one message at a time") {
  desk d;
  d.happened("O1", {order_requested{}});
  d.happened("O1", {a_fill("F1", true)});
  d.follow();
  REQUIRE(d.all<rows_wanted>().size() == 1);
  CHECK(d.all<rows_wanted>().front().after == 0);
  d.out.clear();
  d.read(0);
  REQUIRE(d.all<settle_ask>().size() == 1);
  CHECK(std::holds_alternative<ask_settled>(d.all<settle_ask>().front().what));
  d.answer();
  CHECK(d.asked().prev_seq == 0);
  CHECK(d.asked().seq == 2);
  CHECK(d.asked().facts.size() == 2);
  CHECK(d.core.lag() == 1);  // nothing of the first row is waited for
  WHEN("more happens while it is out") {
    d.happened("O2", {order_canceled{}});
    d.out.clear();
    d.read(2);
    THEN("that waits") {
      CHECK(d.all<settle_ask>().empty());
      d.out.push_back(settle_ask{organization, settle_request{{0, 2, {}}}});
    }
  }
}

SCENARIO("a book is told which of its orders are new, a while after they were stored") {
  desk d;
  organization_id neighbor{organization.value + 1};  // in the same shard
  while (shard_of(shard_role::trade, neighbor) != trade_shard) ++neighbor.value;
  d.happened("O1", {order_requested{}});
  d.happened("O2", {order_accepted{"B1"}});
  d.rows[1].version = 2;
  d.happened("O3", {order_requested{}}, neighbor);
  d.follow();
  d.out.clear();
  d.core.committed(trade_shard, d.rows, {d.clock}, d.out);
  d.core.committed(trade_shard, d.rows, {d.clock}, d.out);
  CHECK(d.all<seen_told>().empty());
  d.core.tick({d.clock}, d.out);
  const auto told = d.all<seen_told>();
  REQUIRE(told.size() == 2);
  CHECK(told[0].organization == organization);
  CHECK(told[0].what.orders == std::vector<order_id>{"O1"});
  CHECK(told[1].organization == neighbor);
  CHECK(told[1].what.orders == std::vector<order_id>{"O3"});
  THEN("once") {
    d.out.clear();
    d.core.tick({d.clock}, d.out);
    CHECK(d.all<seen_told>().empty());
  }
}

SCENARIO("of rows that are read later, or not taken in, no book is told") {
  desk d;
  for (int i = 0; i < 3; ++i) d.happened("O" + std::to_string(i), {order_requested{}});
  d.follow();
  WHEN("they are read later") { d.read(0); }
  WHEN("those before them are missing") { d.core.committed(trade_shard, {d.rows[1], d.rows[2]}, {d.clock}, d.out); }
  WHEN("the shard goes") {
    d.core.committed(trade_shard, d.rows, {d.clock}, d.out);
    d.core.drop(trade_shard);
  }
  d.core.tick({d.clock}, d.out);
  CHECK(d.all<seen_told>().empty());
}

SCENARIO("a book is told of many new orders in pieces, and of too many not at all") {
  desk d;
  for (int i = 0; i < 16'400; ++i) d.happened("O" + std::to_string(i), {order_requested{}});
  d.follow();
  d.core.committed(trade_shard, d.rows, {d.clock}, d.out);
  d.core.tick({d.clock}, d.out);
  const auto told = d.all<seen_told>();
  REQUIRE(told.size() == 16);
  for (const auto& piece : told) CHECK(piece.what.orders.size() == 1'024);
  CHECK(told.back().what.orders.back() == "O16383");
}

SCENARIO("lost, late and doubled messages do no harm") {
  desk d;
  for (int i = 0; i < 6; ++i) d.happened("O" + std::to_string(i), {order_canceled{}});
  d.follow();
  d.out.clear();
  d.read(0);
  d.answer();
  WHEN("the message or its answer is lost") {
    const bool arrived = GENERATE(false, true);
    if (arrived) {
      d.settled_seq = d.asked().seq;
      d.booked = d.asked().facts;
    }
    d.out.clear();
    d.clock += retry_ms - 1;
    d.core.tick({d.clock}, d.out);
    CHECK(d.all<settle_ask>().empty());
    d.clock += 1;
    d.core.tick({d.clock}, d.out);
    THEN("the book is asked how far it is") {
      REQUIRE(d.all<settle_ask>().size() == 1);
      CHECK(std::holds_alternative<ask_settled>(d.all<settle_ask>().front().what));
      d.answer_all();
      CHECK(d.booked_seqs() == seqs{1, 2, 3, 4, 5, 6});
      CHECK(d.core.lag() == 0);
    }
  }
  WHEN("an old answer comes again") {
    d.answer_all();
    d.out.clear();
    d.core.answered({organization, true, 0}, {d.clock}, d.out);
    THEN("nobody waits for it") {
      CHECK(d.out.empty());
      CHECK(d.core.lag() == 0);
    }
  }
  WHEN("the book says less than it said before, while something is out") {
    d.answer_all();
    d.happened("O7", {order_canceled{}});
    d.read(6);
    d.out.clear();
    d.core.answered({organization, false, 2}, {d.clock}, d.out);
    THEN("that is worth an alarm, and the shard is read again from there") {
      CHECK(d.all<settlement_alarm>().size() == 1);
      REQUIRE(d.all<rows_wanted>().size() == 1);
      CHECK(d.all<rows_wanted>().front().after == 2);
      d.out.clear();
      d.read(2);
      d.answer_all();
      CHECK(d.booked_seqs() == seqs{1, 2, 3, 4, 5, 6, 7});
    }
  }
}

SCENARIO("a cursor that is behind the book costs work, and counts nothing twice") {
  desk d{3};
  for (int i = 0; i < 12; ++i) d.happened("O" + std::to_string(i), {a_fill("F" + std::to_string(i), false)});
  d.settled_seq = 7;
  d.follow();
  for (std::int64_t after = 0; after < 12; after += 5) {  // chunks that end on either side of what is settled
    d.out.clear();
    d.read(after, 5);
    d.answer_all();
  }
  CHECK(d.booked_seqs() == seqs{8, 9, 10, 11, 12});
  CHECK(d.core.lag() == 0);
}

SCENARIO("chunks that straddle what the book has settled") {
  const auto chunk = GENERATE(range(1, 8));
  const auto before = GENERATE(0, 3, 6, 9);
  CAPTURE(chunk, before);
  desk d{100};
  for (int i = 0; i < 9; ++i) d.happened("O" + std::to_string(i), {a_fill("F" + std::to_string(i), false)});
  d.settled_seq = before;
  d.follow();
  d.out.clear();
  d.read(0, 1);  // the book says how far it is after the first row
  d.answer_all();
  for (std::int64_t after = 1; after < 9; after += chunk) {
    d.out.clear();
    d.read(after, chunk);
    d.answer_all();
  }
  seqs expected;
  for (std::int64_t seq = before + 1; seq <= 9; ++seq) expected.push_back(seq);
  CHECK(d.booked_seqs() == expected);
}

SCENARIO("a gap is never read over") {
  desk d;
  for (int i = 0; i < 4; ++i) d.happened("O" + std::to_string(i), {order_canceled{}});
  d.follow();
  d.out.clear();
  d.read(2);  // a hint whose predecessors were lost
  REQUIRE(d.all<rows_wanted>().size() == 1);
  CHECK(d.all<rows_wanted>().front().after == 0);
  CHECK(d.all<settle_ask>().empty());
  d.out.clear();
  d.read(0);
  d.answer_all();
  CHECK(d.booked_seqs() == seqs{1, 2, 3, 4});
}

SCENARIO("a row's facts are never torn apart") {
  desk d{2};
  d.happened("O1", {order_accepted{"B1"}, a_fill("F1", false), a_fill("F2", false), a_fill("F3", true)});
  d.happened("O2", {order_canceled{}});
  d.follow();
  d.out.clear();
  d.read(0);
  d.answer();
  CHECK(d.asked().facts.size() == 4);
  CHECK(d.asked().seq == 1);
  d.answer();
  CHECK(d.asked().prev_seq == 1);
  CHECK(d.asked().seq == 2);
}

SCENARIO("the cursor moves when every book has settled") {
  desk d;
  d.happened("O1", {order_requested{}});
  d.happened("O1", {order_canceled{}});
  d.happened("O2", {order_requested{}});
  d.follow();
  d.out.clear();
  d.read(0);
  REQUIRE(d.all<cursor_moved>().size() == 1);
  CHECK(d.all<cursor_moved>().front().seq == 1);
  d.answer();
  CHECK(d.all<cursor_moved>().empty());
  d.answer();
  REQUIRE(d.all<cursor_moved>().size() == 1);
  CHECK(d.all<cursor_moved>().front().seq == 3);
}

SCENARIO("what waits is bounded") {
  desk d{100, 3};
  for (int i = 0; i < 8; ++i) d.happened("O" + std::to_string(i), {order_canceled{}});
  d.follow();
  d.out.clear();
  d.read(0);
  d.answer();
  CHECK(d.asked().facts.size() == 3);
  d.answer_all();
  d.core.tick({d.clock}, d.out);
  REQUIRE(d.all<rows_wanted>().size() == 1);
  CHECK(d.all<rows_wanted>().front().after == 3);
  for (std::int64_t after = 3; after < 8; after += 3) {
    d.out.clear();
    d.read(after);
    d.answer_all();
  }
  CHECK(d.booked_seqs() == seqs{1, 2, 3, 4, 5, 6, 7, 8});
}

SCENARIO("an unreadable row raises an alarm and stops nobody else") {
  desk d;
  d.happened("O1", {order_canceled{}});
  d.rows.back().body = "order.canceled";
  d.happened("O2", {order_canceled{}});
  d.follow();
  d.out.clear();
  d.read(0);
  CHECK(d.all<settlement_alarm>().size() == 1);
  d.answer_all();
  CHECK(d.booked_seqs() == seqs{2});
}

SCENARIO("a shard that is dropped is not spoken of again") {
  desk d;
  d.happened("O1", {order_canceled{}});
  d.follow();
  d.read(0);
  d.core.drop(trade_shard);
  d.out.clear();
  d.core.answered({organization, true, 0}, {d.clock}, d.out);
  d.read(0);
  d.core.tick({d.clock + 10 * retry_ms}, d.out);
  CHECK(d.out.empty());
  CHECK(d.core.lag() == 0);
}
