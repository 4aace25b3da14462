#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/database.hpp"
#include "tests/simulation/exchange.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/timeline.hpp"
#include "tests/simulation/traders.hpp"

namespace sb::simulation {

constexpr std::int32_t utc_offset_minutes = 330;

/// One run: nodes, database, broker, network and traders in virtual time, and everything that a seed lets go wrong.
class world {
 public:
  world(std::uint64_t seed, bool keep_trace, const reduction& smaller = {});

  /// Faults, then none, then quiet. Throws broken_invariant.
  void run();

  // ---- what the parts need of each other ----
  bool strikes(fault what) { return faults_on_ && chance.chance(config.of(what)); }
  /// What PostgreSQL has refused once it refuses once more.
  bool refuses_again() { return faults_on_ && chance.chance(300); }
  /// A process is stopped at a moment of the caller's choice, in a run in which processes are stopped at all.
  bool pauses_now() { return faults_on_ && config.of(fault::node_paused) > 0 && chance.chance(15); }
  /// What o'clock it really was.
  wall_ms wall_at(boot_ms at) const { return {time.wall().value - (time.now() - at.value)}; }
  /// An entity ends at a moment of the caller's choice, in a run in which entities end at all.
  bool crashes_now() { return faults_on_ && config.of(fault::entity_crashed) > 0 && chance.chance(300); }
  /// Counts the fault for the order, for all that a row or a message is about, or for all orders of a shard, of the
  /// shards of a node, or at all.
  void struck(fault what, const order_id& order);
  void struck_row(fault what, const journal_row& row);
  void struck_message(fault what, const delivery& message);
  void struck_shard(fault what, shard_id shard);
  void struck_node(fault what, const node& where);
  void struck_all(fault what);
  saga_step step_of(organization_id organization, const order_id& order) const;

  /// From a process to an entity, wherever its shard runs.
  void send(std::size_t from, delivery what);
  /// From a process to whoever asked.
  void reply(std::size_t from, const requester& to, const answer& what);
  /// The node that runs the shard, seen from `near`; nodes.size() when nobody does.
  std::size_t runs(shard_id shard, std::size_t near);
  std::uint64_t next_number() { return ++last_number_; }

  timeline time;
  dice chance;
  trace record;
  swarm config;
  coverage seen;
  database db;
  exchange market;
  traders clients;
  std::vector<std::unique_ptr<node>> nodes;
  std::vector<shard_id> shards;  ///< those of the organizations that trade here

 private:
  void plan_timed_faults();
  void plan(fault what, std::int64_t until, void (world::*strike)());
  void stall_database();
  void restart_database();
  void kill_node();
  void pause_node();
  void cut_node_off();
  void crash_entity();
  void set_a_clock();
  void hand_shard_over();
  template <class Concerned>
  void struck_where(fault what, Concerned concerned);
  void heal();
  wall_ms day_end() const;
  std::string unsettled() const;
  std::string open_work() const;
  void run_until_empty(std::string (world::*what)() const, std::int64_t until, const char* which);

  bool faults_on_ = false;
  std::uint64_t last_number_ = 0;
};

}  // namespace sb::simulation
