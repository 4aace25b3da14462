#include "web/problem.hpp"

#include <algorithm>
#include <set>

#include "web/server/refusal.hpp"

namespace sb::web {
namespace {

constexpr int retry_after_s_default = 1;

problem_code code_for(json_refusal why) {
  switch (why) {
    case json_refusal::empty:
      return problem_code::validation_body_required;
    case json_refusal::too_large:
      return problem_code::validation_body_too_large;
    case json_refusal::byte_order_mark:
      return problem_code::validation_json_encoding;
    case json_refusal::nul_byte:
      return problem_code::validation_json_nul;
    case json_refusal::nul_escape:
      return problem_code::validation_json_nul;
    case json_refusal::invalid_utf8:
      return problem_code::validation_json_encoding;
    case json_refusal::syntax:
      return problem_code::validation_json_malformed;
    case json_refusal::duplicate_key:
      return problem_code::validation_json_duplicate_key;
    case json_refusal::too_deep:
      return problem_code::validation_json_too_deep;
    case json_refusal::too_many_items:
      return problem_code::validation_json_too_many_values;
    case json_refusal::too_many_members:
      return problem_code::validation_json_too_many_values;
    case json_refusal::too_many_values:
      return problem_code::validation_json_too_many_values;
    case json_refusal::number_out_of_range:
      return problem_code::validation_number_out_of_range;
  }
  return problem_code::validation_json_malformed;
}

std::string_view name_of(field_place place) {
  switch (place) {
    case field_place::body:
      return "pointer";
    case field_place::query:
      return "parameter";
    case field_place::path:
      return "path_parameter";
    case field_place::header:
      return "header";
  }
  return "pointer";
}

void write_amount(json_writer& out, std::string_view name, const limit_amount& value) {
  if (const auto* count = std::get_if<std::int64_t>(&value)) out.member(name, *count);
  if (const auto* amount = std::get_if<money>(&value)) out.member(name, *amount);
}

/// RFC 6750: every 401 names the scheme; the error word only where a token was sent.
std::string challenge(problem_code code) {
  std::string text{"Bearer realm=\"stocksblitz\""};
  if (code == problem_code::auth_token_invalid || code == problem_code::auth_token_expired ||
      code == problem_code::auth_token_revoked) {
    text += ", error=\"invalid_token\"";
  }
  return text;
}

}  // namespace

problem& problem::with(std::string name, std::string_view text) {
  json_writer value;
  value.string(text);
  members.emplace_back(std::move(name), std::move(value).take());
  return *this;
}

problem problem_for(const json_error& error) {
  problem why;
  why.code = code_for(error.code);
  why.detail = error.detail;
  if (error.code == json_refusal::empty) return why;
  why.detail += " (at byte " + std::to_string(error.offset) + ")";
  if (!error.pointer.empty()) {
    why.errors.push_back({field_place::body, error.pointer, why.code, error.detail, {}});
  }
  return why;
}

problem problem_for(std::vector<field_error> errors) {
  problem why;
  why.code = problem_code::validation_failed;
  if (errors.size() == 1) {
    const auto& only = errors.front();
    why.detail = (only.place == field_place::body ? only.pointer : "'" + only.pointer + "'") + ": " + only.detail;
  } else {
    why.detail = std::to_string(errors.size()) + " fields are wrong.";
  }
  why.errors = std::move(errors);
  return why;
}

void write_field_error(json_writer& out, const field_error& what) {
  out.begin_object().member(name_of(what.place), std::string_view{what.pointer});
  out.member("code", entry_of(what.code).text).member("detail", std::string_view{what.detail});
  for (const auto& [name, value] : what.limits) out.key(name).raw(value);
  out.end_object();
}

void write_violation(json_writer& out, const violation& what) {
  out.begin_object();
  out.member("code", entry_of(what.code).text);
  if (!what.limit_type.empty()) out.member("limit_type", std::string_view{what.limit_type});
  out.member("scope", std::string_view{what.scope});
  if (what.scope_id != 0) out.member("scope_id", what.scope_id);
  if (!what.word.empty()) out.member("not_allowed", std::string_view{what.word});
  write_amount(out, "limit_value", what.limit_value);
  write_amount(out, "current_usage", what.current_usage);
  write_amount(out, "attempted_value", what.attempted_value);
  write_amount(out, "projected_usage", what.projected_usage);
  write_amount(out, "breach_amount", what.breach_amount);
  write_amount(out, "head_room", what.head_room);
  out.end_object();
}

http_response render(const problem& why) {
  const auto& entry = entry_of(why.code);
  const int status = why.stored_denial ? 403 : entry.status;
  const bool retryable = !why.stored_denial && entry.retryable();
  const auto action = why.stored_denial ? problem_action::user : entry.action;
  json_writer out;
  out.begin_object();
  out.member("type", std::string_view{problem_type(why.code)}).member("title", entry.title);
  out.member("status", status);
  out.member("detail", why.detail.empty() ? entry.description : std::string_view{why.detail});
  if (!why.instance.empty()) out.member("instance", std::string_view{why.instance});
  out.member("code", entry.text).member("retryable", retryable).member("action", to_string(action));
  if (!why.correlation_id.empty()) out.member("correlation_id", std::string_view{why.correlation_id});
  if (!why.errors.empty()) {
    out.key("errors").begin_array();
    for (const auto& error : why.errors) write_field_error(out, error);
    out.end_array();
  }
  if (!why.violations.empty()) {
    out.key("violations").begin_array();
    for (const auto& each : why.violations) write_violation(out, each);
    out.end_array();
  }
  if (why.quantity_max) out.member("quantity_max", *why.quantity_max);
  for (const auto& [name, value] : why.members) out.key(name).raw(value);
  out.end_object();

  http_response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.headers = why.headers;
  response.headers.emplace_back("Cache-Control", "no-store");
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", challenge(why.code));
  if (why.retry_after_s || status == 429 || status == 503) {
    response.headers.emplace_back("Retry-After", std::to_string(why.retry_after_s.value_or(retry_after_s_default)));
  }
  response.body = std::move(out).take();
  return response;
}

std::vector<std::string_view> problem_codes() {
  std::vector<std::string_view> codes;
  for (const auto& entry : problem_registry()) codes.push_back(entry.text);
  for (const auto& spec : refusal_specs()) {
    if (std::find(codes.begin(), codes.end(), spec.code) == codes.end()) codes.push_back(spec.code);
  }
  return codes;
}

std::string problem_catalog() {
  json_writer out;
  out.begin_array();
  std::set<std::pair<std::string_view, int>> listed;
  for (const auto& entry : problem_registry()) {
    listed.emplace(entry.text, entry.status);
    out.begin_object();
    out.member("code", entry.text).member("type", std::string_view{problem_type(entry.code)});
    out.member("status", entry.status).member("title", entry.title);
    out.member("retryable", entry.retryable()).member("action", to_string(entry.action));
    out.member("description", entry.description).end_object();
  }
  for (const auto& spec : refusal_specs()) {
    if (!listed.emplace(spec.code, spec.status).second) continue;
    out.begin_object();
    out.member("code", spec.code).member("type", std::string_view{problem_type_of(spec.what)});
    out.member("status", spec.status).member("title", spec.title);
    out.member("retryable", spec.action == "retry").member("action", spec.action);
    out.member("description", spec.detail).end_object();
  }
  out.end_array();
  return std::move(out).take();
}

}  // namespace sb::web
