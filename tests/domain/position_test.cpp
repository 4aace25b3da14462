#include "domain/positions/position.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

using namespace sb;

namespace {

constexpr trading_day monday{100};
constexpr trading_day tuesday{101};
money rupees(std::int64_t amount) { return {amount * money::unit}; }

struct fill {
  side direction;
  std::int64_t quantity;
  money price;
  trading_day day = monday;
};
position given(const std::vector<fill>& fills) {
  position held;
  for (const auto& f : fills) apply_fill(held, f.direction, f.quantity, f.price, f.day);
  return held;
}

}  // namespace

TEST_CASE("positions as a trader works them out by hand") {
  struct row {
    std::string name;
    std::vector<fill> fills;
    std::int64_t net;
    money average, realized;
    money last, unrealized;
  };
  const auto buy = side::buy;
  const auto sell = side::sell;
  const std::vector<row> rows{
      {"flat", {}, 0, {}, {}, rupees(10), {}},
      {"long", {{buy, 100, rupees(10)}}, 100, rupees(10), {}, rupees(12), rupees(200)},
      {"short", {{sell, 100, rupees(10)}}, -100, rupees(10), {}, rupees(12), rupees(-200)},
      {"averaged up", {{buy, 100, rupees(10)}, {buy, 300, rupees(14)}}, 400, rupees(13), {}, rupees(13), {}},
      {"reduced with a gain",
       {{buy, 100, rupees(10)}, {sell, 40, rupees(13)}},
       60,
       rupees(10),
       rupees(120),
       rupees(9),
       rupees(-60)},
      {"short reduced with a loss",
       {{sell, 100, rupees(10)}, {buy, 40, rupees(13)}},
       -60,
       rupees(10),
       rupees(-120),
       rupees(9),
       rupees(60)},
      {"closed", {{buy, 100, rupees(10)}, {sell, 100, rupees(11)}}, 0, {}, rupees(100), rupees(99), {}},
      {"turned short",
       {{buy, 100, rupees(10)}, {sell, 150, rupees(12)}},
       -50,
       rupees(12),
       rupees(200),
       rupees(11),
       rupees(50)},
      {"turned long",
       {{sell, 100, rupees(10)}, {buy, 150, rupees(12)}},
       50,
       rupees(12),
       rupees(-200),
       rupees(13),
       rupees(50)},
      {"quantity zero is nothing",
       {{buy, 100, rupees(10)}, {sell, 0, rupees(99)}},
       100,
       rupees(10),
       {},
       rupees(10),
       {}},
      {"quantity below zero is nothing",
       {{buy, 100, rupees(10)}, {sell, -5, rupees(99)}},
       100,
       rupees(10),
       {},
       rupees(10),
       {}},
      // 1 at 0.0001 and 2 at 0.0002 cost 5 ticks; one of the three carries 5/3, rounded to 2, and 3 stay with the other
      // two.
      {"the remainder of a rounded cost stays",
       {{buy, 1, {1}}, {buy, 2, {2}}, {sell, 1, {10}}},
       2,
       {2},
       {8},
       {0},
       {-3}},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    const auto held = given(r.fills);
    CHECK(held.net_quantity == r.net);
    CHECK(average_price(held) == r.average);
    CHECK(held.realized == r.realized);
    CHECK(unrealized(held, r.last) == r.unrealized);
    if (r.net == 0) CHECK(held.net_cost == money{});
  }
}

SCENARIO("a position goes overnight") {
  GIVEN("100 bought at 10 on Monday, 40 of them sold at 12") {
    auto held = given({{side::buy, 100, rupees(10)}, {side::sell, 40, rupees(12)}});
    CHECK(held.day == monday);
    CHECK(held.day_buy_quantity == 100);
    CHECK(held.day_buy_value == rupees(1'000));
    CHECK(held.day_sell_quantity == 40);
    CHECK(held.day_sell_value == rupees(480));
    CHECK(held.day_realized == rupees(80));
    WHEN("20 more are sold at 11 on Tuesday") {
      apply_fill(held, side::sell, 20, rupees(11), tuesday);
      THEN("the day's figures are Tuesday's, net goes on") {
        CHECK(held.day == tuesday);
        CHECK(held.day_buy_quantity == 0);
        CHECK(held.day_buy_value == money{});
        CHECK(held.day_sell_quantity == 20);
        CHECK(held.day_sell_value == rupees(220));
        CHECK(held.day_realized == rupees(20));
        CHECK(held.realized == rupees(100));
        CHECK(held.net_quantity == 40);
      }
      AND_WHEN("a fill of Monday is found") {
        apply_fill(held, side::sell, 10, rupees(20), monday);
        THEN("it is in net and realized, but not in Tuesday's figures") {
          CHECK(held.day == tuesday);
          CHECK(held.day_sell_quantity == 20);
          CHECK(held.day_realized == rupees(20));
          CHECK(held.realized == rupees(200));
          CHECK(held.net_quantity == 30);
        }
      }
    }
  }
}

TEST_CASE("realized and unrealized are what went in and out plus what is held") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::uint64_t dice_state = seed;
    const auto dice = [&](std::uint64_t faces) {
      dice_state = dice_state * 6364136223846793005U + 1442695040888963407U;
      return static_cast<std::int64_t>((dice_state >> 33) % faces);
    };
    position held;
    std::int64_t cash = 0;
    std::int64_t net = 0;
    for (int step = 0; step < 200; ++step) {
      const auto direction = dice(2) == 0 ? side::buy : side::sell;
      const auto quantity = 1 + dice(1'000);
      const money price{1 + dice(50'000'000)};
      apply_fill(held, direction, quantity, price, {static_cast<std::int32_t>(step / 50)});
      const auto sign = direction == side::buy ? 1 : -1;
      cash -= sign * quantity * price.ticks;
      net += sign * quantity;
      const money last{1 + dice(50'000'000)};
      CAPTURE(seed, step);
      REQUIRE(held.net_quantity == net);
      REQUIRE(held.realized.ticks + unrealized(held, last).ticks == cash + net * last.ticks);
      REQUIRE(average_price(held).ticks >= 0);
      if (net == 0) REQUIRE(held.net_cost == money{});
    }
  }
}

TEST_CASE("a position is total: absurd fills saturate") {
  constexpr auto huge = std::numeric_limits<std::int64_t>::max();
  const money dear{money::ticks_max};
  position held;
  for (int i = 0; i < 3; ++i) apply_fill(held, side::sell, huge, dear, monday);
  CHECK(held.net_quantity == -huge);
  CHECK(held.net_cost == money{-money::ticks_max});
  CHECK(average_price(held) == money{0});
  apply_fill(held, side::buy, huge, dear, monday);
  CHECK(held.net_quantity == 0);
  CHECK(held.net_cost == money{});
  CHECK(held.day_sell_quantity == huge);
}
