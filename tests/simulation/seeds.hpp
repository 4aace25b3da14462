#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace sb::simulation {

/// Every so many-th seed is run twice, and must go the same way.
constexpr std::uint64_t twice_every = 100;

/// Gives each seed of [from, from + count) to `run`, in `jobs` threads, and what that returns to `take`, one at a time.
/// `take(seed, outcome)` says whether the seed failed: then only lower ones are begun, so that the lowest that fails is
/// among those taken, however many threads there are.
template <class Run, class Take>
void each_seed(std::uint64_t from, std::uint64_t count, std::uint64_t jobs, Run run, Take take) {
  std::mutex mutex;
  std::atomic<std::uint64_t> next{from};
  std::atomic<std::uint64_t> end{from + count};
  const auto work = [&] {
    for (auto seed = next++; seed < end; seed = next++) {
      auto outcome = run(seed);
      const std::lock_guard lock{mutex};
      if (take(seed, std::move(outcome)) && seed < end) end = seed;
    }
  };
  std::vector<std::jthread> threads;
  for (std::uint64_t i = 0; i < std::max<std::uint64_t>(1, jobs); ++i) threads.emplace_back(work);
}

}  // namespace sb::simulation
