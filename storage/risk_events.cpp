#include "storage/risk_events.hpp"

#include <algorithm>

#include "storage/event_fields.hpp"
#include "storage/limit_fields.hpp"

namespace sb {
namespace body {

template <>
struct words<order_fact::kind> : searched_words<order_fact::kind> {
  static constexpr std::string_view text(order_fact::kind what) {
    switch (what) {
      case order_fact::kind::fill:
        return "fill";
      case order_fact::kind::closed:
        return "closed";
      case order_fact::kind::absent:
        return "absent";
    }
    return {};
  }
};
template <>
struct words<reservation_state> : searched_words<reservation_state> {
  static constexpr std::string_view text(reservation_state state) {
    switch (state) {
      case reservation_state::held:
        return "held";
      case reservation_state::settled:
        return "settled";
      case reservation_state::denied:
        return "denied";
      case reservation_state::closed:
        return "closed";
    }
    return {};
  }
};

template <>
inline constexpr std::string_view type_name<limits_set> = "risk.limits_set";
template <>
inline constexpr std::string_view type_name<permissions_set> = "risk.permissions_set";
template <>
inline constexpr std::string_view type_name<limit_reserved> = "risk.reserved";
template <>
inline constexpr std::string_view type_name<limit_denied> = "risk.denied";
template <>
inline constexpr std::string_view type_name<attempt_closed> = "risk.attempt_closed";
template <>
inline constexpr std::string_view type_name<facts_settled> = "risk.settled";
template <>
inline constexpr std::string_view type_name<day_rolled> = "risk.day_rolled";
template <>
inline constexpr std::string_view type_name<limit_overrun> = "risk.limit_overrun";
template <>
inline constexpr std::string_view type_name<tombstones_dropped> = "risk.tombstones_dropped";

template <>
inline constexpr auto fields<limit> = std::tuple{
    always{"type", &limit::type},
    unless_empty{"value", &limit::value},
    unless_empty{"words", &limit::words},
};
template <>
inline constexpr auto fields<permission_grant> = std::tuple{
    always{"user", &permission_grant::user},
    unless_empty{"place_order", &permission_grant::place_order},
    unless_empty{"cancel_order", &permission_grant::cancel_order},
    unless_empty{"view", &permission_grant::view},
    unless_empty{"accounts", &permission_grant::accounts},
};
template <>
inline constexpr auto fields<order_fact> = std::tuple{
    always{"what", &order_fact::what},         always{"seq", &order_fact::seq},
    always{"order", &order_fact::order},       unless_empty{"qty", &order_fact::quantity},
    unless_empty{"price", &order_fact::price}, unless_empty{"day", &order_fact::day},
    unless_empty{"user", &order_fact::user},   unless_empty{"account", &order_fact::account},
};
template <>
inline constexpr auto fields<limits_set> = std::tuple{
    always{"scope", &limits_set::scope},
    always{"limits", &limits_set::limits},
};
template <>
inline constexpr auto fields<permissions_set> = std::tuple{
    inlined{&permissions_set::grant},
};
template <>
inline constexpr auto fields<limit_reserved> = std::tuple{
    always{"order", &limit_reserved::order},
    unless{"attempt", &limit_reserved::attempt, std::int32_t{1}},
    always{"fingerprint", &limit_reserved::fingerprint},
    always{"user", &limit_reserved::user},
    always{"account", &limit_reserved::account},
    always{"qty", &limit_reserved::quantity},
    always{"price", &limit_reserved::price},
    always{"day", &limit_reserved::day},
};
template <>
inline constexpr auto fields<limit_denied> = std::tuple{
    always{"order", &limit_denied::order},
    unless{"attempt", &limit_denied::attempt, std::int32_t{1}},
    always{"fingerprint", &limit_denied::fingerprint},
    always{"violations", &limit_denied::violations},
    unless_empty{"qty_max", &limit_denied::quantity_max},
    always{"day", &limit_denied::day},
};
template <>
inline constexpr auto fields<attempt_closed> = std::tuple{
    always{"order", &attempt_closed::order},
    unless{"attempt", &attempt_closed::attempt, std::int32_t{1}},
    always{"day", &attempt_closed::day},
};
template <>
inline constexpr auto fields<facts_settled> = std::tuple{
    always{"seq", &facts_settled::seq},
    always{"facts", &facts_settled::facts},
};
template <>
inline constexpr auto fields<day_rolled> = std::tuple{
    always{"day", &day_rolled::day},
};
template <>
inline constexpr auto fields<limit_overrun> = std::tuple{
    always{"scope", &limit_overrun::scope},       always{"type", &limit_overrun::type},
    always{"limit", &limit_overrun::limit},       always{"usage", &limit_overrun::usage},
    unless_empty{"order", &limit_overrun::order},
};
template <>
inline constexpr auto fields<tombstones_dropped> = std::tuple{
    always{"through", &tombstones_dropped::through},
};

// ---- the snapshot
// ------------------------------------------------------------------------------------------------------
template <>
inline constexpr auto fields<scope_usage> = std::tuple{
    unless_empty{"used", &scope_usage::used},
    unless_empty{"reserved", &scope_usage::reserved},
    unless_empty{"orders", &scope_usage::orders},
    unless_empty{"open_orders", &scope_usage::open_orders},
    unless_empty{"used_ahead", &scope_usage::used_ahead},
    unless_empty{"ahead_day", &scope_usage::ahead_day},
};
template <>
inline constexpr auto fields<reservation> = std::tuple{
    unless{"attempt", &reservation::attempt, std::int32_t{1}},
    always{"fingerprint", &reservation::fingerprint},
    always{"state", &reservation::state},
    always{"user", &reservation::user},
    always{"account", &reservation::account},
    unless_empty{"qty", &reservation::quantity},
    unless_empty{"filled", &reservation::filled},
    unless_empty{"price", &reservation::price},
    unless_empty{"held", &reservation::held},
    always{"day", &reservation::day},
    unless_empty{"violations", &reservation::violations},
    unless_empty{"qty_max", &reservation::quantity_max},
    unless_empty{"tombstone", &reservation::tombstone},
};
/// The numbers of a book; its tables follow by hand.
template <>
inline constexpr auto fields<risk_book> = std::tuple{
    always{"organization", &risk_book::organization},
    always{"day", &risk_book::day},
    always{"version", &risk_book::version},
    always{"limits_version", &risk_book::limits_version},
    always{"settled_seq", &risk_book::settled_seq},
    always{"held_count", &risk_book::held_count},
    unless_empty{"last_tombstone", &risk_book::last_tombstone},
    unless_empty{"dropped_through", &risk_book::dropped_through},
};

namespace {

/// `,"key":[{...},{...}]`, one object for each element; put_element writes its fields.
template <class Elements, class PutElement>
void put_objects(std::string& out, std::string_view key, const Elements& elements, PutElement put_element) {
  out += ",\"";
  out += key;
  out += "\":[";
  bool first = true;
  for (const auto& element : elements) {
    if (!std::exchange(first, false)) out += ',';
    const std::size_t start = out.size();
    put_element(element);
    out[start] = '{';
    out += '}';
  }
  out += ']';
}

/// Reads what put_objects wrote; take_element answers false and `why` to refuse one.
template <class TakeElement>
bool take_objects(json_value from, std::string_view key, std::string& why, TakeElement take_element) {
  simdjson::dom::array elements;
  if (from.at_key(key).get(elements) != simdjson::SUCCESS) {
    why = std::string{key} + ": not an array";
    return false;
  }
  std::size_t index = 0;
  for (const auto element : elements) {
    if (!element.is_object()) why = "not an object";
    if (!element.is_object() || !take_element(element)) {
      why.insert(0, std::string{key} + ": " + std::to_string(index) + ": ");
      return false;
    }
    ++index;
  }
  return true;
}

bool only_once(bool inserted, std::string& why) {
  if (!inserted) why = "named twice";
  return inserted;
}

std::vector<const std::pair<const order_id, reservation>*> sorted(
    const std::unordered_map<order_id, reservation>& reservations) {
  std::vector<const std::pair<const order_id, reservation>*> entries;
  entries.reserve(reservations.size());
  for (const auto& entry : reservations) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return entries;
}

bool take_limits(json_value from, risk_book& book, std::string& why) {
  return take_objects(from, "limits", why, [&](json_value element) {
    limits_set set;
    if (!take_fields(element, set, why)) return false;
    return only_once(book.limits.emplace(set.scope, std::move(set.limits)).second, why);
  });
}
bool take_permissions(json_value from, risk_book& book, std::string& why) {
  return take_objects(from, "permissions", why, [&](json_value element) {
    permission_grant grant;
    if (!take_fields(element, grant, why)) return false;
    const auto user = grant.user;
    return only_once(book.permissions.emplace(user, std::move(grant)).second, why);
  });
}
bool take_usage(json_value from, risk_book& book, std::string& why) {
  return take_objects(from, "usage", why, [&](json_value element) {
    limit_scope scope;
    scope_usage usage;
    if (!take_required(element, "scope", scope, why) || !take_fields(element, usage, why)) return false;
    return only_once(book.usage.emplace(scope, usage).second, why);
  });
}
bool take_reservations(json_value from, risk_book& book, std::string& why) {
  return take_objects(from, "reservations", why, [&](json_value element) {
    order_id order;
    reservation held;
    if (!take_required(element, "order", order, why) || !take_fields(element, held, why)) return false;
    if (held.tombstone != 0 && !only_once(book.tombstones.emplace(held.tombstone, order).second, why)) return false;
    return only_once(book.reservations.emplace(std::move(order), std::move(held)).second, why);
  });
}

}  // namespace
}  // namespace body

event_record encode(const risk_event& event) { return body::codec<risk_event>::encode(event); }

std::optional<risk_event> decode_risk_event(const event_record& record, std::string& why) {
  return body::codec<risk_event>::decode(record, why);
}

std::string encode_snapshot(const risk_book& book) {
  constexpr std::size_t reservation_usual = 256;
  std::string out;
  out.reserve(1024 + book.reservations.size() * reservation_usual);
  out += R"({"schema":)";
  body::put_integer(out, body::schema_now);
  body::put_fields(out, book);
  body::put_objects(out, "limits", book.limits, [&](const auto& entry) {
    body::put_member(out, "scope", entry.first);
    body::put_member(out, "limits", entry.second);
  });
  body::put_objects(out, "permissions", book.permissions,
                    [&](const auto& entry) { body::put_fields(out, entry.second); });
  body::put_objects(out, "usage", book.usage, [&](const auto& entry) {
    body::put_member(out, "scope", entry.first);
    body::put_fields(out, entry.second);
  });
  body::put_objects(out, "reservations", body::sorted(book.reservations), [&](const auto* entry) {
    body::put_member(out, "order", entry->first);
    body::put_fields(out, entry->second);
  });
  out += '}';
  return out;
}

std::optional<risk_book> decode_snapshot(std::string_view text, std::string& why) {
  const auto from = body::parse_object(text, why);
  if (!from) return std::nullopt;
  std::int32_t schema = 0;
  if (!body::take_required(*from, "schema", schema, why)) return std::nullopt;
  if (schema < 1 || schema > body::schema_now) {
    why = "schema " + std::to_string(schema) + " is not known here";
    return std::nullopt;
  }
  risk_book book;
  if (body::take_fields(*from, book, why) && body::take_limits(*from, book, why) &&
      body::take_permissions(*from, book, why) && body::take_usage(*from, book, why) &&
      body::take_reservations(*from, book, why)) {
    return book;
  }
  return std::nullopt;
}

}  // namespace sb
