#include "runtime/stream_filter.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace sb;

TEST_CASE("a stream that is there is never denied, one that is not is rarely suspected") {
  stream_filter filter;
  CHECK_FALSE(filter.may_contain("7/order/A"));
  const auto name = [](int number) { return "7/order/ORD" + std::to_string(number); };
  constexpr int count = 20'000;
  for (int i = 0; i < count; ++i) {
    filter.insert(name(i));
    // Also while it grows, layer by layer.
    if (i % 997 == 0) CHECK(filter.may_contain(name(i / 2)));
  }
  CHECK(filter.size() == count);
  int missing = 0;
  int suspected = 0;
  for (int i = 0; i < count; ++i) {
    missing += filter.may_contain(name(i)) ? 0 : 1;
    suspected += filter.may_contain(name(count + i)) ? 1 : 0;
  }
  CHECK(missing == 0);
  CHECK(suspected < count / 50);
}
