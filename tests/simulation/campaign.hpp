#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/faults.hpp"

namespace sb::simulation {

/// What a seed made of the invariants.
struct verdict {
  std::string invariant;  ///< the broken one's name; empty: all hold
  std::string how;
  std::string config;
  std::uint64_t hash = 0;  ///< of the trace
  std::uint64_t events = 0;
};
/// `lines`: where the trace goes, if anybody wants to read it.
verdict run_seed(std::uint64_t seed, const reduction& smaller, coverage& seen, std::vector<std::string>* lines);

struct failure {
  std::uint64_t seed = 0;
  verdict found;
};
struct campaign_result {
  std::uint64_t seeds = 0;
  std::uint64_t events = 0;
  coverage seen;
  std::optional<failure> first;                ///< the lowest failing seed, however many threads there are
  std::optional<std::uint64_t> unforeseen_in;  ///< a seed in which a step and a fault met that were thought not to
};
/// Runs the seeds from `from` on in `jobs` threads, every 100th twice, and stops at the first that fails. Says each
/// 100,000 seeds how far it is.
campaign_result run_seeds(std::uint64_t from, std::uint64_t count, unsigned jobs);

/// The least that the seed needs to break the same invariant: faults are dropped one class after the other, then the
/// time in which they strike and the number of orders are halved.
reduction shrink(std::uint64_t seed, const std::string& invariant);

}  // namespace sb::simulation
