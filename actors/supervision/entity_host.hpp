#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <map>
#include <memory>
#include <optional>

#include "actors/protocol/node_messages.hpp"
#include "actors/protocol/node_services.hpp"
#include "actors/protocol/pause_points.hpp"
#include "actors/supervision/alarm_board.hpp"

namespace sb {

/// The actor around one entity: moves messages between CAF and entity_core, and nothing else. It ends only when its
/// shard says so: after a failure it stays to refuse what is still in its mailbox, so that no request is lost without
/// an answer; and when its entity has retired, it waits for begin_entity with another one, because an actor's beginning
/// and end cost more than an order has work for it.
struct entity_host_state {
  static inline const char* name = "entity";
  /// What there is of one entity.
  struct hosted {
    entity_core core;
    predecessor former = predecessor::lost;
    std::uint64_t incarnation = 0;
    std::map<std::int32_t, boot_ms> alarms = {};  ///< the latest setting of each
    std::optional<boot_ms> told = {};             ///< the last time that the shard was told of by a message
    bool reported = false;
    pause::stream_watch watch = {};
  };
  node_services services;
  caf::actor shard;
  shard_id number = 0;
  std::uint64_t own_number = 0;  ///< in the table of routes
  std::shared_ptr<alarm_board> board;
  alarm_board::line* due = nullptr;  ///< on the board
  std::optional<hosted> guest;       ///< none: it waits for begin_entity

  ~entity_host_state() {
    if (own_number != 0) services.routes->remove_host(own_number);
    if (due != nullptr) board->remove(*due);
  }
};
caf::behavior entity_host(caf::stateful_actor<entity_host_state>* self, node_services services, caf::actor shard,
                          shard_id number, std::shared_ptr<alarm_board> board);

}  // namespace sb
