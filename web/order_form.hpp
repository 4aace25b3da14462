#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "domain/instruments/instrument.hpp"
#include "domain/orders/order.hpp"
#include "web/api_settings.hpp"
#include "web/fields.hpp"
#include "web/problem.hpp"
#include "web/server/http.hpp"

/// From the fields of an order's body to the command, and everything that no field table can say about it.
namespace sb::web {

/// The body of tables::order or tables::order_check as a command; organization, user and client_order_id are the
/// caller's to fill.
order_command read_order(const field_values& body, const api_settings& settings);

/// What is offered, what goes together and what the instrument takes: nullopt, or a 422 with all that is wrong of one
/// kind; 403 for a quantity above the exchange's freeze quantity.
std::optional<problem> refuse_order(const order_command& command, const field_values& body,
                                    const instrument_master& instruments);

/// Idempotency-Key: an RFC 8941 string or bare; nullopt without the header.
std::variant<std::optional<std::string>, problem> read_idempotency_key(const http_request& request);

/// The key under which the order is safe to repeat: Idempotency-Key, client_order_id, both when they are equal, or a
/// fresh one.
std::variant<std::string, problem> read_order_key(const http_request& request, const field_values& body);

/// How long the client waits, from Prefer: wait=0..30 in milliseconds, 0 for respond-async alone, else `otherwise`.
/// Unknown preferences count for nothing (RFC 7240); a malformed wait is refused.
std::variant<std::int32_t, problem> read_wait(const http_request& request, std::int64_t otherwise);

/// "ORD" and 29 characters of [A-Z2-7]: anything else is no order of ours.
bool is_order_id(std::string_view text);

}  // namespace sb::web
