#include <algorithm>
#include <limits>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/world.hpp"

/// The node's side towards the journal: its writer and the shards that it runs.
namespace sb::simulation {

// ---- journal -------------------------------------------------------------------------------------------------------

/// What the writer says is on its way for a moment, in its order; meanwhile its next statement may leave.
void node::tell(writer_events events) {
  for (auto& event : events) {
    told_at_ = std::max(told_at_, world_.time.now() + world_.chance.between(0, 2));
    later(told_at_ - world_.time.now(), [this, event = std::move(event)]() mutable { act(event); });
  }
}

void node::act(writer_event& event) {
  if (const auto* verdict = std::get_if<write_verdict>(&event)) {
    const auto origin = writes_.extract(verdict->token);
    if (origin.empty()) return;
    auto* entry = find(origin.mapped().id, origin.mapped().stream, origin.mapped().host);
    if (entry == nullptr || !entry->core) return;
    drive(origin.mapped().id, *entry,
          [&](entity_core& core, outputs& out) { core.appended(verdict->verdict, verdict->through, clock(), out); });
  } else if (const auto* committed = std::get_if<committed_rows>(&event)) {
    take_hint(*committed);
  } else if (const auto* lost = std::get_if<shard_lost>(&event)) {
    world_.record.note(world_.time.now(), "lost shard", name_, lost->shard, lost->why);
    owned_.erase(lost->shard);
    close_shard(lost->shard, rejection::shard_moved);
  } else if (const auto* passed = std::get_if<barrier_passed>(&event)) {
    const auto barrier = barriers_.extract(passed->token);
    if (barrier.empty()) return;
    const auto& [id, stream, host] = barrier.mapped();
    if (stream.empty()) return read_contents(id, host);
    auto* entry = find(id, stream, host);
    if (entry == nullptr) return;
    shards_.at(id).streams.insert(stream);
    spawn(id, *entry, predecessor::lost);
    for (auto& in : std::exchange(entry->held, {})) {
      drive(id, *entry, [&](entity_core& core, outputs& out) { core.deliver(std::move(in), clock(), out); });
    }
  }
}

/// An urgent row does not wait for the step that was planned for the others.
void node::schedule_step() {
  if (writer_->busy() || !writer_->has_work()) return;
  const auto when = world_.time.now() + (writer_->urgent() ? 0 : 5);
  if (step_at_ != 0 && step_at_ <= when) return;
  step_at_ = when;
  later(when - world_.time.now(), [this, when] {
    if (step_at_ == when) step();
  });
}

void node::step() {
  step_at_ = 0;
  auto what = writer_->next();
  if (auto* append = std::get_if<append_step>(&what)) {
    send_append(*append);
  } else if (auto* claim = std::get_if<claim_step>(&what)) {
    send_claim(std::move(*claim));
  }
}

/// The statement goes its own way: a killed or paused node does not stop what is already on the wire.
void node::send_append(append_step what) {
  auto& chance = world_.chance;
  const auto answered = std::make_shared<bool>(false);
  const auto all = [&](append_status status) {
    std::vector<append_outcome> outcomes;
    for (const auto& part : what.parts.get()) outcomes.push_back({part.shard, status, "simulated"});
    return outcomes;
  };
  const auto finish = [this, answered](const std::vector<append_outcome>& outcomes) {
    if (std::exchange(*answered, true)) return;
    const auto before = writer_->owned();
    writer_events events;
    writer_->append_done(outcomes, events);
    tell(std::move(events));
    for (const auto& head : before) {
      if (writer_->owns(head.shard)) continue;
      only_what_is_lost_is_given_up(head, world_.db.store().heads({head.shard}, {}).front());
    }
    const bool trouble = std::any_of(outcomes.begin(), outcomes.end(), [](const auto& each) {
      return each.status == append_status::not_attempted || each.status == append_status::unknown_commit;
    });
    later(trouble ? 200 : 0, [this] { schedule_step(); });
  };
  const auto tell_later = [this, finish](std::int64_t delay, std::vector<append_outcome> outcomes) {
    later(delay, [finish, outcomes = std::move(outcomes)] { finish(outcomes); });
  };
  const auto count = [&](fault kind) {
    for (const auto& part : what.parts.get()) {
      for (const auto& row : part.rows) world_.struck_row(kind, row);
    }
  };
  tell_later(statement_deadline_ms, all(append_status::unknown_commit));
  if (world_.time.now() < cut_off_until_) return;  // it never arrives
  if (world_.strikes(fault::append_lost)) {
    count(fault::append_lost);
    return tell_later(chance.between(0, 5'000), all(append_status::unknown_commit));
  }
  if (world_.strikes(fault::append_not_attempted)) {
    count(fault::append_not_attempted);
    return tell_later(chance.between(0, 50), all(append_status::not_attempted));
  }
  // What is refused once may well be refused for a row of it.
  refused_ = world_.strikes(fault::append_refused) || (refused_ && world_.refuses_again());
  if (refused_) {
    count(fault::append_refused);
    return tell_later(chance.between(0, 5), all(append_status::data_refused));
  }
  std::int64_t there = chance.between(0, 3);
  std::int64_t back = chance.between(0, 2);
  bool told = true;
  if (world_.strikes(fault::append_answer_lost)) {
    count(fault::append_answer_lost);
    told = false;
  } else if (world_.strikes(fault::append_late)) {
    count(fault::append_late);
    there = chance.between(50, 9'000);
    told = chance.chance(300);  // by whom it is still waited for, if that is before the deadline
  }
  const bool doubled = world_.strikes(fault::append_doubled);
  if (doubled) count(fault::append_doubled);
  if (!told) tell_later(chance.between(0, 5'000), all(append_status::unknown_commit));
  struct statement {
    world& all;
    std::vector<shard_append> parts;
    std::function<void(std::int64_t, std::vector<append_outcome>)> answer;
    std::int64_t back;
    bool told;
    void arrive(const std::shared_ptr<statement>& self) const {
      // The connection breaks. Its sender sees that at once, or by the deadline when the machine is gone with it.
      if (all.db.down()) {
        if (!told || all.chance.chance(300)) return;
        std::vector<append_outcome> outcomes;
        for (const auto& part : parts) outcomes.push_back({part.shard, append_status::unknown_commit, "restarted"});
        return answer(back, std::move(outcomes));
      }
      if (const auto when = all.db.answers_at(); when > all.time.now()) {
        return all.time.at(when, [self] { self->arrive(self); });
      }
      auto outcomes = all.db.append(parts);
      if (told) answer(back, std::move(outcomes));
    }
  };
  const auto life = life_;
  const auto answer_here = [this, life, tell_later](std::int64_t delay, std::vector<append_outcome> outcomes) {
    const bool heard = world_.time.now() >= cut_off_until_;
    if (alive_ && life == life_ && heard) tell_later(delay, std::move(outcomes));
  };
  const auto sent = std::make_shared<statement>(statement{world_, what.parts, answer_here, back, told});
  world_.time.after(there, [sent] { sent->arrive(sent); });
  if (!doubled) return;
  const auto again = std::make_shared<statement>(*sent);
  again->told = false;
  world_.time.after(there + chance.between(0, 9'000), [again] { again->arrive(again); });
}

void node::send_claim(claim_step what) {
  auto& chance = world_.chance;
  const bool struck = world_.strikes(fault::claim_unclear);
  for (const auto& shard : what.shards) {
    if (struck) world_.struck_shard(fault::claim_unclear, shard.shard);
  }
  const bool unclear = struck || !reaches_database();
  const bool applied = reaches_database() && (!unclear || chance.chance(500));
  std::vector<claim_outcome> outcomes;
  if (applied) outcomes = world_.db.claim(what.shards, {name_, incarnation_});
  if (unclear) {
    outcomes.clear();
    for (const auto& shard : what.shards) outcomes.push_back({shard.shard, claim_status::unknown, {}});
  }
  later(chance.between(0, 5) + (unclear ? 200 : 0), [this, outcomes] {
    writer_events events;
    writer_->claim_done(outcomes, {name_, incarnation_}, events);
    tell(std::move(events));
    schedule_step();
  });
}

void node::open_shard(shard_id id) {
  auto& here = shards_[id];
  here = running_shard{};
  here.life = world_.next_number();
  const auto token = ++last_token_;
  barriers_[token] = {id, {}, here.life};
  writer_events events;
  writer_->barrier(token, id, {}, events);
  tell(std::move(events));
}

void node::read_contents(shard_id id, std::uint64_t life) {
  const auto found = shards_.find(id);
  if (found == shards_.end() || found->second.life != life) return;
  if (read_fails(id)) {
    later(500, [=, this] { read_contents(id, life); });
    return;
  }
  auto& here = found->second;
  std::vector<entity_key> open_work;
  auto& store = world_.db.store();
  const bool trade = id >= shards_per_role;
  for (const auto& stream : store.streams_after(id, {}, std::numeric_limits<std::int32_t>::max(), {})) {
    here.streams.insert(stream);
    if (!trade) open_work.push_back(*key_of(stream));
  }
  if (trade) {
    // The checkpoint: orders that were open at the projection's cursor, and every order that has moved since.
    open_work = world_.db.models.open_orders(id);
    const auto moved = store.read_after(id, world_.db.models.cursor(id), std::numeric_limits<std::int32_t>::max(), {});
    for (const auto& row : moved) open_work.push_back(*key_of(row.stream));
    std::sort(open_work.begin(), open_work.end());
    open_work.erase(std::unique(open_work.begin(), open_work.end()), open_work.end());
  }
  here.open = true;
  for (const auto& key : open_work) slot_of(id, key, predecessor::lost);
  for (auto& in : std::exchange(here.early, {})) route(std::move(in));
}

void node::close_shard(shard_id id, rejection why) {
  settlement_->drop(id);
  stop_projecting(id);
  const auto found = shards_.find(id);
  if (found == shards_.end()) return;
  auto gone = std::move(found->second);
  shards_.erase(found);
  for (auto& [stream, entry] : gone.slots) {
    outputs out;
    if (entry.core) entry.core->abandon(why, "the shard has moved", out);
    for (const auto& item : out) {
      if (const auto* reply = std::get_if<reply_out>(&item)) refuse(reply->to, why);
    }
    for (const auto& in : entry.held) refuse(in.head.from, why);
  }
  for (const auto& in : gone.early) refuse(in.head.from, why);
}

}  // namespace sb::simulation
