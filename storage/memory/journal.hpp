#pragma once
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "storage/journal.hpp"

namespace sb {

/// What a database holds, in memory: shared by the memory_journals of all nodes of a test or a simulation.
/// Shards 0..255 exist from the start, as after a migration. Thread-safe.
class memory_store {
 public:
  memory_store();

 private:
  friend class memory_journal;
  struct shard_state {
    shard_head fence;
    std::vector<journal_row> rows;                                     ///< rows[i].seq == i + 1
    std::map<stream_id, std::map<std::int64_t, std::size_t>> streams;  ///< version -> index in rows
    std::map<stream_id, stored_snapshot> snapshots;
  };
  shard_state* find(shard_id shard);
  append_outcome append(const shard_append& part);

  std::mutex mutex_;
  std::vector<shard_state> shards_;
  std::map<std::string, node_heartbeat> nodes_;
  std::map<std::string, std::int64_t> next_ids_;
};

/// The journal in memory: the contract of storage/journal.hpp without PostgreSQL, and switches for everything that can
/// go wrong there. Never waits, so deadlines and lock waits are ignored.
class memory_journal final : public journal {
 public:
  explicit memory_journal(std::shared_ptr<memory_store> store = std::make_shared<memory_store>());

  /// What the next append does instead of the usual; a queue, one entry for each append call.
  enum class append_fault {
    none,
    unknown_applied,      ///< stored, and the answer is lost
    unknown_not_applied,  ///< lost on the way there
    unknown_in_flight,    ///< the answer is lost and the statement is still on its way: land_in_flight() decides when
    refused,              ///< every part is data_refused
    not_attempted,
  };
  enum class claim_fault { none, unknown_applied, unknown_not_applied };
  void inject(append_fault next) { append_faults_.push_back(next); }
  void inject(claim_fault next) { claim_faults_.push_back(next); }
  /// Late statements reach the database now, in the order they were sent; the fence treats them like any other.
  void land_in_flight();
  /// While offline appends are not_attempted, claims unknown (and not applied), and the rest throws
  /// storage_unavailable.
  void set_offline(bool offline) { offline_ = offline; }
  /// What clock_skew_ms answers.
  void set_clock_skew_ms(std::int64_t skew) { clock_skew_ms_ = skew; }

  std::vector<append_outcome> append(const std::vector<shard_append>& parts, deadline within) override;
  std::vector<shard_head> heads(const std::vector<shard_id>& shards, deadline within) override;
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self,
                                   deadline lock_wait, deadline within) override;
  void release(const std::vector<shard_head>& held, deadline within) override;
  std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                           deadline within) override;
  std::vector<stream_id> stored_streams(shard_id shard, const std::vector<stream_id>& streams,
                                        deadline within) override;
  std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit, deadline within) override;
  std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                       deadline within) override;
  void save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) override;
  void heartbeat(const node_identity& self, deadline within) override;
  std::vector<node_heartbeat> heartbeats(deadline within) override;
  std::int64_t reserve_ids(const std::string& kind, std::int32_t count, deadline within) override;
  std::int64_t clock_skew_ms(wall_ms now, deadline within) override;

 private:
  std::unique_lock<std::mutex> reach() const;  ///< throws storage_unavailable when offline

  std::shared_ptr<memory_store> store_;
  std::deque<append_fault> append_faults_;
  std::deque<claim_fault> claim_faults_;
  std::deque<std::vector<shard_append>> in_flight_;
  bool offline_ = false;
  std::int64_t clock_skew_ms_ = 0;
};

}  // namespace sb
