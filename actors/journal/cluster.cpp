#include "actors/journal/cluster.hpp"

#include <caf/all.hpp>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<cluster_state>*;
constexpr std::int64_t skew_max_ms = 2'000;

/// What was taken is given up: the lease comes back with a beat that finds nothing of it here any more.
bool holds_all(self_ptr self) {
  auto& state = self->state;
  if (state.held.empty()) return true;
  const auto heads = state.store->heads({state.held.begin(), state.held.end()}, state.settings.statement_deadline);
  auto taken = taken_away(heads, state.settings.self, state.held);
  if (taken.empty()) return true;
  state.services.log(
      severity::warning, state.vital.id(),
      std::to_string(taken.size()) + " shards were taken while this node did not beat: they are given up");
  self->send(state.services.writer, disown_ask{std::move(taken)});
  return false;
}

void tell_lease(self_ptr self) {
  auto& state = self->state;
  self->send(state.services.router, lease_told{state.right.until()});
  for (const auto& listener : state.lease_listeners) self->send(listener, lease_told{state.right.until()});
}

void beat(self_ptr self) {
  auto& state = self->state;
  const auto began = state.services.clock();
  try {
    const auto system = state.settings.system_clock ? state.settings.system_clock() : began.wall;
    const auto then = state.services.clock().boot;  // read after it, so that a pause between them sets no clock ahead
    const auto skew = state.store->clock_skew_ms(system, state.settings.statement_deadline);
    const bool trusted = skew <= skew_max_ms && skew >= -skew_max_ms;
    if (trusted != state.clock_trusted) {
      state.clock_trusted = trusted;
      state.services.log(trusted ? severity::info : severity::alarm, state.vital.id(),
                         "this node's clock differs from PostgreSQL's by " + std::to_string(-skew) + " ms" +
                             (trusted ? ": trusted again" : ": no lease until it is right"));
    }
    if (trusted && state.settings.trust_clock) state.settings.trust_clock(system, then);
    state.store->heartbeat(state.settings.self, state.settings.statement_deadline);
    // Nobody takes a shard from a node whose lease holds: the table is read after a lapse only, and the beat itself may
    // have hung that long.
    const bool lapsed = state.services.clock().boot > state.right.until();
    if (trusted && (!lapsed || holds_all(self))) state.right.renewed(began.boot);
    const auto beats = state.store->heartbeats(state.settings.statement_deadline);
    const auto read_at = state.services.clock().boot;
    if (std::exchange(state.blind, false)) state.members.blind(read_at);
    state.members.observe(beats, read_at);
    tell_lease(self);
    state.last_beat =
        beat_told{std::make_shared<const membership>(state.members), read_at, state.right.until(), trusted};
    if (state.claims) self->send(state.claims, *state.last_beat);
  } catch (const storage_unavailable& error) {
    state.blind = true;
    state.services.log(severity::warning, state.vital.id(), error.what());
  }
}

void mind(self_ptr self, const claimed_told& in) {
  auto& state = self->state;
  held_told held;
  for (const auto& head : in.heads) held.shards.push_back(head.shard);
  state.held.insert(held.shards.begin(), held.shards.end());
  if (state.services.clock().boot > in.lease_until) {
    // They may be somebody else's by now, and a beat may have renewed the lease without looking at them.
    state.right = lease{state.settings.times};
    tell_lease(self);
  }
  self->send(state.services.writer, own_ask{in.heads});
  self->send(state.claims, std::move(held));
}

}  // namespace

caf::behavior cluster(self_ptr self, node_services services, membership_settings settings, journal_factory connect) {
  auto& state = self->state;
  state.services = std::move(services);
  state.settings = std::move(settings);
  state.store = connect();
  state.members = membership{state.settings.times};
  state.right = lease{state.settings.times};
  state.vital = vitals{state.services.node + "/cluster", "service"};
  self->set_down_handler([self](const caf::down_msg& down) {
    std::erase_if(self->state.lease_listeners, [&](const caf::actor& listener) { return listener == down.source; });
  });
  self->send(self, tick{});
  return {
      [self](tick) {
        beat(self);
        self->delayed_send(self, std::chrono::milliseconds{self->state.settings.times.heartbeat_ms}, tick{});
      },
      [self](const beats_ask& in) {
        self->state.claims = in.claims;
        if (self->state.last_beat) self->send(in.claims, *self->state.last_beat);
      },
      [self](const claimed_told& in) { mind(self, in); },
      [self](const shard_gone& in) { self->state.held.erase(in.shard); },
      [self](const subscribe_ask& in) {
        self->state.lease_listeners.push_back(in.subscriber);
        self->monitor(in.subscriber);
        self->send(in.subscriber, lease_told{self->state.right.until()});
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
