#pragma once
#include <cstdint>

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/orders/order.hpp"

namespace sb {

/// One account's position in one symbol and product, a fold over fills. `day_*` starts at zero on each trading day,
/// `net` goes on. Average-cost method: a fill that reduces realizes (price - average) x quantity; one that turns the
/// position around closes it and opens the rest at its own price. The cost of what is closed is rounded to a tick and
/// the remainder stays in net_cost, so that realized + unrealized is always exactly cash flow + net_quantity x price
/// (while no sum saturates).
struct position {
  trading_day day;
  std::int64_t day_buy_quantity = 0;
  std::int64_t day_sell_quantity = 0;
  money day_buy_value;
  money day_sell_value;
  money day_realized;
  std::int64_t net_buy_quantity = 0;  ///< totals since the first fill
  std::int64_t net_sell_quantity = 0;
  money net_buy_value;
  money net_sell_value;
  std::int64_t net_quantity = 0;  ///< negative = short
  money net_cost;                 ///< signed cost of the open quantity: average = net_cost / net_quantity
  money realized;                 ///< since the first fill
  friend bool operator==(const position&, const position&) = default;
};
/// Total; sums saturate; a quantity below 1 changes nothing. A fill of an earlier day than the position's goes into net
/// and realized, but not into the day's figures.
void apply_fill(position& held, side direction, std::int64_t quantity, money price, trading_day day);
/// Of the open quantity, never negative for positive prices; zero when flat.
money average_price(const position& held);
/// Mark to market of the open quantity; zero when flat.
money unrealized(const position& held, money last_price);

}  // namespace sb
