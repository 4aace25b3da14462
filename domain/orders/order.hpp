#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/ids.hpp"
#include "domain/limits/violation.hpp"
#include "domain/money.hpp"

/// One order's life cycle: commands as plain structs, events as facts, one transition table. Source of the state names:
/// FIX OrdStatus(39); `denied` is our refusal before the broker, `rejected` the broker's, `unknown` and `absent` are
/// ours.
namespace sb {

enum class side : std::uint8_t { buy, sell };
enum class order_type : std::uint8_t { market, limit, stop_loss, sl_market };
enum class product_type : std::uint8_t { intraday, delivery, normal, mtf };
enum class validity : std::uint8_t { day, ioc };

/// API words: "BUY", "MARKET", "INTRADAY", "DAY". The reverse answers nullopt for any other word.
std::string_view word(side value);
std::string_view word(order_type value);
std::string_view word(product_type value);
std::string_view word(validity value);
std::optional<side> side_from(std::string_view text);
std::optional<order_type> order_type_from(std::string_view text);
std::optional<product_type> product_type_from(std::string_view text);
std::optional<validity> validity_from(std::string_view text);

/// What the client asks for, parsed. The fingerprint of an order is taken over these fields (not over bytes), without
/// the reference price, which is ours.
struct order_command {
  organization_id organization;
  account_id account;
  user_id user;
  std::string client_order_id;
  std::string exchange;
  std::string symbol;
  side direction = side::buy;
  order_type type = order_type::limit;
  product_type product = product_type::intraday;
  validity valid = validity::day;
  std::int64_t quantity = 0;
  money price;                           ///< LIMIT, STOP_LOSS: the limit. MARKET, SL_MARKET: zero
  std::int32_t market_protection = 500;  ///< hundredths of a percent on top of the reference price of a MARKET order
  std::string comments;
  money reference_price;  ///< MARKET: last price seen when the order came in; zero if there is none
  wall_ms reference_at;   ///< when that price was made
  friend bool operator==(const order_command&, const order_command&) = default;
};

/// The price at which capacity is reserved: the limit where the order has one, or the reference price with its
/// protection on top.
money reserve_price(const order_command& command);
money reserve_value(const order_command& command);
/// There is a price at which the order can be valued now: a MARKET order needs a reference price, not older than that.
bool is_priced(const order_command& command, wall_ms now, std::int64_t reference_age_max_ms);

enum class order_status : std::uint8_t {
  none = 0,
  pending_new,
  new_,
  partially_filled,
  filled,
  canceled,
  rejected,
  denied,
  expired,
  unknown,
  absent
};
std::string_view word(order_status status);
std::optional<order_status> order_status_from(std::string_view text);
constexpr std::size_t order_status_count = 11;

/// No further broker order can come of it, and nothing is held for it. `absent` is not closed for a late find.
bool is_closed(order_status status);
/// At the broker and able to trade, as far as we know.
bool is_working(order_status status);

/// Why we refused an order. Stored and published: append, keep, never reuse.
enum class denial : std::uint8_t {
  none = 0,
  limits = 1,              ///< the risk book: see the violations
  no_reference_price = 2,  ///< MARKET and no price, or one older than the setting
  risk_unavailable = 3,    ///< no answer of the risk book before the Reserve deadline
  never_requested = 4,     ///< capacity was reserved for an order that was never stored
  not_sent = 5,            ///< the broker could not be reached and nothing was written
  market_closed = 6,       ///< outside the trading hours
};

// ---- facts ----------------------------------------------------------------------------------------------------------
struct order_requested {
  order_command command;
  std::string fingerprint;
  std::int32_t attempt = 1;         ///< authority asked: the risk book's reservation (order id, attempt)
  trading_day day;                  ///< the day in which it can fill
  std::int32_t send_window_ms = 0;  ///< a duration; counted on the sender's boot clock
  friend bool operator==(const order_requested&, const order_requested&) = default;
};
struct order_denied {
  denial why = denial::none;
  std::string detail;
  std::vector<violation> violations;
  std::optional<std::int64_t> quantity_max;  ///< the largest quantity that would have passed
  friend bool operator==(const order_denied&, const order_denied&) = default;
};
struct order_accepted {
  std::string broker_order_id;
  friend bool operator==(const order_accepted&, const order_accepted&) = default;
};
struct order_rejected {
  std::string code;
  std::string message;
  friend bool operator==(const order_rejected&, const order_rejected&) = default;
};
struct order_outcome_unknown {
  std::string why;
  friend bool operator==(const order_outcome_unknown&, const order_outcome_unknown&) = default;
};
/// Complete in itself: settlement and positions fold it without the order.
struct order_filled {
  std::string fill_id;
  std::int64_t quantity = 0;
  money price;
  wall_ms at;
  bool last = false;  ///< the order is filled with this one
  user_id user;
  account_id account;
  std::string exchange;
  std::string symbol;
  side direction = side::buy;
  product_type product = product_type::intraday;
  friend bool operator==(const order_filled&, const order_filled&) = default;
};
struct order_cancel_requested {
  user_id by;
  friend bool operator==(const order_cancel_requested&, const order_cancel_requested&) = default;
};
struct order_canceled {
  bool before_sending = false;
  friend bool operator==(const order_canceled&, const order_canceled&) = default;
};
struct order_expired {
  friend bool operator==(const order_expired&, const order_expired&) = default;
};
/// Not at the broker after all evidence (DESIGN: window + grace passed and three empty reads). Held capacity is
/// released; a late find takes the order out of it.
struct order_marked_absent {
  std::int32_t empty_reads = 0;
  friend bool operator==(const order_marked_absent&, const order_marked_absent&) = default;
};

using order_event =
    std::variant<order_requested, order_denied, order_accepted, order_rejected, order_outcome_unknown, order_filled,
                 order_cancel_requested, order_canceled, order_expired, order_marked_absent>;

enum class order_event_kind : std::uint8_t {
  requested,
  denied,
  accepted,
  rejected,
  outcome_unknown,
  filled_in_part,
  filled_last,
  cancel_requested,
  canceled,
  expired,
  marked_absent
};
constexpr std::size_t order_event_kind_count = 11;
order_event_kind kind_of(const order_event& event);

// ---- the life cycle -------------------------------------------------------------------------------------------------
struct transition {
  order_status from;
  order_event_kind event;
  order_status to;
};
/// The whole life cycle; whatever is not in it is not a step of an order.
std::span<const transition> order_transitions();
std::optional<order_status> next_status(order_status from, order_event_kind event);

struct order_state {
  order_status status = order_status::none;
  order_command command;
  std::string fingerprint;
  std::int32_t attempt = 0;
  trading_day day;
  std::int32_t send_window_ms = 0;
  bool cancel_requested = false;
  std::string broker_order_id;
  std::string reason_code;  ///< broker's code when rejected
  std::string reason;       ///< text for people: denied, rejected, unknown
  denial denied_because = denial::none;
  std::vector<violation> violations;
  std::optional<std::int64_t> quantity_max;
  std::int64_t filled_quantity = 0;
  money filled_value;
  std::set<std::string> fill_ids;
  std::int64_t version = 0;  ///< events folded
  wall_ms created_at;
  wall_ms updated_at;
};

/// Total. An event that is no step of the table changes nothing but version and updated_at; a fill alone is always
/// counted, because it is money whatever the state. `at` is the row's stamp.
void evolve(order_state& order, const order_event& event, wall_ms at);

/// What can still fill: zero once closed, never negative.
std::int64_t pending_quantity(const order_state& order);
/// Of the fills, rounded half away from zero; zero before the first.
money average_price(const order_state& order);

}  // namespace sb
