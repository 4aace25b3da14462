#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"

namespace sb {

/// Writes the node's table of routes: hears which actor runs a shard, who waits for answers and until when the lease
/// is, and tells the gateways. Reports of the broker of a time without a lease wait here, in their order; a shard that
/// is opened anew asks the broker itself.
struct router_state {
  static inline const char* name = "router";
  node_services services;
  vitals vital;
  std::map<std::uint32_t, caf::actor> gateways;
  std::set<shard_id> open;
  std::deque<std::pair<envelope, broker_reported>> reports;
};
/// Writes `services.routes`, of which it is the only writer and where its reports_to has been called.
caf::behavior router(caf::stateful_actor<router_state>* self, node_services services);

}  // namespace sb
