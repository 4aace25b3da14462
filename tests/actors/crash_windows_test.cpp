#include "actors/supervision/crash_windows.hpp"

#include <catch2/catch.hpp>

using namespace sb;

SCENARIO("an entity's failures count within the window, each entity's by themselves") {
  crash_windows crashes{{2, 60'000}};
  CHECK(crashes.allow("7/order/A", {0}));
  CHECK(crashes.allow("7/order/A", {1'000}));
  CHECK(crashes.allow("7/order/B", {1'000}));
  CHECK_FALSE(crashes.allow("7/order/A", {60'000}));
  CHECK(crashes.allow("7/order/A", {121'000}));
  crashes.forget("7/order/B");
  CHECK(crashes.allow("7/order/B", {121'000}));
}

SCENARIO("entities whose failures are old are forgotten") {
  crash_windows crashes{{2, 60'000}};
  for (int each = 0; each < 1'000; ++each) crashes.allow("7/order/" + std::to_string(each), {each});
  CHECK(crashes.size() == 1'000);
  crashes.allow("7/order/0", {30'000});  // one of them fails again: it stays
  crashes.allow("7/order/new", {61'500});
  CHECK(crashes.size() == 2);
  CHECK(crashes.allow("7/order/0", {61'600}));
  CHECK_FALSE(crashes.allow("7/order/0", {61'700}));
}
