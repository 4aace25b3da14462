#include "domain/supervision/restart_window.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace sb;

TEST_CASE("a restart is allowed while failures are few in the window") {
  struct row {
    std::string name;
    restart_intensity intensity;
    std::vector<std::int64_t> failures_at;
    std::string allowed;  // y or n for each failure
    std::int32_t count;
  };
  const std::vector<row> rows{
      {"never restart", {0, 1'000}, {5}, "n", 1},
      {"below zero is never, too", {-3, 1'000}, {5, 9'000}, "nn", 1},
      {"the third in the window is one too many", {2, 1'000}, {0, 10, 20}, "yyn", 3},
      {"exactly a window ago still counts", {2, 1'000}, {0, 10, 1'000}, "yyn", 3},
      {"a millisecond more and it does not", {2, 1'000}, {0, 10, 1'001}, "yyy", 2},
      {"the window slides", {2, 1'000}, {0, 600, 1'200, 1'500, 2'300}, "yyyny", 2},
      {"after a rest all is forgotten", {1, 1'000}, {0, 1, 5'000}, "yny", 1},
      {"all at once", {3, 1'000}, {7, 7, 7, 7, 7}, "yyynn", 4},
      {"a refused one counts", {1, 1'000}, {0, 900, 1'800, 2'700}, "ynnn", 2},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    restart_window window{r.intensity};
    std::string allowed;
    for (const auto at : r.failures_at) allowed += window.allow({at}) ? 'y' : 'n';
    CHECK(allowed == r.allowed);
    CHECK(window.count() == r.count);
  }
}

TEST_CASE("a window that is asked for ever does not grow") {
  restart_window window{{5, 60'000}};
  for (std::int64_t i = 0; i < 10'000; ++i) window.allow({i});
  CHECK(window.count() == 6);
}
