#pragma once
#include <array>
#include <atomic>
#include <caf/actor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/protocol/route_table.hpp"
#include "runtime/entity.hpp"

namespace sb {

enum class severity : std::uint8_t { debug, info, warning, alarm };
using log_function = std::function<void(severity, const std::string& who, const std::string& what)>;

/// How many places entities of each kind have in the node's shards now, for anybody to read.
using entity_counts = std::array<std::atomic<std::int64_t>, entity_kind_count>;

/// What actors of one node are given when they start. Handles are those of children that stand earlier in the tree:
/// when one of them restarts, so does everybody who was given its handle (rest_for_one), so no handle here is ever
/// stale.
struct node_services {
  std::string node;
  std::function<clock_reading()> clock;
  log_function log;
  std::shared_ptr<std::atomic<std::uint64_t>>
      incarnations;                         ///< numbers for entities, new over restarts of the node too
  std::shared_ptr<entity_counts> entities;  ///< null: nobody counts
  std::shared_ptr<route_table> routes;      ///< of this router
  caf::actor router;
  caf::actor writer;
  caf::actor reader;
  caf::actor snapshots;
  caf::actor cluster;  ///< the lease
  caf::actor claims;   ///< which shards this node has
  caf::actor market;
  caf::actor broker;

  std::uint64_t next_incarnation() const { return incarnations->fetch_add(1) + 1; }
  /// `by` entities of the kind are more.
  void count(entity_kind kind, std::int64_t by) const {
    if (entities) (*entities)[static_cast<std::size_t>(kind)].fetch_add(by, std::memory_order_relaxed);
  }
};

}  // namespace sb
