#include <catch2/catch.hpp>

#include "runtime/order_entity.hpp"
#include "tests/runtime/order_desk.hpp"

using namespace sb;
using namespace sb::test;
using outcome = broker_answered::outcome;
using verdict = reserve_answer::verdict;

SCENARIO("a recovered order asks, it never guesses and never sends") {
  order_desk d;
  GIVEN("a request of which nothing more is stored") {
    d.requested();
    d.come_back();
    THEN("the risk book is asked whether it can have been sent") {
      REQUIRE(d.messages<close_request>().size() == 1);
      CHECK(d.messages<close_request>().front().incarnation == d.incarnation());
      CHECK(d.messages<reserve_request>().empty());
      CHECK_FALSE(d.core->can_retire());
    }
    WHEN("a reservation arrives for it") {
      d.book_says(verdict::reserved);
      THEN("it sends nothing: an earlier incarnation may have") { CHECK(d.calls().empty()); }
    }
    WHEN("it was never reserved") {
      d.book_closed(false);
      d.store();
      CHECK(d.state().denied_because == denial::risk_unavailable);
    }
    WHEN("it was reserved") {
      d.book_closed(true);
      d.store();
      THEN("it may be live: unknown, nothing is released") {
        CHECK(d.status() == order_status::unknown);
        CHECK(d.calls().empty());
        CHECK(d.alarm_after(resolve) == 1'000);
      }
    }
    WHEN("the book does not answer") {
      d.clear();
      d.give(sb::alarm{authority});
      CHECK(d.messages<close_request>().size() == 1);
    }
    WHEN("it is canceled") {
      d.give(cancel_order{}, client(2));
      d.store();
      THEN("that is a wish: what was sent is not known here") {
        CHECK(d.status() == order_status::pending_new);
        CHECK(d.state().cancel_requested);
      }
    }
    WHEN("an answer to the former incarnation says closed") {
      d.give(close_answered{1, d.incarnation() - 1, false});
      CHECK_FALSE(d.appending());
    }
    WHEN("the broker reports it meanwhile") {
      d.broker_reports(broker_view::state::working, {fill("F1", 100)});
      d.store();
      CHECK(d.status() == order_status::filled);
    }
    WHEN("the broker reports a part of it meanwhile") {
      d.broker_reports(broker_view::state::working, {fill("F2", 60)});
      d.store();
      THEN("it asks for what was reported to the former one") {
        CHECK(d.alarm_after(resolve) == 0);
        CHECK_FALSE(d.core->can_retire());
        d.give(sb::alarm{resolve});
        d.broker_says(broker_verb::query, outcome::seen,
                      {broker_view::state::filled, "B1", {}, {}, {fill("F1", 40), fill("F2", 60)}});
        d.store();
        CHECK(d.status() == order_status::filled);
      }
    }
  }
  GIVEN("an order at the broker") {
    d.working();
    WHEN("its former incarnation is lost") {
      d.come_back();
      THEN("it asks what happened while nobody listened") {
        CHECK(d.alarm_after(resolve) == 0);
        CHECK_FALSE(d.core->can_retire());
        d.give(sb::alarm{resolve});
        CHECK(d.calls() == std::vector{broker_verb::query});
        AND_WHEN("an answer to the lost one comes first") {
          const broker_view seen{broker_view::state::working, "B1", {}, {}, {}};
          d.give(broker_answered{broker_verb::query, d.incarnation() - 1, outcome::seen, seen, {}});
          THEN("it may be older than what was missed") { CHECK_FALSE(d.core->can_retire()); }
          d.broker_says(broker_verb::query, outcome::seen, seen);
          CHECK(d.core->can_retire());
        }
      }
    }
    WHEN("it had only retired") {
      d.come_back(predecessor::retired);
      THEN("nothing was said to it, and it asks nothing") {
        CHECK(d.out.empty());
        CHECK(d.core->can_retire());
      }
    }
  }
  GIVEN("a closed order") {
    d.working();
    d.broker_reports(broker_view::state::canceled);
    d.store();
    d.come_back();
    THEN("there is nothing to do") {
      CHECK(d.out.empty());
      CHECK(d.core->can_retire());
    }
  }
}

SCENARIO("an unknown order is found out: a broker that enforces ids") {
  order_desk d;
  d.unknown();
  d.give(sb::alarm{resolve});
  CHECK(d.calls() == std::vector{broker_verb::query});
  CHECK(d.alarm_after(resolve) == 2'000);
  d.clear();
  WHEN("the broker has it") {
    d.broker_says(broker_verb::query, outcome::seen, {broker_view::state::filled, "B1", {}, {}, {fill("F1", 100)}});
    d.store();
    CHECK(d.status() == order_status::filled);
  }
  WHEN("the broker does not have it") {
    d.broker_says(broker_verb::query, outcome::not_found);
    THEN("nothing is released: the id is blocked first") {
      CHECK_FALSE(d.appending());
      CHECK(d.calls() == std::vector{broker_verb::cancel});
    }
    AND_WHEN("it is blocked for good") {
      d.broker_says(broker_verb::cancel, outcome::blocked);
      d.store();
      CHECK(d.status() == order_status::canceled);
    }
    AND_WHEN("it is not there to be canceled, and this account's ids cannot be blocked") {
      d.broker_says(broker_verb::cancel, outcome::not_found);
      THEN("it may still arrive") {
        CHECK_FALSE(d.appending());
        d.broker_reports(broker_view::state::working, {fill("F1", 100)});
        d.store();
        CHECK(d.status() == order_status::filled);
      }
      THEN("it is absent only after window, grace and three of these") {
        d.pass(d.rules.times.send_window_ms + d.rules.times.grace_ms + 1);
        d.broker_says(broker_verb::cancel, outcome::not_found);
        CHECK_FALSE(d.appending());
        d.broker_says(broker_verb::cancel, outcome::not_found);
        d.store();
        CHECK(d.status() == order_status::absent);
      }
    }
    AND_WHEN("the late order was canceled by it") {
      d.broker_says(broker_verb::cancel, outcome::seen, {broker_view::state::canceled, "B1", {}, {}, {}});
      d.store();
      CHECK(d.status() == order_status::canceled);
      CHECK(d.state().broker_order_id == "B1");
    }
    AND_WHEN("whether it is blocked is unclear") {
      d.broker_says(broker_verb::cancel, outcome::unknown);
      CHECK_FALSE(d.appending());
    }
  }
  WHEN("the answer is unclear") {
    d.broker_says(broker_verb::query, outcome::unknown);
    CHECK_FALSE(d.appending());
    CHECK_FALSE(d.core->can_retire());
  }
  WHEN("an answer to an earlier incarnation says that it is not there") {
    d.give(broker_answered{broker_verb::query, d.incarnation() - 1, outcome::not_found, {}, {}});
    CHECK(d.calls().empty());
  }
}

TEST_CASE("an unknown order is asked for at growing distances, and never given up") {
  order_desk d;
  d.unknown();
  const std::vector<std::int64_t> expected{2'000, 4'000, 8'000, 15'000, 30'000, 60'000, 60'000, 60'000};
  for (const auto after : expected) {
    d.clear();
    d.give(sb::alarm{resolve});
    CHECK(d.alarm_after(resolve) == after);
    CHECK(d.calls(broker_verb::query) == 1);
  }
}

SCENARIO("an unknown order is found out: a broker that has only a tag") {
  order_desk d;
  d.rules.broker_enforces_ids = false;
  d.come_back();
  d.unknown();
  const auto read_nothing = [&] { d.broker_says(broker_verb::query, outcome::not_found); };
  WHEN("it is not found three times before window and grace are over") {
    for (int read = 0; read < 3; ++read) read_nothing();
    THEN("it may still arrive") { CHECK_FALSE(d.appending()); }
  }
  WHEN("they are over, and it was not found twice") {
    d.pass(d.rules.times.send_window_ms + d.rules.times.grace_ms + 1);
    read_nothing();
    read_nothing();
    CHECK_FALSE(d.appending());
    AND_WHEN("a third time") {
      read_nothing();
      d.store();
      CHECK(d.status() == order_status::absent);
    }
    AND_WHEN("an unclear answer comes between") {
      d.broker_says(broker_verb::query, outcome::unknown);
      THEN("it proves nothing either way") { CHECK_FALSE(d.appending()); }
    }
  }
  WHEN("nothing is ever canceled by a tag") {
    read_nothing();
    CHECK(d.calls(broker_verb::cancel) == 0);
  }
}

SCENARIO("a late find takes an order out of absent") {
  order_desk d;
  d.absent();
  REQUIRE(d.status() == order_status::absent);
  d.broker_reports(broker_view::state::working, {fill("F1", 30)});
  d.store();
  CHECK(d.status() == order_status::partially_filled);
  CHECK(d.state().filled_quantity == 30);
}

SCENARIO("an absent order is looked for once more when its day is over") {
  order_desk d;
  d.rules.close_minute = 15 * 60 + 30;
  d.absent();
  const auto to_close = [&] { return 12'600'000 - d.clock_ms; };  // the stage began at noon
  const auto close = [&] {
    d.pass(to_close());
    d.clear();
    d.give(sb::alarm{resolve});
  };
  THEN("it stays, and is asked about at the close") {
    CHECK_FALSE(d.core->can_retire());
    d.give(sb::alarm{resolve});
    CHECK(d.calls().empty());
    CHECK(d.alarm_after(resolve) == to_close());
    close();
    CHECK(d.calls() == std::vector{broker_verb::query});
  }
  WHEN("a read of before the close is answered") {
    d.broker_says(broker_verb::query, outcome::not_found);
    THEN("that was not the last look") { CHECK_FALSE(d.core->can_retire()); }
  }
  WHEN("it is not there at the close") {
    close();
    d.broker_says(broker_verb::query, outcome::not_found);
    THEN("it stays absent and needs no more") {
      CHECK_FALSE(d.appending());
      CHECK(d.core->can_retire());
      d.clear();
      d.give(sb::alarm{resolve});
      CHECK(d.out.empty());
    }
  }
  WHEN("the answer at the close is unclear") {
    close();
    d.broker_says(broker_verb::query, outcome::unknown);
    THEN("it is asked again") {
      CHECK_FALSE(d.core->can_retire());
      CHECK(d.alarm_after(resolve) == 2'000);
    }
  }
  WHEN("it is found at the close") {
    close();
    d.broker_says(broker_verb::query, outcome::seen, {broker_view::state::filled, "B1", {}, {}, {fill("F1", 100)}});
    d.store();
    CHECK(d.status() == order_status::filled);
    CHECK(d.core->can_retire());
  }
  WHEN("it is found before by a report") {
    d.broker_reports(broker_view::state::working, {fill("F1", 30)});
    d.store();
    THEN("its book is read for what came before, and then nothing is left to look for") {
      CHECK(d.alarm_after(resolve) == 0);
      d.give(sb::alarm{resolve});
      CHECK(d.calls() == std::vector{broker_verb::query});
      d.broker_says(broker_verb::query, outcome::seen, {broker_view::state::working, "B1", {}, {}, {fill("F1", 30)}});
      CHECK(d.core->can_retire());
      close();
      CHECK(d.calls().empty());
    }
  }
  WHEN("its incarnation is lost") {
    d.come_back();
    THEN("the next one looks at once, for a report of the find may have gone to nobody, and again at the close") {
      CHECK(d.alarm_after(resolve) == 0);
      d.give(sb::alarm{resolve});
      CHECK(d.calls() == std::vector{broker_verb::query});
      d.broker_says(broker_verb::query, outcome::not_found);
      CHECK_FALSE(d.core->can_retire());
      d.clear();
      d.give(sb::alarm{resolve});
      CHECK(d.calls().empty());
      CHECK(d.alarm_after(resolve) == to_close());
    }
  }
  WHEN("what was asked before the close is answered after it") {
    d.come_back();
    d.give(sb::alarm{resolve});
    close();
    d.broker_says(broker_verb::query, outcome::not_found);
    THEN("the last look is the one that was asked for at the close") {
      CHECK_FALSE(d.core->can_retire());
      d.broker_says(broker_verb::query, outcome::not_found);
      CHECK(d.core->can_retire());
    }
  }
  WHEN("its incarnation is lost, and the next one begins days later") {
    d.pass(3 * 86'400'000);
    d.come_back();
    CHECK(d.alarm_after(resolve) == 0);
  }
}

TEST_CASE("an order that became absent after the close is looked for again only by who takes it over") {
  order_desk d;
  d.rules.close_minute = 12 * 60 + 17;  // within a minute of the order; window and grace end later
  d.absent();
  CHECK(d.core->can_retire());
  d.come_back();
  CHECK(d.alarm_after(resolve) == 0);
  d.give(sb::alarm{resolve});
  d.broker_says(broker_verb::query, outcome::not_found);
  CHECK(d.core->can_retire());
}

SCENARIO("the risk book asks for an order of which it hears nothing") {
  order_desk d;
  WHEN("it was never requested") {
    d.give(probe_order{1});
    d.store();
    THEN("it refuses itself for ever") {
      CHECK(d.state().denied_because == denial::never_requested);
      CHECK(d.messages<probe_answered>().size() == 1);
      d.give(buy_100(), client(1));
      CHECK(d.messages<reserve_request>().empty());
      REQUIRE(d.replies<order_answer>(1).size() == 1);
      CHECK(d.replies<order_answer>(1).front().order.status == order_status::denied);
    }
  }
  WHEN("it exists") {
    d.requested();
    d.give(probe_order{1});
    CHECK_FALSE(d.appending());
    REQUIRE(d.messages<probe_answered>().size() == 1);
    CHECK(d.messages<probe_answered>().front().order == the_order.id);
  }
}
