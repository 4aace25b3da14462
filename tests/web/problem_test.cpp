#include "web/problem.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "web/server/refusal.hpp"

namespace {
using namespace sb;
using namespace sb::web;

json_value parsed(const std::string& text) {
  auto result = parse_json(text);
  if (const auto* error = std::get_if<json_error>(&result)) FAIL(text << ": " << error->detail);
  return std::get<json_value>(std::move(result));
}
std::string header(const http_response& response, std::string_view name) {
  for (const auto& [field, value] : response.headers)
    if (field == name) return value;
  return "absent";
}
/// The statuses that the product may answer with, and what each asks of the caller's headers.
const std::set<int> statuses{400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429, 500, 502, 503, 504};
const std::set<std::string_view> families{"VALIDATION", "AUTH",  "PERM",   "LIMIT",
                                          "RISK",       "STATE", "BROKER", "IDEMPOTENCY"};
const std::set<std::string_view> without_family{"NOT_FOUND",
                                                "METHOD_NOT_ALLOWED",
                                                "ORDER_NOT_FOUND",
                                                "ACCOUNT_NOT_FOUND",
                                                "USER_NOT_FOUND",
                                                "ORGANIZATION_NOT_FOUND",
                                                "TRADING_LIMIT_NOT_FOUND",
                                                "ACTOR_NOT_FOUND",
                                                "ORDER_CLOSED",
                                                "ALREADY_EXISTS",
                                                "RATE_LIMITED",
                                                "OVERLOADED",
                                                "STORAGE_UNAVAILABLE",
                                                "TIMED_OUT",
                                                "INTERNAL_ERROR"};
}  // namespace

TEST_CASE("each code of the registry renders to a whole problem document") {
  std::set<std::string> texts;
  std::set<std::string> types;
  for (const auto& entry : problem_registry()) {
    CAPTURE(entry.text);
    problem why;
    why.code = entry.code;
    why.instance = "/trades/place-order";
    why.correlation_id = "c-1";
    const auto response = render(why);
    const auto body = parsed(response.body);
    CHECK(response.status == entry.status);
    CHECK(response.content_type == "application/problem+json");
    CHECK(header(response, "Cache-Control") == "no-store");
    CHECK(body.find("status")->text() == std::to_string(entry.status));
    CHECK(body.find("code")->text() == entry.text);
    CHECK(body.find("title")->text() == entry.title);
    CHECK(body.find("detail")->text() == entry.description);
    CHECK(body.find("instance")->text() == "/trades/place-order");
    CHECK(body.find("correlation_id")->text() == "c-1");
    CHECK(body.find("retryable")->boolean() == entry.retryable());
    CHECK(body.find("action")->text() == to_string(entry.action));
    CHECK(texts.insert(std::string{entry.text}).second);
    CHECK(types.insert(body.find("type")->text()).second);

    CHECK(statuses.contains(entry.status));
    CHECK((header(response, "Retry-After") != "absent") == (entry.status == 429 || entry.status == 503));
    CHECK((header(response, "WWW-Authenticate") != "absent") == (entry.status == 401));
    const auto family = entry.text.substr(0, entry.text.find('_'));
    CHECK((families.contains(family) || without_family.contains(entry.text)));
    CHECK(problem_code_of(entry.text) == entry.code);
    CHECK_FALSE(entry.title.empty());
    CHECK(entry.description.ends_with('.'));
    // A status of the caller's fault asks the caller for something; ours never does.
    if (entry.status >= 500) CHECK(entry.action != problem_action::user);
    if (entry.status < 500 && entry.status != 429) CHECK(entry.action == problem_action::user);
  }
  CHECK_FALSE(problem_code_of("LIMIT").has_value());
}

TEST_CASE("published codes keep their status and action") {
  struct row {
    std::string text;
    int status;
    std::string action;
  };
  const auto r = GENERATE(values<row>({
      {"LIMIT_SINGLE_ORDER_VALUE_EXCEEDED", 403, "user"},
      {"LIMIT_DAILY_VALUE_EXCEEDED", 403, "user"},
      {"LIMIT_ORDERS_PER_DAY_EXCEEDED", 403, "user"},
      {"LIMIT_OPEN_ORDERS_EXCEEDED", 403, "user"},
      {"LIMIT_ORDER_QUANTITY_EXCEEDED", 403, "user"},
      {"LIMIT_EXCHANGE_NOT_ALLOWED", 403, "user"},
      {"LIMIT_SYMBOL_NOT_ALLOWED", 403, "user"},
      {"LIMIT_PRODUCT_NOT_ALLOWED", 403, "user"},
      {"PERM_NOT_GRANTED", 403, "user"},
      {"PERM_ROLE_REQUIRED", 403, "user"},
      {"RISK_NO_REFERENCE_PRICE", 403, "user"},
      {"RISK_UNAVAILABLE", 503, "check"},
      {"STATE_PARKED", 503, "check"},
      {"STATE_NOT_READY", 503, "check"},
      {"IDEMPOTENCY_KEY_REUSED", 422, "user"},
      {"IDEMPOTENCY_KEYS_DIFFER", 400, "user"},
      {"ORDER_CLOSED", 409, "user"},
      {"ORDER_NOT_FOUND", 404, "user"},
      {"STORAGE_UNAVAILABLE", 503, "check"},
      {"OVERLOADED", 429, "retry"},
      {"RATE_LIMITED", 429, "retry"},
      {"AUTH_TOKEN_EXPIRED", 401, "user"},
      {"VALIDATION_FAILED", 400, "user"},
      {"VALIDATION_TICK_SIZE", 422, "user"},
      {"TIMED_OUT", 504, "retry"},
      {"INTERNAL_ERROR", 500, "check"},
  }));
  CAPTURE(r.text);
  const auto code = problem_code_of(r.text);
  REQUIRE(code.has_value());
  CHECK(entry_of(*code).status == r.status);
  CHECK(to_string(entry_of(*code).action) == r.action);
}

TEST_CASE("a denial carries each broken limit and the largest quantity that would pass") {
  problem why;
  why.code = problem_code::limit_daily_value_exceeded;
  why.detail = "Daily trading limit would be exceeded.";
  violation value;
  value.code = problem_code::limit_daily_value_exceeded;
  value.limit_type = "daily_trading_limit";
  value.scope = "user";
  value.limit_value = money{500'000'000};
  value.current_usage = money{300'000'000};
  value.attempted_value = money{2'500'000'000};
  value.projected_usage = money{2'800'000'000};
  value.breach_amount = money{2'300'000'000};
  value.head_room = money{200'000'000};
  violation count;
  count.code = problem_code::limit_orders_per_day_exceeded;
  count.limit_type = "daily_order_count";
  count.scope = "account";
  count.limit_value = std::int64_t{10};
  count.current_usage = std::int64_t{10};
  why.violations = {value, count};
  why.quantity_max = 12;
  why.with("order_id", "ORD\"1").retry_after_s = 7;
  why.headers.emplace_back("Idempotency-Key", "\"k\"");

  const auto response = render(why);
  const auto body = parsed(response.body);
  REQUIRE(body.find("violations")->children().size() == 2);
  const auto& first = body.find("violations")->children()[0];
  CHECK(first.find("code")->text() == "LIMIT_DAILY_VALUE_EXCEEDED");
  CHECK(first.find("limit_value")->text() == "50000.00");
  CHECK(first.find("current_usage")->text() == "30000.00");
  CHECK(first.find("attempted_value")->text() == "250000.00");
  CHECK(first.find("projected_usage")->text() == "280000.00");
  CHECK(first.find("breach_amount")->text() == "230000.00");
  CHECK(first.find("head_room")->text() == "20000.00");
  const auto& second = body.find("violations")->children()[1];
  CHECK(second.find("limit_value")->text() == "10");
  CHECK(second.find("head_room") == nullptr);
  CHECK(body.find("quantity_max")->text() == "12");
  CHECK(body.find("order_id")->text() == "ORD\"1");
  CHECK(body.find("type")->text() == "/problems/limit-daily-value-exceeded");
  CHECK(header(response, "Retry-After") == "7");
  CHECK(header(response, "Idempotency-Key") == "\"k\"");
}

TEST_CASE("field errors are rendered with where they stood and what the rule is") {
  const auto response = render(problem_for(std::vector<field_error>{
      {field_place::body,
       "/price",
       problem_code::validation_too_precise,
       "must have at most 4 decimals",
       {{"max_decimals", "4"}}},
      {field_place::query, "limit", problem_code::validation_number_out_of_range, "must be from 1 to 200", {}},
      {field_place::path, "id", problem_code::validation_not_a_number, "must be a number", {}},
      {field_place::header, "Prefer", problem_code::validation_header, "not understood", {}},
  }));
  CHECK(response.status == 400);
  const auto body = parsed(response.body);
  CHECK(body.find("code")->text() == "VALIDATION_FAILED");
  const auto errors = body.find("errors")->children();
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].find("pointer")->text() == "/price");
  CHECK(errors[0].find("code")->text() == "VALIDATION_TOO_PRECISE");
  CHECK(errors[0].find("max_decimals")->text() == "4");
  CHECK(errors[1].find("parameter")->text() == "limit");
  CHECK(errors[1].find("pointer") == nullptr);
  CHECK(errors[2].find("path_parameter")->text() == "id");
  CHECK(errors[3].find("header")->text() == "Prefer");
  const auto one = render(problem_for(
      std::vector<field_error>{{field_place::body, "/price", problem_code::validation_required, "is required", {}}}));
  CHECK(parsed(one.body).find("detail")->text() == "/price: is required");
}

TEST_CASE("a refused body becomes the problem of its own") {
  struct row {
    std::string body;
    std::string code;
    int status;
    std::string pointer;
  };
  const auto r = GENERATE(values<row>({
      {"", "VALIDATION_BODY_REQUIRED", 400, ""},
      {std::string(70'000, ' '), "VALIDATION_BODY_TOO_LARGE", 413, ""},
      {"{", "VALIDATION_JSON_MALFORMED", 400, ""},
      {"\xFF", "VALIDATION_JSON_ENCODING", 400, ""},
      {"\xEF\xBB\xBF{}", "VALIDATION_JSON_ENCODING", 400, ""},
      {R"({"a":"\u0000"})", "VALIDATION_JSON_NUL", 400, "/a"},
      {std::string(1, '\0'), "VALIDATION_JSON_NUL", 400, ""},
      {R"({"a":1,"a":2})", "VALIDATION_JSON_DUPLICATE_KEY", 400, "/a"},
      {std::string(17, '['), "VALIDATION_JSON_TOO_DEEP", 400, "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0"},
      {"[1e5000]", "VALIDATION_NUMBER_OUT_OF_RANGE", 400, "/0"},
  }));
  const auto refused = parse_json(r.body);
  REQUIRE(std::holds_alternative<json_error>(refused));
  const auto response = render(problem_for(std::get<json_error>(refused)));
  CHECK(response.status == r.status);
  const auto body = parsed(response.body);
  CHECK(body.find("code")->text() == r.code);
  const auto* const errors = body.find("errors");
  CHECK((errors == nullptr ? "" : errors->children()[0].find("pointer")->text()) == r.pointer);
}

TEST_CASE("whatever a text holds, the body stays valid JSON") {
  problem why;
  why.code = problem_code::broker_rejected;
  why.detail = "bad \xFF bytes, \"quotes\", \n and \x01";
  why.instance = "/trades/\xC3";
  CHECK(parsed(render(why).body).find("detail")->text() == "bad \xEF\xBF\xBD bytes, \"quotes\", \n and \x01");
}

TEST_CASE("the token's 401 says so, the login's does not") {
  problem why;
  why.code = problem_code::auth_token_expired;
  CHECK(header(render(why), "WWW-Authenticate") == R"(Bearer realm="stocksblitz", error="invalid_token")");
  why.code = problem_code::auth_token_missing;
  CHECK(header(render(why), "WWW-Authenticate") == R"(Bearer realm="stocksblitz")");
}

TEST_CASE("the catalog lists every code once with each of its statuses, those of the HTTP server's refusals too") {
  const auto catalog = parsed(problem_catalog());
  std::set<std::pair<std::string, std::string>> rows;
  std::set<std::string> codes;
  for (const auto& row : catalog.children()) {
    INFO(row.find("code")->text());
    CHECK(rows.emplace(row.find("code")->text(), row.find("status")->text()).second);
    codes.insert(row.find("code")->text());
    CHECK(row.find("retryable")->boolean() ==
          (row.find("action")->text() == "retry" || row.find("status")->text() == "503"));
    CHECK(row.find("type")->text().starts_with("/problems/"));
  }
  for (const auto& entry : problem_registry())
    CHECK(rows.contains({std::string{entry.text}, std::to_string(entry.status)}));
  for (const auto& spec : refusal_specs()) CHECK(rows.contains({std::string{spec.code}, std::to_string(spec.status)}));
  const auto named = problem_codes();
  CHECK(std::set<std::string>(named.begin(), named.end()) == codes);
  CHECK(named.size() == codes.size());
  CHECK(catalog.children()[0].find("code")->text() == "VALIDATION_FAILED");
}
