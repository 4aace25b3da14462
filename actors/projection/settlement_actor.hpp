#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <memory>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "runtime/settlement.hpp"

namespace sb {

struct settlement_settings {
  std::int32_t utc_offset_minutes = 330;
  std::size_t facts_max = 500;
  std::size_t pending_max = 50'000;
  std::int64_t retry_ms = 2'000;
};

/// Moves messages for runtime/settlement.hpp: committed rows and reads in, settle requests to the risk books and
/// cursors out.
struct settlement_state {
  static inline const char* name = "settlement";
  node_services services;
  std::unique_ptr<settlement> core;
  vitals vital;
  std::map<shard_id, boot_ms> reading;       ///< shards for which a read is out, since when
  std::map<shard_id, std::int64_t> cursors;  ///< moved, to be saved with the next tick
};
/// It is answered under this gateway number; the edge's gateways begin at 1.
constexpr std::uint32_t settlement_gateway = 0;

caf::behavior settlement_actor(caf::stateful_actor<settlement_state>* self, node_services services,
                               settlement_settings settings);

}  // namespace sb
