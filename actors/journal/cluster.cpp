#include "actors/journal/cluster.hpp"

#include <caf/all.hpp>
#include <numeric>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<cluster_state>*;
constexpr std::int64_t skew_max_ms = 2'000;
constexpr std::int64_t anchor_every_ms = 60'000;

void tell_followers(self_ptr self, shard_id shard) {
  const auto role = shard < shards_per_role ? shard_role::user : shard_role::trade;
  for (const auto& follower : self->state.followers) {
    if (follower.role == role) self->send(follower.supervisor, shard_owned{shard});
  }
}

void claim_what_is_free(self_ptr self) {
  auto& state = self->state;
  std::vector<shard_id> all(static_cast<std::size_t>(shard_count));
  std::iota(all.begin(), all.end(), 0);
  const auto heads = state.store->heads(all, state.settings.statement_deadline);
  const auto wanted = claimable(heads, state.settings.self, state.members, state.owned, state.services.clock().boot);
  if (wanted.empty()) return;
  own_ask own;
  for (const auto& outcome :
       state.store->claim(wanted, state.settings.self, state.settings.lock_wait, state.settings.statement_deadline)) {
    if (outcome.status == claim_status::claimed) own.heads.push_back(outcome.head);
  }
  if (own.heads.empty()) return;
  std::vector<shard_id> claimed;
  for (const auto& head : own.heads) claimed.push_back(head.shard);
  state.services.log(severity::info, state.vital.id(), "claimed " + std::to_string(claimed.size()) + " shards");
  self->send(state.services.writer, std::move(own));
  for (const auto shard : claimed) {
    state.owned.insert(shard);
    tell_followers(self, shard);
  }
}

void anchor(self_ptr self) {
  auto& state = self->state;
  const auto now = state.services.clock().boot;
  if (!state.settings.anchor || now.value - state.anchored_at.value < anchor_every_ms) return;
  state.anchored_at = now;
  auto heads = state.store->heads({state.owned.begin(), state.owned.end()}, state.settings.statement_deadline);
  std::erase_if(heads,
                [&](const shard_head& head) { return head.head == 0 || state.anchored[head.shard] == head.head; });
  if (heads.empty()) return;
  state.settings.anchor(heads);
  for (const auto& head : heads) state.anchored[head.shard] = head.head;
}

void beat(self_ptr self) {
  auto& state = self->state;
  const auto began = state.services.clock();
  try {
    const auto skew = state.store->clock_skew_ms(began.wall, state.settings.statement_deadline);
    const bool trusted = skew <= skew_max_ms && skew >= -skew_max_ms;
    if (trusted != state.clock_trusted) {
      state.clock_trusted = trusted;
      state.services.log(trusted ? severity::info : severity::alarm, state.vital.id(),
                         "this node's clock differs from PostgreSQL's by " + std::to_string(-skew) + " ms" +
                             (trusted ? ": trusted again" : ": no lease until it is right"));
    }
    state.store->heartbeat(state.settings.self, state.settings.statement_deadline);
    if (trusted) state.right.renewed(began.boot);
    const auto beats = state.store->heartbeats(state.settings.statement_deadline);
    if (std::exchange(state.blind, false)) state.members.blind(state.services.clock().boot);
    state.members.observe(beats, state.services.clock().boot);
    self->send(state.services.router, lease_told{state.right.until()});
    for (const auto& listener : state.lease_listeners) self->send(listener, lease_told{state.right.until()});
    if (trusted) claim_what_is_free(self);
    anchor(self);
  } catch (const storage_unavailable& error) {
    state.blind = true;
    state.services.log(severity::warning, state.vital.id(), error.what());
  }
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
  self->send(state.services.writer, subscribe_ask{caf::actor_cast<caf::actor>(self)});
  self->send(self, tick{});
  return {
      [self](tick) {
        beat(self);
        self->delayed_send(self, std::chrono::milliseconds{self->state.settings.times.heartbeat_ms}, tick{});
      },
      [self](const follow_shards& in) {
        self->state.followers.push_back(in);
        for (const auto shard : self->state.owned) {
          const auto role = shard < shards_per_role ? shard_role::user : shard_role::trade;
          if (role == in.role) self->send(in.supervisor, shard_owned{shard});
        }
      },
      [self](const subscribe_ask& in) {
        self->state.lease_listeners.push_back(in.subscriber);
        self->send(in.subscriber, lease_told{self->state.right.until()});
      },
      [](const committed_told&) {},
      [self](const shard_gone& in) {
        self->state.owned.erase(in.shard);
        for (const auto& follower : self->state.followers) self->send(follower.supervisor, in);
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
