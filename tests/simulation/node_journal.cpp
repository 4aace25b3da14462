#include <algorithm>

#include "tests/simulation/node.hpp"
#include "tests/simulation/world.hpp"

/// The node's side towards the database: its writer, the shards it owns, membership and settlement.
namespace sb::simulation {
namespace {

constexpr std::int64_t beat_ms = 1'000;

}  // namespace

// ---- journal -------------------------------------------------------------------------------------------------------

void node::tell(writer_events events) {
  for (auto& event : events) later(0, [this, event]() mutable { act(event); });
}

void node::act(writer_event& event) {
  if (const auto* verdict = std::get_if<write_verdict>(&event)) {
    const auto origin = writes_.extract(verdict->token);
    if (origin.empty()) return;
    auto* entry = find(origin.mapped().id, origin.mapped().stream, origin.mapped().host);
    if (entry == nullptr || !entry->core) return;
    drive(origin.mapped().id, *entry,
          [&](entity_core& core, outputs& out) { core.appended(verdict->verdict, clock(), out); });
  } else if (const auto* committed = std::get_if<committed_rows>(&event)) {
    if (committed->shard < shards_per_role || world_.strikes(fault::hint_lost)) return;
    settle([&](settlement_outputs& out) {
      settlement_->rows(committed->shard, committed->rows, {world_.time.now()}, out);
    });
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
    spawn(id, *entry);
    for (auto& in : std::exchange(entry->held, {})) {
      drive(id, *entry, [&](entity_core& core, outputs& out) { core.deliver(std::move(in), clock(), out); });
    }
  }
}

void node::schedule_step() {
  if (step_planned_ || writer_->busy() || !writer_->has_work()) return;
  step_planned_ = true;
  later(writer_->urgent() ? 0 : 5, [this] { step(); });
}

void node::step() {
  step_planned_ = false;
  auto what = writer_->next();
  if (auto* append = std::get_if<append_step>(&what)) {
    send_append(std::move(*append));
  } else if (auto* claim = std::get_if<claim_step>(&what)) {
    send_claim(std::move(*claim));
  }
}

/// The statement goes its own way: a killed or paused node does not stop what is already on the wire.
void node::send_append(append_step what) {
  auto& chance = world_.chance;
  const auto answered = std::make_shared<bool>(false);
  const auto all = [parts = what.parts](append_status status) {
    std::vector<append_outcome> outcomes;
    for (const auto& part : parts) outcomes.push_back({part.shard, status, "simulated"});
    return outcomes;
  };
  const auto finish = [this, answered](const std::vector<append_outcome>& outcomes) {
    if (std::exchange(*answered, true)) return;
    writer_events events;
    writer_->append_done(outcomes, events);
    tell(std::move(events));
    const bool trouble = std::any_of(outcomes.begin(), outcomes.end(), [](const auto& each) {
      return each.status == append_status::not_attempted || each.status == append_status::unknown_commit;
    });
    later(trouble ? 200 : 0, [this] { schedule_step(); });
  };
  const auto tell_later = [this, finish](std::int64_t delay, std::vector<append_outcome> outcomes) {
    later(delay, [finish, outcomes = std::move(outcomes)] { finish(outcomes); });
  };
  const auto count = [&](fault kind) {
    for (const auto& part : what.parts) {
      for (const auto& row : part.rows) {
        const auto key = key_of(row.stream);
        world_.struck(kind, key->organization, key->kind == entity_kind::order ? key->id : order_id{});
      }
    }
  };
  tell_later(5'000, all(append_status::unknown_commit));  // the statement deadline
  if (world_.strikes(fault::append_lost)) {
    count(fault::append_lost);
    return tell_later(chance.between(0, 5'000), all(append_status::unknown_commit));
  }
  if (world_.strikes(fault::append_not_attempted)) {
    count(fault::append_not_attempted);
    return tell_later(chance.between(0, 50), all(append_status::not_attempted));
  }
  if (world_.strikes(fault::append_refused)) {
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
    told = false;
  }
  if (!told) tell_later(chance.between(0, 5'000), all(append_status::unknown_commit));
  struct statement {
    world& all;
    std::vector<shard_append> parts;
    std::function<void(std::int64_t, std::vector<append_outcome>)> answer;
    std::int64_t back;
    bool told;
    void arrive(const std::shared_ptr<statement>& self) const {
      if (all.db.down()) return;  // the connection breaks; its sender is told by the deadline
      if (const auto when = all.db.answers_at(); when > all.time.now()) {
        return all.time.at(when, [self] { self->arrive(self); });
      }
      auto outcomes = all.db.append(parts);
      if (told) answer(back, std::move(outcomes));
    }
  };
  const auto life = life_;
  const auto answer_here = [this, life, tell_later](std::int64_t delay, std::vector<append_outcome> outcomes) {
    if (alive_ && life == life_) tell_later(delay, std::move(outcomes));
  };
  const auto sent = std::make_shared<statement>(statement{world_, std::move(what.parts), answer_here, back, told});
  world_.time.after(there, [sent] { sent->arrive(sent); });
}

void node::send_claim(claim_step what) {
  auto& chance = world_.chance;
  const bool unclear = world_.strikes(fault::claim_unclear) || !world_.db.reachable();
  const bool applied = world_.db.reachable() && (!unclear || chance.chance(500));
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
  if (!world_.db.reachable() || world_.strikes(fault::read_failed)) {
    later(500, [=, this] { read_contents(id, life); });
    return;
  }
  auto& here = found->second;
  std::vector<entity_key> open_work;
  world_.db.store().each_stream(id,
                                [&](std::string_view stream) {
                                  here.streams.insert(stream);
                                  auto key = key_of(stream);
                                  const bool closed = key->kind == entity_kind::order &&
                                                      is_closed(world_.db.order(key->organization, key->id).status);
                                  if (!closed) open_work.push_back(std::move(*key));
                                },
                                {});
  here.open = true;
  for (const auto& key : open_work) slot_of(id, key);
  for (auto& in : std::exchange(here.early, {})) route(std::move(in));
}

void node::close_shard(shard_id id, rejection why) {
  settlement_->drop(id);
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

// ---- cluster and settlement ----------------------------------------------------------------------------------------

void node::beat() {
  later(beat_ms, [this] { beat(); });
  const boot_ms began{world_.time.now()};
  later(world_.chance.between(0, 20), [this, began] {
    if (!world_.db.reachable() || world_.strikes(fault::read_failed)) {
      blind_ = true;
      return;
    }
    const boot_ms now{world_.time.now()};
    auto& store = world_.db.store();
    const node_identity self{name_, incarnation_};
    store.heartbeat(self, {});
    const auto heads = store.heads(world_.shards, {});
    if (const auto taken = taken_away(heads, self, owned_); !taken.empty()) {
      writer_events events;
      for (const auto id : taken) writer_->disown(id, events);
      return tell(std::move(events));  // no lease before they are gone
    }
    lease_->renewed(began);
    if (std::exchange(blind_, false)) members_->blind(now);
    members_->observe(store.heartbeats({}), now);
    for (auto& in : std::exchange(reports_, {})) take_report(std::move(in));
    const auto wanted = claimable(heads, self, *members_, owned_, now);
    if (wanted.empty()) return;
    const auto outcomes = world_.db.claim(wanted, self);
    if (world_.strikes(fault::claim_unclear)) return;  // claimed perhaps; the next beat sees
    for (const auto& outcome : outcomes) {
      if (outcome.status == claim_status::claimed) own(outcome.head);
    }
  });
}

void node::own(const shard_head& head) {
  writer_events events;
  writer_->own(head, events);
  tell(std::move(events));
  owned_.insert(head.shard);
  later(0, [this, id = head.shard] {
    open_shard(id);
    if (id >= shards_per_role) {
      settle([&](settlement_outputs& out) { settlement_->follow(id, world_.db.cursors[id], out); });
    }
  });
}

void node::hand_over_one() {
  if (owned_.empty()) return;
  const auto id = *std::next(owned_.begin(), static_cast<std::ptrdiff_t>(world_.chance.index(owned_.size())));
  for (const auto& head : writer_->owned()) {
    if (head.shard != id) continue;
    world_.record.note(world_.time.now(), "hands over", name_, id);
    writer_events events;
    writer_->disown(id, events);
    tell(std::move(events));
    world_.db.store().release({head}, {});
    return;
  }
}

void node::tick() {
  later(beat_ms, [this] { tick(); });
  settle([&](settlement_outputs& out) { settlement_->tick({world_.time.now()}, out); });
  if (world_.db.reachable()) {
    for (const auto& [id, seq] : std::exchange(cursors_, {})) {
      auto& saved = world_.db.cursors[id];
      saved = std::max(saved, seq);
    }
  }
  retire_idle();
}

template <class Input>
void node::settle(Input input) {
  settlement_outputs out;
  input(out);
  for (auto& item : out) {
    if (auto* ask = std::get_if<settle_ask>(&item)) {
      delivery message_out;
      message_out.head.to = book_key(ask->organization);
      message_out.head.from = {settlement_gateway + static_cast<std::uint32_t>(number_), 1};
      message_out.head.by.organization = ask->organization;
      message_out.head.causation = "settlement";
      std::visit([&](auto& body) { message_out.body = std::move(body); }, ask->what);
      world_.send(number_, std::move(message_out));
    } else if (const auto* wanted = std::get_if<rows_wanted>(&item)) {
      read_rows(wanted->shard, wanted->after);
    } else if (const auto* moved = std::get_if<cursor_moved>(&item)) {
      cursors_[moved->shard] = moved->seq;
    }
  }
}

void node::read_rows(shard_id id, std::int64_t after) {
  constexpr std::int64_t patience_ms = 10'000;
  constexpr std::int32_t rows_max = 7;
  const auto [reading, fresh] = reading_.try_emplace(id, world_.time.now());
  if (!fresh && world_.time.now() - reading->second < patience_ms) return;
  reading->second = world_.time.now();
  later(world_.chance.between(0, 10), [=, this] {
    if (!world_.db.reachable() || world_.strikes(fault::read_failed)) return;  // the next tick asks again
    const auto rows = world_.db.store().read_after(id, after, rows_max, {});
    reading_.erase(id);
    settle([&](settlement_outputs& out) {
      settlement_->rows(id, rows, {world_.time.now()}, out);
      if (std::ssize(rows) >= rows_max) out.push_back(rows_wanted{id, rows.back().seq});
    });
  });
}

void node::take_settled(const settled& in) {
  settle([&](settlement_outputs& out) { settlement_->answered(in, {world_.time.now()}, out); });
}

}  // namespace sb::simulation
