#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "actors/journal/journal_actors.hpp"
#include "actors/projection/projection_actor.hpp"
#include "app/replay/checks.hpp"

namespace sb::actor_simulation {

/// The read models in memory, with the cursor as their fence. `reach` throws storage_unavailable when they cannot be
/// reached.
class tables {
 public:
  explicit tables(std::function<void()> reach) : reach_{std::move(reach)} {}

  projection_tables for_projection();
  /// All of a read_side but its journal.
  void give(read_side& side);

  replay::net_positions positions() const;
  std::vector<replay::projected_order> orders() const;

 private:
  using position_key = std::tuple<account_id, std::string, std::string, std::string>;
  bool apply(const std::string& projection, const postgres::projection_batch& batch);

  std::function<void()> reach_;
  std::map<std::pair<std::string, shard_id>, std::int64_t> cursors_;
  std::map<order_id, postgres::order_row> orders_;
  std::map<position_key, postgres::position_row> positions_;
};

}  // namespace sb::actor_simulation
