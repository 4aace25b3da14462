#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "domain/money.hpp"
#include "web/json.hpp"
#include "web/json_writer.hpp"
#include "web/problem_code.hpp"
#include "web/server/http.hpp"

namespace sb::web {

/// Where a field stood in the request.
enum class field_place : std::uint8_t { body, query, path, header };

/// One wrong field. Also what a handler makes for rules that no table can say.
struct field_error {
  field_place place = field_place::body;
  std::string pointer;  ///< body: RFC 6901 ("/price"); elsewhere the parameter's name
  problem_code code = problem_code::validation_failed;
  std::string detail;
  /// What the rule is, as members beside the code: name and JSON text, such as {"max", "100"}.
  std::vector<std::pair<std::string, std::string>> limits;
};

/// A count or an amount of money; monostate where the limit has no such number.
using limit_amount = std::variant<std::monostate, std::int64_t, money>;

/// One limit that an order would break, with everything that a person needs to see why.
struct violation {
  problem_code code = problem_code::limit_exceeded;
  std::string limit_type;  ///< as SPEC names it: daily_trading_limit
  std::string scope;       ///< organization, user or account
  limit_amount limit_value;
  limit_amount current_usage;
  limit_amount attempted_value;
  limit_amount projected_usage;
  limit_amount breach_amount;
  limit_amount head_room;
  std::int64_t scope_id = 0;  ///< number of the organization, user or account; 0: left out
  std::string word{};         ///< the exchange, symbol, product or action that is not allowed; empty: left out
};

/// One error answer before it is rendered: RFC 9457 with our members.
struct problem {
  problem_code code = problem_code::internal_error;
  std::string detail;          ///< empty: the registry's description
  std::string instance;        ///< path of the request
  std::string correlation_id;  ///< empty: left out
  std::vector<field_error> errors;
  std::vector<violation> violations;
  std::optional<std::int64_t> quantity_max;  ///< the largest quantity that would have passed
  /// Further members: name and JSON text. order_id and the key on every answer about an order go here.
  std::vector<std::pair<std::string, std::string>> members;
  std::vector<name_value> headers;   ///< such as Allow on 405
  std::optional<int> retry_after_s;  ///< 429 and 503 carry one in any case; the default is 1
  /// An order that is stored as denied: 403 and nothing to repeat, even where the registry has the code for a request
  /// that may succeed later.
  bool stored_denial = false;

  /// Adds an extra member whose value is a string.
  problem& with(std::string name, std::string_view text);
};

/// The answer to a body that is not JSON.
problem problem_for(const json_error& error);
/// VALIDATION_FAILED with these errors; `errors` is not empty.
problem problem_for(std::vector<field_error> errors);

/// application/problem+json with status, Retry-After and WWW-Authenticate as the registry asks for. Never fails:
/// whatever the texts hold, the body is valid JSON.
http_response render(const problem& why);

/// One violation as an object; also for answers that are not errors (a dry run of the limits).
void write_violation(json_writer& out, const violation& what);
void write_field_error(json_writer& out, const field_error& what);

/// Every code of an answer, once each: those of the registry, and those of the HTTP server's own refusals.
std::vector<std::string_view> problem_codes();
/// All of them with status, title, action and description, as a JSON array, for the documentation. One that the server
/// gives another status than the registry has a row for each.
std::string problem_catalog();

}  // namespace sb::web
