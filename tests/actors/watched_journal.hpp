#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "forwarding_journal.hpp"

namespace sb::test {

/// What a test wants to happen right before a call; it may throw storage_unavailable or block.
struct journal_watch {
  std::function<void()> before_claim = [] {};
  std::function<void()> before_beat = [] {};
  std::function<void(const stream_id& after)> before_names = [](const stream_id&) {};
  std::function<void()> before_rows = [] {};
  std::function<void()> before_stored = [] {};
  std::function<void(shard_id, const std::vector<stream_id>&)> before_streams = [](shard_id, const auto&) {};
};

/// A memory_journal that is watched.
class watched_journal final : public forwarding_journal {
 public:
  watched_journal(std::shared_ptr<memory_store> store, const journal_watch& watch)
      : forwarding_journal{std::move(store)}, watch_{watch} {}

  memory_journal& table() { return inner; }

  std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                           deadline within) override {
    watch_.before_streams(shard, streams);
    return forwarding_journal::read_streams(shard, streams, within);
  }
  std::vector<stream_id> stored_streams(shard_id shard, const std::vector<stream_id>& streams,
                                        deadline within) override {
    watch_.before_stored();
    return forwarding_journal::stored_streams(shard, streams, within);
  }
  std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit,
                                      deadline within) override {
    watch_.before_rows();
    return forwarding_journal::read_after(shard, after, limit, within);
  }
  std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                       deadline within) override {
    watch_.before_names(after);
    return forwarding_journal::streams_after(shard, after, limit, within);
  }

 private:
  void before(call what) override {
    if (what == call::claim) watch_.before_claim();
    if (what == call::beat) watch_.before_beat();
  }

  const journal_watch& watch_;
};

}  // namespace sb::test
