#include "web/answer_types.hpp"

#include "web/request_types.hpp"

namespace sb::web::tables {
namespace {

using k = field_kind;

constexpr std::size_t rows_max = 10'000;

// Every member of an answer is required unless it says otherwise.
constexpr field text(std::string_view name) {
  return {.name = name, .required = true, .length_min = 0, .length_max = 4'096};
}
constexpr field text_or_null(std::string_view name) {
  auto row = text(name);
  row.nullable = true;
  return row;
}
constexpr field integer(std::string_view name) { return {.name = name, .kind = k::integer, .required = true}; }
constexpr field id(std::string_view name) { return {.name = name, .kind = k::id, .required = true}; }
constexpr field amount(std::string_view name) {
  return {.name = name, .kind = k::money, .required = true, .unit = "INR"};
}
constexpr field flag(std::string_view name) { return {.name = name, .kind = k::boolean, .required = true}; }
constexpr field moment(std::string_view name) { return {.name = name, .kind = k::date_time, .required = true}; }
constexpr field day(std::string_view name) { return {.name = name, .kind = k::date, .required = true}; }
constexpr field texts(std::string_view name) {
  return {.name = name, .kind = k::strings, .required = true, .items_max = rows_max};
}
constexpr field one(std::string_view name, const object_type& type) {
  return {.name = name, .kind = k::object, .required = true, .type = &type};
}
constexpr field rows(std::string_view name, const object_type& type) {
  return {.name = name, .kind = k::objects, .required = true, .items_max = rows_max, .type = &type};
}
constexpr field optional(field row) {
  row.required = false;
  return row;
}
constexpr field or_null(field row) {
  row.nullable = true;
  return row;
}

constexpr field token_fields[] = {text("access_token"), text("token_type"), integer("expires_in"),
                                  moment("expires_at"), id("user_id"),      id("organization_id"),
                                  texts("roles")};
constexpr field me_fields[] = {
    id("user_id"),         id("organization_id"),       texts("roles"), text("token_id"), moment("expires_at"),
    text_or_null("email"), text_or_null("display_name")};
constexpr field session_end_fields[] = {text("token_id"), moment("ended_at")};
constexpr field jwks_fields[] = {rows("keys", event_body)};
constexpr field organization_fields[] = {id("organization_id"), text("name"), moment("created_at")};
constexpr field user_fields[] = {id("user_id"), id("organization_id"), text("email"),  text_or_null("display_name"),
                                 text("role"),  texts("roles"),        flag("active"), moment("created_at")};
constexpr field user_row_fields[] = {id("user_id"), id("organization_id"), text("email"), text_or_null("display_name")};
constexpr field user_list_fields[] = {rows("data", user_row), text_or_null("next_cursor"), flag("has_more")};
constexpr field account_fields[] = {id("trading_account_id"), id("organization_id"), text("name"), text("broker"),
                                    moment("created_at")};
constexpr field permissions_fields[] = {
    id("user_id"),
    texts("actions"),
    {.name = "trading_account_ids",
     .kind = k::ids,
     .required = true,
     .items_max = rows_max,
     .description = "Empty: every account of the organization."},
};
constexpr field decision_fields[] = {flag("allowed"), id("user_id"), text("action"), optional(id("trading_account_id")),
                                     optional(text("reason"))};
constexpr field usage_fields[] = {amount("used_value"), amount("reserved_value"), integer("orders_today"),
                                  integer("open_orders")};
constexpr field scope_limits_fields[] = {text("scope"), id("scope_id"), rows("limits", limit_row), one("usage", usage)};
constexpr field limits_answer_fields[] = {id("organization_id"), integer("version"), day("trading_day"),
                                          rows("data", scope_limits)};
constexpr field violation_fields[] = {
    text("code"),
    optional(text("limit_type")),
    text("scope"),
    optional(id("scope_id")),
    optional(text("not_allowed")),
    optional(amount("limit_value")),
    optional(amount("current_usage")),
    optional(amount("attempted_value")),
    optional(amount("projected_usage")),
    optional(amount("breach_amount")),
    optional(amount("head_room")),
};
constexpr field check_fields[] = {flag("allowed"), optional(text("reason_code")), rows("violations", violation_answer),
                                  or_null(integer("quantity_max"))};
constexpr field reservation_fields[] = {amount("reserved")};
constexpr field order_fields[] = {
    text("order_id"),
    text("client_order_id"),
    id("organization_id"),
    id("user_id"),
    id("trading_account_id"),
    text("exchange"),
    text("symbol"),
    text("trade_type"),
    text("order_type"),
    text("product_type"),
    text("validity"),
    integer("quantity"),
    amount("price"),
    text("state"),
    flag("cancel_requested"),
    text_or_null("broker_order_id"),
    integer("filled_quantity"),
    integer("pending_quantity"),
    amount("average_price"),
    text_or_null("reason"),
    text_or_null("reason_code"),
    optional(one("reservation", reservation)),
    flag("degraded"),
    integer("version"),
    moment("created_at"),
    moment("updated_at"),
    day("trading_day"),
};
constexpr field order_list_fields[] = {rows("data", order_answer), text_or_null("next_cursor"), flag("has_more")};
constexpr field by_fields[] = {text("kind"), or_null(integer("user_id"))};
constexpr field event_fields[] = {integer("seq"), integer("version"),        text("type"),
                                  moment("at"),   one("by", actor_of_event), one("body", event_body)};
constexpr field timeline_fields[] = {text("order_id"), rows("data", timeline_event)};
constexpr field count_fields[] = {or_null(id("user_id")), day("date"), integer("count")};
constexpr field position_fields[] = {
    text("exchange"),
    text("symbol"),
    text("product_type"),
    integer("net_quantity"),
    amount("average_price"),
    integer("day_buy_quantity"),
    integer("day_sell_quantity"),
    amount("day_buy_value"),
    amount("day_sell_value"),
    amount("realized_pnl"),
    or_null(amount("unrealized_pnl")),
    or_null(amount("last_price")),
    day("trading_day"),
};
constexpr field positions_fields[] = {id("trading_account_id"), rows("data", position_row)};
constexpr field fill_fields[] = {text("order_id"), text("fill_id"), integer("quantity"), amount("price")};
constexpr field failure_fields[] = {text("reason"), moment("at")};
constexpr field tree_fields[] = {
    text("id"),
    text("kind"),
    text_or_null("role"),
    text("node"),
    or_null(integer("shard")),
    text("state"),
    integer("restarts"),
    or_null(one("last_failure", failure)),
    integer("mailbox"),
    integer("oldest_ms"),
    integer("messages_per_s"),
    integer("children_count"),
    rows("children", tree_node),
};
constexpr field restart_fields[] = {text("id"), flag("restarting")};
constexpr field health_fields[] = {text("status"), text("version")};

}  // namespace

const object_type token_answer{"Token", "An access token and whom it is for.", token_fields};
const object_type session_end_answer{"SessionEnd", "The session of these tokens is over.", session_end_fields};
const object_type me_answer{"Me", "Who the token speaks for.", me_fields};
const object_type jwks_answer{"Jwks", "The public keys of access tokens (RFC 7517).", jwks_fields};
const object_type organization_answer{"Organization", "", organization_fields};
const object_type user_answer{"User", "", user_fields};
const object_type user_row{"UserRow", "", user_row_fields};
const object_type user_list{"UserList", "", user_list_fields};
const object_type account_answer{"TradingAccount", "", account_fields};
const object_type permissions_answer{"UserPermissions", "", permissions_fields};
const object_type permission_decision{"PermissionDecision", "", decision_fields};
const object_type usage{"Usage", "What counts against limits; orders_today of the trading day.", usage_fields};
const object_type scope_limits{"LimitsOfScope", "", scope_limits_fields};
const object_type limits_answer{"TradingLimits", "", limits_answer_fields};
const object_type violation_answer{"Violation", "One limit that an order would break; counts are whole numbers.",
                                   violation_fields};
const object_type order_check_answer{"OrderCheck", "", check_fields};
const object_type reservation{"Reservation", "Capacity that the risk book holds for the order.", reservation_fields};
const object_type order_answer{"Order", "An order; reservation is left out of lists.", order_fields};
const object_type order_list{"OrderList", "", order_list_fields};
const object_type actor_of_event{"EventCause", "", by_fields};
const object_type event_body{"AnyObject", "An object whose members depend on its kind.", {}};
const object_type timeline_event{"TimelineEvent", "One stored event.", event_fields};
const object_type timeline{"Timeline", "", timeline_fields};
const object_type order_count{"OrderCount", "", count_fields};
const object_type position_row{"Position", "", position_fields};
const object_type positions{"Positions", "", positions_fields};
const object_type fill_answer{"Fill", "", fill_fields};
const object_type failure{"Failure", "", failure_fields};
const object_type tree_node{"Actor", "One actor of the supervision tree and what is below it.", tree_fields};
const object_type restart_answer{"Restart", "", restart_fields};
const object_type health{"Health", "", health_fields};

}  // namespace sb::web::tables
