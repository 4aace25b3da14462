#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

/// Everything that can go wrong. The first group strikes single messages and statements, the second strikes at times.
enum class fault : std::uint8_t {
  message_lost,
  message_doubled,
  message_late,
  append_lost,           ///< the statement never arrives, and nobody knows
  append_answer_lost,    ///< stored, and nobody knows
  append_late,           ///< answered as unknown, and lands some time later
  append_not_attempted,  ///< no connection
  append_refused,        ///< PostgreSQL refuses the data
  claim_unclear,         ///< applied or not, and nobody knows
  hint_lost,             ///< settlement is not told of committed rows
  read_failed,
  broker_rejects,
  broker_slow,
  broker_hangs,  ///< accepts and never answers
  broker_drops,  ///< an unclear answer, and nothing arrives
  broker_late,   ///< an unclear answer, and the order arrives afterwards
  broker_not_reached,
  broker_answer_unclear,  ///< of a cancel or a query, done or not
  fill_doubled,
  database_stalled,
  database_restarted,
  node_killed,
  node_paused,
  entity_crashed,
  shard_handed_over,
};
constexpr std::size_t fault_count = 25;
constexpr fault first_timed_fault = fault::database_stalled;
std::string_view word(fault what);

/// How far an order has come, as everybody together knows it.
enum class saga_step : std::uint8_t {
  requesting,  ///< nothing is stored
  asked,       ///< OrderRequested is stored, the risk book has not reserved
  reserved,    ///< the reservation is stored, the broker has not seen it
  sent,        ///< the broker has it, and its answer is not stored
  unknown,
  working,
  canceling,  ///< a cancel is wanted, and it is not closed
  settling,   ///< closed, and the risk book still holds capacity
  absent,
  closed,
};
constexpr std::size_t saga_step_count = 10;
std::string_view word(saga_step step);

/// Which faults a run has and how often: each class is on or off on its own, so that some runs have one kind alone.
struct swarm {
  bool two_nodes = false;
  bool broker_enforces_ids = true;
  bool small_snapshots = false;
  bool near_midnight = false;
  std::int64_t grace_ms = 120'000;    ///< of an order with an unknown outcome, beyond its send window
  std::int64_t late_max_ms = 40'000;  ///< how late an order may reach the broker; below the grace
  std::array<std::int64_t, fault_count>
      rate{};  ///< per mille of the occasions; timed faults: mean milliseconds between two
  std::int64_t faults_for_ms = 0;

  std::int64_t of(fault what) const { return rate[static_cast<std::size_t>(what)]; }
};
swarm draw_swarm(dice& chance);
std::string describe(const swarm& config);

/// Which fault struck an order at which step, over all runs.
struct coverage {
  std::array<std::array<std::uint64_t, fault_count>, saga_step_count> cells{};

  void count(saga_step step, fault what) { ++cells[static_cast<std::size_t>(step)][static_cast<std::size_t>(what)]; }
  void add(const coverage& other);
  std::string table() const;
  /// Cells that ought to happen and did not; empty when all did.
  std::string missing() const;
};

}  // namespace sb::simulation
