#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/trade/brokers/broker.hpp"
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

/// All orders of a book by their number, which counts from 1. Those that work are kept as they are; one that is closed
/// is packed, because most are closed, none is ever forgotten, and few are asked for again: some 140 bytes with its
/// entries in the indexes, instead of 340. One thread at a time.
class booked_orders {
 public:
  std::int64_t count() const { return static_cast<std::int64_t>(places_.size()); }
  bool knows(std::int64_t number) const { return number >= 1 && number <= count(); }

  /// Takes the next number and answers it.
  std::int64_t add(booked_order order);
  /// nullptr when the order is closed; valid until it is.
  booked_order* working(std::int64_t number);
  const booked_order* working(std::int64_t number) const;
  /// By number, so in the order in which they were booked.
  const std::map<std::int64_t, booked_order>& all_working() const { return working_; }
  /// `number` is known. A copy, unpacked where it has to be.
  booked_order at(std::int64_t number) const;
  /// Says how an order ended that has worked so far.
  void close(std::int64_t number, broker::book_state how, std::optional<broker::rejected> why = {});

  /// Every order with this client id; those of an account. Both in the order in which they were booked.
  std::vector<std::int64_t> with_id(const order_id& id) const;
  const std::vector<std::int64_t>& of_account(account_id account) const;

 private:
  std::uint64_t keep(const std::string& packed);
  const char* packed_at(std::uint64_t place) const;

  std::map<std::int64_t, booked_order> working_;
  std::deque<std::uint64_t> places_;  ///< number - 1: where it is packed; 0 while it works
  std::vector<std::string> blocks_;   ///< the first is not used, so that no place is 0; never moved once written
  std::unordered_multimap<std::size_t, std::int64_t> numbers_of_id_;  ///< by the hash of the id
  std::unordered_map<account_id, std::vector<std::int64_t>> numbers_of_account_;
};

}  // namespace sb::paper
