#pragma once
#include "domain/limits/risk_book.hpp"
#include "domain/limits/violation.hpp"
#include "domain/orders/order.hpp"
#include "runtime/address.hpp"
#include "runtime/messages.hpp"
#include "storage/event_record.hpp"

/// Which values of an enum exist. A message from another node is refused when it carries a value that this program does
/// not have a name for. The switches have no default: the compiler names an enumerator that someone forgot.
namespace sb::wire {

constexpr bool known(side value) {
  switch (value) {
    case side::buy:
    case side::sell:
      return true;
  }
  return false;
}
constexpr bool known(order_type value) {
  switch (value) {
    case order_type::market:
    case order_type::limit:
    case order_type::stop_loss:
    case order_type::sl_market:
      return true;
  }
  return false;
}
constexpr bool known(product_type value) {
  switch (value) {
    case product_type::intraday:
    case product_type::delivery:
    case product_type::normal:
    case product_type::mtf:
      return true;
  }
  return false;
}
constexpr bool known(validity value) {
  switch (value) {
    case validity::day:
    case validity::ioc:
      return true;
  }
  return false;
}
constexpr bool known(order_status value) {
  switch (value) {
    case order_status::none:
    case order_status::pending_new:
    case order_status::new_:
    case order_status::partially_filled:
    case order_status::filled:
    case order_status::canceled:
    case order_status::rejected:
    case order_status::denied:
    case order_status::expired:
    case order_status::unknown:
    case order_status::absent:
      return true;
  }
  return false;
}
constexpr bool known(denial value) {
  switch (value) {
    case denial::none:
    case denial::limits:
    case denial::no_reference_price:
    case denial::risk_unavailable:
    case denial::never_requested:
    case denial::not_sent:
    case denial::market_closed:
      return true;
  }
  return false;
}
constexpr bool known(scope_kind value) {
  switch (value) {
    case scope_kind::organization:
    case scope_kind::user:
    case scope_kind::account:
      return true;
  }
  return false;
}
constexpr bool known(limit_type value) {
  switch (value) {
    case limit_type::single_order_value:
    case limit_type::daily_value:
    case limit_type::orders_per_day:
    case limit_type::open_orders:
    case limit_type::order_quantity:
    case limit_type::allowed_exchanges:
    case limit_type::allowed_symbols:
    case limit_type::allowed_products:
      return true;
  }
  return false;
}
constexpr bool known(check value) {
  switch (value) {
    case check::permission:
    case check::limit:
    case check::not_allowed:
    case check::deadline_passed:
    case check::attempt_closed:
      return true;
  }
  return false;
}
constexpr bool known(trade_action value) {
  switch (value) {
    case trade_action::place_order:
    case trade_action::cancel_order:
    case trade_action::view:
      return true;
  }
  return false;
}
constexpr bool known(order_fact::kind value) {
  switch (value) {
    case order_fact::kind::fill:
    case order_fact::kind::closed:
    case order_fact::kind::absent:
      return true;
  }
  return false;
}
constexpr bool known(reserve_answer::verdict value) {
  switch (value) {
    case reserve_answer::verdict::reserved:
    case reserve_answer::verdict::denied:
    case reserve_answer::verdict::closed:
    case reserve_answer::verdict::fingerprint_differs:
    case reserve_answer::verdict::too_late:
      return true;
  }
  return false;
}
constexpr bool known(principal::kind value) {
  switch (value) {
    case principal::kind::system:
    case principal::kind::user:
    case principal::kind::service:
      return true;
  }
  return false;
}
constexpr bool known(entity_kind value) {
  switch (value) {
    case entity_kind::user:
    case entity_kind::organization:
    case entity_kind::book:
    case entity_kind::account:
    case entity_kind::order:
      return true;
  }
  return false;
}
constexpr bool known(broker_view::state value) {
  switch (value) {
    case broker_view::state::working:
    case broker_view::state::filled:
    case broker_view::state::canceled:
    case broker_view::state::rejected:
    case broker_view::state::expired:
      return true;
  }
  return false;
}
constexpr bool known(broker_verb value) {
  switch (value) {
    case broker_verb::place:
    case broker_verb::cancel:
    case broker_verb::query:
      return true;
  }
  return false;
}
constexpr bool known(broker_answered::outcome value) {
  switch (value) {
    case broker_answered::outcome::seen:
    case broker_answered::outcome::not_sent:
    case broker_answered::outcome::unknown:
    case broker_answered::outcome::not_found:
    case broker_answered::outcome::blocked:
      return true;
  }
  return false;
}
constexpr bool known(rejection value) {
  switch (value) {
    case rejection::none:
    case rejection::not_found:
    case rejection::already_exists:
    case rejection::key_reused:
    case rejection::order_closed:
    case rejection::overloaded:
    case rejection::storage_unavailable:
    case rejection::parked:
    case rejection::shard_moved:
    case rejection::version_conflict:
    case rejection::deadline_passed:
    case rejection::draining:
      return true;
  }
  return false;
}

}  // namespace sb::wire
