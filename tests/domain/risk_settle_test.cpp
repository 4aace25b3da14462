#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "desk.hpp"

using namespace sb;
using namespace desk;
using verdict = reserve_answer::verdict;

namespace {

constexpr std::array all_scopes{organization_scope, user_scope, account_scope};

scope_usage usage(std::int64_t used, std::int64_t reserved, std::int64_t orders, std::int64_t open) {
  return {rupees(used), rupees(reserved), orders, open};
}
void require_everywhere(const risk_book& book, const scope_usage& expected) {
  for (const auto& scope : all_scopes) {
    CAPTURE(word(scope.kind));
    const auto& found = usage_of(book, scope);
    CHECK(found.used == expected.used);
    CHECK(found.reserved == expected.reserved);
    CHECK(found.orders == expected.orders);
    CHECK(found.open_orders == expected.open_orders);
  }
}
std::vector<limit_overrun> overruns_of(const std::vector<risk_event>& facts) {
  std::vector<limit_overrun> found;
  for (const auto& fact : facts) {
    if (const auto* overrun = std::get_if<limit_overrun>(&fact)) found.push_back(*overrun);
  }
  return found;
}

}  // namespace

SCENARIO("fills turn what is held into what is used") {
  GIVEN("10 held at 100") {
    auto book = given_open({reserved("o-1", 10, 100)});
    std::vector<risk_event> facts;
    WHEN("4 fill at 98") {
      const settle_facts row{0, 3, {filled("o-1", 4, 98)}};
      const auto answer = decide(book, row, today, facts);
      THEN("their price is used, and 6 stay held at the reserved price") {
        CHECK(answer.accepted);
        CHECK(answer.settled_seq == 3);
        CHECK(facts == std::vector<risk_event>{facts_settled{3, row.facts}});
        require_everywhere(book, usage(392, 600, 1, 1));
      }
      AND_WHEN("the rest fills and the order is closed") {
        decide(book, settle_facts{3, 5, {filled("o-1", 6, 99), ended("o-1")}}, today, facts);
        THEN("nothing is held and nothing is open") {
          require_everywhere(book, usage(986, 0, 1, 0));
          CHECK(book.held_count == 0);
          CHECK(book.reservations.at("o-1").state == reservation_state::settled);
          CHECK(book.reservations.at("o-1").held == money{});
        }
      }
      AND_WHEN("the order ends otherwise") {
        const auto how = GENERATE(order_fact::kind::closed, order_fact::kind::absent);
        decide(book, settle_facts{3, 5, {ended("o-1", how)}}, today, facts);
        THEN("the rest is released, once") {
          require_everywhere(book, usage(392, 0, 1, 0));
          decide(book, settle_facts{5, 6, {ended("o-1")}}, today, facts);
          require_everywhere(book, usage(392, 0, 1, 0));
          CHECK(book.held_count == 0);
        }
        AND_WHEN("a fill is found late") {
          decide(book, settle_facts{5, 6, {filled("o-1", 6, 100)}}, today, facts);
          THEN("it is used, and nothing is held for it") { require_everywhere(book, usage(992, 0, 1, 0)); }
        }
      }
    }
    WHEN("more fills than was reserved") {
      decide(book, settle_facts{0, 1, {filled("o-1", 13, 100)}}, today, facts);
      THEN("nothing is held, not less than nothing") { require_everywhere(book, usage(1'300, 0, 1, 1)); }
    }
    WHEN("a fill is dated before the day for which that was reserved") {
      decide(book, settle_facts{0, 1, {filled("o-1", 4, 98, yesterday)}}, today, facts);
      THEN("it is used on the day of the reservation") { require_everywhere(book, usage(392, 600, 1, 1)); }
    }
    WHEN("the next day begins, and then a fill of this one is told") {
      roll_day(book, tomorrow, facts);
      decide(book, settle_facts{0, 1, {filled("o-1", 4, 98, today)}}, tomorrow, facts);
      THEN("it only reduces what is held") { require_everywhere(book, usage(0, 600, 0, 1)); }
    }
    WHEN("the order is over, and then a fill of the day before is found") {
      decide(book, settle_facts{0, 1, {ended("o-1"), filled("o-1", 4, 98, yesterday)}}, today, facts);
      THEN("it is not used today") { require_everywhere(book, usage(0, 0, 1, 0)); }
    }
    WHEN("a fill belongs to a day that the book's clock has not reached") {
      decide(book, settle_facts{0, 1, {filled("o-1", 4, 98, tomorrow)}}, today, facts);
      THEN("it counts at once") {
        require_everywhere(book, usage(392, 600, 1, 1));
        CHECK(book.day == today);
      }
      AND_WHEN("that day begins") {
        decide(book, settle_facts{1, 2, {filled("o-1", 1, 100, tomorrow)}}, tomorrow, facts);
        THEN("it still counts, and once") { require_everywhere(book, usage(492, 500, 0, 1)); }
        AND_WHEN("the next one begins") {
          roll_day(book, {102}, facts);
          THEN("nothing of it is left") { require_everywhere(book, usage(0, 500, 0, 1)); }
        }
      }
      AND_WHEN("that day is passed over") {
        roll_day(book, {104}, facts);
        THEN("it counts on no other") { require_everywhere(book, usage(0, 600, 0, 1)); }
      }
    }
    WHEN("a fill comes with the first row of the next day") {
      decide(book, settle_facts{0, 1, {filled("o-1", 4, 98, tomorrow)}}, tomorrow, facts);
      THEN("the day rolls first, and it counts there") {
        REQUIRE(facts.size() == 2);
        CHECK(facts[0] == risk_event{day_rolled{tomorrow}});
        require_everywhere(book, usage(392, 600, 0, 1));
      }
    }
  }
}

SCENARIO("facts about orders that the book does not know") {
  GIVEN("an open book") {
    auto book = given_open();
    std::vector<risk_event> facts;
    WHEN("one fills") {
      auto fact = filled("o-9", 4, 100);
      fact.user = {2};
      decide(book, settle_facts{0, 1, {fact}}, today, facts);
      THEN("it is used by the organization and by who the fact names") {
        CHECK(usage_of(book, organization_scope) == usage(400, 0, 0, 0));
        CHECK(usage_of(book, {scope_kind::user, 2}) == usage(400, 0, 0, 0));
        CHECK(usage_of(book, account_scope) == usage(400, 0, 0, 0));
        CHECK(usage_of(book, user_scope) == scope_usage{});
      }
    }
    WHEN("one fills and nobody is named") {
      auto fact = filled("o-9", 4, 100);
      fact.user = {};
      fact.account = {};
      decide(book, settle_facts{0, 1, {fact}}, today, facts);
      THEN("the organization is charged alone") {
        CHECK(usage_of(book, organization_scope) == usage(400, 0, 0, 0));
        CHECK(book.usage.size() == 1);
      }
    }
    WHEN("one is closed") {
      decide(book, settle_facts{0, 1, {ended("o-9")}}, today, facts);
      THEN("a Reserve that arrives late finds it closed") {
        CHECK(decide(book, buy("o-9", 1, 1), today, false, facts).what == verdict::closed);
        CHECK(book.held_count == 0);
        CHECK(book.usage.empty());
      }
    }
  }
  GIVEN("a reserved order whose fill names another user") {
    auto book = given_open({reserved("o-1", 10, 100)});
    std::vector<risk_event> facts;
    auto fact = filled("o-1", 10, 100);
    fact.user = {2};
    decide(book, settle_facts{0, 1, {fact}}, today, facts);
    THEN("who reserved is charged") { require_everywhere(book, usage(1'000, 0, 1, 1)); }
  }
  GIVEN("a denied order that fills all the same") {
    auto book = given_open({denied("o-1")});
    std::vector<risk_event> facts;
    decide(book, settle_facts{0, 1, {filled("o-1", 2, 100)}}, today, facts);
    THEN("it is used") { require_everywhere(book, usage(200, 0, 0, 0)); }
  }
}

TEST_CASE("a row of facts is taken once and in its turn") {
  struct row {
    std::string name;
    std::int64_t prev, seq;
    bool accepted, applied;
    std::int64_t settled_after;
  };
  const std::vector<row> rows{
      {"the next", 5, 8, true, true, 8},      {"the same again", 3, 5, true, false, 5},
      {"an older", 0, 2, true, false, 5},     {"after a gap", 6, 8, false, false, 5},
      {"overlapping", 3, 8, false, false, 5}, {"from the start", 0, 8, false, false, 5},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open({reserved("o-1", 10, 100), settled(5, {})});
    const auto before = book;
    std::vector<risk_event> facts;
    const auto answer = decide(book, settle_facts{r.prev, r.seq, {filled("o-1", 1, 100)}}, today, facts);
    CHECK(answer.accepted == r.accepted);
    CHECK(answer.settled_seq == r.settled_after);
    CHECK(book.settled_seq == r.settled_after);
    CHECK(facts.size() == (r.applied ? 1 : 0));
    CHECK((book == before) == !r.applied);
  }
}

TEST_CASE("a row without facts for this book still moves settled_seq") {
  auto book = given_open();
  std::vector<risk_event> facts;
  CHECK(decide(book, settle_facts{0, 4, {}}, today, facts).accepted);
  CHECK(book.settled_seq == 4);
  CHECK(facts == std::vector<risk_event>{facts_settled{4, {}}});
}

TEST_CASE("fills that take a scope over its daily value say so once") {
  struct row {
    std::string name;
    std::vector<risk_event> history;
    std::vector<order_fact> facts;
    std::vector<limit_overrun> overruns;
  };
  const auto type = limit_type::daily_value;
  const auto held = reserved("o-1", 10, 100);
  auto of_yesterday = held;
  of_yesterday.day = yesterday;
  const std::vector<row> rows{
      {"at the limit", {held, limits_set{user_scope, {daily(1'000)}}}, {filled("o-1", 10, 100)}, {}},
      {"slippage",
       {held, limits_set{user_scope, {daily(1'000)}}},
       {filled("o-1", 10, 101)},
       {{user_scope, type, ticks(1'000), ticks(1'010), "o-1"}}},
      {"all scopes, in order",
       {held, limits_set{account_scope, {daily(1'002)}}, limits_set{user_scope, {daily(1'001)}},
        limits_set{organization_scope, {daily(1'000)}}},
       {filled("o-1", 10, 101)},
       {{organization_scope, type, ticks(1'000), ticks(1'010), "o-1"},
        {user_scope, type, ticks(1'001), ticks(1'010), "o-1"},
        {account_scope, type, ticks(1'002), ticks(1'010), "o-1"}}},
      {"an unknown order",
       {held, limits_set{organization_scope, {daily(1'000)}}},
       {filled("o-9", 1, 1)},
       {{organization_scope, type, ticks(1'000), ticks(1'001), "o-9"}}},
      {"a late find",
       {held, settled(0, {ended("o-1")}), limits_set{user_scope, {daily(500)}}},
       {filled("o-1", 10, 100)},
       {{user_scope, type, ticks(500), ticks(1'000), "o-1"}}},
      {"exceeded already", {held, limits_set{user_scope, {daily(900)}}}, {filled("o-1", 10, 101)}, {}},
      {"over and back within a row",
       {held, limits_set{user_scope, {daily(1'000)}}},
       {filled("o-1", 5, 110), ended("o-1")},
       {}},
      {"exceeded already, released and over again within a row",
       {held, limits_set{user_scope, {daily(900)}}},
       {ended("o-1"), filled("o-1", 10, 100)},
       {}},
      {"the order that crossed is named, not the last",
       {held, limits_set{user_scope, {daily(1'000)}}},
       {filled("o-8", 1, 1), filled("o-9", 1, 1)},
       {{user_scope, type, ticks(1'000), ticks(1'002), "o-8"}}},
      {"the order of the last crossing is named",
       {held, limits_set{user_scope, {daily(1'000)}}},
       {filled("o-8", 1, 1), ended("o-1"), filled("o-9", 1, 1'000)},
       {{user_scope, type, ticks(1'000), ticks(1'001), "o-9"}}},
      {"the stricter of two limits",
       {held, limits_set{user_scope, {daily(5'000), daily(1'000)}}},
       {filled("o-1", 10, 101)},
       {{user_scope, type, ticks(1'000), ticks(1'010), "o-1"}}},
      {"a fill of yesterday",
       {of_yesterday, limits_set{user_scope, {daily(1'000)}}},
       {filled("o-1", 10, 101, yesterday)},
       {}},
      {"a fill dated yesterday, of what was reserved today",
       {held, limits_set{user_scope, {daily(1'000)}}},
       {filled("o-1", 10, 101, yesterday)},
       {{user_scope, type, ticks(1'000), ticks(1'010), "o-1"}}},
      {"no limit", {held}, {filled("o-1", 10, 1'000)}, {}},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open(r.history);
    std::vector<risk_event> facts;
    decide(book, settle_facts{0, 1, r.facts}, today, facts);
    REQUIRE(!facts.empty());
    CHECK(facts[0] == risk_event{facts_settled{1, r.facts}});
    CHECK(overruns_of(facts) == r.overruns);
    CHECK(facts.size() == 1 + r.overruns.size());
    if (r.overruns.empty()) continue;
    facts.clear();
    decide(book, settle_facts{1, 2, {filled("o-7", 1, 50)}}, today, facts);
    CHECK(facts.size() == 1);  // once over, another fill crosses nothing
  }
}

TEST_CASE("a lowered limit that is exceeded at once says so") {
  struct row {
    std::string name;
    std::vector<limit> former, now;
    std::vector<limit_overrun> overruns;
  };
  using t = limit_type;
  const std::vector<row> rows{
      // two orders, 1500.00 held
      {"above usage", {}, {daily(1'501), count_limit(t::orders_per_day, 3), count_limit(t::open_orders, 3)}, {}},
      {"at usage", {}, {daily(1'500), count_limit(t::orders_per_day, 2), count_limit(t::open_orders, 2)}, {}},
      {"below usage",
       {daily(1'500), count_limit(t::orders_per_day, 2), count_limit(t::open_orders, 2)},
       {daily(1'499), count_limit(t::orders_per_day, 1), count_limit(t::open_orders, 1)},
       {{user_scope, t::daily_value, ticks(1'499), ticks(1'500), ""},
        {user_scope, t::orders_per_day, 1, 2, ""},
        {user_scope, t::open_orders, 1, 2, ""}}},
      {"where there was none", {}, {daily(1)}, {{user_scope, t::daily_value, ticks(1), ticks(1'500), ""}}},
      {"exceeded before", {daily(1'000)}, {daily(500)}, {}},
      {"raised, still exceeded", {daily(500)}, {daily(1'000)}, {}},
      {"one of two",
       {daily(500)},
       {daily(500), count_limit(t::open_orders, 0)},
       {{user_scope, t::open_orders, 0, 2, ""}}},
      {"types without usage", {}, {money_limit(t::single_order_value, 1), count_limit(t::order_quantity, 0)}, {}},
      {"taken away", {daily(500)}, {}, {}},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open({reserved("o-1", 10, 100), reserved("o-2", 5, 100), limits_set{user_scope, r.former}});
    std::vector<risk_event> facts;
    decide(book, set_limits{user_scope, r.now}, today, facts);
    REQUIRE(!facts.empty());
    CHECK(facts[0] == risk_event{limits_set{user_scope, r.now}});
    CHECK(overruns_of(facts) == r.overruns);
  }
}

SCENARIO("the trading day rolls") {
  GIVEN("a day with a fill, a held order, a denied one, and an order for tomorrow") {
    auto ahead = reserved("o-4", 2, 100);
    ahead.day = tomorrow;
    auto book = given_open({reserved("o-1", 10, 100), settled(1, {filled("o-1", 4, 100)}), reserved("o-2", 5, 100),
                            settled(2, {ended("o-2")}), denied("o-3"), ahead});
    require_everywhere(book, usage(400, 800, 3, 2));
    std::vector<risk_event> facts;
    WHEN("the first command of the next day comes") {
      auto command = buy("o-5", 1, 100);
      command.day = tomorrow;
      decide(book, command, tomorrow, false, facts);
      THEN("used and orders start again; what is held and open is carried over") {
        REQUIRE(facts.size() == 2);
        CHECK(facts[0] == risk_event{day_rolled{tomorrow}});
        CHECK(book.day == tomorrow);
        require_everywhere(book, usage(0, 900, 2, 3));  // tomorrow's order and the new one
        CHECK(book.reservations.size() == 5);           // the tombstones of the day that ended stay
      }
      AND_WHEN("another day comes, after a weekend") {
        roll_day(book, {104}, facts);
        THEN("the tombstones of the first day leave, and open orders stay") {
          CHECK(book.reservations.size() == 3);
          CHECK(book.reservations.count("o-1") == 1);
          CHECK(book.reservations.count("o-2") == 0);
          CHECK(book.reservations.count("o-3") == 0);
          require_everywhere(book, usage(0, 900, 0, 3));
        }
      }
    }
    WHEN("a clock is behind") {
      roll_day(book, yesterday, facts);
      evolve(book, day_rolled{yesterday});
      evolve(book, day_rolled{today});
      THEN("the book does not go back") {
        CHECK(facts.empty());
        CHECK(book.day == today);
        require_everywhere(book, usage(400, 800, 3, 2));
      }
    }
  }
  GIVEN("an order settled on the day after it was reserved") {
    auto book =
        given_open({reserved("o-1", 1, 100), day_rolled{tomorrow}, settled(1, {ended("o-1")}), day_rolled{{102}}});
    THEN("its tombstone counts from the day on which it was settled") {
      CHECK(book.reservations.count("o-1") == 1);
      CHECK(book.usage.empty());  // a scope that nothing counts in leaves too
      evolve(book, day_rolled{{103}});
      CHECK(book.reservations.empty());
    }
  }
}

SCENARIO("what is known of orders that are over is dropped in the end") {
  auto in_advance = reserved("advance", 1, 100);
  in_advance.day = tomorrow;
  auto book = given_open({reserved("held", 2, 100), reserved("settled", 1, 100), denied("denied"),
                          attempt_closed{"closed", 1, today}, in_advance, settled(1, {ended("settled")}),
                          settled(2, {ended("advance")}), denied("young")});
  REQUIRE(book.last_tombstone == 5);
  std::vector<risk_event> facts;
  WHEN("all but the youngest may go") {
    drop_tombstones(book, 4, facts);
    REQUIRE(facts == std::vector<risk_event>{tombstones_dropped{4}});
    THEN("they go, but for what is held and what counts in a day to come") {
      CHECK(book.reservations.size() == 3);
      for (const auto* order : {"held", "advance", "young"}) CHECK(book.reservations.contains(order));
      require_everywhere(book, usage(0, 200, 3, 1));
    }
    THEN("nothing is stated twice") {
      drop_tombstones(book, 4, facts);
      CHECK(facts.size() == 1);
    }
    THEN("one of them that is closed again leaves a tombstone again") {
      evolve(book, settled(3, {ended("settled")}));
      CHECK(book.reservations.at("settled").tombstone == 6);
    }
    AND_WHEN("the day to come begins") {
      evolve(book, day_rolled{tomorrow});
      THEN("it counts what was reserved for it") { CHECK(usage_of(book, user_scope).orders == 1); }
      THEN("its tombstones go with those of its day") {
        evolve(book, day_rolled{{102}});
        evolve(book, day_rolled{{103}});
        CHECK(book.reservations.size() == 1);
        CHECK(book.tombstones.empty());
      }
    }
  }
  WHEN("a denied order is reserved by a later attempt") {
    evolve(book, reserved("denied", 1, 100, 2));
    drop_tombstones(book, 99, facts);
    THEN("its former tombstone takes nothing with it") {
      CHECK(book.reservations.at("denied").state == reservation_state::held);
      CHECK(book.held_count == 2);
    }
  }
  WHEN("there are none") {
    auto young = given_open({reserved("held", 2, 100)});
    drop_tombstones(young, 99, facts);
    THEN("nothing is stated") { CHECK(facts.empty()); }
  }
}

TEST_CASE("every decision that stores something rolls the day first") {
  struct row {
    std::string name;
    std::function<void(risk_book&, std::vector<risk_event>&)> decision;
  };
  const std::vector<row> rows{
      {"reserve", [](auto& book, auto& facts) { decide(book, buy("o-1", 1, 1), tomorrow, false, facts); }},
      {"reserve, denied", [](auto& book, auto& facts) { decide(book, buy("o-1", 0, 0), tomorrow, false, facts); }},
      {"close",
       [](auto& book, auto& facts) {
         decide(book, close_attempt{"o-1", 1}, tomorrow, facts);
       }},
      {"settle",
       [](auto& book, auto& facts) {
         decide(book, settle_facts{0, 1, {}}, tomorrow, facts);
       }},
      {"limits",
       [](auto& book, auto& facts) {
         decide(book, set_limits{user_scope, {}}, tomorrow, facts);
       }},
      {"permissions", [](auto& book, auto& facts) { decide(book, set_permissions{may_trade()}, tomorrow, facts); }},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open();
    std::vector<risk_event> facts;
    r.decision(book, facts);
    REQUIRE(facts.size() == 2);
    CHECK(facts[0] == risk_event{day_rolled{tomorrow}});
    CHECK(book.day == tomorrow);
  }
}

TEST_CASE("the fold is total: impossible histories neither throw nor count below zero") {
  auto huge = reserved("o-1", std::numeric_limits<std::int64_t>::max(), 1);
  huge.price = {money::ticks_max};
  auto negative = reserved("o-2", -5, -7);
  auto refund = filled("o-1", -3, 100);
  auto cheap = filled("o-1", 3, -100);
  auto far = filled("o-1", std::numeric_limits<std::int64_t>::max(), 1);
  far.price = {money::ticks_max};
  auto book = given({huge, huge, negative,
                     settled(9, {refund, cheap, far, far, ended("o-1"), ended("o-1"), ended("o-2"), ended("")}),
                     attempt_closed{"o-1", 9, today}, denied("o-1", 9), settled(3, {}), day_rolled{today},
                     day_rolled{{-5}}, limit_overrun{}, limit_reserved{}, limit_denied{}, attempt_closed{},
                     limits_set{}, permissions_set{}, tombstones_dropped{}, tombstones_dropped{-1}});
  CHECK(book.version == 17);
  CHECK(book.settled_seq == 9);
  CHECK(book.day == today);
  for (const auto& [scope, u] : book.usage) {
    CHECK(u.used.ticks >= 0);
    CHECK(u.reserved.ticks >= 0);
    CHECK(u.open_orders >= 0);
  }
  CHECK(book.held_count == 1);  // the empty reservation
}

TEST_CASE("only the end of an order releases what is held for it") {
  const auto book = given_open({reserved("o-1", 10, 100), denied("o-1", 5), attempt_closed{"o-1", 5, today},
                                day_rolled{tomorrow}, day_rolled{{102}}, day_rolled{{110}}});
  CHECK(book.reservations.at("o-1").state == reservation_state::held);
  CHECK(book.reservations.at("o-1").attempt == 1);
  require_everywhere(book, usage(0, 1'000, 0, 1));
}

SCENARIO("whose clock is a day behind is bound by the book's day all the same") {
  auto book = given_open({limits_set{account_scope, {daily(1'000)}}});
  std::vector<risk_event> facts;
  auto order = buy("o-1", 10, 100);
  order.day = yesterday;
  REQUIRE(decide(book, order, yesterday, false, facts).what == verdict::reserved);
  REQUIRE(facts.size() == 1);
  CHECK(std::get<limit_reserved>(facts.front()).day == today);
  decide(book, settle_facts{0, 1, {filled("o-1", 10, 100, yesterday), ended("o-1")}}, yesterday, facts);
  require_everywhere(book, usage(1'000, 0, 1, 0));
  auto next = buy("o-2", 1, 1);
  next.day = yesterday;
  CHECK(decide(book, next, yesterday, false, facts).what == verdict::denied);
}
