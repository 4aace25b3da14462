#include "storage/order_events.hpp"

#include <utility>

#include "storage/event_codec.hpp"
#include "storage/event_fields.hpp"
#include "storage/limit_fields.hpp"

namespace sb {
namespace body {

template <>
struct words<side> {
  static std::string_view text(side value) { return word(value); }
  static std::optional<side> from(std::string_view text) { return side_from(text); }
};
template <>
struct words<order_type> {
  static std::string_view text(order_type value) { return word(value); }
  static std::optional<order_type> from(std::string_view text) { return order_type_from(text); }
};
template <>
struct words<product_type> {
  static std::string_view text(product_type value) { return word(value); }
  static std::optional<product_type> from(std::string_view text) { return product_type_from(text); }
};
template <>
struct words<validity> {
  static std::string_view text(validity value) { return word(value); }
  static std::optional<validity> from(std::string_view text) { return validity_from(text); }
};
template <>
struct words<denial> : searched_words<denial> {
  static constexpr std::string_view text(denial why) {
    switch (why) {
      case denial::none:
        return "none";
      case denial::limits:
        return "limits";
      case denial::no_reference_price:
        return "no_reference_price";
      case denial::risk_unavailable:
        return "risk_unavailable";
      case denial::never_requested:
        return "never_requested";
      case denial::not_sent:
        return "not_sent";
      case denial::market_closed:
        return "market_closed";
    }
    return {};
  }
};

template <>
inline constexpr std::string_view type_name<order_requested> = "order.requested";
template <>
inline constexpr std::string_view type_name<order_denied> = "order.denied";
template <>
inline constexpr std::string_view type_name<order_accepted> = "order.accepted";
template <>
inline constexpr std::string_view type_name<order_rejected> = "order.rejected";
template <>
inline constexpr std::string_view type_name<order_outcome_unknown> = "order.unknown";
template <>
inline constexpr std::string_view type_name<order_filled> = "order.filled";
template <>
inline constexpr std::string_view type_name<order_cancel_requested> = "order.cancel_requested";
template <>
inline constexpr std::string_view type_name<order_canceled> = "order.canceled";
template <>
inline constexpr std::string_view type_name<order_expired> = "order.expired";
template <>
inline constexpr std::string_view type_name<order_marked_absent> = "order.absent";

template <>
inline constexpr auto fields<order_command> = std::tuple{
    always{"org", &order_command::organization},
    always{"account", &order_command::account},
    always{"user", &order_command::user},
    always{"client_order_id", &order_command::client_order_id},
    always{"exchange", &order_command::exchange},
    always{"symbol", &order_command::symbol},
    always{"side", &order_command::direction},
    always{"type", &order_command::type},
    always{"product", &order_command::product},
    unless{"validity", &order_command::valid, validity::day},
    always{"qty", &order_command::quantity},
    unless_empty{"price", &order_command::price},
    unless{"protection", &order_command::market_protection, std::int32_t{500}},
    unless_empty{"comments", &order_command::comments},
    unless_empty{"ref_price", &order_command::reference_price},
    unless_empty{"ref_at", &order_command::reference_at},
};
template <>
inline constexpr auto fields<order_requested> = std::tuple{
    inlined{&order_requested::command},
    always{"fingerprint", &order_requested::fingerprint},
    unless{"attempt", &order_requested::attempt, std::int32_t{1}},
    always{"day", &order_requested::day},
    always{"window_ms", &order_requested::send_window_ms},
};
template <>
inline constexpr auto fields<order_denied> = std::tuple{
    always{"why", &order_denied::why},
    unless_empty{"detail", &order_denied::detail},
    unless_empty{"violations", &order_denied::violations},
    unless_empty{"qty_max", &order_denied::quantity_max},
};
template <>
inline constexpr auto fields<order_accepted> = std::tuple{
    unless_empty{"broker_order_id", &order_accepted::broker_order_id},
};
template <>
inline constexpr auto fields<order_rejected> = std::tuple{
    unless_empty{"code", &order_rejected::code},
    unless_empty{"message", &order_rejected::message},
};
template <>
inline constexpr auto fields<order_outcome_unknown> = std::tuple{
    unless_empty{"why", &order_outcome_unknown::why},
};
template <>
inline constexpr auto fields<order_filled> = std::tuple{
    always{"fill", &order_filled::fill_id},    always{"qty", &order_filled::quantity},
    always{"price", &order_filled::price},     always{"at", &order_filled::at},
    unless_empty{"last", &order_filled::last}, always{"user", &order_filled::user},
    always{"account", &order_filled::account}, always{"exchange", &order_filled::exchange},
    always{"symbol", &order_filled::symbol},   always{"side", &order_filled::direction},
    always{"product", &order_filled::product},
};
template <>
inline constexpr auto fields<order_cancel_requested> = std::tuple{
    unless_empty{"by", &order_cancel_requested::by},
};
template <>
inline constexpr auto fields<order_canceled> = std::tuple{
    unless_empty{"before_sending", &order_canceled::before_sending},
};
template <>
inline constexpr auto fields<order_expired> = std::tuple{};
template <>
inline constexpr auto fields<order_marked_absent> = std::tuple{
    unless_empty{"empty_reads", &order_marked_absent::empty_reads},
};

}  // namespace body

event_record encode(const order_event& event) { return body::codec<order_event>::encode(event); }

std::optional<order_event> decode_order_event(const event_record& record, std::string& why) {
  return body::codec<order_event>::decode(record, why);
}

std::optional<std::vector<order_event>> decode_order_events(std::string_view body, std::string& why) {
  const auto records = unpack(body, why);
  if (!records) return std::nullopt;
  std::vector<order_event> events;
  events.reserve(records->size());
  for (const auto& record : *records) {
    auto event = decode_order_event(record, why);
    if (!event) return std::nullopt;
    events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace sb
