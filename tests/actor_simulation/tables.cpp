#include "tests/actor_simulation/tables.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace sb::actor_simulation {

bool tables::apply(const std::string& projection, const postgres::projection_batch& batch) {
  auto& cursor = cursors_[{projection, batch.shard}];
  if (cursor != batch.expected) return false;
  cursor = batch.seq;
  for (const auto& row : batch.orders) {
    auto& stored = orders_[row.id];
    if (stored.seq < row.seq) stored = row;
  }
  for (const auto& row : batch.positions) {
    auto& stored = positions_[{row.account, row.exchange, row.symbol, row.product_type}];
    if (stored.seq < row.seq) stored = row;
  }
  return true;
}

projection_tables tables::for_projection() {
  projection_tables out;
  out.apply = [this](const auto& projection, const auto& parts, deadline) {
    reach_();
    std::vector<shard_id> written;
    for (const auto& part : parts) {
      if (apply(projection, part)) written.push_back(part.shard);
    }
    reach_();  // the answer's way back
    return written;
  };
  out.cursors = [this](const auto& projection, deadline) {
    reach_();
    std::vector<postgres::shard_cursor> found;
    for (const auto& [key, seq] : cursors_) {
      if (key.first == projection && seq > 0) found.push_back({key.second, seq});
    }
    return found;
  };
  out.positions = [this](organization_id organization, account_id account, deadline) {
    reach_();
    std::vector<postgres::position_row> found;
    for (const auto& [key, row] : positions_) {
      if (row.account == account && row.organization == organization) found.push_back(row);
    }
    return found;
  };
  return out;
}

void tables::give(read_side& side) {
  side.open_orders = [this](shard_id shard, const std::optional<postgres::order_cursor>& after, std::int32_t limit) {
    reach_();
    static const std::set<std::string> open{"pending_new", "new", "partially_filled", "unknown", "absent"};
    const auto before = [](const postgres::order_cursor& a, const postgres::order_cursor& b) {
      return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    };
    std::vector<postgres::open_order_row> page;
    for (const auto& [id, row] : orders_) {
      postgres::open_order_row one{row.organization, {row.created_at, id}};
      if (row.shard == shard && open.contains(row.state) && (!after || before(*after, one.place)))
        page.push_back(std::move(one));
    }
    std::sort(page.begin(), page.end(), [&](const auto& a, const auto& b) { return before(a.place, b.place); });
    if (std::ssize(page) > limit) page.resize(static_cast<std::size_t>(limit));
    return page;
  };
  side.cursor = [this](const std::string& projection, shard_id shard) {
    reach_();
    return cursors_[{projection, shard}];
  };
  side.save_cursor = [this](const std::string& projection, shard_id shard, std::int64_t seq) {
    reach_();
    auto& cursor = cursors_[{projection, shard}];
    cursor = std::max(cursor, seq);
  };
}

replay::net_positions tables::positions() const {
  replay::net_positions net;
  for (const auto& [key, row] : positions_) {
    const auto product = product_type_from(row.product_type);
    if (row.net_quantity != 0 && product) net[{row.account, row.exchange, row.symbol, *product}] = row.net_quantity;
  }
  return net;
}

std::vector<replay::projected_order> tables::orders() const {
  std::vector<replay::projected_order> rows;
  for (const auto& [id, row] : orders_) rows.push_back({id, row.state, row.filled_quantity});
  return rows;
}

}  // namespace sb::actor_simulation
