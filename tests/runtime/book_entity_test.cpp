#include "runtime/book_entity.hpp"

#include <catch2/catch.hpp>

#include "tests/runtime/stage.hpp"

using namespace sb;
using namespace sb::test;
using verdict = reserve_answer::verdict;
using names = std::vector<std::string>;

namespace {

constexpr organization_id organization{7};
constexpr money rupees(std::int64_t amount) { return {amount * money::unit}; }
requester client(std::uint64_t request) { return {1, request}; }
constexpr std::int32_t look_up_alarm = 1;

struct book_desk : stage {
  explicit book_desk(book_rules with = {}, const snapshot_places& among = snapshot_places{1})
      : stage{book_key(organization),
              [this] { return std::make_unique<book_entity>(book_key(organization), rules, snapshots); }, 64},
        rules{with},
        snapshots{among} {
    come_back();
  }
  void open() {
    give(set_permissions_request{{{{1}, true, true, true, {}}}}, client(1));
    give(set_limits_request{{{scope_kind::organization, 7}, {{limit_type::daily_value, rupees(1'000).ticks, {}}}}, {}},
         client(2));
    store_all();
    clear();
  }
  reserve_request reserve(const order_id& order, std::int64_t quantity = 10, std::int64_t price = 50) const {
    reserve_request ask;
    ask.what = {order,         1,        "f-" + order, {1}, {10}, "NSE", "SBIN", product_type::intraday, quantity,
                rupees(price), now().day};
    ask.incarnation = 5;
    ask.deadline = {clock_ms + 1'500};
    return ask;
  }
  void hold(const order_id& order) {
    give(reserve(order));
    store_all();
  }
  void held(const order_id& order) {
    hold(order);
    clear();
  }
  settle_request row(std::int64_t previous, std::int64_t seq, std::vector<order_fact> facts) const {
    return {{previous, seq, std::move(facts)}};
  }
  /// Taken in, and stored by itself.
  void settle(std::int64_t previous, std::int64_t seq, std::vector<order_fact> facts) {
    give(row(previous, seq, std::move(facts)), {100, 1});
    give(sb::alarm{entity_core::alarm_gathered});
    store();
  }
  order_fact closed(const order_id& order, std::int64_t seq) const {
    order_fact fact;
    fact.what = order_fact::kind::closed;
    fact.seq = seq;
    fact.order = order;
    return fact;
  }
  names looked_up() const {
    names orders;
    for (const auto& ask : all<look_up_out>()) orders.insert(orders.end(), ask.orders.begin(), ask.orders.end());
    return orders;
  }
  std::vector<verdict> verdicts() const {
    std::vector<verdict> said;
    for (const auto& one : messages<reserve_answered>()) said.push_back(one.answer.what);
    return said;
  }

  book_rules rules;
  snapshot_places snapshots;
};

}  // namespace

SCENARIO("a reservation is answered when it is stored") {
  book_desk d;
  d.open();
  d.give(d.reserve("O1"));
  CHECK(d.verdicts().empty());
  d.store();
  THEN("with the attempt and the incarnation that asked, to the host that did") {
    REQUIRE(d.messages<reserve_answered>().size() == 1);
    const auto said = d.messages<reserve_answered>().front();
    CHECK(said.answer.what == verdict::reserved);
    CHECK(said.attempt == 1);
    CHECK(said.incarnation == 5);
    CHECK(d.all<send_out>().front().head.to == order_key(organization, "O1"));
    CHECK(d.all<send_out>().front().head.to_host == 9);
  }
  WHEN("it is asked again") {
    d.clear();
    d.give(d.reserve("O1"));
    THEN("the answer is the same, and nothing is appended") {
      CHECK(d.verdicts() == std::vector{verdict::reserved});
      CHECK_FALSE(d.appending());
    }
  }
  WHEN("forty are asked while none is stored yet") {
    d.clear();
    for (int i = 0; i < 40; ++i) d.give(d.reserve("P" + std::to_string(i), 1, 20));
    THEN("each counts for those behind it, and none hears of it before it is stored") {
      CHECK(d.all<append_out>().size() == 40);
      CHECK(d.verdicts().empty());
      d.store_all();
      CHECK(std::ranges::count(d.verdicts(), verdict::reserved) == 25);  // 500 of 1,000 are O1's
      CHECK(std::ranges::count(d.verdicts(), verdict::denied) == 15);
    }
  }
}

TEST_CASE("what a reservation is refused for") {
  struct row {
    const char* name;
    std::function<void(book_desk&, reserve_request&)> make;
    verdict expected;
    bool stored;
  };
  const auto refusal = GENERATE(values<row>({
      {"a limit", [](book_desk&, reserve_request& r) { r.what.quantity = 21; }, verdict::denied, true},
      {"no permission", [](book_desk&, reserve_request& r) { r.what.user = {2}; }, verdict::denied, true},
      {"its deadline", [](book_desk& d, reserve_request& r) { r.deadline = {d.clock_ms - 1}; }, verdict::too_late,
       false},
      {"a closed attempt",
       [](book_desk& d, reserve_request& r) {
         d.give(close_request{{r.what.order, 1}, 5});
         d.store_all();
       },
       verdict::closed, false},
      {"another command",
       [](book_desk& d, reserve_request& r) {
         d.held(r.what.order);
         r.what.fingerprint = "other";
       },
       verdict::fingerprint_differs, false},
  }));
  CAPTURE(refusal.name);
  book_desk d;
  d.open();
  auto ask = d.reserve("O1");
  refusal.make(d, ask);
  d.clear();
  d.give(ask);
  CHECK(d.appending() == refusal.stored);
  d.store_all();
  CHECK(d.verdicts() == std::vector{refusal.expected});
}

SCENARIO("a reservation without a deadline is never too late, and one at its deadline is in time") {
  book_desk d;
  d.open();
  auto ask = d.reserve("O1");
  const bool at_deadline = GENERATE(false, true);
  ask.deadline = {at_deadline ? d.clock_ms : std::int64_t{0}};
  d.give(ask);
  d.store();
  CHECK(d.verdicts() == std::vector{verdict::reserved});
}

SCENARIO("closing an attempt is an append, and a late Reserve finds it closed") {
  book_desk d;
  d.open();
  GIVEN("an attempt that was never reserved") {
    d.give(close_request{{"O1", 1}, 5});
    CHECK(d.messages<close_answered>().empty());
    REQUIRE(d.appending());
    d.store();
    CHECK(d.story().back() == "risk.attempt_closed");
    REQUIRE(d.messages<close_answered>().size() == 1);
    CHECK_FALSE(d.messages<close_answered>().front().reserved);
    CHECK(d.messages<close_answered>().front().incarnation == 5);
    WHEN("the Reserve arrives, also in another life of the book") {
      if (GENERATE(false, true)) d.come_back();
      d.give(d.reserve("O1"));
      CHECK(d.verdicts() == std::vector{verdict::closed});
    }
  }
  GIVEN("an attempt that was reserved") {
    d.held("O1");
    d.give(close_request{{"O1", 1}, 5});
    THEN("nothing changes: the order may be at the broker") {
      CHECK_FALSE(d.appending());
      REQUIRE(d.messages<close_answered>().size() == 1);
      CHECK(d.messages<close_answered>().front().reserved);
    }
  }
}

SCENARIO("settlement is taken in exactly once") {
  book_desk d;
  d.open();
  d.held("O1");
  d.give(d.row(0, 3, {d.closed("O1", 3)}), {100, 1});
  THEN("nobody is in a hurry, and the answer follows the commit") {
    CHECK_FALSE(d.appending());
    CHECK(d.alarm_after(entity_core::alarm_gathered) == d.rules.gather_ms);
    d.give(sb::alarm{entity_core::alarm_gathered});
    CHECK_FALSE(d.all<append_out>().back().urgent);
    CHECK(d.reply_count(1) == 0);
    d.store();
    REQUIRE(d.replies<settled>(1).size() == 1);
    CHECK(d.replies<settled>(1).front().accepted);
    CHECK(d.replies<settled>(1).front().settled_seq == 3);
    CHECK(d.story().back() == "risk.settled");
  }
  THEN("what it gives back can be reserved at once, and one row has both") {
    const auto rows = d.rows.size();
    d.give(d.reserve("O2", 20));  // with O1 it would be 1,500 of 1,000
    d.store();
    CHECK(d.verdicts() == std::vector{verdict::reserved});
    CHECK(d.replies<settled>(1).size() == 1);
    CHECK(d.rows.size() == rows + 1);
    CHECK_FALSE(d.appending());
  }
  d.give(sb::alarm{entity_core::alarm_gathered});
  d.store_all();
  d.clear();
  WHEN("the book was quiet for a while") {
    d.held("O2");
    d.pass(d.rules.gather_ms + 1);
    d.give(d.row(3, 4, {d.closed("O2", 4)}), {100, 1});
    THEN("there is nothing to wait for") {
      REQUIRE(d.appending());
      CHECK_FALSE(d.all<append_out>().back().urgent);
    }
  }
  WHEN("it is a backlog") {
    d.held("O2");
    d.give(d.row(3, 4, std::vector(d.rules.gather_facts_max + 1, d.closed("O2", 4))), {100, 1});
    THEN("more of it waits, so it does not") {
      REQUIRE(d.appending());
      CHECK(d.all<append_out>().back().urgent);
    }
  }
  WHEN("it comes again") {
    d.give(d.row(0, 3, {d.closed("O1", 3)}), {100, 1});
    CHECK_FALSE(d.appending());
    CHECK(d.replies<settled>(1).front().accepted);
  }
  WHEN("something between is missing") {
    d.give(d.row(5, 8, {d.closed("O1", 8)}), {100, 1});
    THEN("it is refused with where to begin") {
      CHECK_FALSE(d.appending());
      REQUIRE(d.replies<settled>(1).size() == 1);
      CHECK_FALSE(d.replies<settled>(1).front().accepted);
      CHECK(d.replies<settled>(1).front().settled_seq == 3);
    }
  }
  WHEN("settlement asks how far it is") {
    d.give(ask_settled{}, {100, 1});
    CHECK(d.replies<settled>(1).front().settled_seq == 3);
  }
}

SCENARIO("limits are changed by whoever saw the last version") {
  book_desk d;
  d.open();
  set_limits_request change{{{scope_kind::user, 1}, {{limit_type::open_orders, 3, {}}}}, std::int64_t{1}};
  d.give(change, client(5));
  d.store_all();
  REQUIRE(d.replies<limits_answer>(5).size() == 1);
  CHECK(d.replies<limits_answer>(5).front().limits_version == 2);
  d.give(change, client(6));
  REQUIRE(d.replies<rejected>(6).size() == 1);
  CHECK(d.replies<rejected>(6).front().why == rejection::version_conflict);
  CHECK_FALSE(d.appending());
  d.give(create_user{}, client(7));
  CHECK(d.replies<rejected>(7).front().why == rejection::not_found);
}

SCENARIO("permissions are read from what is stored") {
  book_desk d;
  d.open();
  d.give(check_permission_request{{1}, {10}, trade_action::place_order}, client(5));
  CHECK(d.replies<permission_checked>(5).front().allowed);
  d.give(set_permissions_request{{{{1}, false, false, false, {}}}}, client(6));
  d.give(check_permission_request{{1}, {10}, trade_action::place_order}, client(7));
  THEN("a question behind a revocation waits for it") {
    CHECK(d.reply_count(7) == 0);
    d.store();
    REQUIRE(d.replies<permission_checked>(7).size() == 1);
    CHECK_FALSE(d.replies<permission_checked>(7).front().allowed);
    CHECK(d.replies<permission_checked>(7).front().why);
    d.clear();
    d.give(d.reserve("O1"));
    d.store();
    CHECK(d.verdicts() == std::vector{verdict::denied});
  }
}

SCENARIO("a reservation of which nothing is heard is looked for") {
  book_desk d;
  d.open();
  d.give(d.reserve("O1"));
  d.store();
  CHECK(d.alarm_after(look_up_alarm) == d.rules.look_up_after_ms);
  CHECK_FALSE(d.core->can_retire());
  const auto comes_again = [&](std::int64_t after_ms) {
    d.clear();
    d.pass(after_ms);
    d.give(sb::alarm{look_up_alarm});
  };
  WHEN("the time has come") {
    comes_again(d.rules.look_up_after_ms);
    THEN("the journal is asked for it, again and again until it is heard of") {
      REQUIRE(d.looked_up() == names{"O1"});
      CHECK(d.alarm_after(look_up_alarm) == d.rules.look_up_retry_ms);
      CHECK_FALSE(d.core->can_retire());
      comes_again(d.rules.look_up_retry_ms);
      CHECK(d.looked_up() == names{"O1"});
    }
    AND_WHEN("the journal has it") {
      d.give(orders_looked_up{{"O1"}, {}});
      comes_again(d.rules.look_up_retry_ms);
      THEN("what follows comes through settlement") {
        CHECK(d.looked_up().empty());
        CHECK(d.core->can_retire());
      }
    }
    AND_WHEN("the journal does not have it") {
      d.give(orders_looked_up{{}, {"O1"}});
      THEN("the order is asked, again and again until it answers") {
        REQUIRE(d.messages<probe_order>().size() == 1);
        CHECK(d.all<send_out>().front().head.to == order_key(organization, "O1"));
        comes_again(d.rules.look_up_retry_ms);
        d.give(orders_looked_up{{}, {"O1"}});
        CHECK(d.messages<probe_order>().size() == 1);
        d.give(probe_answered{"O1"});
        comes_again(d.rules.look_up_retry_ms);
        CHECK(d.looked_up().empty());
        CHECK(d.core->can_retire());
      }
    }
    AND_WHEN("it is settled before the journal answers") {
      d.settle(0, 2, {d.closed("O1", 2)});
      d.clear();
      d.give(orders_looked_up{{}, {"O1"}});
      THEN("nobody is asked") { CHECK(d.messages<probe_order>().empty()); }
    }
  }
  WHEN("it is settled before that") {
    d.settle(0, 2, {d.closed("O1", 2)});
    comes_again(d.rules.look_up_after_ms);
    CHECK(d.looked_up().empty());
    CHECK(d.core->can_retire());
  }
  WHEN("settlement has seen its order before that") {
    d.give(orders_seen{{"O1", "O2"}});
    comes_again(d.rules.look_up_after_ms);
    CHECK(d.looked_up().empty());
    CHECK(d.core->can_retire());
  }
  WHEN("the book comes back to life") {
    d.come_back();
    THEN("it watches what it holds from its own beginning") {
      CHECK(d.alarm_after(look_up_alarm) == d.rules.look_up_after_ms);
      CHECK_FALSE(d.core->can_retire());
    }
  }
}

SCENARIO("the time to look for a reservation comes before it is stored") {
  book_desk d;
  d.open();
  d.give(d.reserve("O1"));
  d.pass(d.rules.look_up_after_ms);
  d.give(sb::alarm{look_up_alarm});
  d.give(orders_looked_up{{}, {"O1"}});
  CHECK(d.messages<probe_order>().empty());  // there may be nothing to ask for
  d.store();
  CHECK(d.messages<probe_order>().size() == 1);
}

SCENARIO("many reservations of which nothing is heard are looked for one question after the other") {
  book_rules rules;
  rules.look_ups_max = 3;
  book_desk d{rules};
  d.open();
  for (int i = 0; i < 7; ++i) d.give(d.reserve("O" + std::to_string(i), 1));
  d.store_all();
  const auto comes_again = [&](std::int64_t after_ms) {
    d.clear();
    d.pass(after_ms);
    d.give(sb::alarm{look_up_alarm});
  };
  comes_again(rules.look_up_after_ms);
  CHECK(d.looked_up() == names{"O0", "O1", "O2"});
  WHEN("each is answered") {
    d.give(orders_looked_up{{"O0", "O1", "O2"}, {}});
    THEN("the next comes a while later") {
      CHECK(d.alarm_after(look_up_alarm) == rules.look_up_round_ms);
      comes_again(rules.look_up_round_ms);
      CHECK(d.looked_up() == names{"O3", "O4", "O5"});
      d.give(orders_looked_up{{"O3", "O4", "O5"}, {}});
      comes_again(rules.look_up_round_ms);
      CHECK(d.looked_up() == names{"O6"});
    }
  }
  WHEN("the first is not answered") {
    comes_again(rules.look_up_round_ms);
    THEN("none is asked meanwhile, and then the same again, before the others") {
      CHECK(d.looked_up().empty());
      CHECK(d.alarm_after(look_up_alarm) == rules.look_up_retry_ms - rules.look_up_round_ms);
      comes_again(rules.look_up_retry_ms - rules.look_up_round_ms);
      CHECK(d.looked_up() == names{"O0", "O1", "O2"});
    }
  }
  WHEN("the book comes back to life before the answer") {
    d.come_back();
    d.give(orders_looked_up{{"O0", "O1"}, {"O2"}});
    THEN("it is as good for it") {
      CHECK(d.messages<probe_order>().size() == 1);
      comes_again(rules.look_up_after_ms);
      CHECK(d.looked_up() == names{"O2", "O3", "O4"});
    }
  }
}

SCENARIO("a reservation that was looked for does not wait behind new ones") {
  book_desk d;
  d.open();
  d.hold("O1");
  d.pass(d.rules.look_up_after_ms);
  d.hold("O2");
  d.give(sb::alarm{look_up_alarm});
  d.clear();
  d.give(orders_looked_up{{}, {"O1"}});
  CHECK(d.alarm_after(look_up_alarm) == d.rules.look_up_retry_ms);
  d.clear();
  d.pass(d.rules.look_up_retry_ms);
  d.give(sb::alarm{look_up_alarm});
  CHECK(d.looked_up() == names{"O1"});
}

SCENARIO("what is known of orders that are over stays longer than a Reserve can be on its way") {
  book_desk d;
  d.open();
  d.give(d.reserve("O1", 1, 1));
  d.store();
  d.settle(0, 2, {d.closed("O1", 2)});
  const auto answer_to_late_copy = [&] {
    d.clear();
    d.give(d.reserve("O1", 1, 1));
    d.store_all();
    return d.verdicts().back();
  };
  const auto work = [&](const char* order) {  // it is dropped with what is stored anyway
    d.give(d.reserve(order, 1, 1));
    d.store();
  };
  WHEN("almost that time has passed") {
    d.pass(d.rules.tombstone_ms);
    work("O2");
    THEN("a late copy is known") { CHECK(answer_to_late_copy() == verdict::closed); }
  }
  WHEN("it has passed, and nothing was stored meanwhile") {
    d.pass(d.rules.tombstone_ms + 1);
    THEN("a late copy is known") { CHECK(answer_to_late_copy() == verdict::closed); }
  }
  WHEN("it has passed since it was seen") {
    d.pass(d.rules.tombstone_ms / 8);
    work("O2");
    d.pass(d.rules.tombstone_ms + 1);
    work("O3");
    THEN("nothing is known of it any more") {
      CHECK(d.story().back() == "risk.tombstones_dropped");
      CHECK(answer_to_late_copy() == verdict::reserved);
    }
    THEN("so it is after a restart") {
      d.come_back();
      CHECK(answer_to_late_copy() == verdict::reserved);
    }
  }
}

SCENARIO("a snapshot is as good as the history") {
  book_rules rules;
  rules.snapshot_events_min = 5;
  book_desk d{rules};
  d.open();
  for (const char* order : {"O1", "O2"}) {
    d.give(d.reserve(order, 1));
    d.store();
  }
  d.settle(0, 2, {d.closed("O1", 2)});
  const auto offered = d.all<snapshot_out>();
  REQUIRE_FALSE(offered.empty());
  d.snapshot = stored_snapshot{offered.front().stream, offered.front().version, offered.front().offer.text()};
  d.come_back();
  CHECK(d.alarm_after(look_up_alarm) == d.rules.look_up_after_ms);
  d.give(ask_settled{}, {100, 1});
  CHECK(d.replies<settled>(1).front().settled_seq == 2);
  d.give(d.reserve("O2", 1));
  CHECK(d.verdicts() == std::vector{verdict::reserved});
  d.give(d.reserve("O1", 1));
  CHECK(d.verdicts().back() == verdict::closed);
}

SCENARIO("a snapshot is of the moment when it was offered") {
  book_rules rules;
  rules.snapshot_events_min = 2;
  book_desk d{rules};
  d.open();
  d.hold("O1");
  d.hold("O2");
  const auto offered = d.all<snapshot_out>();
  REQUIRE_FALSE(offered.empty());
  d.hold("O3");
  std::string why;
  const auto book = decode_snapshot(offered.front().offer.text(), why);
  REQUIRE(book);
  CHECK(book->version == offered.front().version);
  CHECK_FALSE(book->reservations.contains("O3"));
}

SCENARIO("the next snapshot is due when four times the last one that was stored has come after it") {
  book_rules rules;
  rules.snapshot_events_min = 2;
  book_desk d{rules};
  d.open();
  const auto offered_by = [&](const char* order) {
    d.clear();
    d.hold(order);
    return d.all<snapshot_out>();
  };
  auto first = offered_by("O1");  // a new day and a reservation
  REQUIRE(first.size() == 1);
  const bool stored = GENERATE(true, false);
  if (stored) first.front().offer.stored(10'000'000);
  first.clear();
  CHECK(offered_by("O2").empty());
  CHECK(offered_by("O3").empty() == stored);
  CHECK(offered_by("O4").empty());
}

SCENARIO("of the books of a node one at a time makes a snapshot") {
  book_rules rules;
  rules.snapshot_events_min = 2;
  const snapshot_places places{1};
  book_desk first{rules, places};
  book_desk second{rules, places};
  const auto offered = [](book_desk& d, std::initializer_list<const char*> orders) {
    for (const char* order : orders) d.hold(order);
    return d.all<snapshot_out>().size();
  };
  first.open();
  second.open();
  REQUIRE(offered(first, {"O1", "O2"}) == 1);
  CHECK(offered(second, {"O1", "O2"}) == 0);
  first.clear();  // stored, or lost
  CHECK(offered(second, {"O3"}) == 1);
}

SCENARIO("only the book that has a place for its snapshot waits for a moment in which all is stored") {
  book_rules rules;
  rules.snapshot_events_min = 2;
  const snapshot_places places{1};
  book_desk d{rules, places};
  auto taken = GENERATE_COPY(as<bool>{}, false, true) ? places.take() : nullptr;
  const bool waits = taken == nullptr;
  d.open();
  d.clear();
  for (const char* order : {"O1", "O2", "O3"}) d.give(d.reserve(order, 1));
  CHECK(d.all<append_out>().size() == (waits ? 1 : 3));  // the first has a new day and a reservation
  taken.reset();
  d.store_all();
  CHECK(d.verdicts().size() == 3);
  REQUIRE(d.all<snapshot_out>().size() == 1);
  CHECK(d.all<snapshot_out>().front().version == (waits ? 4 : 6));
}

SCENARIO("a book that needs no snapshot any more gives its place back") {
  book_rules rules;
  rules.snapshot_events_min = 2;
  const snapshot_places places{2};
  book_desk d{rules, places};
  d.open();
  d.clear();
  d.hold("O1");
  auto first = d.all<snapshot_out>();
  REQUIRE(first.size() == 1);
  d.clear();
  for (const char* order : {"O2", "O3", "O4"}) d.give(d.reserve(order, 1));  // two events, and the place for the next
  CHECK(places.take() == nullptr);
  first.front().offer.stored(10'000'000);
  first.clear();
  d.store_all();
  CHECK(d.all<snapshot_out>().empty());
  const auto one = places.take();
  CHECK(places.take() != nullptr);
}

SCENARIO("a new day begins with the first command of it") {
  book_desk d;
  d.open();
  d.held("O1");
  d.pass(24 * 3'600'000);
  auto ask = d.reserve("O2");
  d.give(ask);
  d.store();
  CHECK(d.story() == names{"risk.day_rolled", "risk.permissions_set", "risk.limits_set", "risk.reserved",
                           "risk.day_rolled", "risk.reserved"});
}
