#include "app/replay/schedule.hpp"

#include <algorithm>
#include <limits>

namespace sb::replay {

schedule::schedule(const order_flow& flow, std::optional<double> speed)
    : flow_{flow}, speed_{speed}, follower_(flow.rows.size()), orders_(flow.orders) {
  constexpr auto none = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> last(flow.orders, none);
  for (std::size_t row = 0; row < flow.rows.size(); ++row) {
    auto& previous = last[flow.rows[row].order_index];
    if (previous != none) follower_[previous] = row;
    follower_[row] = row;
    previous = row;
  }
}

std::int64_t schedule::due_ms(std::size_t row) const {
  if (!speed_) return 0;
  const auto after_start = flow_.rows[row].at_ms - flow_.rows.front().at_ms;
  return static_cast<std::int64_t>(static_cast<double>(after_start) / *speed_);
}

std::optional<std::size_t> schedule::next(std::int64_t now_ms) {
  if (!later_.empty() && later_.top().at_ms <= now_ms) {
    const auto row = later_.top().row;
    later_.pop();
    return row;
  }
  if (!released_.empty()) {
    const auto row = released_.front();
    released_.pop_front();
    return row;
  }
  while (cursor_ < flow_.rows.size() && due_ms(cursor_) <= now_ms) {
    const auto row = cursor_++;
    auto& order = orders_[flow_.rows[row].order_index];
    if (!order.busy) {
      order.busy = true;
      return row;
    }
    ++order.waiting;
  }
  return std::nullopt;
}

void schedule::finish(std::size_t row) {
  ++finished_;
  auto& order = orders_[flow_.rows[row].order_index];
  if (order.waiting == 0) {
    order.busy = false;
    return;
  }
  --order.waiting;
  released_.push_back(follower_[row]);
}

void schedule::again(std::size_t row, std::int64_t at_ms) { later_.push({at_ms, row}); }

std::optional<std::int64_t> schedule::next_at() const {
  if (!released_.empty()) return 0;
  std::optional<std::int64_t> at;
  if (!later_.empty()) at = later_.top().at_ms;
  if (cursor_ < flow_.rows.size()) at = at ? std::min(*at, due_ms(cursor_)) : due_ms(cursor_);
  return at;
}

}  // namespace sb::replay
