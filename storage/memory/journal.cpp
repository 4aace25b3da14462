#include "storage/memory/journal.hpp"

#include <algorithm>
#include <utility>

namespace sb {
namespace {

constexpr shard_id shards_max = 256;

/// What PostgreSQL's column types and the check of table journal refuse.
const char* refusal(const journal_row& row) {
  if (row.version <= 0 || row.events <= 0 || row.stream.empty() || row.stream.size() > 96) return "23514 unsound row";
  if (row.stream.find('\0') != std::string::npos) return "22021 NUL in a text";
  return nullptr;
}

template <class Fault>
Fault next_of(std::deque<Fault>& faults) {
  if (faults.empty()) return Fault::none;
  const auto next = faults.front();
  faults.pop_front();
  return next;
}

std::vector<append_outcome> all(const std::vector<shard_append>& parts, append_status status, const char* detail) {
  std::vector<append_outcome> outcomes;
  outcomes.reserve(parts.size());
  for (const auto& part : parts) outcomes.push_back({part.shard, status, detail});
  return outcomes;
}

}  // namespace

memory_store::memory_store() : shards_(shards_max) {
  for (shard_id id = 0; id < shards_max; ++id) shards_[static_cast<std::size_t>(id)].fence.shard = id;
}

memory_store::shard_state* memory_store::find(shard_id shard) {
  return shard >= 0 && shard < shards_max ? &shards_[static_cast<std::size_t>(shard)] : nullptr;
}

append_outcome memory_store::append(const shard_append& part) {
  auto* const state = find(part.shard);
  if (state == nullptr || state->fence.epoch != part.epoch || state->fence.head != part.head_before) {
    return {part.shard, append_status::fenced, {}};
  }
  std::set<std::pair<stream_id, std::int64_t>> added;
  for (const auto& row : part.rows) {
    if (const char* why = refusal(row)) return {part.shard, append_status::data_refused, why};
    const auto known = state->streams.find(row.stream);
    if ((known != state->streams.end() && known->second.contains(row.version)) ||
        !added.emplace(row.stream, row.version).second) {
      return {part.shard, append_status::data_refused, "23505 duplicate stream and version"};
    }
  }
  for (const auto& row : part.rows) {
    state->streams[row.stream][row.version] = state->rows.size();
    state->rows.push_back(row);
  }
  state->fence.head = part.rows.back().seq;
  state->fence.head_hash = part.rows.back().hash;
  return {part.shard, append_status::stored, {}};
}

memory_journal::memory_journal(std::shared_ptr<memory_store> store) : store_(std::move(store)) {}

std::unique_lock<std::mutex> memory_journal::reach() const {
  if (offline_) throw storage_unavailable("the memory journal is offline");
  return std::unique_lock{store_->mutex_};
}

void memory_journal::land_in_flight() {
  const std::unique_lock lock{store_->mutex_};
  for (const auto& parts : std::exchange(in_flight_, {})) {
    for (const auto& part : parts) store_->append(part);
  }
}

std::vector<append_outcome> memory_journal::append(const std::vector<shard_append>& parts, deadline) {
  require_well_formed(parts);
  if (parts.empty()) return {};
  if (offline_) return all(parts, append_status::not_attempted, "offline");
  switch (next_of(append_faults_)) {
    case append_fault::not_attempted:
      return all(parts, append_status::not_attempted, "injected");
    case append_fault::refused:
      return all(parts, append_status::data_refused, "injected");
    case append_fault::unknown_not_applied:
      return all(parts, append_status::unknown_commit, "injected");
    case append_fault::unknown_in_flight:
      in_flight_.push_back(parts);
      return all(parts, append_status::unknown_commit, "injected");
    case append_fault::unknown_applied: {
      const std::unique_lock lock{store_->mutex_};
      for (const auto& part : parts) store_->append(part);
      return all(parts, append_status::unknown_commit, "injected");
    }
    case append_fault::none:
      break;
  }
  const std::unique_lock lock{store_->mutex_};
  std::vector<append_outcome> outcomes;
  outcomes.reserve(parts.size());
  for (const auto& part : parts) outcomes.push_back(store_->append(part));
  return outcomes;
}

std::vector<shard_head> memory_journal::heads(const std::vector<shard_id>& shards, deadline) {
  const auto lock = reach();
  std::vector<shard_head> out;
  out.reserve(shards.size());
  for (const auto shard : shards) {
    const auto* const state = store_->find(shard);
    if (state == nullptr) throw std::invalid_argument("no shard " + std::to_string(shard));
    out.push_back(state->fence);
  }
  return out;
}

std::vector<claim_outcome> memory_journal::claim(const std::vector<claim_request>& shards, const node_identity& self,
                                                 deadline, deadline) {
  std::set<shard_id> named;
  std::vector<claim_outcome> outcomes;
  for (const auto& one : shards) {
    if (!named.insert(one.shard).second) throw std::invalid_argument("a claim names a shard twice");
    outcomes.push_back({one.shard, claim_status::unknown, {}});
  }
  if (offline_) return outcomes;
  const auto fault = next_of(claim_faults_);
  if (fault == claim_fault::unknown_not_applied) return outcomes;
  const std::unique_lock lock{store_->mutex_};
  for (std::size_t at = 0; at < shards.size(); ++at) {
    auto* const state = store_->find(shards[at].shard);
    outcomes[at].status = claim_status::lost;
    if (state == nullptr || state->fence.epoch != shards[at].epoch_seen ||
        state->fence.incarnation != shards[at].incarnation_seen) {
      continue;
    }
    const auto owner = store_->nodes_.find(state->fence.owner);
    const auto counter = owner == store_->nodes_.end() ? 0 : owner->second.counter;
    if (shards[at].counter_seen && *shards[at].counter_seen != counter) continue;
    ++state->fence.epoch;
    state->fence.owner = self.node;
    state->fence.incarnation = self.incarnation;
    outcomes[at] = {shards[at].shard, claim_status::claimed, state->fence};
  }
  if (fault == claim_fault::unknown_applied) {
    for (auto& one : outcomes) one = {one.shard, claim_status::unknown, {}};
  }
  return outcomes;
}

void memory_journal::release(const std::vector<shard_head>& held, deadline) {
  if (offline_) return;
  const std::unique_lock lock{store_->mutex_};
  for (const auto& one : held) {
    auto* const state = store_->find(one.shard);
    if (state == nullptr || state->fence.epoch != one.epoch || state->fence.owner != one.owner ||
        state->fence.incarnation != one.incarnation) {
      continue;
    }
    state->fence.owner.clear();
    state->fence.incarnation = 0;
  }
}

std::vector<stream_history> memory_journal::read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                                         deadline) {
  const auto lock = reach();
  std::vector<stream_history> out;
  out.reserve(streams.size());
  const auto* const state = store_->find(shard);
  for (const auto& name : streams) {
    auto& one = out.emplace_back(stream_history{name, std::nullopt, {}});
    if (state == nullptr) continue;
    std::int64_t after = 0;
    if (const auto kept = state->snapshots.find(name); kept != state->snapshots.end()) {
      one.snapshot = kept->second;
      after = kept->second.version;
    }
    const auto known = state->streams.find(name);
    if (known == state->streams.end()) continue;
    for (auto row = known->second.upper_bound(after); row != known->second.end(); ++row) {
      one.rows.push_back(state->rows[row->second]);
    }
  }
  return out;
}

std::vector<journal_row> memory_journal::read_after(shard_id shard, std::int64_t after, std::int32_t limit, deadline) {
  const auto lock = reach();
  const auto* const state = store_->find(shard);
  if (state == nullptr) return {};
  const auto size = std::ssize(state->rows);
  const auto from = std::clamp<std::int64_t>(after, 0, size);
  const auto to = std::min<std::int64_t>(size, from + std::max(limit, 0));
  return {state->rows.begin() + from, state->rows.begin() + to};
}

std::vector<stream_id> memory_journal::stored_streams(shard_id shard, const std::vector<stream_id>& streams, deadline) {
  const auto lock = reach();
  std::vector<stream_id> out;
  const auto* const state = store_->find(shard);
  if (state == nullptr) return out;
  for (const auto& stream : streams) {
    const auto found = state->streams.find(stream);
    if (found != state->streams.end() && found->second.contains(1)) out.push_back(stream);
  }
  return out;
}

std::vector<stream_id> memory_journal::streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                                     deadline) {
  const auto lock = reach();
  std::vector<stream_id> names;
  const auto* const state = store_->find(shard);
  if (state == nullptr) return names;
  for (auto stream = state->streams.upper_bound(after); stream != state->streams.end(); ++stream) {
    if (std::ssize(names) == limit) break;
    if (stream->second.contains(1)) names.push_back(stream->first);
  }
  return names;
}

void memory_journal::save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline) {
  const auto lock = reach();
  auto* const state = store_->find(shard);
  if (state == nullptr) throw std::invalid_argument("no shard " + std::to_string(shard));
  auto& kept = state->snapshots[snapshot.stream];
  if (kept.stream.empty() || kept.version < snapshot.version) kept = snapshot;
}

void memory_journal::heartbeat(const node_identity& self, deadline) {
  const auto lock = reach();
  auto& node = store_->nodes_[self.node];
  if (!node.node.empty() && node.incarnation > self.incarnation) {
    throw storage_unavailable{"a later incarnation of node " + self.node + " is running"};
  }
  node.node = self.node;
  node.incarnation = self.incarnation;
  ++node.counter;
}

std::vector<node_heartbeat> memory_journal::heartbeats(deadline) {
  const auto lock = reach();
  std::vector<node_heartbeat> out;
  for (const auto& [name, node] : store_->nodes_) out.push_back(node);
  return out;
}

std::int64_t memory_journal::reserve_ids(const std::string& kind, std::int32_t count, deadline) {
  if (count <= 0) throw std::invalid_argument("a block of ids needs a positive count");
  const auto lock = reach();
  auto& next = store_->next_ids_.try_emplace(kind, 1).first->second;
  return std::exchange(next, next + count);
}

std::int64_t memory_journal::clock_skew_ms(wall_ms, deadline) {
  const auto lock = reach();
  return clock_skew_ms_;
}

}  // namespace sb
