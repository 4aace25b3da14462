#include "domain/orders/order.hpp"

#include <algorithm>
#include <array>

namespace sb {
namespace {

using s = order_status;
using e = order_event_kind;

constexpr transition transitions[] = {
    // ours: from the request to the broker's answer
    {s::none, e::requested, s::pending_new},
    {s::none, e::denied, s::denied},  // never requested: the id is used up, a late request fails
    {s::pending_new, e::denied, s::denied},
    {s::pending_new, e::cancel_requested, s::pending_new},
    {s::pending_new, e::canceled, s::canceled},  // nothing was sent
    {s::pending_new, e::accepted, s::new_},
    {s::pending_new, e::rejected, s::rejected},
    {s::pending_new, e::outcome_unknown, s::unknown},
    // at the broker
    {s::new_, e::filled_in_part, s::partially_filled},
    {s::new_, e::filled_last, s::filled},
    {s::new_, e::cancel_requested, s::new_},
    {s::new_, e::canceled, s::canceled},
    {s::new_, e::expired, s::expired},
    {s::new_, e::rejected, s::rejected},  // refused after it was accepted
    {s::partially_filled, e::filled_in_part, s::partially_filled},
    {s::partially_filled, e::filled_last, s::filled},
    {s::partially_filled, e::cancel_requested, s::partially_filled},
    {s::partially_filled, e::canceled, s::canceled},
    {s::partially_filled, e::expired, s::expired},
    // a fill that crossed a cancel or an expiry on the wire is a fact all the same
    {s::canceled, e::filled_in_part, s::canceled},
    {s::canceled, e::filled_last, s::filled},
    {s::expired, e::filled_in_part, s::expired},
    {s::expired, e::filled_last, s::filled},
    // sent, but what became of it is not known
    {s::unknown, e::cancel_requested, s::unknown},
    {s::unknown, e::accepted, s::new_},
    {s::unknown, e::rejected, s::rejected},
    {s::unknown, e::canceled, s::canceled},
    {s::unknown, e::expired, s::expired},
    {s::unknown, e::marked_absent, s::absent},
    // the late find
    {s::absent, e::cancel_requested, s::absent},
    {s::absent, e::accepted, s::new_},
    {s::absent, e::rejected, s::rejected},
    {s::absent, e::canceled, s::canceled},
    {s::absent, e::expired, s::expired},
};

constexpr auto no_step = static_cast<s>(0xff);

constexpr auto step_table = [] {
  std::array<std::array<s, order_event_kind_count>, order_status_count> table{};
  for (auto& row : table) row.fill(no_step);
  for (const auto& t : transitions) table[static_cast<std::size_t>(t.from)][static_cast<std::size_t>(t.event)] = t.to;
  return table;
}();

template <class Enum, std::size_t N>
std::optional<Enum> from_word(const std::array<std::string_view, N>& words, std::string_view text) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}
template <class Enum, std::size_t N>
std::string_view to_word(const std::array<std::string_view, N>& words, Enum value) {
  return words[static_cast<std::size_t>(value)];
}

constexpr std::array<std::string_view, 2> side_words{"BUY", "SELL"};
constexpr std::array<std::string_view, 4> type_words{"MARKET", "LIMIT", "STOP_LOSS", "SL_MARKET"};
constexpr std::array<std::string_view, 4> product_words{"INTRADAY", "DELIVERY", "NORMAL", "MTF"};
constexpr std::array<std::string_view, 2> validity_words{"DAY", "IOC"};
constexpr std::array<std::string_view, order_status_count> status_words{
    "none",     "pending_new", "new",     "partially_filled", "filled", "canceled",
    "rejected", "denied",      "expired", "unknown",          "absent"};

struct apply {
  order_state& order;

  void operator()(const order_requested& fact) const {
    order.command = fact.command;
    order.fingerprint = fact.fingerprint;
    order.attempt = fact.attempt;
    order.day = fact.day;
    order.send_window_ms = fact.send_window_ms;
  }
  void operator()(const order_denied& fact) const {
    order.denied_because = fact.why;
    order.reason = fact.detail;
    order.violations = fact.violations;
    order.quantity_max = fact.quantity_max;
  }
  void operator()(const order_accepted& fact) const {
    order.broker_order_id = fact.broker_order_id;
    order.reason.clear();
  }
  void operator()(const order_rejected& fact) const {
    order.reason_code = fact.code;
    order.reason = fact.message;
  }
  void operator()(const order_outcome_unknown& fact) const { order.reason = fact.why; }
  void operator()(const order_filled& fact) const {
    order.fill_ids.insert(fact.fill_id);
    order.filled_quantity = saturating_add(order.filled_quantity, fact.quantity);
    order.filled_value = saturating_add(order.filled_value, saturating_mul(fact.price, fact.quantity));
  }
  void operator()(const order_cancel_requested&) const { order.cancel_requested = true; }
  void operator()(const order_canceled&) const {}
  void operator()(const order_expired&) const {}
  void operator()(const order_marked_absent&) const {}
};

}  // namespace

std::string_view word(side value) { return to_word(side_words, value); }
std::string_view word(order_type value) { return to_word(type_words, value); }
std::string_view word(product_type value) { return to_word(product_words, value); }
std::string_view word(validity value) { return to_word(validity_words, value); }
std::string_view word(order_status value) { return to_word(status_words, value); }
std::optional<side> side_from(std::string_view text) { return from_word<side>(side_words, text); }
std::optional<order_type> order_type_from(std::string_view text) { return from_word<order_type>(type_words, text); }
std::optional<product_type> product_type_from(std::string_view text) {
  return from_word<product_type>(product_words, text);
}
std::optional<validity> validity_from(std::string_view text) { return from_word<validity>(validity_words, text); }
std::optional<order_status> order_status_from(std::string_view text) {
  return from_word<order_status>(status_words, text);
}

money reserve_price(const order_command& command) {
  switch (command.type) {
    case order_type::limit:
    case order_type::stop_loss:
      return command.price;
    case order_type::market:
    case order_type::sl_market:
      break;
  }
  return scale_up(command.reference_price, std::int64_t{10'000} + command.market_protection, 10'000);
}
money reserve_value(const order_command& command) { return saturating_mul(reserve_price(command), command.quantity); }

bool is_priced(const order_command& command, wall_ms now, std::int64_t reference_age_max_ms) {
  return command.type != order_type::market ||
         (command.reference_price.ticks > 0 && now.value - command.reference_at.value <= reference_age_max_ms);
}

bool is_closed(order_status status) {
  switch (status) {
    case s::filled:
    case s::canceled:
    case s::rejected:
    case s::denied:
    case s::expired:
      return true;
    case s::none:
    case s::pending_new:
    case s::new_:
    case s::partially_filled:
    case s::unknown:
    case s::absent:
      return false;
  }
  return false;
}
bool is_working(order_status status) { return status == s::new_ || status == s::partially_filled; }

order_event_kind kind_of(const order_event& event) {
  struct {
    e operator()(const order_requested&) const { return e::requested; }
    e operator()(const order_denied&) const { return e::denied; }
    e operator()(const order_accepted&) const { return e::accepted; }
    e operator()(const order_rejected&) const { return e::rejected; }
    e operator()(const order_outcome_unknown&) const { return e::outcome_unknown; }
    e operator()(const order_filled& fill) const { return fill.last ? e::filled_last : e::filled_in_part; }
    e operator()(const order_cancel_requested&) const { return e::cancel_requested; }
    e operator()(const order_canceled&) const { return e::canceled; }
    e operator()(const order_expired&) const { return e::expired; }
    e operator()(const order_marked_absent&) const { return e::marked_absent; }
  } constexpr kind;
  return std::visit(kind, event);
}

std::span<const transition> order_transitions() { return transitions; }

std::optional<order_status> next_status(order_status from, order_event_kind event) {
  const auto to = step_table[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)];
  if (to == no_step) return std::nullopt;
  return to;
}

void evolve(order_state& order, const order_event& event, wall_ms at) {
  if (order.version == 0) order.created_at = at;
  order.updated_at = at;
  ++order.version;
  const auto to = next_status(order.status, kind_of(event));
  if (to) order.status = *to;
  if (to || std::holds_alternative<order_filled>(event)) std::visit(apply{order}, event);
}

std::int64_t pending_quantity(const order_state& order) {
  return is_closed(order.status) ? 0 : std::max<std::int64_t>(0, order.command.quantity - order.filled_quantity);
}
money average_price(const order_state& order) {
  return order.filled_quantity > 0 ? average(order.filled_value, order.filled_quantity) : money{};
}

}  // namespace sb
