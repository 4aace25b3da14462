#include "tests/simulation/tables.hpp"

#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

bool tables::apply(const projection_batch& batch) {
  if (cursor(batch.shard) != batch.cursor_before) return false;
  if (batch.cursor < batch.cursor_before) throw broken_invariant{"I11", "a cursor goes back"};
  for (const auto& trouble : batch.unreadable) throw broken_invariant{"I11", "a row could not be folded: " + trouble};
  cursors_[batch.shard] = batch.cursor;
  for (const auto& order : batch.orders) orders_[order.id] = order;
  for (const auto& one : batch.positions) positions_[one.key] = one;
  return true;
}

std::int64_t tables::cursor(shard_id shard) const {
  const auto found = cursors_.find(shard);
  return found == cursors_.end() ? 0 : found->second;
}

std::map<position_key, position> tables::held_by(const position_owner& owner) const {
  std::map<position_key, position> held;
  for (auto at = positions_.lower_bound({owner, {}, {}, {}}); at != positions_.end() && at->first.owner == owner;
       ++at) {
    held.emplace(at->first, at->second.held);
  }
  return held;
}

std::vector<entity_key> tables::open_orders(shard_id shard) const {
  std::vector<entity_key> open;
  for (const auto& [id, order] : orders_) {
    if (order.shard == shard && !is_closed(order.state.status)) open.push_back(order_key(order.organization, id));
  }
  return open;
}

}  // namespace sb::simulation
