#include "actors/journal/claims.hpp"

#include <caf/all.hpp>
#include <numeric>
#include <stdexcept>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<claims_state>*;
constexpr std::int64_t anchor_every_ms = 60'000;

void tell_followers(self_ptr self, shard_id shard) {
  for (const auto& follower : self->state.followers) {
    if (follower.role == role_of_shard(shard)) self->send(follower.supervisor, shard_owned{shard});
  }
}

void claim_what_is_free(self_ptr self) {
  auto& state = self->state;
  std::vector<shard_id> all(static_cast<std::size_t>(shard_count));
  std::iota(all.begin(), all.end(), 0);
  if (state.services.clock().boot > state.beat.lease_until) return;
  const auto heads = state.store->heads(all, state.settings.statement_deadline);
  const auto wanted = claimable(heads, state.settings.self, *state.beat.members, state.owned, state.beat.at);
  if (wanted.empty() || state.services.clock().boot > state.beat.lease_until) return;
  claimed_told claimed{{}, state.beat.lease_until};
  for (const auto& outcome :
       state.store->claim(wanted, state.settings.self, state.settings.lock_wait, state.settings.statement_deadline)) {
    if (outcome.status == claim_status::claimed) claimed.heads.push_back(outcome.head);
  }
  if (claimed.heads.empty()) return;
  for (const auto& head : claimed.heads) state.owned.insert(head.shard);
  state.services.log(severity::info, state.vital.id(), "claimed " + std::to_string(claimed.heads.size()) + " shards");
  self->send(state.services.cluster, std::move(claimed));
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
  try {
    state.settings.anchor(heads);
  } catch (const std::runtime_error& error) {  // the heads are anchored with the next minute's
    state.services.log(severity::alarm, state.vital.id(), error.what());
    return;
  }
  for (const auto& head : heads) state.anchored[head.shard] = head.head;
}

void follow_beat(self_ptr self) {
  auto& state = self->state;
  state.beaten = false;
  state.vital.count();
  try {
    if (state.beat.clock_trusted) claim_what_is_free(self);
    anchor(self);
  } catch (const storage_unavailable& error) {
    state.services.log(severity::warning, state.vital.id(), error.what());
  }
}

}  // namespace

caf::behavior claims(self_ptr self, node_services services, claim_settings settings, journal_factory connect) {
  auto& state = self->state;
  state.services = std::move(services);
  state.settings = std::move(settings);
  state.store = connect();
  state.vital = vitals{state.services.node + "/claims", "service"};
  self->set_down_handler([self](const caf::down_msg& down) {
    std::erase_if(self->state.followers,
                  [&](const follow_shards& follower) { return follower.supervisor == down.source; });
  });
  const auto me = caf::actor_cast<caf::actor>(self);
  self->send(state.services.writer, follow_journal{me, std::nullopt});
  self->send(state.services.cluster, beats_ask{me});
  return {
      [self](const beat_told& in) {
        self->state.beat = in;
        if (std::exchange(self->state.beaten, true)) return;
        self->send(self, flush{});  // to the end of the mailbox: the beats that wait there are only noted
      },
      [self](flush) { follow_beat(self); },
      [self](const follow_shards& in) {
        self->state.followers.push_back(in);
        self->monitor(in.supervisor);
        for (const auto shard : self->state.held) {
          if (role_of_shard(shard) == in.role) self->send(in.supervisor, shard_owned{shard});
        }
      },
      [self](const held_told& in) {
        for (const auto shard : in.shards) {
          self->state.held.insert(shard);
          tell_followers(self, shard);
        }
      },
      [self](const shard_gone& in) {
        self->state.owned.erase(in.shard);
        self->state.held.erase(in.shard);
        // Who works on it hears of it before the cluster may renew a lease without it.
        for (const auto& follower : self->state.followers) self->send(follower.supervisor, in);
        self->send(self->state.services.cluster, in);
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
