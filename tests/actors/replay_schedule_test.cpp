#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "app/replay/schedule.hpp"

using namespace sb;
using namespace sb::replay;

namespace {

/// Rows as pairs of time and order.
order_flow flow_of(const std::vector<std::pair<std::int64_t, std::size_t>>& rows) {
  order_flow flow;
  for (const auto& [at, order] : rows) {
    flow_row row;
    row.at_ms = at;
    row.order_index = order;
    flow.rows.push_back(row);
    flow.orders = std::max(flow.orders, order + 1);
  }
  return flow;
}

std::vector<std::size_t> all_now(schedule& plan, std::int64_t now) {
  std::vector<std::size_t> rows;
  while (const auto row = plan.next(now)) rows.push_back(*row);
  return rows;
}

using rows = std::vector<std::size_t>;

}  // namespace

SCENARIO("rows of one order go one after the other, those of others at once") {
  GIVEN("an order with three rows among others, all due") {
    const auto flow = flow_of({{1, 0}, {2, 0}, {3, 1}, {4, 0}, {5, 1}});
    schedule plan{flow, std::nullopt};
    THEN("only the first of each order goes") { CHECK(all_now(plan, 0) == rows{0, 2}); }
    WHEN("an order's first answer comes") {
      all_now(plan, 0);
      plan.finish(0);
      THEN("its second row goes, and not its third") { CHECK(all_now(plan, 0) == rows{1}); }
      AND_WHEN("that is answered as well") {
        all_now(plan, 0);
        plan.finish(1);
        THEN("the third goes") { CHECK(all_now(plan, 0) == rows{3}); }
      }
    }
    WHEN("everything is answered") {
      for (const std::size_t row : all_now(plan, 0)) plan.finish(row);
      for (const std::size_t row : all_now(plan, 0)) plan.finish(row);
      CHECK_FALSE(plan.finished());
      for (const std::size_t row : all_now(plan, 0)) plan.finish(row);
      THEN("it is finished") {
        CHECK(plan.finished());
        CHECK(plan.finished_rows() == 5);
        CHECK(all_now(plan, 1'000'000).empty());
        CHECK_FALSE(plan.next_at());
      }
    }
  }
}

SCENARIO("rows keep the recording's time") {
  GIVEN("rows at 0, 1000 and 4000 ms, twice as fast") {
    const auto flow = flow_of({{50'000, 0}, {51'000, 1}, {54'000, 0}});
    schedule plan{flow, 2.0};
    CHECK(all_now(plan, 0) == rows{0});
    CHECK(plan.next_at() == 500);
    CHECK(all_now(plan, 499).empty());
    CHECK(all_now(plan, 500) == rows{1});
    WHEN("an order is answered before its next row is due") {
      plan.finish(0);
      THEN("that row waits for its time") {
        CHECK(all_now(plan, 1'999).empty());
        CHECK(plan.next_at() == 2'000);
        CHECK(all_now(plan, 2'000) == rows{2});
      }
    }
    WHEN("an order is answered after its next row was due") {
      CHECK(all_now(plan, 3'000).empty());
      CHECK_FALSE(plan.next_at());
      plan.finish(0);
      THEN("that row goes at once") {
        CHECK(plan.next_at() == 0);
        CHECK(all_now(plan, 3'000) == rows{2});
      }
    }
  }
}

SCENARIO("a row that is sent again keeps its place in its order") {
  GIVEN("an order with a second row due") {
    const auto flow = flow_of({{1, 0}, {2, 0}, {3, 1}});
    schedule plan{flow, std::nullopt};
    CHECK(all_now(plan, 0) == rows{0, 2});
    WHEN("the first is to go again in a second") {
      plan.again(0, 1'000);
      THEN("nothing of the order goes before") {
        CHECK(all_now(plan, 999).empty());
        CHECK(plan.next_at() == 1'000);
        CHECK(all_now(plan, 1'000) == rows{0});
        plan.finish(0);
        CHECK(all_now(plan, 1'000) == rows{1});
      }
    }
    WHEN("two rows wait to go again") {
      plan.again(0, 2'000);
      plan.again(2, 1'000);
      THEN("the earlier time goes first") {
        CHECK(plan.next_at() == 1'000);
        CHECK(all_now(plan, 5'000) == rows{2, 0});
      }
    }
  }
}

TEST_CASE("whatever the order of answers, every row goes exactly once and each order stays in sequence") {
  std::uint64_t dice = 20240115;
  const auto roll = [&dice](std::uint64_t sides) {
    dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
    return (dice >> 33) % sides;
  };
  std::vector<std::pair<std::int64_t, std::size_t>> plain;
  for (std::int64_t i = 0; i < 2'000; ++i) plain.emplace_back(i * 10, static_cast<std::size_t>(roll(150)));
  const auto flow = flow_of(plain);
  schedule plan{flow, 1.0};
  std::vector<int> sent(flow.rows.size());
  std::vector<std::optional<std::size_t>> out_of_order(flow.orders);
  std::vector<std::size_t> last(flow.orders);
  std::vector<std::size_t> out;
  std::int64_t now = 0;
  int steps = 0;
  for (; !plan.finished() && steps < 100'000; ++steps) {
    now += static_cast<std::int64_t>(roll(40));
    while (out.size() < 16) {
      const auto row = plan.next(now);
      if (!row) break;
      const auto order = flow.rows[*row].order_index;
      REQUIRE(plain[*row].first <= now);
      REQUIRE_FALSE(out_of_order[order]);
      REQUIRE((sent[*row] > 0 ? last[order] == *row : (last[order] <= *row)));
      out_of_order[order] = *row;
      last[order] = *row;
      ++sent[*row];
      out.push_back(*row);
    }
    if (out.empty()) continue;
    const auto index = static_cast<std::size_t>(roll(out.size()));
    const auto row = out[index];
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(index));
    out_of_order[flow.rows[row].order_index].reset();
    if (roll(10) == 0) {
      plan.again(row, now + static_cast<std::int64_t>(roll(100)));
    } else {
      plan.finish(row);
      sent[row] += 1'000;
    }
  }
  REQUIRE(plan.finished());
  for (const int count : sent) CHECK(count / 1'000 == 1);
}
