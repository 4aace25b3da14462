#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "runtime/projection.hpp"

namespace sb::simulation {

/// The read models as PostgreSQL holds them: each batch and its cursor in one transaction.
class tables {
 public:
  /// False, and nothing is written, when the cursor is not where the batch began.
  bool apply(const projection_batch& batch);
  std::int64_t cursor(shard_id shard) const;
  std::map<position_key, position> held_by(const position_owner& owner) const;
  /// Orders that somebody must look after, as of the cursor.
  std::vector<entity_key> open_orders(shard_id shard) const;

  const std::map<order_id, projected_order>& orders() const { return orders_; }
  const std::map<position_key, projected_position>& positions() const { return positions_; }
  const std::map<shard_id, std::int64_t>& cursors() const { return cursors_; }

 private:
  std::map<shard_id, std::int64_t> cursors_;
  std::map<order_id, projected_order> orders_;
  std::map<position_key, projected_position> positions_;
};

}  // namespace sb::simulation
