#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "domain/supervision/restart_window.hpp"

namespace sb {

/// A child as data. `start` spawns it (its parent monitors it); it is called again for each restart.
struct child_spec {
  std::string id;
  std::function<caf::actor(caf::event_based_actor*)> start;
};
enum class restart_strategy : std::uint8_t {
  one_for_one,   ///< only the child that failed
  rest_for_one,  ///< it and all that were started after it, stopped in reverse order first
};
struct supervisor_spec {
  std::string id;  ///< path from the node
  std::string role;
  restart_strategy strategy = restart_strategy::one_for_one;
  restart_intensity intensity;
  std::vector<child_spec> children;
  std::function<void(const std::string& child)>
      restarted{};  ///< told of each child that ended and is started again, not of those stopped with it
};

/// A shard's supervisor also takes children at run time: the shards that this node owns.
using shard_start = std::function<child_spec(shard_id)>;

/// OTP's supervisor: starts its children in order, restarts those that end, gives up beyond its intensity. Giving up
/// ends it with a reason, which is its parent's matter. All children are permanent: one that ends, for whatever reason,
/// is restarted.
struct supervisor_state {
  static inline const char* name = "supervisor";
  ~supervisor_state();

  struct child {
    child_spec spec;
    caf::actor handle;
    shard_id shard = -1;
    std::int64_t restarts = 0;
    std::string failure;
    wall_ms failed_at;
  };

  std::function<clock_reading()> clock;
  log_function log;
  supervisor_spec spec;
  shard_start start_shard;
  vitals vital;
  std::vector<child> children;
  restart_window window{restart_intensity{}};
  std::size_t stopping_from = 0;  ///< rest_for_one: children from here on are being stopped, then started again
  bool restarting = false;
};
caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self, std::function<clock_reading()> clock,
                         log_function log, supervisor_spec spec, shard_start start_shard);

}  // namespace sb
