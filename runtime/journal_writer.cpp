#include "runtime/journal_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"

namespace sb {
namespace {

constexpr std::size_t joined_facts_max = 256;
constexpr std::int64_t joined_ms_max = 1'000;  // a row has one time
constexpr std::ptrdiff_t join_look_max = 512;  // writes; behind as many a row of its own does not matter

write_verdict verdict_on(const pending_write& write, append_verdict verdict) {
  return {write.token, verdict, through(write.what)};
}

}  // namespace

void journal_writer::own(const shard_head& head, writer_events& out) {
  if (shards_.contains(head.shard)) lose(head.shard, "claimed anew by this node", out);
  shard_state fresh;
  fresh.head = head;
  shards_[head.shard] = std::move(fresh);
}

void journal_writer::disown(shard_id shard, writer_events& out) {
  if (!owns(shard)) return out.push_back(shard_lost{shard, "not owned"});
  lose(shard, "given up", out);
}

std::vector<shard_head> journal_writer::owned() const {
  std::vector<shard_head> heads;
  heads.reserve(shards_.size());
  for (const auto& [id, shard] : shards_) heads.push_back(shard.head);
  return heads;
}

enqueued journal_writer::enqueue(pending_write write, writer_events& out) {
  const bool extends = extend_stream(write);
  if (extends && write.what.follows && join(write)) return enqueued::joined;
  if (!extends || queue_.size() >= queue_max_) {
    refuse(write, out);
    return enqueued::refused;
  }
  if (write.what.urgent) ++urgent_;
  queue_.push_back(std::move(write));
  return enqueued::queued;
}

/// Makes it the end of its stream; false where it does not follow what was taken in of that.
bool journal_writer::extend_stream(const pending_write& write) {
  const auto shard = shards_.find(write.shard);
  if (shard == shards_.end()) return false;
  const shard_state::stream_end end{through(write.what), write.incarnation};
  auto [last, first_seen] = shard->second.ends.try_emplace(write.stream, end);
  if (first_seen) return !write.what.follows;
  if (last->second.version + 1 != write.what.version) return false;
  if (write.what.follows && last->second.incarnation != write.incarnation) return false;
  last->second = end;
  return true;
}

/// What was decided one after another is one row where the earlier has not left: rows are what an append costs.
bool journal_writer::join(pending_write& write) {
  const auto far_enough = queue_.rbegin() + std::min(std::ssize(queue_), join_look_max);
  const auto last = std::find_if(queue_.rbegin(), far_enough, [&](const pending_write& queued) {
    return queued.shard == write.shard && queued.stream == write.stream;
  });
  if (last == far_enough) return false;
  auto& earlier = last->what;
  if (earlier.facts.size() + write.what.facts.size() > joined_facts_max) return false;
  if (write.what.at.value - earlier.at.value > joined_ms_max) return false;
  std::move(write.what.facts.begin(), write.what.facts.end(), std::back_inserter(earlier.facts));
  if (write.what.urgent && !std::exchange(earlier.urgent, true)) ++urgent_;
  return true;
}

void journal_writer::hurry(shard_id shard, const stream_id& stream) {
  const auto of_stream = [&](const pending_write& write) { return write.shard == shard && write.stream == stream; };
  if (const auto queued = std::find_if(queue_.rbegin(), queue_.rend(), of_stream); queued != queue_.rend()) {
    if (!std::exchange(queued->what.urgent, true)) ++urgent_;
    return;
  }
  const auto owner = shards_.find(shard);
  if (owner == shards_.end()) return;
  auto& in_flight = owner->second.in_flight;
  const auto sent = std::find_if(in_flight.rbegin(), in_flight.rend(), of_stream);
  if (sent != in_flight.rend()) sent->what.urgent = true;  // should it come back to the queue
}

void journal_writer::barrier(std::uint64_t token, shard_id shard, const stream_id& stream, writer_events& out) {
  drop_queued(shard, stream, out);
  barriers_.push_back({token, shard, stream});
  pass_barriers(out);
}

void journal_writer::forget(shard_id shard, const stream_id& stream) {
  if (const auto found = shards_.find(shard); found != shards_.end()) found->second.ends.erase(stream);
}

writer_step journal_writer::next() {
  if (out_) return idle_step{};
  if (!resolving_.empty()) {
    claim_step claim;
    for (const auto id : resolving_) {
      const auto& head = shards_.at(id).head;
      claim.shards.push_back({id, head.epoch, head.incarnation});
    }
    out_ = true;
    return claim;
  }
  if (queue_.empty()) return idle_step{};

  take_writes();
  parts_.reserve(sent_.size());
  for (const auto id : sent_) parts_.push_back(part_of(id));
  out_ = true;
  return append_step{parts_};
}

/// From the queue to their shards, as many as a batch has.
void journal_writer::take_writes() {
  std::vector<pending_write> left;
  for (std::size_t count = 0; count < rows_max_ && !queue_.empty();) {
    auto write = std::move(queue_.front());
    queue_.pop_front();
    auto& shard = shards_.at(write.shard);
    if (shard.alone && !shard.in_flight.empty()) {
      left.push_back(std::move(write));
      continue;
    }
    if (write.what.urgent) --urgent_;
    if (shard.in_flight.empty()) sent_.push_back(write.shard);
    shard.in_flight.push_back(std::move(write));
    ++count;
  }
  for (auto write = left.rbegin(); write != left.rend(); ++write) queue_.push_front(std::move(*write));
  std::sort(sent_.begin(), sent_.end());
}

shard_append journal_writer::part_of(shard_id id) {
  auto& shard = shards_.at(id);
  shard_append part;
  part.shard = id;
  part.epoch = shard.head.epoch;
  part.head_before = shard.head.head;
  part.rows.reserve(shard.in_flight.size());
  const digest* previous = &shard.head.head_hash;
  for (const auto& write : shard.in_flight) {
    auto& row = part.rows.emplace_back();
    row.shard = id;
    row.seq = part.head_before + std::ssize(part.rows);
    row.stream = write.stream;
    row.version = write.what.version;
    row.events = static_cast<std::int32_t>(write.what.facts.size());
    row.at = write.what.at;
    row.epoch = part.epoch;
    row.body = pack(write.what.facts);
    row.hash = chain(*previous, row);
    previous = &row.hash;
  }
  return part;
}

void journal_writer::append_done(const std::vector<append_outcome>& outcomes, writer_events& out) {
  out_ = false;
  auto unanswered = std::exchange(sent_, {});
  auto parts = std::exchange(parts_, {});
  for (auto& part : parts) {
    if (std::binary_search(unanswered.begin(), unanswered.end(), part.shard))
      shards_.at(part.shard).rows = std::move(part.rows);
  }
  for (const auto& outcome : outcomes) {
    const auto found = shards_.find(outcome.shard);
    if (std::erase(unanswered, outcome.shard) == 0 || found == shards_.end()) continue;
    auto& shard = found->second;
    switch (outcome.status) {
      case append_status::stored:
        shard.alone = false;
        stored(shard, out);
        break;
      case append_status::fenced:
        lose(outcome.shard, "fenced: another epoch or head is in force", out);
        break;
      case append_status::data_refused:
        if (shard.in_flight.size() > 1) {  // find the row that is refused; the others are good
          back_to_queue(shard);
          shard.alone = true;
        } else {
          const auto write = std::move(shard.in_flight.front());
          shard.in_flight.clear();
          shard.rows.clear();
          out.push_back(row_refused{outcome.shard, write.stream, outcome.detail});
          refuse(write, out);
          drop_queued(write.shard, write.stream, out);  // what waits behind it was decided on it
        }
        break;
      case append_status::unknown_commit:
        resolving_.push_back(outcome.shard);
        break;
      case append_status::not_attempted:
        back_to_queue(shard);
        break;
    }
  }
  for (const auto shard : unanswered) {  // a part without an outcome may be stored like any other
    if (shards_.contains(shard)) resolving_.push_back(shard);
  }
  std::sort(resolving_.begin(), resolving_.end());
  pass_barriers(out);
}

void journal_writer::claim_done(const std::vector<claim_outcome>& outcomes, const node_identity& self,
                                writer_events& out) {
  out_ = false;
  for (const auto& outcome : outcomes) {
    const auto found = shards_.find(outcome.shard);
    if (found == shards_.end() || std::find(resolving_.begin(), resolving_.end(), outcome.shard) == resolving_.end())
      continue;
    if (outcome.status == claim_status::unknown) continue;  // asked again
    std::erase(resolving_, outcome.shard);
    if (outcome.status == claim_status::lost) {
      lose(outcome.shard, "an unknown commit could not be resolved: the shard was claimed by another", out);
      continue;
    }
    auto& shard = found->second;
    const auto before = shard.head;
    const auto sent = static_cast<std::int64_t>(shard.rows.size());
    shard.head.epoch = outcome.head.epoch;
    shard.head.incarnation = self.incarnation;
    const bool none_stored = outcome.head.head == before.head && outcome.head.head_hash == before.head_hash;
    const bool all_stored = !shard.rows.empty() && outcome.head.head == before.head + sent &&
                            outcome.head.head_hash == shard.rows.back().hash;
    if (all_stored) {
      stored(shard, out);
    } else if (none_stored) {
      back_to_queue(shard);  // appended again, now under the new epoch
    } else {
      lose(outcome.shard, "after an unknown commit the head is neither ours nor what it was", out);
    }
  }
  pass_barriers(out);
}

void journal_writer::stored(shard_state& shard, writer_events& out) {
  if (shard.rows.empty()) return;
  shard.head.head = shard.rows.back().seq;
  shard.head.head_hash = shard.rows.back().hash;
  for (const auto& write : shard.in_flight) out.push_back(verdict_on(write, append_verdict::stored));
  out.push_back(committed_rows{shard.head.shard, std::move(shard.rows)});
  shard.in_flight.clear();
  shard.rows.clear();
}

void journal_writer::back_to_queue(shard_state& shard) {
  for (auto at = shard.in_flight.size(); at-- > 0;) {
    auto& write = shard.in_flight[at];
    if (write.what.urgent) ++urgent_;
    queue_.push_front(std::move(write));
  }
  shard.in_flight.clear();
  shard.rows.clear();
}

void journal_writer::refuse(const pending_write& write, writer_events& out) {
  // The entity ends and replays: whatever it appends next is the first that we hear of the stream again. What it
  // decided ahead says that it follows. One that was before it, and does not know yet, has no say in what is taken in
  // of it.
  if (const auto shard = shards_.find(write.shard); shard != shards_.end()) {
    auto& ends = shard->second.ends;
    const auto last = ends.find(write.stream);
    if (last != ends.end() && last->second.incarnation == write.incarnation) ends.erase(last);
  }
  out.push_back(verdict_on(write, append_verdict::not_stored));
}

/// An empty stream: of all streams.
void journal_writer::drop_queued(shard_id shard, const stream_id& stream, writer_events& out) {
  std::erase_if(queue_, [&](const pending_write& write) {
    if (write.shard != shard || (!stream.empty() && write.stream != stream)) return false;
    if (write.what.urgent) --urgent_;
    out.push_back(verdict_on(write, append_verdict::not_stored));
    return true;
  });
}

void journal_writer::lose(shard_id id, const std::string& why, writer_events& out) {
  const auto found = shards_.find(id);
  if (found == shards_.end()) return;
  auto gone = std::move(found->second);
  shards_.erase(found);
  std::erase(sent_, id);  // an answer that is still out is about this claim
  std::erase(resolving_, id);
  for (const auto& write : gone.in_flight) out.push_back(verdict_on(write, append_verdict::not_stored));
  drop_queued(id, {}, out);
  out.push_back(shard_lost{id, why});
  pass_barriers(out);
}

bool journal_writer::in_flight(shard_id shard, const stream_id& stream) const {
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return false;
  const auto& writes = found->second.in_flight;
  return std::any_of(writes.begin(), writes.end(),
                     [&](const pending_write& write) { return stream.empty() || write.stream == stream; });
}

void journal_writer::pass_barriers(writer_events& out) {
  std::erase_if(barriers_, [&](const waiting_barrier& waiting) {
    if (in_flight(waiting.shard, waiting.stream)) return false;
    // A write that went back to the queue after the barrier came was never stored; nor will it be.
    drop_queued(waiting.shard, waiting.stream, out);
    if (const auto found = shards_.find(waiting.shard); waiting.stream.empty() && found != shards_.end())
      found->second.ends.clear();
    forget(waiting.shard, waiting.stream);
    out.push_back(barrier_passed{waiting.token});
    return true;
  });
}

}  // namespace sb
