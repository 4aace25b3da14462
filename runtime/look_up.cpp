#include "runtime/look_up.hpp"

#include <algorithm>

namespace sb {

orders_looked_up look_up(journal& store, organization_id organization, const std::vector<order_id>& orders,
                         deadline within) {
  std::vector<stream_id> streams;
  streams.reserve(orders.size());
  for (const auto& order : orders) streams.push_back(stream_of(order_key(organization, order)));
  auto stored = store.stored_streams(shard_of(shard_role::trade, organization), streams, within);
  std::sort(stored.begin(), stored.end());
  orders_looked_up out;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const bool there = std::binary_search(stored.begin(), stored.end(), streams[i]);
    (there ? out.stored : out.missing).push_back(orders[i]);
  }
  return out;
}

}  // namespace sb
