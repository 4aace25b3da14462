#include "runtime/entity.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/event_codec.hpp"

namespace sb {
namespace {

constexpr std::size_t gathered_max = 256;  // facts; they leave as soon as there are as many
constexpr std::size_t sent_max = 64;       // appends decided ahead; what comes then waits

bool is_waited_for(const message& body) {
  return !std::holds_alternative<settle_request>(body) && !std::holds_alternative<orders_seen>(body) &&
         !std::holds_alternative<orders_looked_up>(body) && !std::holds_alternative<alarm>(body);
}

}  // namespace

entity_core::entity_core(entity_key key, std::unique_ptr<entity> self, std::size_t queue_max)
    : key_{std::move(key)}, self_{std::move(self)}, queue_max_{queue_max} {}

void entity_core::recover(const stream_history& history, predecessor former, const clock_reading& now, outputs& out) {
  if (phase_ != phase::recovering) return;
  std::string why;
  if (history.snapshot) {
    if (!self_->restore(*history.snapshot, why)) return fail("snapshot: " + why, out);
    version_ = history.snapshot->version;
  }
  for (const auto& row : history.rows) {
    if (row.version + row.events - 1 <= version_) continue;  // inside the snapshot
    if (row.version != version_ + 1) return fail("stream has a gap after version " + std::to_string(version_), out);
    const auto events = unpack(row.body, why);
    if (!events) return fail("version " + std::to_string(row.version) + ": " + why, out);
    for (const auto& event : *events) {
      if (!self_->replay(event, row.at, why)) return fail("version " + std::to_string(version_ + 1) + ": " + why, out);
      ++version_;
    }
    tail_events_ += row.events;
    tail_bytes_ += row.body.size();
  }
  phase_ = phase::ready;
  turn first{now, out};
  self_->recovered(first, version_ == 0 ? predecessor::none : former);
  finish(first, out);
  take_turns(now, out);
}

void entity_core::deliver(delivery in, const clock_reading& now, outputs& out) {
  const bool from_edge = in.head.from.request != 0;
  if (phase_ == phase::failed) {
    if (from_edge)
      out.push_back(reply_out{in.head.from, rejected{rejection::storage_unavailable, "the entity is being replayed"}});
    return;
  }
  if (const auto* fired = std::get_if<alarm>(&in.body); fired != nullptr && fired->id == alarm_gathered) {
    gather_alarm_ = false;
    if (gathered_.empty()) return;
    turn late{now, out};
    resume(late);
    return append(late, out);
  }
  // What one that decides ahead has taken in does not wait in its queue.
  const auto waiting = self_->decides_ahead() ? waiting_.size() : queue_.size();
  if (from_edge && waiting >= queue_max_) {
    out.push_back(
        reply_out{in.head.from, rejected{rejection::overloaded, "too many requests wait for " + stream_of(key_)}});
    return;
  }
  if (from_edge) waiting_.push_back(in.head.from);
  const bool hurried = is_waited_for(in.body);
  queue_.push_back(std::move(in));
  take_turns(now, out);
  if (!queue_.empty() && hurried) hurry(out);
}

bool entity_core::may_decide() {
  if (phase_ != phase::ready) return false;
  if (sent_.empty()) return true;
  return sent_.size() < sent_max && self_->decides_ahead() && !self_->snapshot_due(tail_events_, tail_bytes_);
}

void entity_core::take_turns(const clock_reading& now, outputs& out) {
  while (!queue_.empty() && may_decide()) {
    turn step{now, out};
    resume(step);
    auto batch = std::exchange(queue_, {});
    for (const auto& in : batch) {
      if (in.head.deadline.value != 0 && now.boot > in.head.deadline) {
        step.reply(in.head.from, rejected{rejection::deadline_passed, "nobody waits for it any more"});
        continue;
      }
      self_->handle(in, step);
    }
    finish(step, out);
  }
}

void entity_core::finish(turn& done, outputs& out) {
  if (done.facts_.empty()) {
    hold(done, out);
  } else if (!gather(done, out)) {
    append(done, out);
  }
}

/// What a turn without facts says rests on all that was decided before.
void entity_core::hold(turn& done, outputs& out) {
  if (sent_.empty()) {
    release(done.after_, out);
    return self_->committed(done.now, out);
  }
  auto& held = sent_.back().held;
  std::move(done.after_.begin(), done.after_.end(), std::back_inserter(held));
  if (done.urgent_) hurry(out);
}

/// Somebody waits for what is out.
void entity_core::hurry(outputs& out) {
  if (!sent_.empty() && std::exchange(sent_.back().unhurried, false)) out.push_back(hurry_out{});
}

/// What was gathered is part of the turn again.
void entity_core::resume(turn& step) {
  step.facts_ = std::exchange(gathered_, {});
  step.after_ = std::exchange(gathered_held_, {});
}

/// False when the facts are to leave now.
bool entity_core::gather(turn& done, outputs& out) {
  if (done.urgent_ || done.facts_.size() >= gathered_max) return false;
  const auto wait_ms = self_->gather_ms(done.now.boot);
  if (wait_ms == 0) return false;
  gathered_ = std::move(done.facts_);
  gathered_held_ = std::move(done.after_);
  // One that is set for what was gathered before comes sooner than it need.
  if (!std::exchange(gather_alarm_, true)) out.push_back(alarm_out{alarm_gathered, wait_ms});
  return true;
}

void entity_core::append(turn& done, outputs& out) {
  const auto events = std::ssize(done.facts_);
  append_out row;
  row.version = version_ + 1;
  row.at = done.now.wall;
  row.urgent = done.urgent_;
  row.follows = !sent_.empty();
  version_ += events;
  tail_events_ += events;
  tail_bytes_ += packed_bytes(done.facts_);
  row.facts = std::move(done.facts_);
  sent_.push_back({version_, std::move(done.after_), !row.urgent});
  out.push_back(std::move(row));
}

void entity_core::appended(append_verdict verdict, std::int64_t through, const clock_reading& now, outputs& out) {
  if (phase_ != phase::ready || sent_.empty() || sent_.front().through > through) return;
  if (verdict == append_verdict::not_stored) return fail("its append was not stored", out);
  const auto behind =
      std::find_if(sent_.begin(), sent_.end(), [&](const sent_append& sent) { return sent.through > through; });
  for (auto stored = sent_.begin(); stored != behind; ++stored) release(stored->held, out);
  sent_.erase(sent_.begin(), behind);
  if (sent_.empty() && gathered_.empty()) {
    self_->committed(now, out);
    offer_snapshot(out);
  }
  take_turns(now, out);
}

void entity_core::release(outputs& after, outputs& out) {
  for (auto& item : after) {
    if (const auto* reply = std::get_if<reply_out>(&item);
        reply != nullptr && !std::holds_alternative<order_stored>(reply->body)) {
      std::erase(waiting_, reply->to);
    }
    out.push_back(std::move(item));
  }
}

void entity_core::offer_snapshot(outputs& out) {
  if (!self_->snapshot_due(tail_events_, tail_bytes_)) return;
  tail_events_ = 0;
  tail_bytes_ = 0;
  out.push_back(snapshot_out{stream_of(key_), version_, self_->snapshot()});
}

void entity_core::abandon(rejection why, const std::string& detail, outputs& out) {
  for (const auto& to : std::exchange(waiting_, {})) out.push_back(reply_out{to, rejected{why, detail}});
  queue_.clear();
  gathered_.clear();
  gathered_held_.clear();
  sent_.clear();
  phase_ = phase::failed;
}

void entity_core::fail(const std::string& why, outputs& out) {
  abandon(rejection::storage_unavailable, why, out);
  out.push_back(fail_out{why});
}

bool entity_core::can_retire() const {
  return phase_ == phase::ready && sent_.empty() && gathered_.empty() && queue_.empty() && waiting_.empty() &&
         !self_->busy();
}

}  // namespace sb
