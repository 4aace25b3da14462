#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/actor_simulation/node_world.hpp"

/// The environment chooses: SEEDS, FROM and JOBS of a campaign, or SEED of one run.
using namespace sb::actor_simulation;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t seeds_by_default = 200;
#else
constexpr std::uint64_t seeds_by_default = 2'000;
#endif
constexpr std::uint64_t twice_every = 100;
/// What the generator owes.
constexpr std::uint64_t seeds_for_coverage = 2'000;
constexpr std::uint64_t times_min = 100;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

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
  if (seed % twice_every == 0 && first.broken.empty() && run_seed(seed).hash != first.hash)
    first.broken = "determinism: the seed runs in another way the second time";
  return first;
}

}  // namespace

TEST_CASE("real actors in any order of messages lose nothing, double nothing and come to rest", "[seeds]") {
  const auto one = number_from_environment("SEED");
  const auto from = one.value_or(number_from_environment("FROM").value_or(1));
  const auto end = from + (one ? 1 : number_from_environment("SEEDS").value_or(seeds_by_default));
  const auto jobs = number_from_environment("JOBS").value_or(std::thread::hardware_concurrency());
  std::atomic<std::uint64_t> next{from};
  std::atomic<std::uint64_t> lowest{end};  // of the seeds that failed
  std::mutex mutex;
  tally seen;
  std::string broken;
  std::uint64_t done = 0;
  const auto work = [&] {
    for (auto seed = next++; seed < lowest; seed = next++) {
      const auto found = run_maybe_twice(seed);
      const std::lock_guard lock{mutex};
      seen.add(found.seen);
      ++done;
      if (found.broken.empty() || seed > lowest) continue;
      lowest = seed;
      broken = "broken: seed " + std::to_string(seed) + ": " + found.broken +
               "\n  rerun with SEED=" + std::to_string(seed) + " ./dev sim --actors\n";
    }
  };
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (std::uint64_t i = 0; i < std::max<std::uint64_t>(1, jobs); ++i) threads.emplace_back(work);
  threads.clear();  // joins
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
