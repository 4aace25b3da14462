#include "runtime/order_entity.hpp"

#include <catch2/catch.hpp>

#include "tests/runtime/order_desk.hpp"

using namespace sb;
using namespace sb::test;
using outcome = broker_answered::outcome;
using verdict = reserve_answer::verdict;
using names = std::vector<std::string>;

SCENARIO("an order goes its way step by step, and no step is taken before the one before it is stored") {
  GIVEN("a new order") {
    order_desk d;
    d.give(buy_100(), client(1));
    THEN("the risk book is asked at once, and nobody is told anything") {
      const auto asked = d.messages<reserve_request>();
      REQUIRE(asked.size() == 1);
      CHECK(asked.front().what.order == the_order.id);
      CHECK(asked.front().what.attempt == 1);
      CHECK(asked.front().what.fingerprint == "f-1");
      CHECK(asked.front().what.quantity == 100);
      CHECK(asked.front().what.price == rupees(50));
      CHECK(asked.front().deadline.value == d.clock_ms + d.rules.times.reserve_deadline_ms);
      CHECK(d.all<send_out>().front().head.to == book_key(organization));
      CHECK(d.reply_count(1) == 0);
      CHECK(d.calls().empty());
    }
    THEN("its row may wait for the risk book's, so that one commit has both") {
      REQUIRE(d.all<append_out>().size() == 1);
      CHECK_FALSE(d.all<append_out>().back().urgent);
      CHECK(d.all<hurry_out>().empty());
      d.give(sb::alarm{authority});
      CHECK(d.all<hurry_out>().empty());  // nobody waits for what an alarm brings
    }
    WHEN("the reservation is answered before the request is stored") {
      d.book_says(verdict::reserved);
      THEN("the row is hurried") { CHECK(d.all<hurry_out>().size() == 1); }
      THEN("nothing is sent until it is stored") {
        CHECK(d.calls().empty());
        d.store();
        CHECK(d.calls() == std::vector{broker_verb::place});
      }
    }
    WHEN("the request is stored") {
      d.store();
      THEN("the client hears that it is safe, and nothing is sent without the reservation") {
        CHECK(d.story() == names{"order.requested"});
        REQUIRE(d.replies<order_stored>(1).size() == 1);
        CHECK(d.replies<order_stored>(1).front().answer.held == rupees(5'000));
        CHECK(d.replies<order_answer>(1).empty());
        CHECK(d.calls().empty());
      }
      AND_WHEN("the reservation comes") {
        d.clear();
        d.book_says(verdict::reserved);
        THEN("the order is sent once, within its window") {
          REQUIRE(d.calls() == std::vector{broker_verb::place});
          const auto call = d.all<broker_out>().front().call;
          CHECK(call.not_after.value == d.clock_ms + d.rules.times.send_window_ms);
          CHECK(call.command == buy_100().command);
          d.book_says(verdict::reserved);
          CHECK(d.calls(broker_verb::place) == 1);
        }
      }
    }
  }
  GIVEN("an order that was sent") {
    order_desk d;
    d.sent();
    WHEN("the broker accepts it") {
      d.broker_accepts();
      CHECK(d.reply_count(1) == 0);
      d.store();
      THEN("the client is answered from the stored state") {
        REQUIRE(d.replies<order_answer>(1).size() == 1);
        CHECK(d.replies<order_answer>(1).front().order.status == order_status::new_);
        CHECK(d.replies<order_answer>(1).front().order.broker_order_id == "B1");
        CHECK(d.core->can_retire());
      }
    }
    WHEN("fills come with the answer") {
      d.broker_accepts({fill("F1", 40), fill("F2", 60)});
      d.store();
      THEN("they are in the same append, the last one ends the order") {
        CHECK(d.story() == names{"order.requested", "order.accepted", "order.filled", "order.filled"});
        CHECK(d.rows.size() == 2);
        CHECK(d.status() == order_status::filled);
      }
    }
    WHEN("the broker rejects it") {
      d.broker_says(broker_verb::place, outcome::seen, {broker_view::state::rejected, {}, "X1", "no", {}});
      d.store();
      CHECK(d.status() == order_status::rejected);
      CHECK(d.state().reason_code == "X1");
    }
    WHEN("nothing was written") {
      d.broker_says(broker_verb::place, outcome::not_sent);
      d.store();
      CHECK(d.status() == order_status::denied);
      CHECK(d.state().denied_because == denial::not_sent);
    }
    WHEN("the answer is unclear") {
      d.broker_says(broker_verb::place, outcome::unknown);
      d.store();
      THEN("the order is unknown, which is no failure, and somebody will find out") {
        CHECK(d.status() == order_status::unknown);
        CHECK(d.replies<order_answer>(1).size() == 1);
        CHECK(d.alarm_after(resolve) == 1'000);
        CHECK_FALSE(d.core->can_retire());
      }
    }
    WHEN("no answer comes") {
      d.pass(d.rules.times.send_window_ms + d.rules.times.broker_answer_ms);
      d.give(sb::alarm{broker_timer});
      d.store();
      CHECK(d.status() == order_status::unknown);
    }
    WHEN("an answer to another incarnation says that nothing was sent") {
      d.give(broker_answered{broker_verb::place, d.incarnation() - 1, outcome::not_sent, {}, {}});
      THEN("it is not ours") { CHECK_FALSE(d.appending()); }
    }
    WHEN("another incarnation's answer tells that the broker has it") {
      d.give(broker_answered{
          broker_verb::place, d.incarnation() - 1, outcome::seen, {broker_view::state::working, "B1", {}, {}, {}}, {}});
      THEN("that is a fact, whoever asked") {
        d.store();
        CHECK(d.status() == order_status::new_);
      }
    }
  }
}

TEST_CASE("every way in which the risk book refuses ends the order before anything is sent") {
  struct row {
    const char* name;
    verdict said;
    denial expected;
  };
  const auto refusal = GENERATE(values<row>({
      {"limits", verdict::denied, denial::limits},
      {"closed", verdict::closed, denial::risk_unavailable},
      {"another command under this id", verdict::fingerprint_differs, denial::risk_unavailable},
  }));
  CAPTURE(refusal.name);
  order_desk d;
  d.requested();
  d.book_says(refusal.said);
  d.store();
  CHECK(d.status() == order_status::denied);
  CHECK(d.state().denied_because == refusal.expected);
  CHECK(d.calls().empty());
  CHECK(d.replies<order_answer>(1).size() == 1);
}

TEST_CASE("a denial carries what the risk book said") {
  order_desk d;
  d.requested();
  reserve_answered said{1, d.incarnation(), {verdict::denied, {violation{}}, 40}};
  said.answer.violations.front().limit = 12;
  d.give(said);
  d.store();
  REQUIRE(d.state().violations.size() == 1);
  CHECK(d.state().violations.front().limit == 12);
  CHECK(d.state().quantity_max == 40);
}

TEST_CASE("what an order refuses by itself") {
  struct row {
    const char* name;
    std::function<void(order_desk&, place_order&)> make;
    denial expected;
  };
  const auto refusal = GENERATE(values<row>({
      {"MARKET without a price", [](order_desk&, place_order& p) { p.command.type = order_type::market; },
       denial::no_reference_price},
      {"MARKET with an old price",
       [](order_desk& d, place_order& p) {
         p.command.type = order_type::market;
         p.command.reference_price = rupees(50);
         p.command.reference_at = {d.now().wall.value - d.rules.reference_age_max_ms - 1};
       },
       denial::no_reference_price},
      {"before the opening",
       [](order_desk& d, place_order&) {
         d.rules.open_minute = 12 * 60 + 18;
         d.come_back();
       },
       denial::market_closed},
      {"at the closing minute",
       [](order_desk& d, place_order&) {
         d.rules.close_minute = 12 * 60 + 16;
         d.come_back();
       },
       denial::market_closed},
      {"on a day without trading",
       [](order_desk& d, place_order&) {
         d.rules.days = {true, true, true, false, true, true, true};
         d.come_back();
       },
       denial::market_closed},
  }));
  CAPTURE(refusal.name);
  order_desk d;  // its clock starts on a Thursday at 12:16:40 of the exchange
  auto body = buy_100();
  refusal.make(d, body);
  d.give(body, client(1));
  CHECK(d.all<append_out>().back().urgent);  // the client waits for nothing else
  d.store();
  CHECK(d.status() == order_status::denied);
  CHECK(d.state().denied_because == refusal.expected);
  CHECK(d.messages<reserve_request>().empty());
  CHECK(d.replies<order_answer>(1).size() == 1);
}

TEST_CASE("trading hours include the opening minute, and a young price is good enough") {
  order_desk d;
  d.rules.open_minute = 12 * 60 + 16;
  d.rules.close_minute = 12 * 60 + 17;
  d.rules.days = {false, false, false, true, false, false, false};
  d.come_back();
  auto body = buy_100();
  body.command.type = order_type::market;
  body.command.reference_price = rupees(50);
  body.command.reference_at = {d.now().wall.value - d.rules.reference_age_max_ms};
  d.give(body, client(1));
  d.store();
  CHECK(d.status() == order_status::pending_new);
  REQUIRE(d.messages<reserve_request>().size() == 1);
  CHECK(d.messages<reserve_request>().front().what.price == money{525'000});  // with its protection on top
}

SCENARIO("who does not wait for the outcome is answered as soon as the order is stored") {
  order_desk d;
  d.give(buy_100(0), client(1));
  CHECK(d.all<append_out>().back().urgent);
  d.store();
  CHECK(d.replies<order_answer>(1).size() == 1);
}

SCENARIO("one key is one order") {
  order_desk d;
  d.requested();
  WHEN("a twin comes while it is on its way") {
    d.give(buy_100(), client(2));
    THEN("it joins the first, and both get the outcome") {
      CHECK_FALSE(d.appending());
      REQUIRE(d.replies<order_stored>(2).size() == 1);
      d.book_says(verdict::reserved);
      d.broker_accepts();
      d.store();
      CHECK(d.calls(broker_verb::place) == 1);
      CHECK(d.replies<order_answer>(1).size() == 1);
      REQUIRE(d.replies<order_answer>(2).size() == 1);
      CHECK(d.replies<order_answer>(2).front().replayed);
      CHECK_FALSE(d.replies<order_answer>(1).front().replayed);
    }
  }
  WHEN("a twin does not want to wait") {
    d.give(buy_100(0), client(2));
    CHECK(d.replies<order_answer>(2).size() == 1);
  }
  WHEN("another command has the same key") {
    auto other = buy_100();
    other.fingerprint = "f-2";
    d.give(other, client(2));
    REQUIRE(d.replies<rejected>(2).size() == 1);
    CHECK(d.replies<rejected>(2).front().why == rejection::key_reused);
    CHECK_FALSE(d.appending());
  }
  WHEN("twins come in the same turn as the first") {
    order_desk hot;
    hot.give(get_order{}, client(9));
    hot.give(buy_100(), client(1));
    hot.give(buy_100(), client(2));
    hot.store_all();
    CHECK(hot.story() == names{"order.requested"});
    CHECK(hot.messages<reserve_request>().size() == 1);
  }
}

SCENARIO("the reservation is asked for again until its deadline, then the attempt is closed") {
  order_desk d;
  d.requested();
  WHEN("no answer comes for a while") {
    d.pass(d.rules.times.reserve_retry_ms);
    d.give(sb::alarm{authority});
    CHECK(d.messages<reserve_request>().size() == 1);
    CHECK(d.messages<reserve_request>().front().deadline.value == 1'000'000 + d.rules.times.reserve_deadline_ms);
    CHECK(d.alarm_after(authority) == d.rules.times.reserve_retry_ms);
  }
  WHEN("the deadline has passed") {
    d.pass(d.rules.times.reserve_deadline_ms);
    d.give(sb::alarm{authority});
    CHECK(d.messages<reserve_request>().empty());
    REQUIRE(d.messages<close_request>().size() == 1);
    THEN("a reservation that comes now does not count any more") {
      d.book_says(verdict::reserved);
      CHECK(d.calls().empty());
    }
    THEN("the closing is asked again until it is answered") {
      d.give(sb::alarm{authority});
      CHECK(d.messages<close_request>().size() == 2);
    }
    THEN("closed or reserved, nothing was sent: the order is denied") {
      d.book_closed(GENERATE(true, false));
      d.store();
      CHECK(d.state().denied_because == denial::risk_unavailable);
      CHECK(d.calls().empty());
    }
  }
  WHEN("this copy of the question came too late") {
    d.book_says(verdict::too_late);
    THEN("an earlier one may have been reserved, so the attempt is closed") {
      CHECK(d.messages<close_request>().size() == 1);
      CHECK_FALSE(d.appending());
    }
  }
  WHEN("an answer belongs to another attempt or incarnation") {
    d.book_says(verdict::reserved, 2);
    d.give(reserve_answered{1, d.incarnation() - 1, {verdict::reserved, {}, {}}});
    d.book_closed(false);  // nobody asked for that
    THEN("it is dropped") {
      CHECK(d.calls().empty());
      CHECK_FALSE(d.appending());
    }
  }
}

SCENARIO("a cancel always passes") {
  order_desk d;
  GIVEN("an order that was not sent") {
    d.requested();
    d.give(cancel_order{2'000}, client(2));
    d.store();
    THEN("it is canceled here, and a reservation that comes late sends nothing") {
      CHECK(d.status() == order_status::canceled);
      CHECK(d.replies<order_answer>(2).size() == 1);
      CHECK(d.replies<order_answer>(1).size() == 1);
      d.book_says(verdict::reserved);
      CHECK(d.calls().empty());
    }
  }
  GIVEN("a reservation and a cancel in one turn") {
    d.give(buy_100(), client(1));
    d.book_says(verdict::reserved);
    d.give(cancel_order{}, client(2));
    d.store_all();
    CHECK(d.calls().empty());
    CHECK(d.status() == order_status::canceled);
  }
  GIVEN("an order that was sent and not answered") {
    d.sent();
    d.give(cancel_order{2'000}, client(2));
    d.store();
    CHECK(d.calls().empty());
    REQUIRE(d.replies<order_stored>(2).size() == 1);
    CHECK(d.replies<order_stored>(2).front().answer.cancel_pending);
    WHEN("the broker tells its id") {
      d.broker_accepts();
      d.store();
      THEN("the cancel follows, with that id") {
        REQUIRE(d.calls() == std::vector{broker_verb::cancel});
        CHECK(d.all<broker_out>().front().call.broker_order_id == "B1");
        CHECK(d.replies<order_answer>(2).empty());
        d.broker_says(broker_verb::cancel, outcome::seen, {broker_view::state::canceled, "B1", {}, {}, {}});
        d.store();
        CHECK(d.status() == order_status::canceled);
        CHECK(d.replies<order_answer>(2).size() == 1);
      }
    }
  }
  GIVEN("a working order with a cancel under way") {
    d.working();
    d.give(cancel_order{}, client(2));
    d.store();
    CHECK(d.calls(broker_verb::cancel) == 1);
    CHECK_FALSE(d.core->can_retire());
    WHEN("the fill won the race") {
      d.broker_reports(broker_view::state::working, {fill("F1", 100)});
      d.store();
      CHECK(d.status() == order_status::filled);
    }
    WHEN("the answer was lost") {
      d.clear();
      d.give(sb::alarm{cancel_timer});
      THEN("it is asked again") { CHECK(d.calls(broker_verb::cancel) == 1); }
    }
    WHEN("the answer is unclear, or the order is still working") {
      d.clear();
      d.broker_says(broker_verb::cancel, GENERATE(outcome::unknown, outcome::seen),
                    {broker_view::state::working, "B1", {}, {}, {}});
      CHECK(d.alarm_after(cancel_timer) == d.rules.times.cancel_retry_ms);
      CHECK(d.calls().empty());
    }
    WHEN("it is asked for twice") {
      d.give(cancel_order{}, client(3));
      d.store_all();
      THEN("the wish is stored once") {
        CHECK(d.story() == names{"order.requested", "order.accepted", "order.cancel_requested"});
        CHECK(d.replies<order_answer>(3).size() == 1);
      }
    }
  }
}

TEST_CASE("what a cancel is refused for") {
  struct row {
    const char* name;
    std::function<void(order_desk&)> history;
    rejection expected;
  };
  const auto refusal = GENERATE(values<row>({
      {"no order", [](order_desk&) {}, rejection::not_found},
      {"filled",
       [](order_desk& d) {
         d.working();
         d.broker_reports(broker_view::state::working, {fill("F1", 100)});
         d.store();
       },
       rejection::order_closed},
      {"canceled",
       [](order_desk& d) {
         d.working();
         d.broker_reports(broker_view::state::canceled);
         d.store();
       },
       rejection::order_closed},
      {"expired",
       [](order_desk& d) {
         d.working();
         d.broker_reports(broker_view::state::expired);
         d.store();
       },
       rejection::order_closed},
      {"rejected",
       [](order_desk& d) {
         d.working();
         d.broker_reports(broker_view::state::rejected);
         d.store();
       },
       rejection::order_closed},
      {"denied",
       [](order_desk& d) {
         d.requested();
         d.book_says(verdict::denied);
         d.store();
       },
       rejection::order_closed},
      {"absent", [](order_desk& d) { d.absent(); }, rejection::order_closed},
  }));
  CAPTURE(refusal.name);
  order_desk d;
  refusal.history(d);
  d.clear();
  d.give(cancel_order{}, client(5));
  REQUIRE(d.replies<rejected>(5).size() == 1);
  CHECK(d.replies<rejected>(5).front().why == refusal.expected);
  CHECK_FALSE(d.appending());
}

TEST_CASE("an order that does not exist cannot be read, and an order knows only its own requests") {
  order_desk d;
  d.give(get_order{}, client(1));
  REQUIRE(d.replies<rejected>(1).size() == 1);
  CHECK(d.replies<rejected>(1).front().why == rejection::not_found);
  d.give(get_limits{}, client(2));
  REQUIRE(d.replies<rejected>(2).size() == 1);
  CHECK(d.replies<rejected>(2).front().why == rejection::not_found);
}

SCENARIO("fills are facts: counted once, whenever they come") {
  order_desk d;
  d.working();
  d.broker_reports(broker_view::state::working, {fill("F1", 40)});
  d.store();
  CHECK(d.status() == order_status::partially_filled);
  WHEN("the same fill is told again") {
    d.broker_reports(broker_view::state::working, {fill("F1", 40)});
    CHECK_FALSE(d.appending());
  }
  WHEN("a fill has no quantity") {
    d.broker_reports(broker_view::state::working, {fill("F2", 0)});
    CHECK_FALSE(d.appending());
  }
  WHEN("a fill crosses a cancel on the wire") {
    d.broker_reports(broker_view::state::canceled);
    d.broker_reports(broker_view::state::working, {fill("F2", 60)});
    d.store_all();
    CHECK(d.state().filled_quantity == 100);
    CHECK(d.status() == order_status::filled);
  }
  WHEN("somebody reported it on purpose") {
    d.broker_reports(broker_view::state::working, {fill("F2", 10)}, client(8));
    CHECK(d.reply_count(8) == 0);
    d.store();
    REQUIRE(d.replies<fill_answer>(8).size() == 1);
    CHECK(d.replies<fill_answer>(8).front().fill.fill_id == "F2");
    CHECK(d.replies<fill_answer>(8).front().order.order.filled_quantity == 50);
  }
  WHEN("a fill on purpose is told again") {
    d.broker_reports(broker_view::state::working, {fill("F1", 40)}, client(8));
    CHECK_FALSE(d.appending());
    REQUIRE(d.replies<fill_answer>(8).size() == 1);
    CHECK(d.replies<fill_answer>(8).front().fill.fill_id == "F1");
    CHECK(d.replies<fill_answer>(8).front().order.replayed);
  }
  WHEN("what is told on purpose is no fill") {
    d.broker_reports(broker_view::state::working, {}, client(8));
    REQUIRE(d.replies<rejected>(8).size() == 1);
    CHECK(d.replies<rejected>(8).front().why == rejection::order_closed);
  }
}

SCENARIO("a report that finds the order not working makes it read what the lost answer had told") {
  const bool unknown = GENERATE(false, true);
  order_desk d;
  if (unknown) {
    d.unknown();
  } else {
    d.sent();
  }
  d.broker_reports(broker_view::state::working, {fill("F2", 60)});
  d.store();
  CHECK(d.status() == order_status::partially_filled);
  CHECK(d.alarm_after(resolve) == 0);
  d.clear();
  d.give(sb::alarm{resolve});
  REQUIRE(d.calls() == std::vector{broker_verb::query});
  WHEN("the book shows a fill that was never reported") {
    d.broker_says(broker_verb::query, broker_answered::outcome::seen,
                  {broker_view::state::filled, "B1", {}, {}, {fill("F1", 40), fill("F2", 60)}});
    d.store();
    CHECK(d.status() == order_status::filled);
    CHECK(d.state().filled_quantity == 100);
  }
  WHEN("an earlier question is answered, of when the order was not there yet") {
    d.broker_says(broker_verb::query, broker_answered::outcome::not_found);
    THEN("that is not the read that it waits for") { CHECK_FALSE(d.core->can_retire()); }
  }
  WHEN("the read has no answer") {
    CHECK_FALSE(d.core->can_retire());
    d.give(sb::alarm{resolve});
    THEN("it is asked again") { CHECK(d.calls(broker_verb::query) == 2); }
  }
}
