#include "actors/trade/brokers/booked_orders.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <stdexcept>

#include "actors/trade/brokers/paper_record.hpp"
#include "tests/brokers/paper_fixture.hpp"

namespace sb::paper {
namespace {

using broker::book_state;
using paper_test::scratch_directory;

symbol_market infosys;

booked_order order_of(const order_id& id, std::int64_t account = 7) {
  booked_order order;
  order.id = id;
  order.organization = {3};
  order.account = {account};
  order.market = &infosys;
  order.quantity = 10;
  order.price = {150'000};
  order.placed_at = {1'800'000'000'000};
  return order;
}

bool same(const booked_order& a, const booked_order& b) {
  return a.id == b.id && a.organization == b.organization && a.account == b.account && a.market == b.market &&
         a.quantity == b.quantity && a.filled == b.filled && a.price == b.price && a.placed_at == b.placed_at &&
         a.fills == b.fills && a.rejection == b.rejection && a.direction == b.direction && a.type == b.type &&
         a.product == b.product && a.valid == b.valid && a.state == b.state;
}

booked_order at(const booked_orders& orders, std::int64_t number) {
  return orders.with(number, [](const booked_order& order) { return order; });
}

}  // namespace

TEST_CASE("a closed order is given back as it was") {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  booked_orders orders{{}};
  orders.build_indexes();
  auto first = order_of("o1");
  first.direction = side::sell;
  first.type = order_type::market;
  first.product = product_type::delivery;
  first.valid = validity::ioc;
  first.price = {least};
  first.placed_at = {most};
  first.fills = {{"PB1-1", 127, {128}, {least}}, {"PB1-Xabroad", 16'384, {most}, {0}}};
  first.filled = 127 + 16'384;
  REQUIRE(orders.add(first) == 1);
  REQUIRE(orders.working(1) != nullptr);
  CHECK(same(at(orders, 1), first));

  orders.close(1, book_state::canceled);
  first.state = book_state::canceled;
  CHECK(orders.working(1) == nullptr);
  CHECK(same(at(orders, 1), first));
  CHECK_THROWS_WITH(orders.close(1, book_state::canceled), Catch::Contains("does not work"));

  auto second = order_of("", most);
  second.quantity = least;
  second.market = nullptr;
  second.state = book_state::rejected;
  second.rejection = broker::rejected{"CODE", std::string(5'000, 'x')};
  REQUIRE(orders.add(second) == 2);
  CHECK(same(at(orders, 2), second));
  CHECK(orders.all_working().empty());

  orders.add(order_of("o3"));
  orders.close(3, book_state::rejected, broker::rejected{"", ""});
  CHECK(at(orders, 3).rejection == broker::rejected{});
}

TEST_CASE("orders are found by number, id and account, whether they work or not") {
  scratch_directory directory;
  booked_orders orders{{.directory = directory / "", .block = 1'000}};
  constexpr std::int64_t count = 20'000;  // many blocks of closed ones
  const std::int64_t before_indexes = GENERATE(values<std::int64_t>({0, 10'000, 20'000}));
  CAPTURE(before_indexes);
  if (before_indexes == 0) orders.build_indexes();
  for (std::int64_t number = 1; number <= count; ++number) {
    auto order = order_of("o" + std::to_string(number % 5'000), number % 3);
    order.quantity = number;
    orders.add(std::move(order));
    if (number % 2 == 0) orders.close(number, book_state::expired);
    if (number == before_indexes) orders.build_indexes();
  }
  REQUIRE(orders.count() == count);
  CHECK_FALSE(orders.knows(0));
  CHECK(orders.knows(count));
  CHECK_FALSE(orders.knows(count + 1));
  CHECK(std::ssize(orders.all_working()) == count / 2);
  for (std::int64_t number = 1; number <= count; ++number) {
    REQUIRE(at(orders, number).quantity == number);
    REQUIRE((orders.working(number) != nullptr) == (number % 2 == 1));
  }
  CHECK(orders.with_id("o17") == std::vector<std::int64_t>{17, 5'017, 10'017, 15'017});
  CHECK(orders.with_id("o5000").empty());
  CHECK(std::ssize(orders.of_account({1})) == (count + 2) / 3);
  CHECK(orders.of_account({1}).front() == 1);
  CHECK(orders.of_account({1}).back() == 19'999);
  CHECK(std::ranges::is_sorted(orders.of_account({1})));
  CHECK(orders.of_account({9}).empty());
}

TEST_CASE("orders are looked for when the indexes are there, which are built once") {
  booked_orders orders{{}};
  orders.add(order_of("o1"));
  CHECK_THROWS_AS(orders.with_id("o1"), std::logic_error);
  CHECK_THROWS_AS(orders.of_account({7}), std::logic_error);
  orders.build_indexes();
  CHECK(orders.with_id("o1") == std::vector<std::int64_t>{1});
  CHECK_THROWS_AS(orders.build_indexes(), std::logic_error);
}

TEST_CASE("two ids with the same checksum are two orders") {
  std::map<std::uint32_t, std::string> seen;
  std::string first, second;
  for (int i = 0; second.empty(); ++i) {
    REQUIRE(i < 2'000'000);
    const auto id = std::to_string(i * 2'654'435'761LL);
    const auto [met, fresh] = seen.try_emplace(checksum_of(id), id);
    if (fresh) continue;
    first = met->second;
    second = id;
  }
  booked_orders orders{{}};
  const bool at_once = GENERATE(false, true);
  CAPTURE(at_once);
  if (!at_once) orders.build_indexes();
  orders.add(order_of(first));
  orders.add(order_of(second));
  if (at_once) orders.build_indexes();
  CHECK(orders.with_id(first) == std::vector<std::int64_t>{1});
  CHECK(orders.with_id(second) == std::vector<std::int64_t>{2});
  orders.close(1, book_state::canceled);
  CHECK(orders.with_id(first) == std::vector<std::int64_t>{1});
  CHECK(orders.with_id(second) == std::vector<std::int64_t>{2});
}

}  // namespace sb::paper
