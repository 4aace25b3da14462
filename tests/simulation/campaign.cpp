#include "tests/simulation/campaign.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/seeds.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

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
  struct outcome {
    verdict found;
    coverage seen;
  };
  const auto run = [](std::uint64_t seed) {
    outcome out;
    out.found = run_maybe_twice(seed, out.seen);
    return out;
  };
  each_seed(from, count, jobs, run, [&](std::uint64_t seed, outcome&& out) {
    ++total.seeds;
    total.events += out.found.events;
    total.seen.add(out.seen);
    if (!total.unforeseen_in && !out.seen.unforeseen().empty()) total.unforeseen_in = seed;
    if (total.seeds % told_every == 0) std::cout << total.seeds << " of " << count << " seeds\n" << std::flush;
    if (out.found.invariant.empty()) return false;
    if (!total.first || seed < total.first->seed) total.first = failure{seed, std::move(out.found)};
    return true;
  });
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
