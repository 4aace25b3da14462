#pragma once
#include <absl/container/btree_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/trade/brokers/broker.hpp"
#include "actors/trade/brokers/closed_store.hpp"
#include "actors/trade/brokers/symbol_market.hpp"

namespace sb::paper {

/// One order of the book; exchange and symbol are its market's.
struct booked_order {
  order_id id;
  organization_id organization;
  account_id account;
  symbol_market* market = nullptr;
  std::int64_t quantity = 0;
  std::int64_t filled = 0;
  money price;
  wall_ms placed_at;
  std::vector<broker::fill> fills;
  std::optional<broker::rejected> rejection;
  side direction = side::buy;
  order_type type = order_type::limit;
  product_type product = product_type::intraday;
  validity valid = validity::day;
  broker::book_state state = broker::book_state::working;
};

/// All orders of a book by their number, which counts from 1. Those that work are kept as they are. One that is closed
/// goes to the closed_store, because most are closed, none is ever forgotten, and few are asked for again: what stays
/// in memory are its entries in the indexes. These are made of all orders at once when the book has been read, because
/// entering a million one after the other was most of a start. What closed_store throws passes through. One thread at a
/// time.
class booked_orders {
 public:
  static constexpr std::int64_t count_max = std::numeric_limits<std::uint32_t>::max();

  explicit booked_orders(closed_store_settings scratch) : closed_{std::move(scratch)} {}

  std::int64_t count() const { return static_cast<std::int64_t>(places_.size()); }
  bool knows(std::int64_t number) const { return number >= 1 && number <= count(); }

  /// Takes the next number and answers it. Throws std::length_error beyond `count_max`.
  std::int64_t add(booked_order order);
  /// Once: std::logic_error when called again. Until then orders are found by their number alone.
  void build_indexes();
  bool indexed() const { return indexed_; }
  /// nullptr when the order is closed; valid until it is.
  booked_order* working(std::int64_t number);
  const booked_order* working(std::int64_t number) const;
  /// By number, so in the order in which they were booked.
  const std::map<std::int64_t, booked_order>& all_working() const { return working_; }
  /// Gives the order to `look`, whether it works or not, and answers what that does. `number` is known.
  template <class Look>
  auto with(std::int64_t number, Look look) const {
    if (const auto* order = working(number)) return look(*order);
    const booked_order order = closed(number);
    return look(order);
  }
  /// Says how an order ended that has worked so far.
  void close(std::int64_t number, broker::book_state how, std::optional<broker::rejected> why = {});

  /// Every order with this client id; those of an account. Both in the order in which they were booked. Both throw
  /// std::logic_error before build_indexes().
  std::vector<std::int64_t> with_id(const order_id& id) const;
  const std::vector<std::uint32_t>& of_account(account_id account) const;
  /// Of closed orders: much more than a block of them means that the disk takes no more.
  std::size_t bytes_in_memory() const { return closed_.bytes_in_memory(); }

 private:
  struct entry {
    account_id account;
    std::uint32_t checksum = 0;
    std::uint32_t number = 0;
  };

  booked_order closed(std::int64_t number) const;
  void require_indexes() const;

  std::map<std::int64_t, booked_order> working_;
  std::deque<closed_store::place> places_;  ///< number - 1: where it is kept; nothing is meant while it works
  closed_store closed_;
  /// By the checksum of the id. The id itself stands in the order, and two may have the same checksum.
  absl::btree_multimap<std::uint32_t, std::uint32_t> numbers_of_id_;
  std::unordered_map<account_id, std::vector<std::uint32_t>> numbers_of_account_;
  std::vector<entry> not_indexed_;  ///< what build_indexes() will enter
  bool indexed_ = false;
};

}  // namespace sb::paper
