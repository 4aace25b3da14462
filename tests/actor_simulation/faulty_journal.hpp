#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "storage/memory/journal.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::actor_simulation {

/// How often, in a thousand calls; all zero: nothing fails.
struct storage_faults {
  std::int64_t append = 0;
  std::int64_t claim = 0;
  std::int64_t read = 0;
};

/// A connection to the journal in memory on which calls fail by chance. `away` says whether PostgreSQL can be reached
/// at all. Both, and the dice, outlive it.
class faulty_journal final : public journal {
 public:
  faulty_journal(std::shared_ptr<memory_store> store, simulation::dice& chance, const storage_faults& faults,
                 std::function<bool()> away)
      : inner_{std::move(store)}, chance_{chance}, faults_{faults}, away_{std::move(away)} {}

  std::vector<append_outcome> append(const std::vector<shard_append>& parts, deadline within) override {
    connect();
    if (chance_.chance(faults_.append)) {
      using fault = memory_journal::append_fault;
      constexpr fault kinds[] = {fault::unknown_applied, fault::unknown_not_applied, fault::unknown_in_flight,
                                 fault::not_attempted, fault::refused};
      inner_.inject(kinds[chance_.index(std::size(kinds))]);
    }
    return inner_.append(parts, within);
  }
  std::vector<shard_head> heads(const std::vector<shard_id>& shards, deadline within) override {
    reach();
    return inner_.heads(shards, within);
  }
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self,
                                   deadline lock_wait, deadline within) override {
    connect();
    if (chance_.chance(faults_.claim)) {
      using fault = memory_journal::claim_fault;
      inner_.inject(chance_.chance(500) ? fault::unknown_applied : fault::unknown_not_applied);
    }
    return inner_.claim(shards, self, lock_wait, within);
  }
  void release(const std::vector<shard_head>& held, deadline within) override {
    reach();
    inner_.release(held, within);
  }
  std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                           deadline within) override {
    reach();
    return inner_.read_streams(shard, streams, within);
  }
  std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit,
                                      deadline within) override {
    reach();
    return inner_.read_after(shard, after, limit, within);
  }
  std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                       deadline within) override {
    reach();
    return inner_.streams_after(shard, after, limit, within);
  }
  void save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) override {
    reach();
    inner_.save_snapshot(shard, snapshot, within);
  }
  void heartbeat(const node_identity& self, deadline within) override {
    reach();
    inner_.heartbeat(self, within);
  }
  std::vector<node_heartbeat> heartbeats(deadline within) override {
    reach();
    return inner_.heartbeats(within);
  }
  std::int64_t reserve_ids(const std::string& kind, std::int32_t count, deadline within) override {
    reach();
    return inner_.reserve_ids(kind, count, within);
  }
  std::int64_t clock_skew_ms(wall_ms now, deadline within) override {
    reach();
    return inner_.clock_skew_ms(now, within);
  }

 private:
  /// A statement that was still on its way may arrive before any other.
  void connect() {
    if (chance_.chance(500)) inner_.land_in_flight();
    inner_.set_offline(away_());
  }
  void reach() {
    connect();
    if (chance_.chance(faults_.read)) throw storage_unavailable{"the connection broke"};
  }

  memory_journal inner_;
  simulation::dice& chance_;
  const storage_faults& faults_;
  std::function<bool()> away_;
};

}  // namespace sb::actor_simulation
