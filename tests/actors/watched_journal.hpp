#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "storage/memory/journal.hpp"

namespace sb::test {

/// What a test wants to happen right before a call; it may throw storage_unavailable or block.
struct journal_watch {
  std::function<void()> before_claim = [] {};
  std::function<void(const stream_id& after)> before_names = [](const stream_id&) {};
  std::function<void()> before_rows = [] {};
  std::function<void(shard_id, const std::vector<stream_id>&)> before_streams = [](shard_id, const auto&) {};
};

/// A memory_journal that is watched.
class watched_journal final : public journal {
 public:
  watched_journal(std::shared_ptr<memory_store> store, const journal_watch& watch)
      : inner_{std::move(store)}, watch_{watch} {}

  std::vector<append_outcome> append(const std::vector<shard_append>& parts, deadline within) override {
    return inner_.append(parts, within);
  }
  std::vector<shard_head> heads(const std::vector<shard_id>& shards, deadline within) override {
    return inner_.heads(shards, within);
  }
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self,
                                   deadline lock_wait, deadline within) override {
    watch_.before_claim();
    return inner_.claim(shards, self, lock_wait, within);
  }
  void release(const std::vector<shard_head>& held, deadline within) override { inner_.release(held, within); }
  std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                           deadline within) override {
    watch_.before_streams(shard, streams);
    return inner_.read_streams(shard, streams, within);
  }
  std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit,
                                      deadline within) override {
    watch_.before_rows();
    return inner_.read_after(shard, after, limit, within);
  }
  std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                       deadline within) override {
    watch_.before_names(after);
    return inner_.streams_after(shard, after, limit, within);
  }
  void save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) override {
    inner_.save_snapshot(shard, snapshot, within);
  }
  void heartbeat(const node_identity& self, deadline within) override { inner_.heartbeat(self, within); }
  std::vector<node_heartbeat> heartbeats(deadline within) override { return inner_.heartbeats(within); }
  std::int64_t reserve_ids(const std::string& kind, std::int32_t count, deadline within) override {
    return inner_.reserve_ids(kind, count, within);
  }
  std::int64_t clock_skew_ms(wall_ms now, deadline within) override { return inner_.clock_skew_ms(now, within); }

 private:
  memory_journal inner_;
  const journal_watch& watch_;
};

}  // namespace sb::test
