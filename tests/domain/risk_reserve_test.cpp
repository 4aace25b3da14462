#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "desk.hpp"

using namespace sb;
using namespace desk;
using verdict = reserve_answer::verdict;

SCENARIO("capacity is reserved once") {
  GIVEN("an open book") {
    auto book = given_open();
    std::vector<risk_event> facts;
    WHEN("10 at 100 are reserved") {
      const auto answer = decide(book, buy("o-1", 10, 100), today, false, facts);
      THEN("the value is held in all three scopes") {
        CHECK(answer.what == verdict::reserved);
        REQUIRE(facts == std::vector<risk_event>{reserved("o-1", 10, 100)});
        for (const auto& scope : {organization_scope, user_scope, account_scope}) {
          CHECK(usage_of(book, scope) == scope_usage{{}, rupees(1'000), 1, 1});
          CHECK(usage_against(usage_of(book, scope), limit_type::daily_value) == ticks(1'000));
        }
        CHECK(book.held_count == 1);
        CHECK(book.reservations.at("o-1").held == rupees(1'000));
        CHECK(usage_of(book, {scope_kind::user, 2}) == scope_usage{});
      }
      AND_WHEN("the same arrives again, even late") {
        facts.clear();
        const auto before = book;
        CHECK(decide(book, buy("o-1", 10, 100), tomorrow, false, facts).what == verdict::reserved);
        CHECK(decide(book, buy("o-1", 10, 100), today, true, facts).what == verdict::reserved);
        THEN("it gets the same answer, and nothing happens") {
          CHECK(facts.empty());
          CHECK(book == before);
        }
      }
    }
  }
}

TEST_CASE("an order that the book knows gets its stored answer and no facts") {
  struct row {
    std::string name;
    std::vector<risk_event> history;
    std::int32_t attempt;
    std::string fingerprint;
    verdict what;
  };
  const auto end = settled(1, {ended("o-1")});
  const attempt_closed closed_2{"o-1", 2, today};
  const std::vector<row> rows{
      {"held, same", {reserved("o-1", 1, 1, 2)}, 2, "f-o-1", verdict::reserved},
      {"held, other fingerprint", {reserved("o-1", 1, 1, 2)}, 2, "other", verdict::fingerprint_differs},
      {"held, lower attempt", {reserved("o-1", 1, 1, 2)}, 1, "f-o-1", verdict::closed},
      {"held, higher attempt", {reserved("o-1", 1, 1, 2)}, 3, "f-o-1", verdict::closed},
      {"denied, same", {denied("o-1", 2)}, 2, "f-o-1", verdict::denied},
      {"denied, other fingerprint", {denied("o-1", 2)}, 2, "other", verdict::fingerprint_differs},
      {"denied, lower attempt", {denied("o-1", 2)}, 1, "f-o-1", verdict::closed},
      {"closed, same", {closed_2}, 2, "f-o-1", verdict::closed},
      {"closed, lower attempt", {closed_2}, 1, "f-o-1", verdict::closed},
      {"settled, same", {reserved("o-1", 1, 1, 2), end}, 2, "f-o-1", verdict::closed},
      {"settled, other fingerprint", {reserved("o-1", 1, 1, 2), end}, 2, "other", verdict::fingerprint_differs},
      {"settled, lower attempt", {reserved("o-1", 1, 1, 2), end}, 1, "f-o-1", verdict::closed},
      {"settled, higher attempt", {reserved("o-1", 1, 1, 2), end}, 3, "f-o-1", verdict::closed},
      {"closed before it was asked for", {end}, 1, "f-o-1", verdict::closed},
      {"closed before it was asked for, higher attempt", {end}, 5, "f-o-1", verdict::closed},
      {"denied and its order closed", {denied("o-1", 2), end}, 2, "f-o-1", verdict::closed},
      {"denied and its order closed, higher attempt", {denied("o-1", 2), end}, 3, "f-o-1", verdict::closed},
      {"attempt closed and its order closed, higher attempt", {closed_2, end}, 3, "f-o-1", verdict::closed},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open(r.history);
    const auto before = book;
    auto command = buy("o-1", 1, 1, r.attempt);
    command.fingerprint = r.fingerprint;
    std::vector<risk_event> facts;
    const auto answer = decide(book, command, tomorrow, false, facts);
    CHECK(answer.what == r.what);
    CHECK(facts.empty());
    CHECK(book == before);
    if (r.what == verdict::denied) {
      CHECK(answer.violations == denied("o-1").violations);
      CHECK(answer.quantity_max == 3);
    } else {
      CHECK(answer.violations.empty());
      CHECK_FALSE(answer.quantity_max);
    }
  }
}

SCENARIO("a new attempt follows one that was refused") {
  struct row {
    std::string name;
    risk_event former;
  };
  for (const auto& r : {row{"denied", denied("o-1", 1)}, row{"closed", attempt_closed{"o-1", 1, today}}}) {
    GIVEN("a first attempt that was " + r.name) {
      auto book = given_open({r.former});
      std::vector<risk_event> facts;
      WHEN("the second is asked for, with another command") {
        auto second = buy("o-1", 5, 100, 2);
        second.fingerprint = "f2";
        const auto answer = decide(book, second, today, false, facts);
        THEN("it is checked anew") {
          CHECK(answer.what == verdict::reserved);
          CHECK(book.reservations.at("o-1").attempt == 2);
          CHECK(book.held_count == 1);
          CHECK(usage_of(book, organization_scope) == scope_usage{{}, rupees(500), 1, 1});
        }
        AND_WHEN("the first arrives again") {
          facts.clear();
          THEN("it is closed") {
            CHECK(decide(book, buy("o-1", 5, 100, 1), today, false, facts).what == verdict::closed);
            CHECK(facts.empty());
          }
        }
      }
    }
  }
}

SCENARIO("a Reserve after its deadline changes nothing") {
  GIVEN("an open book") {
    auto book = given_open();
    const auto before = book;
    std::vector<risk_event> facts;
    THEN("it is too late, on the next day as well, and the day does not roll for it") {
      CHECK(decide(book, buy("o-1", 1, 1), tomorrow, true, facts).what == verdict::too_late);
      CHECK(facts.empty());
      CHECK(book == before);
    }
    THEN("the same order in time is reserved") {
      CHECK(decide(book, buy("o-1", 1, 1), today, false, facts).what == verdict::reserved);
    }
  }
}

TEST_CASE("closing an attempt answers whether it had been reserved, and stores only what is new") {
  struct row {
    std::string name;
    std::vector<risk_event> history;
    std::int32_t attempt;
    bool reserved, stores;
  };
  const auto end = settled(1, {ended("o-1")});
  const std::vector<row> rows{
      {"unknown", {}, 1, false, true},
      {"held", {reserved("o-1", 1, 1, 2)}, 2, true, false},
      {"held, lower attempt", {reserved("o-1", 1, 1, 2)}, 1, false, false},
      {"held, higher attempt", {reserved("o-1", 1, 1, 2)}, 3, false, false},
      {"denied", {denied("o-1", 2)}, 2, false, false},
      {"denied, lower attempt", {denied("o-1", 2)}, 1, false, false},
      {"denied, higher attempt", {denied("o-1", 2)}, 3, false, true},
      {"closed", {attempt_closed{"o-1", 2, today}}, 2, false, false},
      {"closed, higher attempt", {attempt_closed{"o-1", 2, today}}, 3, false, true},
      {"settled", {reserved("o-1", 1, 1, 2), end}, 2, true, false},
      {"settled, higher attempt", {reserved("o-1", 1, 1, 2), end}, 3, false, false},
      {"settled, never reserved", {end}, 1, false, false},
      {"settled, was denied", {denied("o-1", 1), end}, 1, false, false},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open(r.history);
    const auto before = book;
    std::vector<risk_event> facts;
    CHECK(decide(book, close_attempt{"o-1", r.attempt}, today, facts).reserved == r.reserved);
    if (r.stores) {
      CHECK(facts == std::vector<risk_event>{attempt_closed{"o-1", r.attempt, today}});
    } else {
      CHECK(facts.empty());
      CHECK(book == before);
    }
    if (!r.reserved) {
      facts.clear();
      const auto held_before = book.held_count;
      CHECK(decide(book, buy("o-1", 1, 1, r.attempt), today, false, facts).what != verdict::reserved);
      CHECK(facts.empty());
      CHECK(book.held_count == held_before);
    }
  }
}

TEST_CASE("limits and permissions are kept in order, whatever order they came in") {
  auto book = given_open();
  std::vector<risk_event> facts;
  const auto symbols = word_limit(limit_type::allowed_symbols, {"TCS", "SBIN", "TCS", "INFY"});
  decide(book, set_limits{user_scope, {symbols, daily(500)}}, today, facts);
  CHECK(book.limits_version == 1);
  REQUIRE(book.limits.at(user_scope).size() == 2);
  CHECK(book.limits.at(user_scope)[0] == daily(500));
  CHECK(book.limits.at(user_scope)[1].words == std::vector<std::string>{"INFY", "SBIN", "TCS"});
  decide(book, set_limits{user_scope, {}}, today, facts);
  CHECK(book.limits_version == 2);
  CHECK(book.limits.empty());
  decide(book, set_permissions{may_trade({{12}, {10}, {12}})}, today, facts);
  CHECK(book.permissions.at(trader).accounts == std::vector<account_id>{{10}, {12}});
  CHECK(facts.size() == 3);
}

SCENARIO("a revocation is final") {
  GIVEN("a trader whose right is taken") {
    auto book = given_open({reserved("o-0", 1, 1)});
    std::vector<risk_event> facts;
    decide(book, set_permissions{{trader, false, false, false, {}}}, today, facts);
    THEN("nothing more is reserved, and what was reserved before stays") {
      CHECK(decide(book, buy("o-1", 1, 1), today, false, facts).what == verdict::denied);
      CHECK(decide(book, buy("o-0", 1, 1), today, false, facts).what == verdict::reserved);
      CHECK(book.held_count == 1);
    }
  }
}
