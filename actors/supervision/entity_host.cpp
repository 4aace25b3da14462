#include "actors/supervision/entity_host.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <utility>
#include <vector>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<entity_host_state>*;

void perform(self_ptr self, output& out) {
  auto& state = self->state;
  struct {
    self_ptr self;
    entity_host_state& state;
    entity_host_state::hosted& guest;
    const node_services& services;

    void operator()(append_out& append) const {
      guest.watch.appending(guest.core.key(), append);
      self->send(services.writer,
                 write_ask{state.number, stream_of(guest.core.key()), guest.incarnation, std::move(append)});
    }
    void operator()(const hurry_out&) const {
      self->send(services.writer, hurry_ask{state.number, stream_of(guest.core.key())});
    }
    void operator()(send_out& send) const {
      send.head.from_host = state.own_number;
      services.routes->send(std::move(send.head), std::move(send.body));
    }
    void operator()(broker_out& call) const {
      call.call.from_host = state.own_number;
      self->send(services.broker, std::move(call.call));
    }
    void operator()(reply_out& reply) const { services.routes->answer(reply.to, std::move(reply.body)); }
    void operator()(look_up_out& ask) const {
      self->send(services.reader, look_up_ask{guest.core.key(), std::move(ask.orders)});
    }
    void operator()(const alarm_out& alarm) const {
      guest.alarms[alarm.id] = {services.clock().boot.value + alarm.after_ms};
    }
    void operator()(snapshot_out& snapshot) const {
      self->send(services.snapshots, snapshot_ask{state.number, std::move(snapshot)});
    }
    void operator()(const fail_out& failure) const {
      if (std::exchange(guest.reported, true)) return;
      self->send(state.shard, entity_failed{stream_of(guest.core.key()), failure.why});
    }
  } const action{self, state, *state.guest, state.services};
  std::visit(action, out);
}

/// When the first alarm is due. One that may retire has nothing that its alarms could be about.
boot_ms first_alarm(const entity_host_state::hosted& guest) {
  if (guest.alarms.empty() || !guest.core.alive() || guest.core.can_retire()) return alarm_board::never;
  const auto sooner = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::min_element(guest.alarms.begin(), guest.alarms.end(), sooner)->second;
}

/// Writes down when the first alarm is due. Where the shard would look too late it is told, unless it was told of a
/// time before that and yet to come: it looks then.
void ask_for_tick(self_ptr self) {
  auto& state = self->state;
  auto& told = state.guest->told;
  const auto first = first_alarm(*state.guest);
  if (state.board->set(*state.due, first)) return;
  if (told && *told <= first && state.services.clock().boot < *told) return;
  told = first;
  self->send(state.shard, alarm_ask{first});
}

/// One input of the core. What it throws is ours: the entity is not to be trusted any more and is replayed.
template <class Input>
void drive(self_ptr self, Input input) {
  auto& core = self->state.guest->core;
  outputs out;
  try {
    input(core, out);
  } catch (const std::exception& error) {
    // What is in `out` was released by an earlier commit, does no harm, or is an append that was decided before: it
    // leaves all the same, and the barrier settles what becomes of an append.
    core.abandon(rejection::storage_unavailable, "the entity failed and is being replayed", out);
    out.push_back(fail_out{error.what()});
  }
  for (auto& item : out) perform(self, item);
}

void recover(self_ptr self, const stream_history& history) {
  auto& guest = *self->state.guest;
  guest.watch.replayed(guest.core.key(), history);
  drive(self, [&](entity_core& core, outputs& out) {
    core.recover(history, guest.former, self->state.services.clock(), out);
  });
  ask_for_tick(self);
}

/// What is due now; one that is set meanwhile comes with a later tick.
void fire_alarms(self_ptr self) {
  auto& guest = *self->state.guest;
  const auto now = self->state.services.clock();
  std::vector<std::pair<boot_ms, std::int32_t>> due;
  for (const auto& [id, at] : guest.alarms) {
    if (at <= now.boot) due.emplace_back(at, id);
  }
  std::sort(due.begin(), due.end());
  for (const auto& [at, id] : due) {
    const auto set = guest.alarms.find(id);
    if (set == guest.alarms.end() || set->second != at) continue;
    guest.alarms.erase(set);
    delivery fired;
    fired.head.to = guest.core.key();
    fired.head.causation = "alarm";
    fired.body = alarm{id};
    drive(self, [&](entity_core& core, outputs& out) { core.deliver(std::move(fired), now, out); });
  }
  ask_for_tick(self);
}

void retire(self_ptr self) {
  auto& state = self->state;
  const auto& core = state.guest->core;
  const retire_told told{stream_of(core.key()), core.can_retire(), core.version() > 0};
  if (told.retired) state.guest.reset();  // one that can retire has no alarm on the board
  self->send(state.shard, told);
}

/// A shard holds back what is for an entity that it has asked to retire, so this cannot be; and an edge is answered.
void refuse(self_ptr self, const envelope& head) {
  self->state.services.routes->refuse(head.from, rejection::shard_moved, "there is no entity here now");
}

/// What came straight here, for an entity that is not here any more or that is being replayed, goes by the shard.
template <class Body>
bool passed_on(self_ptr self, envelope& head, Body& body) {
  if (head.to_host == 0) return false;
  const auto& guest = self->state.guest;
  if (guest && guest->core.alive() && guest->core.key() == head.to) return false;
  head.to_host = 0;
  self->state.services.routes->send(std::move(head), std::move(body));
  return true;
}

template <class... Bodies>
caf::message_handler deliveries(self_ptr self, const std::variant<Bodies...>*) {
  return caf::message_handler{[self](envelope& head, Bodies& body) {
    if (passed_on(self, head, body)) return;
    if (!self->state.guest) return refuse(self, head);
    drive(self, [&](entity_core& core, outputs& out) {
      core.deliver(delivery{std::move(head), std::move(body)}, self->state.services.clock(), out);
    });
    ask_for_tick(self);
  }...};
}

}  // namespace

caf::behavior entity_host(self_ptr self, node_services services, caf::actor shard, shard_id number,
                          std::shared_ptr<alarm_board> board) {
  auto& state = self->state;
  state.services = std::move(services);
  state.shard = std::move(shard);
  state.number = number;
  const auto me = caf::actor_cast<caf::actor>(self);
  state.own_number = state.services.routes->add_host(me);
  state.board = std::move(board);
  state.due = &state.board->add(me);

  caf::message_handler own{
      [self](begin_entity& begin) {
        self->state.guest.emplace(
            entity_host_state::hosted{entity_core{std::move(begin.key), std::move(*begin.body), begin.queue_max},
                                      begin.former, begin.incarnation});
        if (!begin.stored) recover(self, {stream_of(self->state.guest->core.key()), std::nullopt, {}});
      },
      [self](const history_told& told) {
        // One that its incarnation had no use for any more may come when the host has another entity.
        const auto& guest = self->state.guest;
        if (guest && guest->incarnation == told.incarnation) recover(self, *told.history);
      },
      [self](const write_told& told) {
        if (!self->state.guest) return;
        self->state.guest->watch.appended(told.verdict, told.through);
        drive(self, [&](entity_core& core, outputs& out) {
          core.appended(told.verdict, told.through, self->state.services.clock(), out);
        });
        ask_for_tick(self);
      },
      [self](tick) {
        if (self->state.guest) fire_alarms(self);
      },
      [self](retire_ask) {
        if (self->state.guest) retire(self);
      },
      [self](const restart_ask&) {
        if (!self->state.guest) return;
        outputs out;
        self->state.guest->core.abandon(rejection::storage_unavailable, "the entity is restarted by an operator", out);
        out.push_back(fail_out{"restarted by an operator"});
        for (auto& item : out) perform(self, item);
      },
      [self](end_entity) { self->quit(caf::exit_reason::normal); },
  };
  return own.or_else(deliveries(self, static_cast<const message*>(nullptr)));
}

}  // namespace sb
