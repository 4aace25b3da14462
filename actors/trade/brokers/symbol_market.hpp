#pragma once
#include <absl/container/btree_set.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "domain/instruments/instrument.hpp"
#include "domain/money.hpp"
#include "domain/orders/order.hpp"

namespace sb {

/// The resting orders of one side of one symbol in price-time priority. An order is its number: a lower number was
/// booked earlier, so (price, number) is the whole priority and one ordered set does for levels and queues.
class resting_side {
 public:
  /// The price as a rank, of which the smallest trades first, and the number.
  using priority = std::pair<std::int64_t, std::int64_t>;

  explicit resting_side(side direction) : direction_{direction} {}

  priority priority_of(std::int64_t number, order_type type, money price) const {
    return {rank_of(type, price), number};
  }
  void add(priority order) { queue_.insert(order); }
  /// In any order; for many less work than one after the other, where nothing rests yet.
  void add_all(std::vector<priority> orders);
  void remove(priority order) { queue_.erase(order); }
  /// The order that trades first at `traded`, or 0 when none would trade at that price.
  std::int64_t first_at(money traded) const;
  std::size_t size() const { return queue_.size(); }

 private:
  /// Smaller trades first; a market order trades before every limit.
  std::int64_t rank_of(order_type type, money price) const;

  side direction_;
  absl::btree_set<priority> queue_;
};

/// One symbol as the paper broker sees it: what rests, and what is left to trade with from the market's last tick. A
/// tick's volume had a buyer and a seller, so each of our sides may take part in all of it.
struct symbol_market {
  std::string exchange;
  std::string symbol;
  const instrument* listed = nullptr;  ///< null: no longer in the instrument master; orders from before still rest
  resting_side buys{side::buy};
  resting_side sells{side::sell};
  money last_price;  ///< zero before the first tick
  std::int64_t volume_for_buys = 0;
  std::int64_t volume_for_sells = 0;

  resting_side& resting(side direction) { return direction == side::buy ? buys : sells; }
  std::int64_t& volume_for(side direction) { return direction == side::buy ? volume_for_buys : volume_for_sells; }
};

}  // namespace sb
