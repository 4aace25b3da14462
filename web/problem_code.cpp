#include "web/problem_code.hpp"

#include <cstddef>

namespace sb::web {
namespace {

using c = problem_code;
constexpr auto retry = problem_action::retry;
constexpr auto user = problem_action::user;
constexpr auto check = problem_action::check;

constexpr problem_entry registry[] = {
    // The body or a parameter is not what the route asks for.
    {c::validation_failed, "VALIDATION_FAILED", 400, user, "Request not valid",
     "One or more fields are wrong; errors names each of them."},
    {c::validation_body_required, "VALIDATION_BODY_REQUIRED", 400, user, "Body required",
     "The route needs a JSON body and the request has none."},
    {c::validation_json_malformed, "VALIDATION_JSON_MALFORMED", 400, user, "Malformed JSON",
     "The body is not one JSON document; detail says where it stops being one."},
    {c::validation_json_encoding, "VALIDATION_JSON_ENCODING", 400, user, "JSON not in UTF-8",
     "The body is not UTF-8, or begins with a byte order mark."},
    {c::validation_json_nul, "VALIDATION_JSON_NUL", 400, user, "NUL in JSON",
     "U+0000 is not accepted, neither raw nor escaped."},
    {c::validation_json_duplicate_key, "VALIDATION_JSON_DUPLICATE_KEY", 400, user, "Duplicate key in JSON",
     "A member occurs twice in one object, so its meaning is not certain."},
    {c::validation_json_too_deep, "VALIDATION_JSON_TOO_DEEP", 400, user, "JSON too deep",
     "Objects and arrays are nested deeper than is accepted."},
    {c::validation_json_too_many_values, "VALIDATION_JSON_TOO_MANY_VALUES", 400, user, "Too many values in JSON",
     "An array, an object or the document holds more values than is accepted."},
    {c::validation_body_too_large, "VALIDATION_BODY_TOO_LARGE", 413, user, "Body too large",
     "The body is longer than this route accepts."},
    {c::validation_content_type, "VALIDATION_CONTENT_TYPE", 415, user, "Content type not supported",
     "The body must be application/json."},
    {c::validation_not_acceptable, "VALIDATION_NOT_ACCEPTABLE", 406, user, "No acceptable representation",
     "The route answers application/json and the request accepts something else only."},
    {c::validation_header, "VALIDATION_HEADER", 400, user, "Header field not valid",
     "A header field has a value that this route does not understand."},
    {c::validation_required, "VALIDATION_REQUIRED", 400, user, "Field required", "The field must be present."},
    {c::validation_unknown_field, "VALIDATION_UNKNOWN_FIELD", 400, user, "Unknown field",
     "The request has no such field; nothing is ignored in silence."},
    {c::validation_wrong_type, "VALIDATION_WRONG_TYPE", 400, user, "Wrong type",
     "The value has another JSON type than the field."},
    {c::validation_too_short, "VALIDATION_TOO_SHORT", 400, user, "Text too short",
     "The text has fewer characters than the field needs."},
    {c::validation_too_long, "VALIDATION_TOO_LONG", 400, user, "Text too long",
     "The text has more characters than the field may have."},
    {c::validation_too_few, "VALIDATION_TOO_FEW", 400, user, "Too few elements",
     "The list has fewer elements than the field needs."},
    {c::validation_too_many, "VALIDATION_TOO_MANY", 400, user, "Too many elements",
     "The list has more elements than the field may have."},
    {c::validation_bad_characters, "VALIDATION_BAD_CHARACTERS", 400, user, "Characters not allowed",
     "The text has characters that the field may not have."},
    {c::validation_bad_format, "VALIDATION_BAD_FORMAT", 400, user, "Format not valid",
     "The text does not have the form of the field, such as a date or an e-mail address."},
    {c::validation_not_allowed, "VALIDATION_NOT_ALLOWED", 400, user, "Value not allowed",
     "The value is not one of the words of the field."},
    {c::validation_not_a_number, "VALIDATION_NOT_A_NUMBER", 400, user, "Not a number",
     "The text is not a number as JSON writes it."},
    {c::validation_number_out_of_range, "VALIDATION_NUMBER_OUT_OF_RANGE", 400, user, "Number out of range",
     "The number is below the least or above the greatest value of the field."},
    {c::validation_too_precise, "VALIDATION_TOO_PRECISE", 400, user, "Number too precise",
     "The number has more decimals than the field: four for money, none for a count."},
    {c::validation_duplicate_parameter, "VALIDATION_DUPLICATE_PARAMETER", 400, user, "Parameter given twice",
     "A query parameter that may occur once occurs more than once."},
    // Each field is well-formed; together, or with the instrument, they mean nothing.
    {c::validation_field_combination, "VALIDATION_FIELD_COMBINATION", 422, user, "Fields do not go together",
     "A field is needed or not allowed because of the value of another one."},
    {c::validation_order_type_not_supported, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", 422, user,
     "Order type not supported", "The order type, variety, validity or product is known and not offered here."},
    {c::validation_symbol_unknown, "VALIDATION_SYMBOL_UNKNOWN", 422, user, "Unknown instrument",
     "The exchange has no instrument of that symbol."},
    {c::validation_tick_size, "VALIDATION_TICK_SIZE", 422, user, "Price off the tick",
     "The price is not a multiple of the instrument's tick size."},
    {c::validation_lot_size, "VALIDATION_LOT_SIZE", 422, user, "Quantity off the lot",
     "The quantity is not a multiple of the instrument's lot size."},
    {c::validation_cursor, "VALIDATION_CURSOR", 400, user, "Cursor not valid",
     "The cursor was not made by this list with these filters."},
    // Who is asking?
    {c::auth_token_missing, "AUTH_TOKEN_MISSING", 401, user, "Authentication required",
     "The request carries no Authorization."},
    {c::auth_scheme_not_supported, "AUTH_SCHEME_NOT_SUPPORTED", 401, user, "Authentication scheme not supported",
     "Authorization must be Bearer and a token."},
    {c::auth_token_invalid, "AUTH_TOKEN_INVALID", 401, user, "Token not valid",
     "The token is not one that this server accepts."},
    {c::auth_token_expired, "AUTH_TOKEN_EXPIRED", 401, user, "Token expired",
     "The token's time is over; log in again."},
    {c::auth_token_revoked, "AUTH_TOKEN_REVOKED", 401, user, "Token revoked",
     "The session of the token was ended; log in again."},
    {c::auth_credentials_invalid, "AUTH_INVALID_CREDENTIALS", 401, user, "Credentials not valid",
     "The e-mail address or the password is wrong."},
    {c::auth_too_many_attempts, "AUTH_TOO_MANY_ATTEMPTS", 429, retry, "Too many attempts",
     "Too many failed logins; wait before the next one."},
    // May they?
    {c::perm_not_granted, "PERM_NOT_GRANTED", 403, user, "Permission not granted",
     "The user lacks a permission that the action needs."},
    {c::perm_role_required, "PERM_ROLE_REQUIRED", 403, user, "Role required", "The route is for another role."},
    {c::perm_user_disabled, "PERM_USER_DISABLED", 403, user, "User disabled", "The user may not act at present."},
    {c::perm_account_not_allowed, "PERM_ACCOUNT_NOT_ALLOWED", 403, user, "Account not allowed",
     "The user may see the trading account and not trade on it."},
    // A limit that an administrator has set.
    {c::limit_exceeded, "LIMIT_EXCEEDED", 403, user, "Trading limit exceeded",
     "More than one trading limit would be exceeded; violations names each."},
    {c::limit_single_order_value_exceeded, "LIMIT_SINGLE_ORDER_VALUE_EXCEEDED", 403, user, "Order value limit exceeded",
     "The order's value is above what one order may have."},
    {c::limit_daily_value_exceeded, "LIMIT_DAILY_VALUE_EXCEEDED", 403, user, "Daily trading limit exceeded",
     "The order would take the day's traded value above its limit."},
    {c::limit_orders_per_day_exceeded, "LIMIT_ORDERS_PER_DAY_EXCEEDED", 403, user, "Orders per day limit exceeded",
     "The day's number of orders is used up."},
    {c::limit_open_orders_exceeded, "LIMIT_OPEN_ORDERS_EXCEEDED", 403, user, "Open orders limit exceeded",
     "Too many orders are open at the same time."},
    {c::limit_order_quantity_exceeded, "LIMIT_ORDER_QUANTITY_EXCEEDED", 403, user, "Order quantity limit exceeded",
     "The order's quantity is above what one order may have."},
    {c::limit_exchange_not_allowed, "LIMIT_EXCHANGE_NOT_ALLOWED", 403, user, "Exchange not allowed",
     "The exchange is not among those that may be traded."},
    {c::limit_symbol_not_allowed, "LIMIT_SYMBOL_NOT_ALLOWED", 403, user, "Symbol not allowed",
     "The symbol is not among those that may be traded."},
    {c::limit_product_not_allowed, "LIMIT_PRODUCT_NOT_ALLOWED", 403, user, "Product not allowed",
     "The product type is not among those that may be traded."},
    // The risk check itself.
    {c::risk_no_reference_price, "RISK_NO_REFERENCE_PRICE", 403, user, "No reference price",
     "A market order is valued at a recent price, and there is none; a limit order needs none."},
    {c::risk_price_band, "RISK_PRICE_BAND", 403, user, "Price outside the band",
     "The price is outside of the exchange's band of the day."},
    {c::risk_freeze_quantity, "RISK_FREEZE_QUANTITY", 403, user, "Freeze quantity exceeded",
     "The quantity is above what the exchange accepts in one order."},
    {c::risk_duplicate, "RISK_DUPLICATE", 403, user, "Duplicate order suspected",
     "An order like this one was placed a moment ago."},
    {c::risk_self_cross, "RISK_SELF_CROSS", 403, user, "Order would trade with itself",
     "The order would meet an own order on the other side."},
    {c::risk_order_rate, "RISK_ORDER_RATE", 429, retry, "Order rate exceeded",
     "Orders come faster than the account may send them."},
    {c::risk_unavailable, "RISK_UNAVAILABLE", 503, check, "Risk check unavailable",
     "The risk book did not answer in time; the same key is safe to send again."},
    // The state of an account, a market or an entity forbids it now.
    {c::state_halted, "STATE_HALTED", 403, user, "Trading halted", "Trading is stopped here by an administrator."},
    {c::state_reducing, "STATE_REDUCING", 403, user, "Only reducing orders",
     "Only orders that make a position smaller are accepted here."},
    {c::state_market_closed, "STATE_MARKET_CLOSED", 403, user, "Market closed",
     "The exchange is outside of its trading hours."},
    {c::state_parked, "STATE_PARKED", 503, check, "Temporarily out of service",
     "The entity failed repeatedly and waits for an operator; others are not affected."},
    {c::state_version_conflict, "STATE_VERSION_CONFLICT", 409, user, "Version conflict",
     "The entity has changed since it was read; read it again."},
    {c::state_precondition_failed, "STATE_PRECONDITION_FAILED", 412, user, "Precondition failed",
     "If-Match names another version than the present one."},
    {c::state_draining, "STATE_DRAINING", 503, retry, "Shutting down", "The node takes no new work; nothing was done."},
    {c::state_not_ready, "STATE_NOT_READY", 503, check, "Not ready",
     "This node does not have the data at present; another one may, or it will soon. The same key is safe to send "
     "again."},
    // The broker.
    {c::broker_rejected, "BROKER_REJECTED", 409, user, "Refused by the broker",
     "The broker or the exchange has refused it; detail has the reason."},
    {c::broker_auth, "BROKER_AUTH", 503, check, "Broker login failed",
     "The broker does not accept our session; operators are told."},
    {c::broker_unavailable, "BROKER_UNAVAILABLE", 503, check, "Broker unavailable",
     "The broker cannot be reached; what was stored stays stored."},
    {c::broker_bad_answer, "BROKER_BAD_ANSWER", 502, retry, "Broker answer not understood",
     "The broker answered a read with something that cannot be understood."},
    {c::broker_outcome_unknown, "BROKER_OUTCOME_UNKNOWN", 503, check, "Outcome unknown",
     "The broker may or may not have acted; the order's state will tell."},
    // The key that makes a command safe to repeat.
    {c::idempotency_key_reused, "IDEMPOTENCY_KEY_REUSED", 422, user, "Idempotency key reused",
     "The key belongs to another command; a new command needs a new key."},
    {c::idempotency_keys_differ, "IDEMPOTENCY_KEYS_DIFFER", 400, user, "Idempotency keys differ",
     "Idempotency-Key and client_order_id are both given and not equal."},
    {c::idempotency_key_required, "IDEMPOTENCY_KEY_REQUIRED", 400, user, "Idempotency key required",
     "The organization requires a key on every order."},
    {c::idempotency_key_malformed, "IDEMPOTENCY_KEY_MALFORMED", 400, user, "Idempotency key not valid",
     "The key must be 1 to 64 visible ASCII characters, bare or as a quoted string."},
    // What the path names.
    {c::not_found, "NOT_FOUND", 404, user, "Not found",
     "There is nothing at this path, or nothing that you may know of."},
    {c::method_not_allowed, "METHOD_NOT_ALLOWED", 405, user, "Method not allowed",
     "The path exists and not with this method; Allow has those it has."},
    {c::order_not_found, "ORDER_NOT_FOUND", 404, user, "No such order",
     "There is no such order, or none that you may know of."},
    {c::account_not_found, "ACCOUNT_NOT_FOUND", 404, user, "No such trading account",
     "There is no such trading account, or none that you may know of."},
    {c::user_not_found, "USER_NOT_FOUND", 404, user, "No such user",
     "There is no such user, or none that you may know of."},
    {c::organization_not_found, "ORGANIZATION_NOT_FOUND", 404, user, "No such organization",
     "There is no such organization, or none that you may know of."},
    {c::trading_limit_not_found, "TRADING_LIMIT_NOT_FOUND", 404, user, "No such trading limit",
     "There is no such trading limit, or none that you may know of."},
    {c::actor_not_found, "ACTOR_NOT_FOUND", 404, user, "No such actor", "No actor of that id runs here."},
    {c::order_closed, "ORDER_CLOSED", 409, user, "Order is closed",
     "The order has reached its end; it can be neither canceled nor changed."},
    {c::already_exists, "ALREADY_EXISTS", 409, user, "Already exists", "Another one has that name, address or number."},
    // The service itself.
    {c::rate_limited, "RATE_LIMITED", 429, retry, "Too many requests",
     "Requests come faster than they may; nothing was done."},
    {c::overloaded, "OVERLOADED", 429, retry, "Overloaded",
     "More work is waiting than can be done in time; nothing was done."},
    {c::storage_unavailable, "STORAGE_UNAVAILABLE", 503, check, "Storage unavailable",
     "The journal cannot be written at present; the same key is safe to send again."},
    {c::timed_out, "TIMED_OUT", 504, retry, "No answer in time", "A read did not come back in time."},
    {c::internal_error, "INTERNAL_ERROR", 500, check, "Internal error",
     "A fault of ours; it is logged under the correlation id. Look before repeating the request."},
};

constexpr bool in_order() {
  std::size_t at = 0;
  for (const auto& entry : registry)
    if (static_cast<std::size_t>(entry.code) != at++) return false;
  return at == static_cast<std::size_t>(c::internal_error) + 1;
}
static_assert(in_order(), "entry_of() finds an entry by its number");

}  // namespace

std::span<const problem_entry> problem_registry() { return registry; }

const problem_entry& entry_of(problem_code code) { return registry[static_cast<std::size_t>(code)]; }

std::optional<problem_code> problem_code_of(std::string_view text) {
  for (const auto& entry : registry)
    if (entry.text == text) return entry.code;
  return std::nullopt;
}

std::string_view to_string(problem_action action) {
  switch (action) {
    case problem_action::retry:
      return "retry";
    case problem_action::user:
      return "user";
    case problem_action::check:
      return "check";
  }
  return "check";
}

std::string problem_type(problem_code code) {
  std::string type{"/problems/"};
  for (const char letter : entry_of(code).text)
    type += letter == '_' ? '-' : static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
  return type;
}

}  // namespace sb::web
