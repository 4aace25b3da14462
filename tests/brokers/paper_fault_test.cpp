#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/brokers/paper_fixture.hpp"

using namespace sb;
using namespace sb::paper_test;
using broker::book_state;

namespace {

fault_rule next_one(paper_fault fault, broker_operation on = broker_operation::place, std::int64_t delay_ms = 0) {
  return {fault, on, {}, 0, 1, delay_ms};
}

}  // namespace

SCENARIO("a fault switch makes placing go wrong in its own way") {
  desk_clock desk;
  const auto order = buy("o1", 10, 150'000);
  GIVEN("reject") {
    desk.broker.faults().set(next_one(paper_fault::reject));
    CHECK(rejection_code(desk.place(order)) == "FAULT_INJECTED");
    THEN("the next order is fine, the first stays rejected") {
      CHECK(accepted(desk.place(buy("o2", 10, 150'000))).state == book_state::working);
      CHECK(rejection_code(desk.place(order)) == "FAULT_INJECTED");
    }
  }
  GIVEN("reject, for an order that lives already") {
    desk.place(order);
    desk.broker.faults().set(next_one(paper_fault::reject));
    THEN("it is not denied") { CHECK(accepted(desk.place(order)).broker_order_id == "PB1"); }
  }
  GIVEN("slow") {
    desk.broker.faults().set(next_one(paper_fault::slow, broker_operation::place, 700));
    const auto outputs = desk.place(order);
    THEN("it is booked at once and the answer is due later") {
      REQUIRE(outputs.size() == 1);
      CHECK(outputs[0].due.value == desk.now.boot.value + 700);
      CHECK(accepted(outputs).broker_order_id == "PB1");
      CHECK(desk.the_order("o1").state == book_state::working);
    }
  }
  GIVEN("accept then hang") {
    desk.tick(150'000, 4);
    desk.broker.faults().set(next_one(paper_fault::accept_then_hang));
    const auto outputs = desk.place(order);
    THEN("there is no answer, but the order lives and its fill is reported as news") {
      CHECK(all_of_type<broker::place_answer>(outputs).empty());
      REQUIRE(reports(outputs).size() == 1);
      CHECK_FALSE(reports(outputs)[0].in_answer);
      CHECK(desk.the_order("o1").filled_quantity == 4);
      AND_THEN("placing it again tells what happened") {
        CHECK(accepted(desk.place(order)).fills.size() == 1);
        CHECK(desk.broker.orders() == 1);
      }
    }
  }
  GIVEN("drop before accept") {
    desk.broker.faults().set(next_one(paper_fault::drop_before_accept));
    THEN("nothing is booked and nothing answered") {
      CHECK(desk.place(order).empty());
      CHECK(desk.find("o1").empty());
      CHECK(desk.facts.empty());
      AND_THEN("placing it again books it") { CHECK(accepted(desk.place(order)).broker_order_id == "PB1"); }
    }
  }
  GIVEN("late accept") {
    desk.broker.faults().set(next_one(paper_fault::late_accept, broker_operation::place, 5000));
    CHECK(desk.place(order).empty());
    CHECK(desk.broker.next_due() == boot_ms{desk.now.boot.value + 5000});
    CHECK(desk.find("o1").empty());
    CHECK(desk.wait(4999).empty());
    CHECK(desk.find("o1").empty());
    WHEN("its time comes") {
      CHECK(desk.wait(1).empty());
      THEN("the order is there, without an answer") {
        CHECK(desk.the_order("o1").state == book_state::working);
        CHECK(desk.broker.next_due() == std::nullopt);
      }
    }
    WHEN("it is canceled by its id before") {
      CHECK(canceled(desk.cancel({"o1", anna, ""})) == broker::cancel_answer{broker::blocked{}});
      desk.wait(1);
      THEN("it never comes to life") {
        CHECK(desk.find("o1").empty());
        CHECK(desk.broker.working_orders() == 0);
      }
    }
    WHEN("it is placed again before") {
      CHECK(accepted(desk.place(order)).broker_order_id == "PB1");
      desk.wait(1);
      THEN("there is one order") { CHECK(desk.find("o1").size() == 1); }
    }
  }
  GIVEN("late accept at a broker with tags only, placed again and canceled meanwhile") {
    desk.broker.set_id_mode(client_id_mode::tag_only);
    desk.broker.faults().set(next_one(paper_fault::late_accept, broker_operation::place, 5000));
    desk.place(order);
    CHECK(canceled(desk.cancel({"o1", anna, ""})) == broker::cancel_answer{broker::not_found{}});
    desk.place(order);
    desk.wait(5000);
    THEN("it lives, and twice") { CHECK(desk.find("o1").size() == 2); }
  }
  GIVEN("late accept of an order that is refused then") {
    desk.broker.faults().set(next_one(paper_fault::late_accept, broker_operation::place, 10));
    desk.place(buy("o1", 10, 150'001));
    const auto outputs = desk.wait(10);
    THEN("the refusal is a report, as no answer can tell it") {
      REQUIRE(reports(outputs).size() == 1);
      CHECK(std::get<broker::rejection_report>(reports(outputs)[0].what).code == "PRICE_OFF_TICK");
    }
  }
  GIVEN("late reject") {
    desk.broker.faults().set(next_one(paper_fault::late_reject, broker_operation::place, 300));
    CHECK(accepted(desk.place(order)).state == book_state::working);
    WHEN("nothing was filled until then") {
      const auto outputs = desk.wait(300);
      THEN("the accepted order is rejected after all") {
        REQUIRE(reports(outputs).size() == 1);
        CHECK(std::holds_alternative<broker::rejection_report>(reports(outputs)[0].what));
        CHECK(desk.the_order("o1").state == book_state::rejected);
        CHECK(desk.tick(150'000, 100).empty());
        CHECK(rejection_code(desk.place(order)) == "FAULT_INJECTED");
      }
    }
    WHEN("something was filled") {
      desk.tick(150'000, 1);
      THEN("it works on") {
        CHECK(desk.wait(300).empty());
        CHECK(desk.the_order("o1").state == book_state::working);
      }
    }
    WHEN("it was canceled") {
      desk.cancel({"o1", anna, ""});
      THEN("it stays canceled") {
        CHECK(desk.wait(300).empty());
        CHECK(desk.the_order("o1").state == book_state::canceled);
      }
    }
  }
  GIVEN("duplicate fill") {
    desk.place(order);
    desk.broker.faults().set(next_one(paper_fault::duplicate_fill));
    const auto outputs = desk.tick(150'000, 4);
    THEN("the same fill is told in two reports and moves the quantity once") {
      const auto told = reports(outputs);
      REQUIRE(told.size() == 2);
      CHECK(told[0].what == told[1].what);
      CHECK(told[0].sequence + 1 == told[1].sequence);
      CHECK(desk.the_order("o1").filled_quantity == 4);
      CHECK(reports(desk.tick(150'000, 4)).size() == 1);
    }
  }
}

SCENARIO("cancels and reads go wrong too") {
  desk_clock desk;
  desk.place(buy("o1", 10, 150'000));
  const auto set = [&](paper_fault fault, broker_operation on, std::int64_t delay_ms = 0) {
    REQUIRE(desk.broker.faults().set(next_one(fault, on, delay_ms)));
  };
  GIVEN("a cancel that hangs") {
    set(paper_fault::accept_then_hang, broker_operation::cancel);
    const auto outputs = desk.cancel({"o1", anna, ""});
    THEN("it is canceled, and only a report says so") {
      CHECK(all_of_type<broker::cancel_answer>(outputs).empty());
      CHECK(reports(outputs).size() == 1);
      CHECK(desk.the_order("o1").state == book_state::canceled);
    }
  }
  GIVEN("a cancel that is lost") {
    set(paper_fault::drop_before_accept, broker_operation::cancel);
    CHECK(desk.cancel({"o1", anna, ""}).empty());
    THEN("the order works on") { CHECK(desk.the_order("o1").state == book_state::working); }
  }
  GIVEN("a cancel that is refused") {
    set(paper_fault::reject, broker_operation::cancel);
    CHECK(std::holds_alternative<broker::rejected>(canceled(desk.cancel({"o1", anna, ""}))));
    THEN("the order works on") { CHECK(desk.the_order("o1").state == book_state::working); }
  }
  GIVEN("a cancel that comes late") {
    set(paper_fault::late_accept, broker_operation::cancel, 50);
    CHECK(desk.cancel({"o1", anna, ""}).empty());
    WHEN("the order is filled in part before") {
      desk.tick(150'000, 6);
      desk.wait(50);
      THEN("only the rest is canceled") {
        CHECK(desk.the_order("o1").state == book_state::canceled);
        CHECK(desk.the_order("o1").filled_quantity == 6);
      }
    }
    WHEN("the order is filled before") {
      desk.tick(150'000, 10);
      THEN("the fill won") {
        CHECK(desk.wait(50).empty());
        CHECK(desk.the_order("o1").state == book_state::filled);
      }
    }
  }
  GIVEN("a slow cancel") {
    set(paper_fault::slow, broker_operation::cancel, 50);
    const auto outputs = desk.cancel({"o1", anna, ""});
    CHECK(outputs.front().due.value == desk.now.boot.value + 50);
  }
  GIVEN("reads that are refused, slow, or never answered") {
    const paper_request<broker::query> ask{5, {"o1", anna}};
    set(paper_fault::reject, broker_operation::read);
    CHECK(std::holds_alternative<broker::rejected>(std::get<broker::book_answer>(desk.run(ask).front().body)));
    set(paper_fault::slow, broker_operation::read, 80);
    CHECK(desk.run(ask).front().due.value == desk.now.boot.value + 80);
    set(paper_fault::drop_before_accept, broker_operation::read);
    CHECK(desk.run(ask).empty());
    set(paper_fault::accept_then_hang, broker_operation::read);
    CHECK(desk.run(ask).empty());
    CHECK(desk.run(ask).size() == 1);
  }
}

TEST_CASE("a rule of an account stands before the rule for all") {
  desk_clock desk;
  auto& faults = desk.broker.faults();
  REQUIRE(faults.set({paper_fault::reject, broker_operation::place, {}, 1'000'000, 0, 0}));
  REQUIRE(faults.set({paper_fault::reject, broker_operation::place, anna, 0, 1, 0}));
  auto of_ben = buy("b1", 1, 150'000);
  of_ben.account = ben;
  CHECK(rejection_code(desk.place(of_ben)) == "FAULT_INJECTED");
  CHECK(faults.rules().size() == 2);
  CHECK(rejection_code(desk.place(buy("a1", 1, 150'000))) == "FAULT_INJECTED");
  CHECK(faults.rules().size() == 1);  // used up
  faults.clear(ben);
  CHECK(faults.rules().size() == 1);
  REQUIRE(faults.set({paper_fault::reject, broker_operation::place, {}, 0, 0, 0}));
  CHECK(faults.rules().empty());
  CHECK(accepted(desk.place(buy("a2", 1, 150'000))).state == book_state::working);
  REQUIRE(faults.set({paper_fault::reject, broker_operation::place, anna, 0, 5, 0}));
  faults.clear();
  CHECK(faults.rules().empty());
}

TEST_CASE("a fault rule that cannot be is refused") {
  fault_switches faults{1};
  const auto r = GENERATE(values<fault_rule>({
      {paper_fault::reject, broker_operation::place, {}, -1, 0, 0},
      {paper_fault::reject, broker_operation::place, {}, 1'000'001, 0, 0},
      {paper_fault::reject, broker_operation::place, {}, 0, -1, 0},
      {paper_fault::slow, broker_operation::place, {}, 0, 1, -1},
      {paper_fault::slow, broker_operation::place, {}, 0, 1, fault_switches::delay_ms_max + 1},
      {paper_fault::late_accept, broker_operation::read, {}, 0, 1, 1},
      {paper_fault::late_reject, broker_operation::cancel, {}, 0, 1, 1},
      {paper_fault::duplicate_fill, broker_operation::read, {}, 0, 1, 0},
  }));
  CHECK_FALSE(faults.set(r));
  CHECK(faults.rules().empty());
}

TEST_CASE("there is a bound to fault rules") {
  fault_switches faults{1};
  for (std::size_t i = 1; i <= fault_switches::rules_max; ++i)
    REQUIRE(faults.set({paper_fault::reject, broker_operation::place, {static_cast<std::int64_t>(i)}, 0, 1, 0}));
  CHECK_FALSE(faults.set({paper_fault::reject, broker_operation::place, {}, 0, 1, 0}));
  CHECK(faults.set({paper_fault::reject, broker_operation::place, {1}, 0, 2, 0}));
}

TEST_CASE("a probability is about what it says, and the seed decides which") {
  const auto fired = [](std::uint64_t seed, std::int32_t ppm) {
    fault_switches faults{seed};
    faults.set({paper_fault::reject, broker_operation::place, {}, ppm, 0, 0});
    std::vector<bool> draws;
    for (int i = 0; i < 4000; ++i) draws.push_back(faults.draw(broker_operation::place, anna).reject);
    return draws;
  };
  const auto quarter = fired(7, 250'000);
  const auto count = std::count(quarter.begin(), quarter.end(), true);
  CHECK(count > 850);
  CHECK(count < 1150);
  CHECK(fired(7, 250'000) == quarter);
  CHECK(fired(8, 250'000) != quarter);
  CHECK(std::count(quarter.begin(), quarter.end(), true) != 0);
  const auto never = fired(7, 0);
  CHECK(std::count(never.begin(), never.end(), true) == 0);
  const auto always = fired(7, 1'000'000);
  CHECK(std::count(always.begin(), always.end(), true) == 4000);
}

TEST_CASE("requests held back have a bound") {
  desk_clock desk{{.deferred_max = 2}};
  desk.broker.faults().set({paper_fault::late_accept, broker_operation::place, {}, 0, 3, 10});
  for (const std::string id : {"o1", "o2", "o3"}) desk.place(buy(id, 1, 150'000));
  desk.wait(10);
  CHECK(desk.broker.orders() == 2);
}

TEST_CASE("every fault and operation has a word that reads back") {
  using enum paper_fault;
  for (const auto fault :
       {reject, slow, accept_then_hang, drop_before_accept, late_accept, late_reject, duplicate_fill})
    CHECK(paper_fault_from(word(fault)) == fault);
  for (const auto on : {broker_operation::place, broker_operation::cancel, broker_operation::read})
    CHECK(broker_operation_from(word(on)) == on);
  CHECK_FALSE(paper_fault_from("").has_value());
  CHECK_FALSE(broker_operation_from("places").has_value());
}
