#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "domain/ids.hpp"

namespace sb {

/// One actor of the supervision tree, as it is now.
struct tree_node {
  std::string id;    ///< path from the node: "node1/trade/shard-70"
  std::string kind;  ///< "supervisor", "shard", "service", "entity"
  std::string role;  ///< "user", "trade", "web", "" for what serves all
  std::int32_t shard = -1;
  std::string state = "running";  ///< running, restarting, stopped, passive, parked
  std::int64_t restarts = 0;
  std::string failure;  ///< reason of the last failure, empty if none
  wall_ms failed_at;
  std::int64_t mailbox = 0;    ///< messages waiting when it answered
  std::int64_t oldest_ms = 0;  ///< how long the question itself had waited
  std::int64_t messages_per_s = 0;
  std::int64_t children_count = 0;  ///< children that are summarized rather than listed
  std::vector<tree_node> children;
};

}  // namespace sb
