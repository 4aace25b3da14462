#include "actors/supervision/shard.hpp"

#include <caf/all.hpp>
#include <limits>

#include "actors/protocol/type_ids.hpp"
#include "actors/supervision/entity_host.hpp"

namespace sb {

shard_state::~shard_state() {
  for (auto& [stream, entry] : slots) {
    services.count(entry.key.kind, -1);
    if (entry.host) caf::anon_send_exit(entry.host, caf::exit_reason::user_shutdown);
  }
  for (const auto& host : vacant) caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
}

namespace {

using self_ptr = caf::stateful_actor<shard_state>*;
using phase = shard_state::phase;

constexpr std::int64_t soon_ms = 50;
constexpr std::int64_t alarm_slack_ms = 100;
constexpr std::int64_t idle_check_ms = 1'000;
constexpr std::int64_t busy_look_ms = 250;  // shorter than what an order's first alarm is set for
constexpr std::int64_t tick_late_ms = 1'000;
constexpr std::int64_t tick_slack_ms = 10;  // two clocks, rounded to milliseconds
constexpr std::size_t early_max = 1'024;
constexpr std::size_t vacant_max = 1'024;

/// Makes sure that a tick comes when the next thing is due: at the first alarm, or a little later if it is not due yet,
/// so that one tick has many, else each second to see who is idle. A tick that is set already and comes early enough is
/// enough. What was said to an entity may have set an alarm: then the next look is soon.
void keep_ticking(self_ptr self, bool said = false) {
  auto& state = self->state;
  const auto now = state.services.clock().boot.value;
  auto due = std::numeric_limits<std::int64_t>::max();
  if (!state.slots.empty() || !state.retired.empty() || !state.vacant.empty())
    due = now + (said ? busy_look_ms : idle_check_ms);
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
bool begin(self_ptr self, shard_state::slot& entry, predecessor former) {
  auto& state = self->state;
  const auto stream = stream_of(entry.key);
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

void ask_history(self_ptr self, const shard_state::slot& entry) {
  self->send(self->state.services.reader,
             history_ask{self->state.number, stream_of(entry.key), entry.host, entry.incarnation});
}

void spawn_entity(self_ptr self, shard_state::slot& entry, predecessor former) {
  if (begin(self, entry, former)) ask_history(self, entry);
}

void pass_held(self_ptr self, shard_state::slot& entry) {
  for (auto& content : std::exchange(entry.held, {})) self->send(entry.host, std::move(content));
}

void take_place(self_ptr self, shard_state::slot& entry, const entity_key& key) {
  entry.key = key;
  entry.used = self->state.services.clock().boot;
  self->state.services.count(key.kind, 1);
}

shard_state::slot& slot_of(self_ptr self, const entity_key& key) {
  auto& state = self->state;
  auto [found, fresh] = state.slots.try_emplace(stream_of(key));
  auto& entry = found->second;
  if (fresh) {
    take_place(self, entry, key);
    const bool missed = !state.inherited || state.inherited->erase(found->first) > 0;
    spawn_entity(self, entry, missed ? predecessor::lost : predecessor::retired);
  } else {
    entry.used = state.services.clock().boot;
    // It is begun by whichever history comes first.
    if (state.group.erase(found->first) > 0 && entry.is == phase::live) ask_history(self, entry);
  }
  keep_ticking(self, true);
  return entry;
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
    auto& entry = state.slots[stream];
    take_place(self, entry, key_of(stream).value());
    begin(self, entry, predecessor::lost);  // stored, as open_work_told said of each
    ask.histories.push_back({state.number, stream, entry.host, entry.incarnation});
    state.group.insert(stream);
  }
  if (!ask.histories.empty()) self->send(state.services.reader, std::move(ask));
  keep_ticking(self);
}

void start_work(self_ptr self) {
  auto& state = self->state;
  self->send(state.services.reader, contents_ask{state.number});
  self->send(state.services.router, shard_open{state.number});
  for (auto& content : std::exchange(state.early, {})) route(self, std::move(content));
}

/// It has said its last: what it sent before is resolved, then it is replayed.
void replay_behind_barrier(self_ptr self, shard_state::slot& entry) {
  self->send(entry.host, end_entity{});
  entry.host = nullptr;
  entry.is = phase::fencing;
  self->send(self->state.services.writer, barrier_ask{self->state.number, stream_of(entry.key)});
}

void failed(self_ptr self, const entity_failed& in) {
  auto& state = self->state;
  const auto found = state.slots.find(in.stream);
  if (found == state.slots.end()) return;
  auto& entry = found->second;
  if (!entry.host) return;  // said already, by the entity itself or by its end
  if (entry.restart_asked) return replay_behind_barrier(self, entry);
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
  replay_behind_barrier(self, entry);
}

void fire_alarms(self_ptr self, boot_ms now) {
  auto& state = self->state;
  state.first_alarm = state.board->look(now, [&](const caf::actor& host) { self->send(host, tick{}); });
}

void forget_retired(self_ptr self) {
  auto& state = self->state;
  auto streams = std::exchange(state.retired, {});
  std::erase_if(streams, [&](const stream_id& stream) { return state.slots.contains(stream); });  // is back
  if (!streams.empty()) self->send(state.services.writer, forget_ask{state.number, std::move(streams)});
}

void retire_idle(self_ptr self, boot_ms now) {
  auto& state = self->state;
  for (auto& [stream, entry] : state.slots) {
    if (entry.is != phase::live) continue;
    const auto idle = entry.key.kind == entity_kind::order ? state.rules.idle_order_ms : state.rules.idle_other_ms;
    if (now.value - entry.used.value < idle) continue;
    entry.is = phase::leaving;
    entry.used = now;
    self->send(entry.host, retire_ask{});
  }
}

tree_node describe(self_ptr self, const tree_ask& ask) {
  auto& state = self->state;
  auto node = state.vital.describe(self, ask, state.services.clock().boot);
  node.children_count = static_cast<std::int64_t>(state.slots.size());
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
  const auto found = state.slots.find(stream);
  if (found == state.slots.end()) return false;
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
    for (const auto& [stream, entry] : self->state.slots) {
      if (entry.host == down.source) return failed(self, {stream, "its actor ended: " + caf::to_string(down.reason)});
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
        const auto found = s.slots.find(in.stream);
        if (found == s.slots.end() || found->second.is != phase::fencing) return;
        s.streams.insert(in.stream);
        spawn_entity(self, found->second, predecessor::lost);
        pass_held(self, found->second);
      },
      [self](const open_work_told& in) {
        auto& s = self->state;
        s.inherited.emplace();
        for (const auto& key : in.entities) {
          const auto stream = stream_of(key);
          s.streams.insert(stream);
          if (!s.slots.contains(stream)) s.inherited->insert(stream);
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
        if (now.value - s.idle_checked.value >= idle_check_ms) {
          s.idle_checked = now;
          end_some_hosts(self);
          retire_idle(self, now);
        }
        keep_ticking(self);
      },
      [self](const retire_told& in) {
        auto& s = self->state;
        const auto found = s.slots.find(in.stream);
        if (found == s.slots.end() || found->second.is != phase::leaving) return;
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
          s.slots.erase(found);
        } else {
          spawn_entity(self, entry, entry.restart_asked ? predecessor::lost : predecessor::retired);
          pass_held(self, entry);
        }
      },
      [self](const entity_failed& in) { failed(self, in); },
      [self](const tree_ask& ask) { return describe(self, ask); },
      [self](const restart_ask& ask) { return restart_entity(self, ask.id); },
  };
}

}  // namespace sb
