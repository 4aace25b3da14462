#include "runtime/entity.hpp"

#include <algorithm>
#include <utility>

#include "storage/event_codec.hpp"

namespace sb {
namespace {

constexpr std::size_t gathered_max = 256;  // facts; they leave as soon as there are as many

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
    if (phase_ != phase::gathering) return;
    turn late{now, out};
    resume(late);
    return append(late, out);
  }
  if (from_edge && queue_.size() >= queue_max_) {
    out.push_back(
        reply_out{in.head.from, rejected{rejection::overloaded, "too many requests wait for " + stream_of(key_)}});
    return;
  }
  if (from_edge) waiting_.push_back(in.head.from);
  const bool waited_for = !std::holds_alternative<settle_request>(in.body) && !std::holds_alternative<alarm>(in.body);
  queue_.push_back(std::move(in));
  if (phase_ == phase::appending && unhurried_ && waited_for) {
    unhurried_ = false;
    out.push_back(hurry_out{});
  }
  take_turns(now, out);
}

void entity_core::take_turns(const clock_reading& now, outputs& out) {
  while ((phase_ == phase::ready || phase_ == phase::gathering) && !queue_.empty()) {
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
    release(done.after_, done.now, out);
  } else if (!gather(done, out)) {
    append(done, out);
  }
}

/// What was gathered is part of the turn again.
void entity_core::resume(turn& step) {
  if (phase_ != phase::gathering) return;
  step.facts_ = std::exchange(gathered_, {});
  step.after_ = std::exchange(held_, {});
  phase_ = phase::ready;
}

/// False when the facts are to leave now.
bool entity_core::gather(turn& done, outputs& out) {
  if (done.urgent_ || done.facts_.size() >= gathered_max) return false;
  const auto wait_ms = self_->gather_ms(done.now.boot);
  if (wait_ms == 0) return false;
  gathered_ = std::move(done.facts_);
  held_ = std::move(done.after_);
  phase_ = phase::gathering;
  // One that is set for what was gathered before comes sooner than it need.
  if (!std::exchange(gather_alarm_, true)) out.push_back(alarm_out{alarm_gathered, wait_ms});
  return true;
}

void entity_core::append(turn& done, outputs& out) {
  append_out row;
  row.version = version_ + 1;
  row.events = static_cast<std::int32_t>(done.facts_.size());
  row.body = pack(done.facts_);
  row.at = done.now.wall;
  row.urgent = done.urgent_;
  unhurried_ = !row.urgent;
  version_ += row.events;
  tail_events_ += row.events;
  tail_bytes_ += row.body.size();
  held_ = std::move(done.after_);
  phase_ = phase::appending;
  out.push_back(std::move(row));
}

void entity_core::appended(append_verdict verdict, const clock_reading& now, outputs& out) {
  if (phase_ != phase::appending) return;
  if (verdict == append_verdict::not_stored) return fail("its append was not stored", out);
  phase_ = phase::ready;
  auto after = std::exchange(held_, {});
  release(after, now, out);
  offer_snapshot(out);
  take_turns(now, out);
}

void entity_core::release(outputs& after, const clock_reading& now, outputs& out) {
  for (auto& item : after) {
    if (const auto* reply = std::get_if<reply_out>(&item);
        reply != nullptr && !std::holds_alternative<order_stored>(reply->body)) {
      std::erase(waiting_, reply->to);
    }
    out.push_back(std::move(item));
  }
  self_->committed(now, out);
}

void entity_core::offer_snapshot(outputs& out) {
  auto offer = self_->snapshot(tail_events_, tail_bytes_);
  if (!offer) return;
  tail_events_ = 0;
  tail_bytes_ = 0;
  out.push_back(snapshot_out{stream_of(key_), version_, std::move(*offer)});
}

void entity_core::abandon(rejection why, const std::string& detail, outputs& out) {
  for (const auto& to : std::exchange(waiting_, {})) out.push_back(reply_out{to, rejected{why, detail}});
  queue_.clear();
  gathered_.clear();
  held_.clear();
  phase_ = phase::failed;
}

void entity_core::fail(const std::string& why, outputs& out) {
  abandon(rejection::storage_unavailable, why, out);
  out.push_back(fail_out{why});
}

bool entity_core::can_retire() const {
  return phase_ == phase::ready && queue_.empty() && waiting_.empty() && !self_->busy();
}

}  // namespace sb
