#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

using namespace sb;
using namespace sb::simulation;

namespace {

/// Seeds that found a fault once, each with what it was.
struct known_seed {
  std::uint64_t seed;
  const char* found;
};
constexpr known_seed known_seeds[] = {
    {1, "the first"},
};

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

struct verdict {
  std::string broken;  ///< empty: all invariants hold
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
};

verdict run(std::uint64_t seed, bool print, coverage& seen) {
  world all{seed, print};
  verdict result;
  try {
    all.run();
    require_all_invariants(all);
  } catch (const broken_invariant& broken) {
    result.broken = broken.what();
  }
  if (print) {
    for (const auto& line : all.record.lines()) std::cout << line << '\n';
    std::cout << describe(all.config) << '\n';
  }
  seen.add(all.seen);
  result.hash = all.record.hash();
  result.events = all.time.done();
  if (!result.broken.empty()) result.broken += "\n  " + describe(all.config);
  return result;
}

std::string how_to_see(std::uint64_t seed, const std::string& broken) {
  return broken + "\n  rerun with SEED=" + std::to_string(seed);
}

}  // namespace

TEST_CASE("seeds that once failed") {
  if (number_from_environment("SEED")) return;
  coverage seen;
  for (const auto& known : known_seeds) {
    const auto result = run(known.seed, false, seen);
    INFO(known.found);
    if (!result.broken.empty()) FAIL_CHECK(how_to_see(known.seed, result.broken));
  }
}

TEST_CASE("whatever fails, every order is sent at most once, nothing told is lost, and all comes to rest") {
  coverage seen;
  if (const auto seed = number_from_environment("SEED")) {
    const auto result = run(*seed, true, seen);
    if (!result.broken.empty()) FAIL(how_to_see(*seed, result.broken));
    return;
  }
  const auto seeds = number_from_environment("SEEDS").value_or(2'000);
  constexpr std::size_t failures_max = 5;
  std::size_t failures = 0;
  std::uint64_t events = 0;
  for (std::uint64_t seed = 1; seed <= seeds && failures < failures_max; ++seed) {
    const auto result = run(seed, false, seen);
    events += result.events;
    if (!result.broken.empty()) {
      ++failures;
      FAIL_CHECK(how_to_see(seed, result.broken));
    }
    if (seed % 100 != 0) continue;
    coverage ignored;
    const auto again = run(seed, false, ignored);
    INFO("seed " << seed << " must run the same way twice");
    CHECK(again.hash == result.hash);
  }
  std::cout << seeds << " seeds, " << events << " events; faults by what they struck:\n" << seen.table();
  if (failures > 0 || seeds < 2'000) return;
  const auto missing = seen.missing();
  INFO("cells that never happened:\n" << missing);
  CHECK(missing.empty());
}
