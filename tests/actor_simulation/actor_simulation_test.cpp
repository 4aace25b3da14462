#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include "tests/actor_simulation/node_world.hpp"
#include "tests/simulation/environment.hpp"
#include "tests/simulation/seeds.hpp"

/// The environment chooses: SEEDS, FROM and JOBS of a campaign, or SEED of one run.
using namespace sb::actor_simulation;
using sb::simulation::number_from_environment;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t seeds_by_default = 200;
#else
constexpr std::uint64_t seeds_by_default = 2'000;
#endif
/// What the generator owes.
constexpr std::uint64_t seeds_for_coverage = 2'000;
constexpr std::uint64_t times_min = 100;

struct outcome {
  std::string broken;
  std::uint64_t hash = 0;
  tally seen;
};
outcome run_seed(std::uint64_t seed) {
  node_world world{seed};
  outcome out;
  try {
    world.run();
    out.hash = world.hash();
  } catch (const std::exception& error) {
    out.broken = error.what();
  }
  out.seen = world.seen();
  return out;
}

outcome run_maybe_twice(std::uint64_t seed) {
  auto first = run_seed(seed);
  if (seed % sb::simulation::twice_every == 0 && first.broken.empty() && run_seed(seed).hash != first.hash)
    first.broken = "determinism: the seed runs in another way the second time";
  return first;
}

}  // namespace

TEST_CASE("real actors in any order of messages lose nothing, double nothing and come to rest", "[seeds]") {
  const auto one = number_from_environment("SEED");
  const auto from = one.value_or(number_from_environment("FROM").value_or(1));
  const auto count = one ? 1 : number_from_environment("SEEDS").value_or(seeds_by_default);
  const auto jobs = number_from_environment("JOBS").value_or(std::thread::hardware_concurrency());
  tally seen;
  std::string broken;
  std::uint64_t broken_seed = 0;
  std::uint64_t done = 0;
  const auto began = std::chrono::steady_clock::now();
  sb::simulation::each_seed(from, count, jobs, run_maybe_twice, [&](std::uint64_t seed, outcome&& found) {
    seen.add(found.seen);
    ++done;
    if (found.broken.empty()) return false;
    if (broken.empty() || seed < broken_seed) {
      broken_seed = seed;
      broken = "broken: seed " + std::to_string(seed) + ": " + found.broken +
               "\n  rerun with SEED=" + std::to_string(seed) + " ./dev sim --actors\n";
    }
    return true;
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  for (const auto& [what, times] : seen.struck) std::cout << "  " << what << ": " << times << '\n';
  std::cout << done << " seeds, " << seen.messages << " messages, "
            << static_cast<std::uint64_t>(static_cast<double>(done) / std::max(0.001, took.count()))
            << " seeds per second\n"
            << broken;
  INFO(broken);
  CHECK(broken.empty());
  if (done < seeds_for_coverage) return;
  for (const auto* what :
       {"node killed", "storage away", "service or shard restarted, as it says", "order new", "order filled",
        "order partially_filled", "order canceled", "order denied", "order rejected"}) {
    INFO(what);
    CHECK(seen.struck[what] >= times_min);
  }
}
