#include "domain/orders/order.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

using namespace sb;

namespace {

// The whole life cycle as the desk would write it: a row for each status, a column for each event, a dot where there is
// no step.
constexpr auto life_cycle = R"(
from              requested   denied accepted rejected unknown part             last   cancel_requested canceled expired absent
none              pending_new denied .        .        .       .                .      .                .        .       .
pending_new       .           denied new      rejected unknown .                .      pending_new      canceled .       .
new               .           .      .        rejected .       partially_filled filled new              canceled expired .
partially_filled  .           .      .        .        .       partially_filled filled partially_filled canceled expired .
filled            .           .      .        .        .       .                .      .                .        .       .
canceled          .           .      .        .        .       canceled         filled .                .        .       .
rejected          .           .      .        .        .       .                .      .                .        .       .
denied            .           .      .        .        .       .                .      .                .        .       .
expired           .           .      .        .        .       expired          filled .                .        .       .
unknown           .           .      new      rejected .       .                .      unknown          canceled expired absent
absent            .           .      new      rejected .       .                .      absent           canceled expired .
)";

order_requested requested_100() {
  order_requested fact;
  fact.command.quantity = 100;
  fact.command.price = {15'000'000};
  fact.fingerprint = "f1";
  fact.attempt = 1;
  return fact;
}

order_state given(const std::vector<order_event>& history) {
  order_state order;
  std::int64_t at = 1'000;
  for (const auto& event : history) evolve(order, event, {at++});
  return order;
}

order_filled fill(std::string id, std::int64_t quantity, std::int64_t ticks, bool last = false) {
  order_filled fact;
  fact.fill_id = std::move(id);
  fact.quantity = quantity;
  fact.price = {ticks};
  fact.last = last;
  return fact;
}

const std::vector<order_event> one_of_each{order_requested{},     order_denied{},           order_accepted{},
                                           order_rejected{},      order_outcome_unknown{},  fill("f", 1, 1),
                                           fill("f", 1, 1, true), order_cancel_requested{}, order_canceled{},
                                           order_expired{},       order_marked_absent{}};

}  // namespace

TEST_CASE("every status meets every event as the life cycle says") {
  std::istringstream grid{life_cycle};
  std::string line;
  std::getline(grid, line);
  std::getline(grid, line);  // the heading
  std::size_t rows = 0;
  std::size_t steps = 0;
  for (; std::getline(grid, line); ++rows) {
    std::istringstream cells{line};
    std::string from_word;
    std::string to_word;
    cells >> from_word;
    const auto from = order_status_from(from_word);
    REQUIRE(from);
    REQUIRE(static_cast<std::size_t>(*from) == rows);
    for (std::size_t kind = 0; kind < order_event_kind_count; ++kind) {
      REQUIRE(cells >> to_word);
      CAPTURE(from_word, kind, to_word);
      const auto event = static_cast<order_event_kind>(kind);
      REQUIRE(kind_of(one_of_each[kind]) == event);
      const auto to = next_status(*from, event);
      CHECK((to ? std::string{word(*to)} : ".") == to_word);
      if (to) ++steps;

      order_state order;
      order.status = *from;
      evolve(order, one_of_each[kind], {5});
      CHECK(order.status == to.value_or(*from));
      CHECK(order.version == 1);
    }
    CHECK_FALSE(cells >> to_word);
  }
  CHECK(rows == order_status_count);
  CHECK(steps == order_transitions().size());  // no step is written twice
}

TEST_CASE("closed and working statuses") {
  struct row {
    order_status status;
    bool closed, working;
  };
  using s = order_status;
  const std::vector<row> rows{
      {s::none, false, false},    {s::pending_new, false, false}, {s::new_, false, true},
      {s::filled, true, false},   {s::canceled, true, false},     {s::partially_filled, false, true},
      {s::rejected, true, false}, {s::denied, true, false},       {s::expired, true, false},
      {s::unknown, false, false}, {s::absent, false, false},
  };
  REQUIRE(rows.size() == order_status_count);
  for (const auto& r : rows) {
    CAPTURE(word(r.status));
    CHECK(is_closed(r.status) == r.closed);
    CHECK(is_working(r.status) == r.working);
  }
}

TEST_CASE("words read back as themselves, and nothing else is a word") {
  for (const auto value : {side::buy, side::sell}) CHECK(side_from(word(value)) == value);
  for (const auto value : {order_type::market, order_type::limit, order_type::stop_loss, order_type::sl_market}) {
    CHECK(order_type_from(word(value)) == value);
  }
  for (const auto value : {product_type::intraday, product_type::delivery, product_type::normal, product_type::mtf}) {
    CHECK(product_type_from(word(value)) == value);
  }
  for (const auto value : {validity::day, validity::ioc}) CHECK(validity_from(word(value)) == value);
  for (std::size_t i = 0; i < order_status_count; ++i) {
    const auto status = static_cast<order_status>(i);
    CHECK(order_status_from(word(status)) == status);
  }
  CHECK(word(order_status::new_) == "new");
  CHECK(word(order_type::sl_market) == "SL_MARKET");
  for (const auto* text : {"", "buy", "BUYY", "Market", "NEW"}) {
    CAPTURE(text);
    CHECK_FALSE(side_from(text));
    CHECK_FALSE(order_type_from(text));
    CHECK_FALSE(product_type_from(text));
    CHECK_FALSE(validity_from(text));
    CHECK_FALSE(order_status_from(text));
  }
}

SCENARIO("an order fills in parts") {
  GIVEN("100 accepted by the broker") {
    auto order = given({requested_100(), order_accepted{"B1"}});
    CHECK(order.status == order_status::new_);
    CHECK(order.created_at == wall_ms{1'000});
    CHECK(order.updated_at == wall_ms{1'001});
    CHECK(order.broker_order_id == "B1");
    CHECK(pending_quantity(order) == 100);
    CHECK(average_price(order) == money{});
    WHEN("40 fill at 1500 and 60 at 1499") {
      evolve(order, fill("f1", 40, 15'000'000), {1'002});
      CHECK(order.status == order_status::partially_filled);
      CHECK(pending_quantity(order) == 60);
      evolve(order, fill("f2", 60, 14'990'000, true), {1'003});
      THEN("it is filled at 1499.40") {
        CHECK(order.status == order_status::filled);
        CHECK(order.filled_quantity == 100);
        CHECK(pending_quantity(order) == 0);
        CHECK(average_price(order) == money{14'994'000});
        CHECK(order.fill_ids == std::set<std::string>{"f1", "f2"});
        CHECK(order.version == 4);
      }
    }
    WHEN("a cancel wins after 40, and a fill of 60 had crossed it") {
      evolve(order, fill("f1", 40, 15'000'000), {1'002});
      evolve(order, order_cancel_requested{}, {1'003});
      CHECK(order.cancel_requested);
      CHECK(order.status == order_status::partially_filled);
      evolve(order, order_canceled{}, {1'004});
      CHECK(order.status == order_status::canceled);
      CHECK(pending_quantity(order) == 0);
      evolve(order, fill("f2", 60, 15'000'000, true), {1'005});
      THEN("the fill is a fact all the same") {
        CHECK(order.status == order_status::filled);
        CHECK(order.filled_quantity == 100);
      }
    }
    WHEN("the broker fills more than was asked") {
      evolve(order, fill("f1", 130, 15'000'000), {1'002});
      THEN("nothing is pending, not less than nothing") { CHECK(pending_quantity(order) == 0); }
    }
  }
}

SCENARIO("an order is lost and found") {
  GIVEN("no answer from the broker, and three empty reads") {
    auto order = given({requested_100(), order_outcome_unknown{"timeout"}, order_marked_absent{3}});
    CHECK(order.status == order_status::absent);
    CHECK(order.reason == "timeout");
    WHEN("it is found late, and fills") {
      evolve(order, order_accepted{"B9"}, {2'000});
      CHECK(order.status == order_status::new_);
      CHECK(order.reason.empty());
      evolve(order, fill("f1", 100, 15'000'000, true), {2'001});
      THEN("it is an order like any other") {
        CHECK(order.status == order_status::filled);
        CHECK(order.broker_order_id == "B9");
      }
    }
  }
}

SCENARIO("what is no step leaves a closed order as it was") {
  GIVEN("a denied order") {
    auto order = given({requested_100(), order_denied{denial::limits, "too much", {violation{}}, 7}});
    CHECK(order.status == order_status::denied);
    CHECK(order.denied_because == denial::limits);
    CHECK(order.violations.size() == 1);
    CHECK(order.quantity_max == 7);
    WHEN("stray facts follow") {
      auto other = requested_100();
      other.command.quantity = 5;
      evolve(order, other, {2'000});
      evolve(order, order_accepted{"B1"}, {2'001});
      evolve(order, order_cancel_requested{}, {2'002});
      THEN("only the version tells") {
        CHECK(order.status == order_status::denied);
        CHECK(order.command.quantity == 100);
        CHECK(order.broker_order_id.empty());
        CHECK_FALSE(order.cancel_requested);
        CHECK(order.version == 5);
      }
    }
    WHEN("the broker reports a fill of it") {
      evolve(order, fill("f1", 30, 15'000'000), {2'000});
      THEN("the money is counted") {
        CHECK(order.status == order_status::denied);
        CHECK(order.filled_quantity == 30);
        CHECK(order.filled_value == money{450'000'000});
      }
    }
  }
  GIVEN("an id that was never requested") {
    auto order = given({order_denied{denial::never_requested, "", {}, {}}});
    THEN("a late request does not open it") {
      evolve(order, requested_100(), {2'000});
      CHECK(order.status == order_status::denied);
    }
  }
}

TEST_CASE("an order reserves at its limit, or at the reference price with its protection") {
  struct row {
    order_type type;
    std::int64_t price, reference;
    std::int32_t protection;
    std::int64_t reserved;
  };
  const std::vector<row> rows{
      {order_type::limit, 15'000'000, 1, 500, 15'000'000},
      {order_type::stop_loss, 15'000'000, 1, 500, 15'000'000},
      {order_type::market, 0, 10'000'000, 500, 10'500'000},
      {order_type::sl_market, 0, 10'000'000, 500, 10'500'000},
      {order_type::market, 0, 10'000'000, 0, 10'000'000},
      {order_type::market, 0, 10'001, 1, 10'003},  // 10002.0001: protection never rounds down
      {order_type::market, 0, money::ticks_max, std::numeric_limits<std::int32_t>::max(), money::ticks_max},
  };
  for (const auto& r : rows) {
    order_command command;
    command.type = r.type;
    command.price = {r.price};
    command.reference_price = {r.reference};
    command.market_protection = r.protection;
    command.quantity = 2;
    CAPTURE(word(r.type), r.price, r.reference, r.protection);
    CHECK(reserve_price(command).ticks == r.reserved);
    CHECK(reserve_value(command) == saturating_mul({r.reserved}, 2));
  }
}
