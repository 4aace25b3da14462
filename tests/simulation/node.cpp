#include "tests/simulation/node.hpp"

#include <algorithm>

#include "runtime/book_entity.hpp"
#include "runtime/order_entity.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

constexpr std::int64_t beat_ms = 1'000;
constexpr std::size_t early_max = 1'024;
constexpr std::size_t held_max = 64;

bool from_trader(const requester& from) { return from.request != 0 && from.gateway < settlement_gateway; }

}  // namespace

// ---- the process
// -----------------------------------------------------------------------------------------------------------

void node::start() {
  world_.record.note(world_.time.now(), "start", name_);
  ++life_;
  alive_ = true;
  paused_ = false;
  incarnation_ = static_cast<std::int64_t>(world_.next_number());
  const auto rows_max = static_cast<std::size_t>(world_.chance.between(1, 40));
  writer_ = std::make_unique<journal_writer>(rows_max, 1'000);
  settlement_ = std::make_unique<settlement>(utc_offset_minutes, static_cast<std::size_t>(world_.chance.between(1, 20)),
                                             static_cast<std::size_t>(world_.chance.between(5, 200)), 2'000);
  members_ = std::make_unique<membership>(lease_times{});
  lease_ = std::make_unique<lease>(lease_times{});
  beat();
  tick();
}

void node::kill() {
  world_.record.note(world_.time.now(), "kill", name_);
  alive_ = paused_ = blind_ = step_planned_ = false;
  ++life_;
  frozen_.clear();
  writer_.reset();
  settlement_.reset();
  members_.reset();
  lease_.reset();
  owned_.clear();
  shards_.clear();
  writes_.clear();
  barriers_.clear();
  reading_.clear();
  cursors_.clear();
  reports_.clear();
}

void node::pause() {
  world_.record.note(world_.time.now(), "pause", name_);
  paused_ = true;
}

void node::resume() {
  if (!paused_) return;
  world_.record.note(world_.time.now(), "resume", name_);
  paused_ = false;
  for (auto& what : std::exchange(frozen_, {})) later(0, std::move(what));
}

void node::later(std::int64_t delay, std::function<void()> what) {
  world_.time.after(delay, [this, life = life_, what = std::move(what)] { run_here(life, what); });
}

void node::run_here(std::uint64_t life, std::function<void()> what) {
  if (!alive_ || life != life_) return;
  if (paused_) {
    frozen_.push_back(std::move(what));
  } else {
    what();
  }
}

clock_reading node::clock() const {
  const auto wall = world_.wall();
  return {wall, {world_.time.now()}, day_of(wall, utc_offset_minutes)};
}

bool node::idle() const {
  if (!alive_ || paused_ || writer_->has_work() || writer_->busy() || settlement_->lag() > 0) return false;
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& each) { return each.second.open; });
}

// ---- entities
// --------------------------------------------------------------------------------------------------------------

void node::take(delivery in) {
  if (world_.time.now() > lease_->until().value) return refuse(in.head.from, rejection::shard_moved);
  route(std::move(in));
}

void node::take_report(delivery in) {
  if (world_.time.now() > lease_->until().value) {
    reports_.push_back(std::move(in));
  } else {
    route(std::move(in));
  }
}

void node::route(delivery in) {
  const auto found = shards_.find(shard_of(in.head.to));
  if (found == shards_.end()) return refuse(in.head.from, rejection::shard_moved);
  auto& here = found->second;
  if (!here.open) {
    if (here.early.size() < early_max) here.early.push_back(std::move(in));
    return;
  }
  auto& entry = slot_of(found->first, in.head.to);
  entry.used = world_.time.now();
  if (!entry.core) {
    if (entry.held.size() >= held_max && from_trader(in.head.from)) return refuse(in.head.from, rejection::overloaded);
    entry.held.push_back(std::move(in));
    return;
  }
  drive(found->first, entry, [&](entity_core& core, outputs& out) { core.deliver(std::move(in), clock(), out); });
}

node::slot& node::slot_of(shard_id id, const entity_key& key) {
  auto& here = shards_.at(id);
  auto [found, fresh] = here.slots.try_emplace(stream_of(key));
  if (fresh) {
    found->second.key = key;
    found->second.used = world_.time.now();
    spawn(id, found->second);
  }
  return found->second;
}

void node::spawn(shard_id id, slot& entry) {
  entry.host = world_.next_number();
  entry.alarms.clear();
  std::unique_ptr<entity> body;
  if (entry.key.kind == entity_kind::book) {
    book_rules rules;
    if (world_.config.small_snapshots) rules.snapshot_events_min = 8;
    body = std::make_unique<book_entity>(entry.key, rules);
  } else {
    order_rules rules;
    rules.broker_enforces_ids = world_.config.broker_enforces_ids;
    body = std::make_unique<order_entity>(entry.key, rules, world_.next_number());
  }
  entry.core = std::make_unique<entity_core>(entry.key, std::move(body), 64);
  const auto stream = stream_of(entry.key);
  if (shards_.at(id).streams.may_contain(stream)) {
    read_history(id, stream, entry.host);
    return;
  }
  later(0, [this, id, stream, host = entry.host] {
    if (auto* here = find(id, stream, host)) {
      drive(id, *here, [&](entity_core& core, outputs& out) {
        core.recover({stream, std::nullopt, {}}, clock(), out);
      });
    }
  });
}

void node::read_history(shard_id id, const stream_id& stream, std::uint64_t host) {
  const bool fails = !world_.db.reachable() || world_.strikes(fault::read_failed);
  later(fails ? 500 : world_.chance.between(0, 4), [=, this] {
    auto* here = find(id, stream, host);
    if (here == nullptr) return;
    if (fails) return read_history(id, stream, host);
    const auto history = world_.db.store().read_streams(id, {stream}, {}).front();
    drive(id, *here, [&](entity_core& core, outputs& out) { core.recover(history, clock(), out); });
  });
}

node::slot* node::find(shard_id id, const stream_id& stream, std::uint64_t host) {
  const auto here = shards_.find(id);
  if (here == shards_.end()) return nullptr;
  const auto found = here->second.slots.find(stream);
  return found != here->second.slots.end() && found->second.host == host ? &found->second : nullptr;
}

template <class Input>
void node::drive(shard_id id, slot& entry, Input input) {
  outputs out;
  try {
    input(*entry.core, out);
  } catch (const std::exception& error) {
    throw broken_invariant{stream_of(entry.key) + " threw: " + error.what()};
  }
  perform(id, entry, out);
}

void node::perform(shard_id id, slot& entry, outputs& out) {
  const auto stream = stream_of(entry.key);
  for (auto& item : out) {
    if (auto* append = std::get_if<append_out>(&item)) {
      const auto token = ++last_token_;
      writes_[token] = {id, stream, entry.host};
      writer_events events;
      writer_->enqueue({token, id, stream, std::move(*append)}, events);
      tell(std::move(events));
      schedule_step();
    } else if (auto* message_out = std::get_if<send_out>(&item)) {
      world_.send(number_, {std::move(message_out->head), std::move(message_out->body)});
    } else if (const auto* call = std::get_if<broker_out>(&item)) {
      later(world_.chance.between(0, 3), [this, what = call->call] { call_broker(what); });
    } else if (const auto* reply = std::get_if<reply_out>(&item)) {
      if (world_.time.now() > lease_->until().value) {
        refuse(reply->to, rejection::shard_moved);
      } else {
        world_.reply(number_, reply->to, reply->body);
      }
    } else if (const auto* set = std::get_if<alarm_out>(&item)) {
      const auto due = world_.time.now() + set->after_ms;
      entry.alarms[set->id] = due;
      later(set->after_ms + world_.chance.between(0, 50),
            [=, this, host = entry.host, alarm_id = set->id] { fire(id, stream, host, alarm_id, due); });
    } else if (const auto* snapshot = std::get_if<snapshot_out>(&item)) {
      if (world_.db.reachable()) world_.db.store().save_snapshot(id, snapshot->snapshot, {});
    } else if (const auto* failure = std::get_if<fail_out>(&item)) {
      end_entity(id, entry, failure->why);
    }
  }
}

void node::fire(shard_id id, const stream_id& stream, std::uint64_t host, std::int32_t alarm_id, std::int64_t due) {
  auto* entry = find(id, stream, host);
  if (entry == nullptr || !entry->core) return;
  const auto set = entry->alarms.find(alarm_id);
  if (set == entry->alarms.end() || set->second != due) return;
  entry->alarms.erase(set);
  delivery in;
  in.head.to = entry->key;
  in.head.causation = "alarm";
  in.body = alarm{alarm_id};
  drive(id, *entry, [&](entity_core& core, outputs& out) { core.deliver(std::move(in), clock(), out); });
}

/// Fencing: a new incarnation begins when nothing of the old one can be stored any more.
void node::end_entity(shard_id id, slot& entry, const std::string& why) {
  world_.record.note(world_.time.now(), "ended", name_, stream_of(entry.key), why);
  entry.core.reset();
  entry.alarms.clear();
  entry.host = world_.next_number();
  const auto token = ++last_token_;
  barriers_[token] = {id, stream_of(entry.key), entry.host};
  writer_events events;
  writer_->barrier(token, id, stream_of(entry.key), events);
  tell(std::move(events));
}

std::optional<entity_key> node::crash_one() {
  std::vector<std::pair<shard_id, slot*>> all;
  for (auto& [id, here] : shards_) {
    for (auto& [stream, entry] : here.slots) {
      if (entry.core) all.emplace_back(id, &entry);
    }
  }
  if (all.empty()) return std::nullopt;
  auto& [id, entry] = all[world_.chance.index(all.size())];
  outputs out;
  entry->core->abandon(rejection::storage_unavailable, "crashed", out);
  perform(id, *entry, out);
  end_entity(id, *entry, "crashed");
  return entry->key;
}

void node::retire_idle() {
  for (auto& [id, here] : shards_) {
    std::erase_if(here.slots, [&, shard = id](auto& each) {
      auto& entry = each.second;
      if (!entry.core || world_.time.now() - entry.used < 4'000 || !entry.core->can_retire()) return false;
      if (entry.core->version() > 0) shards_.at(shard).streams.insert(each.first);
      writer_->forget(shard, each.first);
      return true;
    });
  }
}

void node::refuse(const requester& to, rejection why) {
  if (from_trader(to)) world_.reply(number_, to, rejected{why, {}});
}

void node::call_broker(const broker_call& call) {
  const auto now = world_.time.now();
  const auto order = call.order;
  const auto done = [this, life = life_, order](const broker_answered& told) {
    run_here(life, [this, order, told] {
      delivery in;
      in.head.to = order;
      in.head.by.organization = order.organization;
      in.head.causation = "broker";
      in.body = told;
      world_.send(number_, std::move(in));
    });
  };
  const bool place = call.what == broker_verb::place;
  const bool too_late = now > lease_->until().value || (place && now > call.not_after.value);
  if (too_late || (place && world_.strikes(fault::broker_not_reached))) {
    if (!too_late) world_.struck(fault::broker_not_reached, order.organization, order.id);
    broker_answered told;
    told.of = call.what;
    told.incarnation = call.incarnation;
    told.what = broker_answered::outcome::not_sent;
    return done(told);
  }
  world_.market.take(call, done);
}

// ---- journal
// ---------------------------------------------------------------------------------------------------------------

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

// ---- cluster and settlement
// ------------------------------------------------------------------------------------------------

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
    lease_->renewed(began);
    if (std::exchange(blind_, false)) members_->blind(now);
    members_->observe(store.heartbeats({}), now);
    for (auto& in : std::exchange(reports_, {})) take_report(std::move(in));
    const auto wanted = claimable(store.heads(world_.shards, {}), self, *members_, owned_, now);
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
