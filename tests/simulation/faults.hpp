#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

/// Everything that can go wrong. The first group strikes single messages and statements, the second strikes at times.
enum class fault : std::uint8_t {
  message_lost,
  message_doubled,
  message_late,
  message_reordered,     ///< overtaken by what was sent after it
  append_lost,           ///< the statement never arrives, and nobody knows
  append_answer_lost,    ///< stored, and nobody knows
  append_late,           ///< answered as unknown, and lands some time later
  append_doubled,        ///< arrives again some time later: something between repeats what it has passed on
  append_not_attempted,  ///< no connection
  append_refused,        ///< PostgreSQL refuses the data
  claim_unclear,         ///< applied or not, and nobody knows
  hint_lost,             ///< settlement is not told of committed rows, or the projection starts over
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
  node_cut_off,  ///< from PostgreSQL alone: it runs on, and others take what it had
  clock_jumped,  ///< a node's wall clock is set, forward or back, and right again some time later
  entity_crashed,
  shard_handed_over,
};
constexpr std::size_t fault_count = 29;
constexpr fault first_timed_fault = fault::database_stalled;
std::string_view word(fault what);
std::optional<fault> fault_from(std::string_view text);

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

/// What runs in one process.
struct node_roles {
  bool user = true;
  bool trade = true;
};

/// Which faults a run has and how often: each class is on or off on its own, so that some runs have one kind alone.
struct swarm {
  std::vector<node_roles> nodes;
  bool broker_enforces_ids = true;
  bool small_snapshots = false;
  bool clocks_differ = false;  ///< by less than is noticed
  std::int64_t orders = 0;
  std::int64_t grace_ms = 120'000;       ///< of an order with an unknown outcome, beyond its send window
  std::int64_t late_max_ms = 40'000;     ///< how late an order may reach the broker; below the grace
  std::int64_t stopped_per_mille = 200;  ///< of the late ones, with a tag-only broker: later than any window excludes
  std::int64_t faults_for_ms = 0;
  std::int64_t midnight_after_ms = 0;  ///< from the first fault to the end of the exchange's day
  std::array<std::int64_t, fault_count>
      rate{};  ///< per mille of the occasions; timed faults: mean milliseconds between two

  std::int64_t of(fault what) const { return rate[static_cast<std::size_t>(what)]; }
};
swarm draw_swarm(dice& chance);
std::string describe(const swarm& config);

/// What is taken out of a run that its seed would have: how a failure is made small enough to be read.
struct reduction {
  std::vector<fault> without;
  std::optional<std::int64_t> faults_for_ms;
  std::optional<std::int64_t> orders;

  void apply(swarm& config) const;
  /// As variables of the environment, with a space before each: " WITHOUT=message_lost FAULTS_FOR_MS=2000".
  std::string environment() const;
};

/// Which fault struck an order at which step, over all runs.
struct coverage {
  std::array<std::array<std::uint64_t, fault_count>, saga_step_count> cells{};
  std::uint64_t take_overs = 0;  ///< a shard was claimed by a node that was not its last owner

  void count(saga_step step, fault what) { ++cells[static_cast<std::size_t>(step)][static_cast<std::size_t>(what)]; }
  void add(const coverage& other);
  std::string table() const;
  /// Cells of the saga that happened less often than that; empty when there is none.
  std::string below(std::uint64_t least) const;
  /// Cells that were thought impossible, and happened; empty when there is none.
  std::string unforeseen() const;
};

}  // namespace sb::simulation
