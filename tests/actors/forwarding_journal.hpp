#pragma once
#include <memory>
#include <utility>

#include "storage/memory/journal.hpp"

namespace sb::test {

/// A memory_journal behind which a test stands: before() is called ahead of every call, and may throw
/// storage_unavailable, plant a fault or block.
class forwarding_journal : public journal {
 public:
  explicit forwarding_journal(std::shared_ptr<memory_store> store) : inner{std::move(store)} {}

  std::vector<append_outcome> append(const std::vector<shard_append>& parts, deadline within) override {
    before(call::append);
    return inner.append(parts, within);
  }
  std::vector<shard_head> heads(const std::vector<shard_id>& shards, deadline within) override {
    before(call::read);
    return inner.heads(shards, within);
  }
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self,
                                   deadline lock_wait, deadline within) override {
    before(call::claim);
    return inner.claim(shards, self, lock_wait, within);
  }
  void release(const std::vector<shard_head>& held, deadline within) override {
    before(call::read);
    inner.release(held, within);
  }
  std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                           deadline within) override {
    before(call::read);
    return inner.read_streams(shard, streams, within);
  }
  std::vector<stream_id> stored_streams(shard_id shard, const std::vector<stream_id>& streams,
                                        deadline within) override {
    before(call::read);
    return inner.stored_streams(shard, streams, within);
  }
  std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit,
                                      deadline within) override {
    before(call::read);
    return inner.read_after(shard, after, limit, within);
  }
  std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                       deadline within) override {
    before(call::read);
    return inner.streams_after(shard, after, limit, within);
  }
  void save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) override {
    before(call::read);
    inner.save_snapshot(shard, snapshot, within);
  }
  void heartbeat(const node_identity& self, deadline within) override {
    before(call::beat);
    inner.heartbeat(self, within);
  }
  std::vector<node_heartbeat> heartbeats(deadline within) override {
    before(call::read);
    return inner.heartbeats(within);
  }
  std::int64_t reserve_ids(const std::string& kind, std::int32_t count, deadline within) override {
    before(call::read);
    return inner.reserve_ids(kind, count, within);
  }
  std::int64_t clock_skew_ms(wall_ms now, deadline within) override {
    before(call::read);
    return inner.clock_skew_ms(now, within);
  }

 protected:
  enum class call : std::uint8_t { append, claim, beat, read };  ///< read: every other one that throws when it fails
  virtual void before(call what) = 0;

  memory_journal inner;
};

}  // namespace sb::test
