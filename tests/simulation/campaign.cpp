#include "tests/simulation/campaign.hpp"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <limits>
#include <mutex>
#include <thread>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

constexpr std::uint64_t twice_every = 100;
constexpr std::uint64_t told_every = 100'000;

verdict run_maybe_twice(std::uint64_t seed, coverage& seen) {
  auto found = run_seed(seed, {}, seen, nullptr);
  if (seed % twice_every != 0) return found;
  coverage ignored;
  const auto again = run_seed(seed, {}, ignored, nullptr);
  if (found.invariant.empty() && again.hash != found.hash) {
    found.invariant = "determinism";
    found.how = "determinism: the seed runs in another way the second time";
  }
  return found;
}

}  // namespace

verdict run_seed(std::uint64_t seed, const reduction& smaller, coverage& seen, std::vector<std::string>* lines) {
  world all{seed, lines != nullptr, smaller};
  verdict result;
  try {
    all.run();
    require_all_invariants(all);
  } catch (const broken_invariant& broken) {
    result.invariant = broken.name;
    result.how = broken.what();
  } catch (const std::exception& error) {
    result.invariant = "exception";
    result.how = std::string{"exception: "} + error.what();
  }
  seen.add(all.seen);
  result.config = describe(all.config);
  result.hash = all.record.hash();
  result.events = all.time.done();
  if (lines != nullptr) *lines = all.record.lines();
  return result;
}

campaign_result run_seeds(std::uint64_t from, std::uint64_t count, unsigned jobs) {
  campaign_result total;
  std::mutex mutex;
  std::atomic<std::uint64_t> next{from};
  std::atomic<std::uint64_t> lowest{std::numeric_limits<std::uint64_t>::max()};
  const auto work = [&] {
    for (auto seed = next++; seed < from + count && seed < lowest; seed = next++) {
      coverage seen;
      auto found = run_maybe_twice(seed, seen);
      const std::lock_guard lock{mutex};
      ++total.seeds;
      total.events += found.events;
      total.seen.add(seen);
      if (total.seeds % told_every == 0) std::cout << total.seeds << " of " << count << " seeds\n" << std::flush;
      if (found.invariant.empty() || seed > lowest) continue;
      lowest = seed;
      total.first = failure{seed, std::move(found)};
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1u, jobs); ++i) threads.emplace_back(work);
  threads.clear();  // joins
  return total;
}

reduction shrink(std::uint64_t seed, const std::string& invariant) {
  coverage ignored;
  reduction least;
  const auto take_if_still_broken = [&](const reduction& smaller) {
    if (run_seed(seed, smaller, ignored, nullptr).invariant != invariant) return false;
    least = smaller;
    return true;
  };
  const auto config = world{seed, false}.config;
  constexpr int rounds = 2;  // what one class was needed for, another may not need once it is alone
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < fault_count; ++i) {
      const auto what = static_cast<fault>(i);
      const bool gone = std::find(least.without.begin(), least.without.end(), what) != least.without.end();
      if (config.of(what) == 0 || gone) continue;
      auto smaller = least;
      smaller.without.push_back(what);
      take_if_still_broken(smaller);
    }
  }
  for (auto ms = config.faults_for_ms / 2; ms > 100; ms /= 2) {
    auto smaller = least;
    smaller.faults_for_ms = ms;
    if (!take_if_still_broken(smaller)) break;
  }
  for (auto orders = config.orders / 2; orders > 0; orders /= 2) {
    auto smaller = least;
    smaller.orders = orders;
    if (!take_if_still_broken(smaller)) break;
  }
  return least;
}

}  // namespace sb::simulation
