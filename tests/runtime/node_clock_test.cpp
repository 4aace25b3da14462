#include "runtime/node_clock.hpp"

#include <catch2/catch.hpp>

using namespace sb;

SCENARIO("a node's wall clock is set while it runs") {
  GIVEN("a clock that was right a second ago") {
    node_clock clock{{5'000'000}, {1'000}};
    clock.trust({5'001'000}, {2'000});
    WHEN("the system's clock jumps, and nobody has compared it yet") {
      THEN("time goes on with the boot clock") { CHECK(clock.at({3'000}) == wall_ms{5'002'000}); }
    }
    WHEN("a comparison finds the new time right") {
      clock.trust({5'900'000}, {3'000});
      THEN("it counts from then on") { CHECK(clock.at({4'000}) == wall_ms{5'901'000}); }
    }
  }
}
