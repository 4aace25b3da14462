#include "domain/positions/position.hpp"

#include <algorithm>

namespace sb {
namespace {

money negated(money amount) { return {-amount.ticks}; }

void open(position& held, std::int64_t signed_quantity, money price) {
  held.net_quantity = saturating_add(held.net_quantity, signed_quantity);
  held.net_cost = saturating_add(held.net_cost, saturating_mul(price, signed_quantity));
}

/// `quantity` is at most what is open. Answers what is realized.
money close(position& held, std::int64_t quantity, money price) {
  const bool is_long = held.net_quantity > 0;
  const auto open_quantity = is_long ? held.net_quantity : -held.net_quantity;
  const auto cost = scale_nearest(held.net_cost, quantity, open_quantity);
  const auto value = saturating_mul(price, is_long ? quantity : -quantity);
  held.net_quantity += is_long ? -quantity : quantity;
  held.net_cost = saturating_add(held.net_cost, negated(cost));
  return saturating_add(value, negated(cost));
}

}  // namespace

void apply_fill(position& held, side direction, std::int64_t quantity, money price, trading_day day) {
  if (quantity < 1) return;
  if (day > held.day) {
    held.day = day;
    held.day_buy_quantity = 0;
    held.day_sell_quantity = 0;
    held.day_buy_value = {};
    held.day_sell_value = {};
    held.day_realized = {};
  }
  const bool is_buy = direction == side::buy;
  const bool is_of_day = day == held.day;
  if (is_of_day) {
    auto& day_quantity = is_buy ? held.day_buy_quantity : held.day_sell_quantity;
    auto& day_value = is_buy ? held.day_buy_value : held.day_sell_value;
    day_quantity = saturating_add(day_quantity, quantity);
    day_value = saturating_add(day_value, saturating_mul(price, quantity));
  }
  auto& net_quantity = is_buy ? held.net_buy_quantity : held.net_sell_quantity;
  auto& net_value = is_buy ? held.net_buy_value : held.net_sell_value;
  net_quantity = saturating_add(net_quantity, quantity);
  net_value = saturating_add(net_value, saturating_mul(price, quantity));
  const auto against =
      is_buy ? std::max<std::int64_t>(0, -held.net_quantity) : std::max<std::int64_t>(0, held.net_quantity);
  const auto closing = std::min(quantity, against);
  if (closing > 0) {
    const auto gain = close(held, closing, price);
    held.realized = saturating_add(held.realized, gain);
    if (is_of_day) held.day_realized = saturating_add(held.day_realized, gain);
  }
  if (const auto opening = quantity - closing; opening > 0) open(held, is_buy ? opening : -opening, price);
}

money average_price(const position& held) {
  if (held.net_quantity == 0) return {};
  return held.net_quantity > 0 ? average(held.net_cost, held.net_quantity)
                               : average(negated(held.net_cost), -held.net_quantity);
}

money unrealized(const position& held, money last_price) {
  if (held.net_quantity == 0) return {};
  return saturating_add(saturating_mul(last_price, held.net_quantity), negated(held.net_cost));
}

}  // namespace sb
