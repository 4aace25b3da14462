#pragma once
#include <array>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <deque>
#include <map>
#include <set>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"

namespace sb {

/// The one address that everybody may hold. Knows which actor runs a shard now and which gateway waits for an answer;
/// holds nothing else. Forwards (envelope, X) to the shard of envelope.to and (requester, X) to the gateway, for any X.
/// Past the lease it passes nothing on: requests are refused, effects and answers are dropped. A report of the broker,
/// which nobody repeats, is kept until the lease is back; a shard that is opened anew asks the broker itself.
struct router_state {
  static inline const char* name = "router";
  node_services services;
  vitals vital;
  std::array<caf::actor, shard_count> shards;
  std::map<std::uint32_t, caf::actor> gateways;
  std::set<shard_id> open;
  boot_ms lease_until;
  std::deque<caf::message> reports;  ///< of the broker, in their order, of a time without a lease
  bool draining = false;
};
caf::behavior router(caf::stateful_actor<router_state>* self, node_services services);

}  // namespace sb
