#include "actors/supervision/entity_host.hpp"

#include <caf/all.hpp>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<entity_host_state>*;

void perform(self_ptr self, output& out) {
  auto& state = self->state;
  const auto& services = state.services;
  struct {
    self_ptr self;
    entity_host_state& state;
    const node_services& services;

    void operator()(append_out& append) const {
      state.watch.appending(state.core->key(), append);
      self->send(services.writer, write_ask{state.number, stream_of(state.core->key()), std::move(append)});
    }
    void operator()(const hurry_out&) const {
      self->send(services.writer, hurry_ask{state.number, stream_of(state.core->key())});
    }
    void operator()(send_out& send) const {
      std::visit([&](auto& body) { self->send(services.router, std::move(send.head), std::move(body)); }, send.body);
    }
    void operator()(broker_out& call) const { self->send(services.broker, std::move(call.call)); }
    void operator()(reply_out& reply) const {
      std::visit([&](auto& body) { self->send(services.router, reply.to, std::move(body)); }, reply.body);
    }
    void operator()(const alarm_out& alarm) const {
      const boot_ms due{services.clock().boot.value + alarm.after_ms};
      state.alarms[alarm.id] = due;
      self->send(state.shard, alarm_ask{stream_of(state.core->key()), alarm.id, due});
    }
    void operator()(snapshot_out& snapshot) const {
      self->send(services.reader, snapshot_ask{state.number, std::move(snapshot.snapshot)});
    }
    void operator()(const fail_out& failure) const {
      if (std::exchange(state.reported, true)) return;
      self->send(state.shard, entity_failed{stream_of(state.core->key()), failure.why});
    }
  } const action{self, state, services};
  std::visit(action, out);
}

/// One input of the core. What it throws is ours: the entity is not to be trusted any more and is replayed.
template <class Input>
void drive(self_ptr self, Input input) {
  auto& state = self->state;
  outputs out;
  try {
    input(*state.core, out);
  } catch (const std::exception& error) {
    // What is in `out` was released by an earlier commit, or does no harm: it leaves all the same.
    state.core->abandon(rejection::storage_unavailable, "the entity failed and is being replayed", out);
    out.push_back(fail_out{error.what()});
  }
  for (auto& item : out) perform(self, item);
}

template <class... Bodies>
caf::message_handler deliveries(self_ptr self, const std::variant<Bodies...>*) {
  return caf::message_handler{[self](envelope& head, Bodies& body) {
    drive(self, [&](entity_core& core, outputs& out) {
      core.deliver(delivery{std::move(head), std::move(body)}, self->state.services.clock(), out);
    });
  }...};
}

}  // namespace

caf::behavior entity_host(self_ptr self, node_services services, caf::actor shard, entity_key key,
                          std::shared_ptr<std::unique_ptr<entity>> body, std::size_t queue_max, predecessor former) {
  auto& state = self->state;
  state.services = std::move(services);
  state.shard = std::move(shard);
  state.number = shard_of(key);
  state.former = former;
  state.core.emplace(std::move(key), std::move(*body), queue_max);

  caf::message_handler own{
      [self](const history_told& told) {
        self->state.watch.replayed(self->state.core->key(), *told.history);
        drive(self, [&](entity_core& core, outputs& out) {
          core.recover(*told.history, self->state.former, self->state.services.clock(), out);
        });
      },
      [self](const write_told& told) {
        self->state.watch.appended(told.verdict);
        drive(self,
              [&](entity_core& core, outputs& out) { core.appended(told.verdict, self->state.services.clock(), out); });
      },
      [self](const alarm& fired) {
        auto& alarms = self->state.alarms;
        const auto set = alarms.find(fired.id);
        const auto now = self->state.services.clock();
        if (set == alarms.end() || now.boot < set->second) return;
        alarms.erase(set);
        envelope head;
        head.to = self->state.core->key();
        head.causation = "alarm";
        drive(self, [&](entity_core& core, outputs& out) { core.deliver({std::move(head), fired}, now, out); });
      },
      [self](retire_ask) {
        auto& core = *self->state.core;
        const bool retire = core.can_retire();
        self->send(self->state.shard, retire_told{stream_of(core.key()), retire, core.version() > 0});
        if (retire) self->quit(caf::exit_reason::normal);
      },
      [self](const restart_ask&) {
        outputs out;
        self->state.core->abandon(rejection::storage_unavailable, "the entity is restarted by an operator", out);
        out.push_back(fail_out{"restarted by an operator"});
        for (auto& item : out) perform(self, item);
      },
      [self](end_entity) { self->quit(caf::exit_reason::normal); },
  };
  return own.or_else(deliveries(self, static_cast<const message*>(nullptr)));
}

}  // namespace sb
