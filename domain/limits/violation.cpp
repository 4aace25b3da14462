#include "domain/limits/violation.hpp"

namespace sb {

std::string_view word(scope_kind kind) {
  switch (kind) {
    case scope_kind::organization:
      return "organization";
    case scope_kind::user:
      return "user";
    case scope_kind::account:
      return "account";
  }
  return {};
}

std::string_view word(limit_type type) {
  switch (type) {
    case limit_type::single_order_value:
      return "single_order_value";
    case limit_type::daily_value:
      return "daily_trading_limit";
    case limit_type::orders_per_day:
      return "orders_per_day";
    case limit_type::open_orders:
      return "open_orders";
    case limit_type::order_quantity:
      return "order_quantity";
    case limit_type::allowed_exchanges:
      return "allowed_exchanges";
    case limit_type::allowed_symbols:
      return "allowed_symbols";
    case limit_type::allowed_products:
      return "allowed_products";
  }
  return {};
}

bool is_money(limit_type type) { return type == limit_type::single_order_value || type == limit_type::daily_value; }

bool is_word_list(limit_type type) {
  return type == limit_type::allowed_exchanges || type == limit_type::allowed_symbols ||
         type == limit_type::allowed_products;
}

}  // namespace sb
