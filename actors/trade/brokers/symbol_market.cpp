#include "actors/trade/brokers/symbol_market.hpp"

#include <algorithm>
#include <limits>

namespace sb {

std::int64_t resting_side::rank_of(order_type type, money price) const {
  if (type == order_type::market) return std::numeric_limits<std::int64_t>::min();
  return direction_ == side::buy ? -price.ticks : price.ticks;
}

void resting_side::add_all(std::vector<priority> orders) {
  std::ranges::sort(orders);
  queue_.insert(orders.begin(), orders.end());
}

std::int64_t resting_side::first_at(money traded) const {
  if (queue_.empty()) return 0;
  const auto& [rank, number] = *queue_.begin();
  return rank <= rank_of(order_type::limit, traded) ? number : 0;
}

}  // namespace sb
