#include "tests/simulation/node.hpp"

#include <algorithm>

#include "runtime/book_entity.hpp"
#include "runtime/order_entity.hpp"
#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

constexpr std::size_t early_max = 1'024;
constexpr std::size_t held_max = 64;
constexpr std::int64_t tick_max_ms = 1'000;  ///< a shard tells the writer of the retired with its next tick

bool from_trader(const requester& from) { return from.request != 0 && from.gateway < settlement_gateway; }

}  // namespace

// ---- the process ---------------------------------------------------------------------------------------------------

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
  projection_ = std::make_unique<projection>(
      utc_offset_minutes,
      [this](shard_id id, const std::vector<stream_id>& streams) {
        return world_.db.store().read_streams(id, streams, {});
      },
      [this](const position_owner& owner) { return world_.db.models.held_by(owner); },
      projection_bounds{static_cast<std::size_t>(world_.chance.between(1, 10)),
                        static_cast<std::size_t>(world_.chance.between(0, 20))});
  members_ = std::make_unique<membership>(lease_times{});
  lease_ = std::make_unique<lease>(lease_times{});
  clock_ = std::make_unique<node_clock>(system_clock(), boot_ms{world_.time.now()});
  beat();
  tick();
}

void node::kill() {
  world_.record.note(world_.time.now(), "kill", name_);
  alive_ = paused_ = blind_ = claiming_ = false;
  step_at_ = 0;
  ++life_;
  frozen_.clear();
  writer_.reset();
  settlement_.reset();
  projection_.reset();
  members_.reset();
  lease_.reset();
  clock_.reset();
  owned_.clear();
  shards_.clear();
  writes_.clear();
  barriers_.clear();
  reading_.clear();
  look_ups_.clear();
  cursors_.clear();
  reports_.clear();
  unread_.clear();
  gaps_.clear();
  unsaved_.clear();
}

void node::pause() {
  world_.record.note(world_.time.now(), "pause", name_);
  paused_ = true;
}

void node::resume() {
  if (!paused_) return;
  world_.record.note(world_.time.now(), "resume", name_);
  paused_ = false;
  // Timers that are due and messages that wait in sockets: no order among them.
  for (auto& what : std::exchange(frozen_, {})) later(world_.chance.between(0, 3), std::move(what));
}

void node::later(std::int64_t delay, std::function<void()> what) {
  world_.time.after(delay, [this, life = life_, what = std::move(what)]() mutable { run_here(life, std::move(what)); });
}

void node::run_here(std::uint64_t life, std::function<void()> what) {
  if (!alive_ || life != life_) return;
  if (paused_) {
    frozen_.push_back(std::move(what));
  } else {
    what();
  }
}

wall_ms node::system_clock() const { return {world_.time.wall().value + clock_error_ms_ + clock_jump_ms_}; }

clock_reading node::clock() const {
  const auto wall = clock_->at({world_.time.now()});
  return {wall, {world_.time.now()}, day_of(wall, utc_offset_minutes)};
}

bool node::idle() const {
  if (!alive_ || paused_ || writer_->has_work() || writer_->busy() || settlement_->lag() > 0) return false;
  if (!unread_.empty() || !gaps_.empty() || !unsaved_.empty()) return false;
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& each) { return each.second.open; });
}

// ---- entities ------------------------------------------------------------------------------------------------------

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
  auto& entry = slot_of(found->first, in.head.to, predecessor::retired);
  entry.used = world_.time.now();
  if (!entry.core) {
    if (entry.held.size() >= held_max && from_trader(in.head.from)) return refuse(in.head.from, rejection::overloaded);
    entry.held.push_back(std::move(in));
    return;
  }
  drive(found->first, entry, [&](entity_core& core, outputs& out) { core.deliver(std::move(in), clock(), out); });
}

/// `former` of one that is not here: all open work is here since the shard was opened.
node::slot& node::slot_of(shard_id id, const entity_key& key, predecessor former) {
  auto& here = shards_.at(id);
  auto [found, fresh] = here.slots.try_emplace(stream_of(key));
  if (fresh) {
    found->second.key = key;
    found->second.used = world_.time.now();
    spawn(id, found->second, former);
  }
  return found->second;
}

void node::spawn(shard_id id, slot& entry, predecessor former) {
  entry.host = world_.next_number();
  entry.alarms.clear();
  std::unique_ptr<entity> body;
  if (entry.key.kind == entity_kind::book) {
    book_rules rules;
    if (world_.config.small_snapshots) rules.snapshot_events_min = 8;
    rules.look_up_after_ms = order_times{}.send_window_ms + world_.config.grace_ms;
    rules.tombstone_ms = order_times{}.reserve_deadline_ms;  // as short as may be
    body = std::make_unique<book_entity>(entry.key, rules, places_);
  } else {
    order_rules rules;
    rules.broker_enforces_ids = world_.config.broker_enforces_ids;
    rules.times.grace_ms = world_.config.grace_ms;
    body = std::make_unique<order_entity>(entry.key, rules, world_.next_number());
  }
  entry.core = std::make_unique<entity_core>(entry.key, std::move(body), 64);
  const auto stream = stream_of(entry.key);
  if (shards_.at(id).streams.may_contain(stream)) {
    read_history(id, stream, entry.host, former);
    return;
  }
  later(0, [this, id, stream, host = entry.host] {
    if (auto* here = find(id, stream, host)) {
      drive(id, *here, [&](entity_core& core, outputs& out) {
        core.recover({stream, std::nullopt, {}}, predecessor::none, clock(), out);
      });
    }
  });
}

void node::read_history(shard_id id, const stream_id& stream, std::uint64_t host, predecessor former) {
  const bool fails = read_fails(id);
  later(fails ? 500 : world_.chance.between(0, 4), [=, this] {
    auto* here = find(id, stream, host);
    if (here == nullptr) return;
    if (fails) return read_history(id, stream, host, former);
    const auto history = world_.db.store().read_streams(id, {stream}, {}).front();
    drive(id, *here, [&](entity_core& core, outputs& out) { core.recover(history, former, clock(), out); });
  });
}

node::slot* node::find(shard_id id, const stream_id& stream, std::uint64_t host) {
  const auto here = shards_.find(id);
  if (here == shards_.end()) return nullptr;
  const auto found = here->second.slots.find(stream);
  return found != here->second.slots.end() && found->second.host == host ? &found->second : nullptr;
}

/// How long a call waits for its turn. Sometimes behind others: long enough that a cancel is stored before a place
/// leaves, or the order ends before a question does. And sometimes the order's own actor ends meanwhile.
std::int64_t node::broker_queue(const broker_out& waiting) {
  auto& chance = world_.chance;
  const bool place = waiting.call.what == broker_verb::place;
  if (place) may_pause_here();
  if (place && world_.crashes_now()) {
    const auto queued = chance.between(100, 800);
    later(chance.between(0, 10), [this, key = waiting.call.order] {
      const auto shard = shards_.find(shard_of(key));
      if (shard == shards_.end()) return;
      const auto found = shard->second.slots.find(stream_of(key));
      if (found == shard->second.slots.end() || !found->second.core) return;
      world_.struck(fault::entity_crashed, key.id);
      crash(shard->first, found->second);
    });
    return queued;
  }
  if (chance.chance(place ? 600 : 500)) return chance.between(0, 3);
  return place ? chance.between(5, 90) : chance.between(20, 2'500);
}

void node::perform(shard_id id, slot& entry, outputs& out) {
  if (out.empty()) return;
  const auto stream = stream_of(entry.key);
  for (auto& item : out) {
    if (auto* append = std::get_if<append_out>(&item)) {
      const auto token = ++last_token_;
      writer_events events;
      if (writer_->enqueue({token, id, stream, entry.host, std::move(*append)}, events) != enqueued::joined)
        writes_[token] = {id, stream, entry.host};
      tell(std::move(events));
      schedule_step();
    } else if (auto* message_out = std::get_if<send_out>(&item)) {
      world_.send(number_, {std::move(message_out->head), std::move(message_out->body)});
    } else if (std::holds_alternative<hurry_out>(item)) {
      writer_->hurry(id, stream);
      schedule_step();
    } else if (auto* call = std::get_if<broker_out>(&item)) {
      const auto queued = broker_queue(*call);
      later(queued, [this, what = std::move(call->call)] { call_broker(what); });
    } else if (const auto* reply = std::get_if<reply_out>(&item)) {
      if (world_.time.now() > lease_->until().value) {
        refuse(reply->to, rejection::shard_moved);
      } else {
        world_.reply(number_, reply->to, reply->body);
      }
    } else if (const auto* ask = std::get_if<look_up_out>(&item)) {
      want_look_up(entry.key, ask->orders);
    } else if (const auto* set = std::get_if<alarm_out>(&item)) {
      const auto due = world_.time.now() + set->after_ms;
      entry.alarms[set->id] = due;
      later(set->after_ms + world_.chance.between(0, 150),
            [=, this, host = entry.host, alarm_id = set->id] { fire(id, stream, host, alarm_id, due); });
    } else if (const auto* snapshot = std::get_if<snapshot_out>(&item)) {
      const stored_snapshot made{snapshot->stream, snapshot->version, snapshot->offer.text()};
      snapshot_equals_its_history(world_.db, entry.key.organization, made);
      if (reaches_database()) {
        world_.db.store().save_snapshot(id, made, {});
        snapshot->offer.stored(made.body.size());
      }
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
  const bool any = world_.chance.chance(500);  // or one of those that have something to lose
  for (auto& [id, here] : shards_) {
    for (auto& [stream, entry] : here.slots) {
      if (entry.core && (any || !entry.core->can_retire())) all.emplace_back(id, &entry);
    }
  }
  if (all.empty()) return std::nullopt;
  auto& [id, entry] = all[world_.chance.index(all.size())];
  crash(id, *entry);
  return entry->key;
}

void node::crash(shard_id id, slot& entry) {
  outputs out;
  entry.core->abandon(rejection::storage_unavailable, "crashed", out);
  perform(id, entry, out);
  end_entity(id, entry, "crashed");
}

void node::retire_idle() {
  for (auto& [id, here] : shards_) {
    std::erase_if(here.slots, [&, shard = id](auto& each) {
      auto& entry = each.second;
      if (!entry.core || world_.time.now() - entry.used < 4'000 || !entry.core->can_retire()) return false;
      if (entry.core->version() > 0) shards_.at(shard).streams.insert(each.first);
      later(world_.chance.between(0, tick_max_ms), [this, shard, stream = each.first] {
        const auto owning = shards_.find(shard);
        const bool back = owning != shards_.end() && owning->second.slots.contains(stream);
        if (!back) writer_->forget(shard, stream);
      });
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
    // The queue may hold it longer than its actor lived: whoever came after had the broker block the id, and whether
    // this arrives makes no difference.
    const bool blocked = world_.config.broker_enforces_ids && is_closed(world_.db.order(order.id).status);
    if (!too_late && !blocked) world_.struck(fault::broker_not_reached, order.id);
    broker_answered told;
    told.of = call.what;
    told.incarnation = call.incarnation;
    told.what = broker_answered::outcome::not_sent;
    return done(told);
  }
  world_.market.take(call, done);
}

}  // namespace sb::simulation
