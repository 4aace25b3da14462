#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/orders/order.hpp"

/// The broker port: what goes to a broker and what comes back, as plain values. An implementation (paper, AutoTrader)
/// is an actor elsewhere; these types know neither actors nor a transport.
namespace sb::broker {

/// One reading of both clocks: deadlines count on `boot`, stamps that people read are `wall`.
struct moment {
  boot_ms boot;
  wall_ms wall;
};

// ---- requests
// --------------------------------------------------------------------------------------------------------
/// `id` is our order id. A broker that enforces client ids makes at most one order of it; to others it is only a tag.
struct place {
  order_id id;
  organization_id organization;
  account_id account;
  std::string exchange;
  std::string symbol;
  side direction = side::buy;
  order_type type = order_type::limit;
  product_type product = product_type::intraday;
  validity valid = validity::day;
  std::int64_t quantity = 0;
  money price;  ///< LIMIT: the limit. MARKET: not read
  friend bool operator==(const place&, const place&) = default;
};
/// By client id, or by the broker's where it is known (then only that one order is meant).
struct cancel {
  order_id id;
  account_id account;
  std::string broker_order_id;
};
/// Every order with this client id: none, one, or with a tag-only broker several.
struct query {
  order_id id;
  account_id account;
};
/// A page of an account's orders in the order in which they were booked.
struct read_book {
  account_id account;
  bool working_only = false;
  std::string after_broker_order_id;  ///< empty: from the first
  std::int32_t orders_max = 500;      ///< 1 to 5000, clamped
};

// ---- answers
// ---------------------------------------------------------------------------------------------------------
/// A fill's id is the broker's and never used twice for different fills; the same one may be told more than once.
struct fill {
  std::string fill_id;
  std::int64_t quantity = 0;
  money price;
  wall_ms at;
  friend bool operator==(const fill&, const fill&) = default;
};
enum class book_state : std::uint8_t { working, filled, canceled, expired, rejected };

/// Booked. `state` and `fills` are as of the answer: an IOC order may be closed already.
struct accepted {
  std::string broker_order_id;
  book_state state = book_state::working;
  std::vector<fill> fills;
  friend bool operator==(const accepted&, const accepted&) = default;
};
/// The broker read the request and did not do it.
struct rejected {
  std::string code;
  std::string message;
  friend bool operator==(const rejected&, const rejected&) = default;
};
/// Certain: no byte of the request left us.
struct not_sent {
  std::string why;
  friend bool operator==(const not_sent&, const not_sent&) = default;
};
/// Bytes left us and no readable answer came: done or not done.
struct unknown {
  std::string why;
  friend bool operator==(const unknown&, const unknown&) = default;
};
using place_answer = std::variant<accepted, rejected, not_sent, unknown>;

/// One order as the broker's book shows it.
struct book_order {
  std::string broker_order_id;
  place order;
  wall_ms placed_at;
  book_state state = book_state::working;
  std::int64_t filled_quantity = 0;
  std::vector<fill> fills;
  std::string code;  ///< rejected: the broker's code and text
  std::string message;
  friend bool operator==(const book_order&, const book_order&) = default;
};

/// What was left no longer trades.
struct canceled {
  std::string broker_order_id;
  std::int64_t filled_quantity = 0;
  friend bool operator==(const canceled&, const canceled&) = default;
};
/// The client id was never seen and is refused from now on, however late its order arrives.
struct blocked {
  friend bool operator==(const blocked&, const blocked&) = default;
};
struct already_closed {
  book_order order;
  friend bool operator==(const already_closed&, const already_closed&) = default;
};
/// Not in the book, and nothing keeps it from arriving later.
struct not_found {
  friend bool operator==(const not_found&, const not_found&) = default;
};
using cancel_answer = std::variant<canceled, blocked, already_closed, not_found, rejected, not_sent, unknown>;

struct book_page {
  std::vector<book_order> orders;
  bool more = false;
  friend bool operator==(const book_page&, const book_page&) = default;
};
using book_answer = std::variant<book_page, rejected, not_sent, unknown>;

// ---- reports: what the broker tells unasked
// --------------------------------------------------------------------------
struct fill_report {
  fill filled;
  friend bool operator==(const fill_report&, const fill_report&) = default;
};
struct cancel_report {
  friend bool operator==(const cancel_report&, const cancel_report&) = default;
};
struct expiry_report {
  friend bool operator==(const expiry_report&, const expiry_report&) = default;
};
/// Rejected after the answer said accepted, or where no answer ever came.
struct rejection_report {
  std::string code;
  std::string message;
  friend bool operator==(const rejection_report&, const rejection_report&) = default;
};

/// `sequence` counts the broker's reports from 1 without a gap; its book is checked by that.
struct report {
  std::int64_t sequence = 0;
  order_id id;
  std::string broker_order_id;
  organization_id organization;
  account_id account;
  wall_ms at;
  std::variant<fill_report, cancel_report, expiry_report, rejection_report> what;
  bool in_answer = false;  ///< the answer that leaves together with it says the same; false when read again later
  friend bool operator==(const report&, const report&) = default;
};

// ---- market data
// -----------------------------------------------------------------------------------------------------
/// A trade in the market. `volume` 0: an indication of the price at which nothing can be traded.
struct price_tick {
  std::string exchange;
  std::string symbol;
  money price;
  std::int64_t volume = 0;
  wall_ms at;
  friend bool operator==(const price_tick&, const price_tick&) = default;
};

}  // namespace sb::broker
