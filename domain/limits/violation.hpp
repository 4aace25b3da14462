#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/ids.hpp"

namespace sb {

enum class scope_kind : std::uint8_t { organization = 0, user = 1, account = 2 };
/// Whose limit it is. `id` is the organization's, user's or account's number.
struct limit_scope {
  scope_kind kind = scope_kind::organization;
  std::int64_t id = 0;
  friend constexpr auto operator<=>(const limit_scope&, const limit_scope&) = default;
};
std::string_view word(scope_kind kind);  ///< "organization", "user", "account"

/// Stored and published: append, keep, never reuse.
enum class limit_type : std::uint8_t {
  single_order_value = 0,  ///< money
  daily_value = 1,         ///< money: used + reserved of the trading day
  orders_per_day = 2,      ///< count of reservations of the trading day
  open_orders = 3,         ///< count of reservations not settled
  order_quantity = 4,      ///< count
  allowed_exchanges = 5,   ///< words
  allowed_symbols = 6,     ///< words
  allowed_products = 7,    ///< words
};
constexpr std::size_t limit_type_count = 8;
/// API words: the enumerator's name, but "daily_trading_limit" for daily_value: the API's word for it.
std::string_view word(limit_type type);
bool is_money(limit_type type);
bool is_word_list(limit_type type);

/// Which check failed. Stored and published: append, keep, never reuse.
enum class check : std::uint8_t {
  permission = 0,       ///< the user may not do this on this account
  limit = 1,            ///< a numeric limit would be exceeded
  not_allowed = 2,      ///< exchange, symbol or product is not in the allowed list
  deadline_passed = 3,  ///< the reservation came too late
  attempt_closed = 4,   ///< this attempt has been closed for good
};

/// One failed check of a denial. Amounts are money ticks or counts, by limit_type.
struct violation {
  check failed = check::limit;
  limit_scope scope;
  limit_type type = limit_type::single_order_value;
  std::int64_t limit = 0;
  std::int64_t usage = 0;  ///< used + reserved before this order
  std::int64_t attempted = 0;
  std::int64_t head_room = 0;  ///< what is left below the limit, never negative
  std::string word;            ///< the exchange, symbol, product or action that is not allowed
  friend bool operator==(const violation&, const violation&) = default;
};

}  // namespace sb
