#include <catch2/catch.hpp>

#include "actors/trade/brokers/paper_log.hpp"
#include "tests/brokers/paper_fixture.hpp"

using namespace sb;
using namespace sb::paper_test;
using broker::book_state;
using ids_and_shares = std::vector<std::pair<order_id, std::int64_t>>;

SCENARIO("orders rest and fill in parts against the market's volume") {
  GIVEN("a limit order below the market") {
    desk_clock desk;
    const auto answer = accepted(desk.place(buy("o1", 100, 150'000)));
    CHECK(answer == broker::accepted{"PB1", book_state::working, {}});
    WHEN("the market trades above its price") {
      const auto outputs = desk.tick(150'005, 1000);
      THEN("nothing happens") { CHECK(outputs.empty()); }
    }
    WHEN("the market trades 30 at its price, 20 below and 500 at its price again") {
      const auto first = desk.tick(150'000, 30);
      const auto second = desk.tick(149'000, 20);
      const auto third = desk.tick(150'000, 500);
      THEN("it fills in three parts at the market's prices") {
        CHECK(fills(first) == std::vector<broker::fill>{{"PB1-1", 30, rupees(150'000), desk.now.wall}});
        CHECK(fills(second) == std::vector<broker::fill>{{"PB1-2", 20, rupees(149'000), desk.now.wall}});
        CHECK(fills(third) == std::vector<broker::fill>{{"PB1-3", 50, rupees(150'000), desk.now.wall}});
        CHECK(desk.the_order("o1").state == book_state::filled);
        CHECK(desk.broker.working_orders() == 0);
        CHECK(desk.tick(150'000, 500).empty());
      }
    }
  }
  GIVEN("five buys at three prices, one of them a market order") {
    desk_clock desk;
    desk.place(buy("low", 10, 149'000));
    desk.place(buy("high-first", 10, 150'000));
    desk.place(buy("high-second", 10, 150'000));
    desk.place(at_market(buy("market", 10, 0)));
    desk.place(buy("higher", 10, 150'100));
    WHEN("the market trades less than they want") {
      const auto outputs = desk.tick(149'000, 45);
      THEN("they are served market orders first, then by price, then by time") {
        CHECK(shares(outputs) ==
              ids_and_shares{{"market", 10}, {"higher", 10}, {"high-first", 10}, {"high-second", 10}, {"low", 5}});
      }
    }
    WHEN("the one that is first in its level is canceled") {
      desk.cancel({"high-first", anna, ""});
      THEN("the next one moves up") {
        CHECK(shares(desk.tick(150'000, 25)) == ids_and_shares{{"market", 10}, {"higher", 10}, {"high-second", 5}});
      }
    }
  }
  GIVEN("sells at two prices and a buy") {
    desk_clock desk;
    desk.place(sell("dear", 10, 151'000));
    desk.place(sell("cheap", 10, 150'000));
    desk.place(buy("buy", 10, 150'500));
    WHEN("the market trades between them") {
      const auto outputs = desk.tick(150'200, 100);
      THEN("only who wants that price trades, each side against the whole volume") {
        CHECK(shares(outputs) == ids_and_shares{{"buy", 10}, {"cheap", 10}});
      }
    }
    WHEN("another symbol trades there") {
      THEN("nothing happens") { CHECK(desk.tick(150'200, 100, "SBIN").empty()); }
    }
    WHEN("a price without volume is told") {
      THEN("nothing can trade with it") { CHECK(desk.tick(150'200, 0).empty()); }
    }
  }
}

SCENARIO("an order that comes after a tick trades with what is left of it") {
  desk_clock desk;
  desk.tick(150'000, 100);
  GIVEN("a market order for less") {
    const auto outputs = desk.place(at_market(buy("o1", 60, 0)));
    THEN("it is filled at once, in the answer, and a report says the same") {
      const auto answer = accepted(outputs);
      CHECK(answer.state == book_state::filled);
      REQUIRE(answer.fills.size() == 1);
      CHECK(fills(outputs) == answer.fills);
      CHECK(std::holds_alternative<broker::place_answer>(outputs.front().body));
      CHECK(reports(outputs).front().in_answer);
      AND_THEN("the next one finds only the rest, and the other side all") {
        CHECK(accepted(desk.place(at_market(buy("o2", 60, 0)))).fills.front().quantity == 40);
        CHECK(accepted(desk.place(at_market(sell("o3", 100, 0)))).fills.front().quantity == 100);
      }
    }
  }
  GIVEN("a limit order that does not reach the price") {
    THEN("it rests") { CHECK(accepted(desk.place(buy("o1", 60, 149'995))).fills.empty()); }
  }
  GIVEN("the end of the day") {
    desk.run(trading_day_end{});
    THEN("the last tick is used up") { CHECK(accepted(desk.place(at_market(buy("o1", 60, 0)))).fills.empty()); }
  }
}

SCENARIO("IOC takes what there is and cancels the rest") {
  desk_clock desk;
  desk.tick(150'000, 40);
  GIVEN("an IOC order for more than there is") {
    const auto outputs = desk.place(ioc(buy("o1", 100, 150'000)));
    THEN("it is filled in part and canceled") {
      const auto answer = accepted(outputs);
      CHECK(answer.state == book_state::canceled);
      CHECK(answer.fills.front().quantity == 40);
      CHECK(std::holds_alternative<broker::cancel_report>(reports(outputs).back().what));
      CHECK(desk.tick(150'000, 40).empty());
    }
  }
  GIVEN("an IOC order for what there is") {
    THEN("it is filled") { CHECK(accepted(desk.place(ioc(buy("o1", 40, 150'000)))).state == book_state::filled); }
  }
  GIVEN("an IOC order at a price that is not there") {
    THEN("it is canceled whole") {
      const auto answer = accepted(desk.place(ioc(buy("o1", 40, 149'000))));
      CHECK(answer.state == book_state::canceled);
      CHECK(answer.fills.empty());
    }
  }
}

SCENARIO("DAY orders expire at the end of the day") {
  desk_clock desk;
  desk.place(buy("untouched", 10, 140'000));
  desk.place(buy("in part", 10, 150'000));
  desk.place(buy("done", 10, 160'000));
  desk.place(at_market(buy("market", 10, 0, "SBIN")));
  desk.tick(150'000, 14);
  const auto outputs = desk.run(trading_day_end{});
  CHECK(reports(outputs).size() == 3);
  CHECK(desk.the_order("untouched").state == book_state::expired);
  CHECK(desk.the_order("in part").state == book_state::expired);
  CHECK(desk.the_order("in part").filled_quantity == 4);
  CHECK(desk.the_order("done").state == book_state::filled);
  CHECK(desk.the_order("market").state == book_state::expired);
  CHECK(desk.broker.working_orders() == 0);
  CHECK(desk.run(trading_day_end{}).empty());
}

TEST_CASE("fills come in whole lots") {
  desk_clock desk;
  desk.place(buy("o1", 195, 2'500'000, "NIFTY_31-DEC-2026_FUT"));
  CHECK(desk.tick(2'500'000, 64, "NIFTY_31-DEC-2026_FUT").empty());
  CHECK(fills(desk.tick(2'500'000, 129, "NIFTY_31-DEC-2026_FUT")).front().quantity == 65);
  CHECK(fills(desk.tick(2'500'000, 1000, "NIFTY_31-DEC-2026_FUT")).front().quantity == 130);
}

TEST_CASE("the paper broker refuses what the exchange would refuse") {
  struct row {
    std::string what;
    broker::place order;
    std::string code;
  };
  auto off_type = [](order_type type) {
    auto order = buy("o", 1, 150'000);
    order.type = type;
    return order;
  };
  auto priced = [](money price) {
    auto order = buy("o", 1, 150'000);
    order.price = price;
    return order;
  };
  const std::string fut = "NIFTY_31-DEC-2026_FUT";
  const auto r = GENERATE_COPY(values<row>({
      {"unknown symbol", buy("o", 1, 150'000, "NOSUCH"), "SYMBOL_UNKNOWN"},
      {"stop loss", off_type(order_type::stop_loss), "ORDER_TYPE_UNSUPPORTED"},
      {"stop loss market", off_type(order_type::sl_market), "ORDER_TYPE_UNSUPPORTED"},
      {"quantity 0", buy("o", 0, 150'000), "QUANTITY_NOT_POSITIVE"},
      {"quantity negative", buy("o", -1, 150'000), "QUANTITY_NOT_POSITIVE"},
      {"quantity beyond the book", buy("o", 1'000'000'000'001, 150'000), "QUANTITY_TOO_LARGE"},
      {"broken lot", buy("o", 66, 2'500'000, fut), "QUANTITY_NOT_LOT_MULTIPLE"},
      {"above freeze", buy("o", 1820, 2'500'000, fut), "QUANTITY_ABOVE_FREEZE"},
      {"no price", buy("o", 1, 0), "PRICE_NOT_POSITIVE"},
      {"off tick", buy("o", 1, 150'001), "PRICE_OFF_TICK"},
      {"price beyond the book", priced({money::ticks_max + 500}), "PRICE_TOO_LARGE"},
      {"id too long", buy(std::string(65, 'x'), 1, 150'000), "REQUEST_INVALID"},
      {"no id", buy("", 1, 150'000), "REQUEST_INVALID"},
      {"symbol too long", buy("o", 1, 150'000, std::string(65, 'x')), "REQUEST_INVALID"},
  }));
  CAPTURE(r.what);
  desk_clock desk;
  const auto outputs = desk.place(r.order);
  CHECK(rejection_code(outputs) == r.code);
  CHECK(reports(outputs).empty());
  CHECK(desk.broker.working_orders() == 0);
  // A refusal is an answer for good: the same id again, even with a right order, gets it again.
  if (r.code != "REQUEST_INVALID") CHECK(rejection_code(desk.place(buy("o", 1, 150'000))) == r.code);
}

SCENARIO("with unique ids one client id makes one order") {
  desk_clock desk;
  GIVEN("an order that is filled in part") {
    desk.place(buy("o1", 100, 150'000));
    desk.tick(150'000, 30);
    WHEN("it is placed again, even with other content") {
      const auto again = accepted(desk.place(buy("o1", 7, 149'000)));
      THEN("the answer is the first order with its fills") {
        CHECK(again.broker_order_id == "PB1");
        CHECK(again.fills.size() == 1);
        CHECK(desk.broker.orders() == 1);
      }
    }
    WHEN("it is canceled and then placed again") {
      CHECK(canceled(desk.cancel({"o1", anna, ""})) == broker::cancel_answer{broker::canceled{"PB1", 30}});
      THEN("it stays canceled") {
        CHECK(accepted(desk.place(buy("o1", 100, 150'000))).state == book_state::canceled);
        CHECK(desk.broker.working_orders() == 0);
      }
    }
  }
  GIVEN("a cancel of an id that was never seen") {
    CHECK(canceled(desk.cancel({"o1", anna, ""})) == broker::cancel_answer{broker::blocked{}});
    WHEN("the order arrives after all") {
      THEN("it is refused, however often it comes") {
        CHECK(rejection_code(desk.place(buy("o1", 1, 150'000))) == "CLIENT_ID_BLOCKED");
        CHECK(rejection_code(desk.place(buy("o1", 1, 150'000))) == "CLIENT_ID_BLOCKED");
        CHECK(desk.find("o1").empty());
      }
    }
    WHEN("it is canceled again") {
      THEN("the answer is the same and the book holds it once") {
        CHECK(canceled(desk.cancel({"o1", anna, ""})) == broker::cancel_answer{broker::blocked{}});
        CHECK(desk.facts.size() == 1);
      }
    }
  }
}

SCENARIO("with a tag only, the client id keeps nothing from happening twice") {
  desk_clock desk{{.id_mode = client_id_mode::tag_only}};
  GIVEN("the same order placed twice") {
    desk.place(buy("o1", 10, 150'000));
    CHECK(accepted(desk.place(buy("o1", 10, 150'000))).broker_order_id == "PB2");
    THEN("there are two orders, and a query by the tag finds both") { CHECK(desk.find("o1").size() == 2); }
    WHEN("one is canceled by the broker's id") {
      desk.cancel({"o1", anna, "PB1"});
      THEN("the other works on") { CHECK(shares(desk.tick(150'000, 100)) == ids_and_shares{{"o1", 10}}); }
    }
    WHEN("they are canceled by the tag") {
      const auto outputs = desk.cancel({"o1", anna, ""});
      THEN("both are gone") {
        CHECK(reports(outputs).size() == 2);
        CHECK(desk.broker.working_orders() == 0);
      }
    }
  }
  GIVEN("a cancel of a tag that was never seen") {
    CHECK(canceled(desk.cancel({"o1", anna, ""})) == broker::cancel_answer{broker::not_found{}});
    THEN("the order can still arrive") { CHECK(accepted(desk.place(buy("o1", 10, 150'000))).broker_order_id == "PB1"); }
  }
  GIVEN("an account of its own mode") {
    desk.broker.set_id_mode(client_id_mode::unique, anna);
    desk.place(buy("o1", 10, 150'000));
    THEN("only that account's ids are unique") {
      CHECK(accepted(desk.place(buy("o1", 10, 150'000))).broker_order_id == "PB1");
      auto of_ben = buy("o2", 10, 150'000);
      of_ben.account = ben;
      desk.place(of_ben);
      CHECK(accepted(desk.place(of_ben)).broker_order_id == "PB3");
    }
  }
}

TEST_CASE("a cancel is answered by what it finds") {
  desk_clock desk;
  desk.place(buy("done", 10, 150'000));
  desk.tick(150'000, 10);
  const auto answer = canceled(desk.cancel({"done", anna, ""}));
  REQUIRE(std::holds_alternative<broker::already_closed>(answer));
  CHECK(std::get<broker::already_closed>(answer).order.state == book_state::filled);
  CHECK(canceled(desk.cancel({"", anna, "PB1"})) == answer);
  for (const std::string id : {"PB2", "PB0", "PB01", "PB-1", "PB", "1", "PB99999999999999999999"}) {
    CAPTURE(id);
    CHECK(canceled(desk.cancel({"done", anna, id})) == broker::cancel_answer{broker::not_found{}});
  }
}

TEST_CASE("an account's book is read in pages") {
  desk_clock desk;
  for (int i = 1; i <= 7; ++i) {
    auto order = buy("o" + std::to_string(i), 10, 100'000 + i * 5);
    if (i == 4) order.account = ben;
    desk.place(order);
  }
  desk.cancel({"o2", anna, ""});
  const auto page = [&](broker::read_book request) {
    const auto outputs = desk.run(paper_request<broker::read_book>{9, std::move(request)});
    REQUIRE(outputs.size() == 1);
    CHECK(outputs[0].token == 9);
    return std::get<broker::book_page>(std::get<broker::book_answer>(outputs[0].body));
  };
  const auto first = page({anna, false, "", 4});
  REQUIRE(first.orders.size() == 4);
  CHECK(first.more);
  CHECK(first.orders[1].state == book_state::canceled);
  const auto second = page({anna, false, first.orders.back().broker_order_id, 4});
  REQUIRE(second.orders.size() == 2);
  CHECK_FALSE(second.more);
  CHECK(second.orders[0].order == buy("o6", 10, 100'030));
  CHECK(page({anna, true, "", 500}).orders.size() == 5);
  CHECK(page({ben, false, "", 0}).orders.size() == 1);
  CHECK(page({account_id{3}, false, "", 500}).orders.empty());
}

SCENARIO("in an external market only what is told from outside trades") {
  desk_clock desk{{.external_market = true}};
  desk.place(buy("o1", 10, 150'000));
  const auto told = [&](const external_fill& fill) {
    const auto answers = all_of_type<external_fill_answer>(desk.run(paper_request<external_fill>{1, fill}));
    REQUIRE(answers.size() == 1);
    return answers.front();
  };
  GIVEN("ticks with volume") {
    THEN("nothing trades") { CHECK(desk.tick(150'000, 1000).empty()); }
  }
  GIVEN("an IOC order") {
    THEN("nothing is there for it") {
      CHECK(accepted(desk.place(ioc(buy("o2", 1, 150'000)))).state == book_state::canceled);
    }
  }
  GIVEN("fills from outside for more than the order wants") {
    const auto first = told({"o1", rupees(149'990), 7, ""});
    const auto second = told({"o1", rupees(149'990), 7, ""});
    THEN("the second is clipped to what is left, and a third finds the order closed") {
      CHECK(std::get<broker::fill>(first).quantity == 7);
      CHECK(std::get<broker::fill>(second).quantity == 3);
      CHECK(desk.the_order("o1").state == book_state::filled);
      CHECK(told({"o1", rupees(149'990), 1, ""}) == external_fill_answer{external_fill_refusal::order_closed});
    }
  }
  GIVEN("an execution told twice") {
    const auto first = told({"o1", rupees(149'990), 4, "x-1"});
    const auto again = told({"o1", rupees(149'990), 4, "x-1"});
    THEN("it counts once") {
      CHECK(first == again);
      CHECK(desk.the_order("o1").filled_quantity == 4);
    }
    THEN("another price or quantity under its id is refused") {
      const external_fill_answer refused = external_fill_refusal::execution_reused;
      CHECK(told({"o1", rupees(149'980), 4, "x-1"}) == refused);
      CHECK(told({"o1", rupees(149'990), 3, "x-1"}) == refused);
      CHECK(told({"o1", rupees(149'990), 5, "x-1"}) == refused);
      CHECK(desk.the_order("o1").filled_quantity == 4);
    }
    THEN("one that was cut down to what was left is told again as it was told") {
      const auto cut = told({"o1", rupees(149'990), 100, "x-2"});
      CHECK(std::get<broker::fill>(cut).quantity == 6);
      CHECK(told({"o1", rupees(149'990), 100, "x-2"}) == cut);
      CHECK(told({"o1", rupees(149'990), 5, "x-2"}) == external_fill_answer{external_fill_refusal::execution_reused});
      CHECK(told({"o1", rupees(149'990), 4, "x-1"}) == first);
    }
  }
  GIVEN("fills that cannot be") {
    using why = external_fill_refusal;
    CHECK(told({"nobody", rupees(100), 1, ""}) == external_fill_answer{why::order_not_found});
    CHECK(told({"o1", rupees(100), 0, ""}) == external_fill_answer{why::invalid});
    CHECK(told({"o1", rupees(0), 1, ""}) == external_fill_answer{why::invalid});
    CHECK(told({"o1", rupees(100), 1, std::string(65, 'x')}) == external_fill_answer{why::invalid});
    desk.cancel({"o1", anna, ""});
    CHECK(told({"o1", rupees(100), 1, ""}) == external_fill_answer{why::order_closed});
  }
}

TEST_CASE("a market that matches takes no fills from outside") {
  desk_clock desk;
  desk.place(buy("o1", 10, 150'000));
  const auto outputs = desk.run(paper_request<external_fill>{1, {"o1", rupees(150'000), 1, ""}});
  CHECK(all_of_type<external_fill_answer>(outputs).front() ==
        external_fill_answer{external_fill_refusal::not_external});
  CHECK(outputs.size() == 1);
}

TEST_CASE("reports count from one without a gap") {
  desk_clock desk;
  std::vector<broker::report> told;
  const auto keep = [&](const std::vector<paper_output>& outputs) {
    for (const auto& report : reports(outputs)) told.push_back(report);
  };
  for (int i = 1; i <= 5; ++i) keep(desk.place(buy("o" + std::to_string(i), 10, 150'000)));
  keep(desk.tick(150'000, 25));
  keep(desk.cancel({"o4", anna, ""}));
  keep(desk.run(trading_day_end{}));
  REQUIRE(told.size() == 6);  // three fills, a cancel, two expired
  for (std::size_t i = 0; i < told.size(); ++i) CHECK(told[i].sequence == static_cast<std::int64_t>(i) + 1);
  CHECK(desk.broker.last_report() == 6);
}

TEST_CASE("a full book refuses new orders and still cancels") {
  desk_clock desk{{.orders_max = 3}};
  desk.place(buy("o1", 1, 150'000));
  desk.place(buy("o2", 1, 150'000));
  desk.cancel({"blocked", anna, ""});
  CHECK(rejection_code(desk.place(buy("o3", 1, 150'000))) == "BOOK_FULL");
  const auto block = canceled(desk.cancel({"another", anna, ""}));
  REQUIRE(std::holds_alternative<broker::rejected>(block));
  CHECK(accepted(desk.place(buy("o1", 1, 150'000))).broker_order_id == "PB1");
  CHECK(std::holds_alternative<broker::canceled>(canceled(desk.cancel({"o1", anna, ""}))));

  desk_clock told{{.reports_max = 1}};
  told.place(buy("o1", 2, 150'000));
  CHECK(fills(told.tick(150'000, 1)).size() == 1);
  CHECK(told.tick(150'000, 1).empty());
  CHECK(rejection_code(told.place(buy("o2", 1, 150'000))) == "BOOK_FULL");
  CHECK(std::holds_alternative<broker::canceled>(canceled(told.cancel({"o1", anna, ""}))));
}
