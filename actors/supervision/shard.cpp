#include "actors/supervision/shard.hpp"

#include <caf/all.hpp>
#include <limits>

#include "actors/protocol/type_ids.hpp"
#include "actors/supervision/entity_host.hpp"

namespace sb {

shard_state::~shard_state() {
  for (const auto* here : {&orders, &others}) {
    for (const auto& [stream, entry] : *here) {
      services.count(entry.key.kind, -1);
      if (entry.host) caf::anon_send_exit(entry.host, caf::exit_reason::user_shutdown);
    }
  }
  for (const auto& host : vacant) caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
}

shard_state::residents::entry* shard_state::find(const stream_id& stream) {
  auto* found = orders.peek(stream);
  return found != nullptr ? found : others.peek(stream);
}

namespace {

using self_ptr = caf::stateful_actor<shard_state>*;
using phase = shard_state::phase;
using residents = shard_state::residents;

constexpr std::int64_t soon_ms = 50;
constexpr std::int64_t alarm_slack_ms = 100;
constexpr std::int64_t idle_look_ms = 1'000;
constexpr std::int64_t busy_look_ms = 250;     // shorter than what an order's first alarm is set for
constexpr std::int64_t retire_slack_ms = 100;  // those that were idle long enough meanwhile retire together
constexpr std::size_t retire_max = 2'048;      // of a kind with one tick: others wait behind what they take
constexpr std::int64_t tick_late_ms = 1'000;
constexpr std::int64_t tick_slack_ms = 10;  // two clocks, rounded to milliseconds
constexpr std::size_t early_max = 1'024;
constexpr std::size_t vacant_max = 1'024;

/// When the one that was spoken to longest ago has been idle for long enough.
std::int64_t idle_at(const residents& here, std::int64_t idle_ms) {
  return here.size() == 0 ? std::numeric_limits<std::int64_t>::max() : here.oldest().second.used.value + idle_ms;
}

/// Makes sure that a tick comes when the next thing is due: at the first alarm, or a little later if it is not due yet,
/// and when somebody is to retire, but no sooner than in 100 ms, so that one tick has many; else each second. A tick
/// that is set already and comes early enough is enough. What was said to an entity may have set an alarm: then the
/// next look is soon.
void keep_ticking(self_ptr self, bool said = false) {
  auto& state = self->state;
  const auto now = state.services.clock().boot.value;
  auto due = std::numeric_limits<std::int64_t>::max();
  if (state.orders.size() + state.others.size() + state.retired.size() + state.vacant.size() > 0) {
    due = now + (said ? busy_look_ms : idle_look_ms);
    const auto idle =
        std::min(idle_at(state.orders, state.rules.idle_order_ms), idle_at(state.others, state.rules.idle_other_ms));
    due = std::min(due, std::max(idle, now + retire_slack_ms));
  }
  if (state.first_alarm != alarm_board::never) {
    const auto first = state.first_alarm.value;
    due = std::min(due, first <= now ? now + soon_ms : std::max(first, now + alarm_slack_ms));
  }
  if (due == std::numeric_limits<std::int64_t>::max()) return;
  // One that is due now is on its way.
  if (state.tick_due.value > now - tick_late_ms && state.tick_due.value <= due + soon_ms) return;
  state.tick_due = {due};
  state.board->looks_at(state.tick_due);
  self->delayed_send(self, std::chrono::milliseconds{due - now}, tick{});
}

void refuse(self_ptr self, const requester& to, rejection why, std::string detail) {
  self->state.services.routes->answer(to, rejected{why, std::move(detail)});
}

void hold(self_ptr self, shard_state::slot& entry, caf::message content) {
  const auto& head = content.get_as<envelope>(0);
  // What entities and the broker say is bounded by what they were asked; only the edge can push without end.
  if (head.from.request != 0 && entry.held.size() >= self->state.rules.held_max) {
    return refuse(self, head.from, rejection::overloaded, "too many requests wait for " + stream_of(entry.key));
  }
  entry.held.push_back(std::move(content));
}

caf::actor take_host(self_ptr self) {
  auto& state = self->state;
  if (state.vacant.empty()) {
    auto host = self->spawn<caf::lazy_init>(entity_host, state.services, caf::actor_cast<caf::actor>(self),
                                            state.number, state.board);
    self->monitor(host);
    return host;
  }
  auto host = std::move(state.vacant.back());
  state.vacant.pop_back();
  state.vacant_least = std::min(state.vacant_least, state.vacant.size());
  return host;
}

void give_back(self_ptr self, caf::actor host) {
  auto& state = self->state;
  if (state.vacant.size() >= vacant_max) return self->send(host, end_entity{});
  state.vacant.push_back(std::move(host));
}

/// Those that were not needed since the last look: where no orders come any more, none stays.
void end_some_hosts(self_ptr self) {
  auto& state = self->state;
  for (auto spare = std::min(state.vacant_least, state.vacant.size()); spare > 0; --spare) {
    self->send(state.vacant.back(), end_entity{});
    state.vacant.pop_back();
  }
  state.vacant_least = state.vacant.size();
}

bool may_be_stored(const shard_state& state, const stream_id& stream) {
  return !state.stored || state.stored->may_contain(stream) || state.streams.may_contain(stream);
}

/// A new incarnation. The caller has made sure that nothing of the former one can still be stored, and has the history
/// read if this says that there may be one.
bool begin(self_ptr self, residents::entry& one, predecessor former) {
  auto& state = self->state;
  auto& [stream, entry] = one;
  begin_entity begin;
  begin.key = entry.key;
  begin.incarnation = entry.incarnation = state.services.next_incarnation();
  begin.body = std::make_shared<std::unique_ptr<entity>>(state.make(entry.key, entry.incarnation));
  begin.queue_max = entry.key.kind == entity_kind::book ? state.rules.book_queue_max : state.rules.queue_max;
  begin.former = former;
  const bool stored = may_be_stored(state, stream);
  begin.stored = stored;
  entry.host = take_host(self);
  entry.is = phase::live;
  entry.restart_asked = false;
  state.group.erase(stream);
  self->send(entry.host, std::move(begin));
  return stored;
}

void ask_history(self_ptr self, const residents::entry& one) {
  const auto& [stream, entry] = one;
  self->send(self->state.services.reader, history_ask{self->state.number, stream, entry.host, entry.incarnation});
}

void spawn_entity(self_ptr self, residents::entry& one, predecessor former) {
  if (begin(self, one, former)) ask_history(self, one);
}

void pass_held(self_ptr self, shard_state::slot& entry) {
  for (auto& content : std::exchange(entry.held, {})) self->send(entry.host, std::move(content));
}

residents::entry& take_place(self_ptr self, const stream_id& stream, const entity_key& key) {
  auto& one = self->state.of_kind(key.kind).put(stream, {});
  one.second.key = key;
  one.second.used = self->state.services.clock().boot;
  self->state.services.count(key.kind, 1);
  return one;
}

shard_state::slot& slot_of(self_ptr self, const entity_key& key) {
  auto& state = self->state;
  const auto stream = stream_of(key);
  auto* one = state.of_kind(key.kind).find(stream);
  if (one == nullptr) {
    one = &take_place(self, stream, key);
    const bool missed = !state.inherited || state.inherited->erase(stream) > 0;
    spawn_entity(self, *one, missed ? predecessor::lost : predecessor::retired);
  } else {
    one->second.used = state.services.clock().boot;
    // It is begun by whichever history comes first.
    if (state.group.erase(stream) > 0 && one->second.is == phase::live) ask_history(self, *one);
  }
  keep_ticking(self, true);
  return one->second;
}

void route(self_ptr self, caf::message content) {
  auto& state = self->state;
  const auto& head = content.get_as<envelope>(0);
  if (!state.open()) {
    if (head.from.request != 0 && state.early.size() >= early_max)
      return refuse(self, head.from, rejection::overloaded, "the shard is starting");
    state.early.push_back(std::move(content));
    return;
  }
  auto& entry = slot_of(self, head.to);
  switch (entry.is) {
    case phase::live:
      return self->send(entry.host, std::move(content));
    case phase::leaving:
    case phase::fencing:
      return hold(self, entry, std::move(content));
    case phase::parked:
      return refuse(self, head.from, rejection::parked,
                    "parked after repeated failures: " + state.parked_because[stream_of(head.to)]);
  }
}

/// The next group of those that have open work and are not here yet.
void wake_group(self_ptr self) {
  auto& state = self->state;
  wake_ask ask{state.number, {}};
  state.group.clear();
  while (state.group.size() < state.rules.waking_max && !state.inherited->empty()) {
    const auto stream = std::move(state.inherited->extract(state.inherited->begin()).value());
    auto& one = take_place(self, stream, key_of(stream).value());
    begin(self, one, predecessor::lost);  // stored, as open_work_told said of each
    ask.histories.push_back({state.number, stream, one.second.host, one.second.incarnation});
    state.group.insert(stream);
  }
  self->send(state.services.reader, std::move(ask));
  keep_ticking(self);
}

void start_work(self_ptr self) {
  auto& state = self->state;
  self->send(state.services.reader, contents_ask{state.number});
  self->send(state.services.router, shard_open{state.number});
  for (auto& content : std::exchange(state.early, {})) route(self, std::move(content));
}

/// It has said its last: what it sent before is resolved, then it is replayed.
void replay_behind_barrier(self_ptr self, residents::entry& one) {
  auto& [stream, entry] = one;
  self->send(entry.host, end_entity{});
  entry.host = nullptr;
  entry.is = phase::fencing;
  self->send(self->state.services.writer, barrier_ask{self->state.number, stream});
}

void failed(self_ptr self, const entity_failed& in) {
  auto& state = self->state;
  auto* found = state.find(in.stream);
  if (found == nullptr) return;
  auto& entry = found->second;
  if (!entry.host) return;  // said already, by the entity itself or by its end
  if (entry.restart_asked) return replay_behind_barrier(self, *found);
  const auto now = state.services.clock();
  ++state.failures;
  state.last_failure = in.stream + ": " + in.why;
  state.failed_at = now.wall;
  state.services.log(severity::warning, state.vital.id(), "entity " + in.stream + " failed: " + in.why);
  if (!state.crashes.allow(in.stream, now.boot)) {
    self->send(entry.host, end_entity{});
    entry.host = nullptr;
    entry.is = phase::parked;
    state.parked_because[in.stream] = in.why;
    state.services.log(severity::alarm, state.vital.id(), "entity " + in.stream + " is parked: " + in.why);
    for (auto& content : std::exchange(entry.held, {})) {
      refuse(self, content.get_as<envelope>(0).from, rejection::parked, "parked after repeated failures: " + in.why);
    }
    return;
  }
  replay_behind_barrier(self, *found);
}

void fire_alarms(self_ptr self, boot_ms now) {
  auto& state = self->state;
  state.first_alarm = state.board->look(now, [&](const caf::actor& host) { self->send(host, tick{}); });
}

void forget_retired(self_ptr self) {
  auto& state = self->state;
  auto streams = std::exchange(state.retired, {});
  std::erase_if(streams, [&](const stream_id& stream) { return state.find(stream) != nullptr; });  // is back
  if (!streams.empty()) self->send(state.services.writer, forget_ask{state.number, std::move(streams)});
}

/// Who cannot retire, or is not live, has as long again.
void retire_idle(self_ptr self, residents& here, std::int64_t idle_ms, boot_ms now) {
  for (auto left = std::min(here.size(), retire_max); left > 0 && idle_at(here, idle_ms) <= now.value; --left) {
    auto& entry = here.use_oldest().second;
    entry.used = now;
    if (entry.is != phase::live) continue;
    entry.is = phase::leaving;
    self->send(entry.host, retire_ask{});
  }
}

tree_node describe(self_ptr self, const tree_ask& ask) {
  auto& state = self->state;
  auto node = state.vital.describe(self, ask, state.services.clock().boot);
  node.children_count = static_cast<std::int64_t>(state.orders.size() + state.others.size());
  node.failure = state.last_failure;
  node.failed_at = state.failed_at;
  if (!state.open()) node.state = "restarting";
  for (const auto& [stream, why] : state.parked_because) {
    tree_node parked;
    parked.id = state.vital.id() + "/" + stream;
    parked.kind = "entity";
    parked.shard = state.number;
    parked.state = "parked";
    parked.failure = why;
    node.children.push_back(std::move(parked));
  }
  return node;
}

/// An operator's word: a parked entity gets another chance, a live one is replayed. False when it is not in memory:
/// then its next message replays it anyway.
bool restart_entity(self_ptr self, const std::string& id) {
  auto& state = self->state;
  const auto prefix = state.vital.id() + "/";
  if (!id.starts_with(prefix)) return false;
  const auto stream = id.substr(prefix.size());
  auto* found = state.find(stream);
  if (found == nullptr) return false;
  state.crashes.forget(stream);
  state.parked_because.erase(stream);
  state.services.log(severity::warning, state.vital.id(), "entity " + stream + " is restarted by an operator");
  auto& entry = found->second;
  switch (entry.is) {
    case phase::live:
    case phase::leaving:  // if it retires first, it has ended as well
      entry.is = phase::leaving;
      entry.restart_asked = true;
      self->send(entry.host, restart_ask{id});
      return true;
    case phase::parked:
      entry.is = phase::fencing;
      self->send(state.services.writer, barrier_ask{state.number, stream});
      return true;
    case phase::fencing:
      return true;
  }
  return false;
}

}  // namespace

caf::behavior shard(self_ptr self, node_services services, shard_id number, shard_rules rules, entity_factory make) {
  auto& state = self->state;
  state.services = std::move(services);
  state.number = number;
  state.rules = rules;
  state.crashes = crash_windows{rules.crashes};
  state.make = std::move(make);
  const bool trade = role_of_shard(number) == shard_role::trade;
  state.vital = vitals{state.services.node + (trade ? "/trade/shard-" : "/user/shard-") + std::to_string(number),
                       "shard", trade ? "trade" : "user", number};
  self->set_default_handler([self](caf::scheduled_actor*, caf::message_view& view) -> caf::result<caf::message> {
    self->state.vital.count();
    auto content = view.move_content_to_message();
    if (content.match_element<envelope>(0)) route(self, std::move(content));
    return caf::message{};
  });
  self->set_down_handler([self](const caf::down_msg& down) {
    if (!down.reason) return;  // at our word
    if (std::erase(self->state.vacant, down.source) > 0) return;
    for (const auto* here : {&self->state.orders, &self->state.others}) {
      for (const auto& [stream, entry] : *here) {
        if (entry.host == down.source) return failed(self, {stream, "its actor ended: " + caf::to_string(down.reason)});
      }
    }
  });
  // First whatever a former incarnation of this shard sent is resolved.
  self->send(state.services.writer, barrier_ask{number, {}});
  state.broker_there = !trade;
  if (trade) self->send(state.services.broker, broker_ready_ask{});
  self->send(state.services.router, shard_ready{number, caf::actor_cast<caf::actor>(self)});
  return {
      [self](const barrier_told& in) {
        auto& s = self->state;
        if (in.stream.empty()) {
          s.alone = true;
          if (s.open()) start_work(self);
          return;
        }
        auto* found = s.find(in.stream);
        if (found == nullptr || found->second.is != phase::fencing) return;
        s.streams.insert(in.stream);
        spawn_entity(self, *found, predecessor::lost);
        pass_held(self, found->second);
      },
      [self](const open_work_told& in) {
        auto& s = self->state;
        s.inherited.emplace();
        for (const auto& key : in.entities) {
          const auto stream = stream_of(key);
          s.streams.insert(stream);
          if (s.find(stream) == nullptr) s.inherited->insert(stream);
        }
        wake_group(self);
      },
      [self](broker_ready) {
        self->state.broker_there = true;
        if (self->state.open()) start_work(self);
      },
      [self](streams_told& in) { self->state.stored = std::move(in.streams); },
      [self](woken_told) { wake_group(self); },
      [self](const alarm_ask& in) {
        self->state.first_alarm = std::min(self->state.first_alarm, in.due);
        keep_ticking(self);
      },
      [self](tick) {
        auto& s = self->state;
        const auto now = s.services.clock().boot;
        // A tick that was overtaken by an earlier one has nothing to do, nor may it call for another.
        if (s.tick_due.value == 0 || now.value + tick_slack_ms < s.tick_due.value) return;
        s.tick_due = {};
        fire_alarms(self, now);
        forget_retired(self);
        retire_idle(self, s.orders, s.rules.idle_order_ms, now);
        retire_idle(self, s.others, s.rules.idle_other_ms, now);
        if (now.value - s.hosts_counted.value >= idle_look_ms) {
          s.hosts_counted = now;
          end_some_hosts(self);
        }
        keep_ticking(self);
      },
      [self](const retire_told& in) {
        auto& s = self->state;
        auto* found = s.find(in.stream);
        if (found == nullptr || found->second.is != phase::leaving) return;
        auto& entry = found->second;
        if (entry.restart_asked && !in.retired) return;  // it ends all the same, and says so next
        if (in.stored) s.streams.insert(in.stream);
        if (in.retired) give_back(self, std::exchange(entry.host, nullptr));
        if (!in.retired) {
          entry.is = phase::live;
          pass_held(self, entry);
        } else if (entry.held.empty()) {
          s.retired.push_back(in.stream);
          s.services.count(entry.key.kind, -1);
          s.of_kind(entry.key.kind).erase(in.stream);
        } else {
          spawn_entity(self, *found, entry.restart_asked ? predecessor::lost : predecessor::retired);
          pass_held(self, entry);
        }
      },
      [self](const entity_failed& in) { failed(self, in); },
      [self](const tree_ask& ask) { return describe(self, ask); },
      [self](const restart_ask& ask) { return restart_entity(self, ask.id); },
  };
}

}  // namespace sb
