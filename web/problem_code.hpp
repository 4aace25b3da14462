#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sb::web {

/// Every error that a handler can answer with. The code texts are published: append and keep, never reuse one.
/// (What the server refuses before a handler sees it has its own table: web/server/refusal.hpp.)
enum class problem_code : std::uint16_t {
  // The body or a parameter is not what the route asks for.
  validation_failed,
  validation_body_required,
  validation_json_malformed,
  validation_json_encoding,
  validation_json_nul,
  validation_json_duplicate_key,
  validation_json_too_deep,
  validation_json_too_many_values,
  validation_body_too_large,
  validation_content_type,
  validation_not_acceptable,
  validation_header,
  validation_required,
  validation_unknown_field,
  validation_wrong_type,
  validation_too_short,
  validation_too_long,
  validation_too_few,
  validation_too_many,
  validation_bad_characters,
  validation_bad_format,
  validation_not_allowed,
  validation_not_a_number,
  validation_number_out_of_range,
  validation_too_precise,
  validation_duplicate_parameter,
  // Each field is well-formed; together, or with the instrument, they mean nothing.
  validation_field_combination,
  validation_order_type_not_supported,
  validation_symbol_unknown,
  validation_tick_size,
  validation_lot_size,
  validation_cursor,
  // Who is asking?
  auth_token_missing,
  auth_scheme_not_supported,
  auth_token_invalid,
  auth_token_expired,
  auth_token_revoked,
  auth_credentials_invalid,
  auth_too_many_attempts,
  // May they?
  perm_not_granted,
  perm_role_required,
  perm_user_disabled,
  perm_account_not_allowed,
  // A limit that an administrator has set.
  limit_exceeded,
  limit_single_order_value_exceeded,
  limit_daily_value_exceeded,
  limit_orders_per_day_exceeded,
  limit_open_orders_exceeded,
  limit_order_quantity_exceeded,
  limit_exchange_not_allowed,
  limit_symbol_not_allowed,
  limit_product_not_allowed,
  // The risk check itself.
  risk_no_reference_price,
  risk_price_band,
  risk_freeze_quantity,
  risk_duplicate,
  risk_self_cross,
  risk_order_rate,
  risk_unavailable,
  // The state of an account, a market or an entity forbids it now.
  state_halted,
  state_reducing,
  state_market_closed,
  state_parked,
  state_version_conflict,
  state_precondition_failed,
  state_draining,
  state_not_ready,
  // The broker.
  broker_rejected,
  broker_auth,
  broker_unavailable,
  broker_bad_answer,
  broker_outcome_unknown,
  // The key that makes a command safe to repeat.
  idempotency_key_reused,
  idempotency_keys_differ,
  idempotency_key_required,
  idempotency_key_malformed,
  // What the path names.
  not_found,
  method_not_allowed,
  order_not_found,
  account_not_found,
  user_not_found,
  organization_not_found,
  trading_limit_not_found,
  actor_not_found,
  order_closed,
  already_exists,
  // The service itself.
  rate_limited,
  overloaded,
  storage_unavailable,
  timed_out,
  internal_error,
};

/// What the caller should do. retry: nothing happened, send it again later. user: fix something first.
/// check: it may have happened; look before repeating, or repeat under the same key.
enum class problem_action : std::uint8_t { retry, user, check };

struct problem_entry {
  problem_code code;
  std::string_view text;  ///< for programs: CATEGORY_CONDITION
  int status;             ///< of HTTP; a field's code has that of the whole answer, 400
  problem_action action;
  std::string_view title;        ///< for people, the same for each occurrence
  std::string_view description;  ///< for people and the documentation; used as detail where there is none

  /// The same request may succeed later without any change.
  constexpr bool retryable() const { return action == problem_action::retry || status == 503; }
};

/// The one registry, in the order of the enum; documentation and OpenAPI are made from it.
std::span<const problem_entry> problem_registry();
const problem_entry& entry_of(problem_code code);
std::optional<problem_code> problem_code_of(std::string_view text);
std::string_view to_string(problem_action action);
/// URI reference that identifies the code: /problems/limit-daily-value-exceeded.
std::string problem_type(problem_code code);

}  // namespace sb::web
