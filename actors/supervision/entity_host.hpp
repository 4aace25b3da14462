#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <map>
#include <memory>
#include <optional>

#include "actors/protocol/node_messages.hpp"
#include "actors/protocol/node_services.hpp"
#include "actors/protocol/pause_points.hpp"

namespace sb {

/// The actor around one entity: moves messages between CAF and entity_core, and nothing else. It ends only when its
/// shard says so: after a failure it stays to refuse what is still in its mailbox, so that no request is lost without
/// an answer.
struct entity_host_state {
  static inline const char* name = "entity";
  node_services services;
  caf::actor shard;
  std::optional<entity_core> core;
  std::map<std::int32_t, boot_ms> alarms;  ///< the latest setting of each; an earlier one that still fires is stale
  shard_id number = 0;
  predecessor former = predecessor::lost;
  bool reported = false;
  pause::stream_watch watch;
};
caf::behavior entity_host(caf::stateful_actor<entity_host_state>* self, node_services services, caf::actor shard,
                          entity_key key, std::shared_ptr<std::unique_ptr<entity>> body, std::size_t queue_max,
                          predecessor former);

}  // namespace sb
