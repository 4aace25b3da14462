#pragma once
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/journal/journal_actors.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/supervision/router.hpp"
#include "actors/supervision/shard.hpp"
#include "actors/trade/trade_side.hpp"
#include "actors/user/user_side.hpp"
#include "quiet_system.hpp"
#include "runtime/snapshot_places.hpp"
#include "storage/memory/journal.hpp"

namespace sb::test {

/// The real router, writer, reader and two shards of one organization under CAF's test scheduler: time stands still
/// until a test moves it. The journal is in memory, the broker and the edge are actors that only write down what
/// reaches them.
class virtual_node {
 public:
  virtual_node();
  ~virtual_node();
  virtual_node(const virtual_node&) = delete;
  virtual_node& operator=(const virtual_node&) = delete;

  /// Lets everything happen that can happen now.
  void settle_down();
  /// Moves time in steps of 10 ms, so that an alarm that is set again fires again.
  void advance(std::chrono::milliseconds time);

  /// Sends a request of the edge; its answers are in `answers` under the number returned.
  std::uint64_t ask(const entity_key& to, message body);
  /// What the broker says of an order.
  void broker_says(const order_id& order, broker_answered told);

  void grant(user_id user);
  place_order order(const std::string& key, std::int64_t quantity, std::int32_t wait_ms = 2'000) const;

  std::int64_t stored_rows(shard_role role);
  caf::actor shard_actor(shard_role role) { return shards_.at(role); }
  caf::actor spawn_shard(shard_role role);

  static constexpr organization_id organization{7};
  static constexpr user_id trader{12};
  static constexpr account_id account{31};

  std::map<std::uint64_t, std::vector<answer>> answers;
  std::vector<broker_call> broker_calls;
  std::vector<std::string> log;
  std::vector<std::string> not_stored;     ///< outcomes of appends, as the writer tells its observer
  memory_journal* writer_store = nullptr;  ///< the writer's own journal, for its faults
  /// Set: entities of this kind throw at this message number.
  int throw_at_handle = 0;

 private:
  quiet_system::quiet_config config_;

 public:
  caf::actor_system system;
  caf::scheduler::test_coordinator& scheduler;
  node_services services;

 private:
  clock_reading now() const;
  std::shared_ptr<memory_store> store_;
  snapshot_places places_{1};
  std::map<shard_role, caf::actor> shards_;
  std::vector<caf::actor> all_;
  std::uint64_t last_request_ = 0;
};

}  // namespace sb::test
