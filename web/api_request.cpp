#include "web/api_request.hpp"

#include <algorithm>
#include <charconv>

#include "web/rendering.hpp"

namespace sb::web {
namespace {

constexpr std::string_view risk_endpoint = "/api/trading-limits/validate";

problem_code not_found_code(entity_kind asked) {
  switch (asked) {
    case entity_kind::user:
      return problem_code::user_not_found;
    case entity_kind::organization:
    case entity_kind::book:
      return problem_code::organization_not_found;
    case entity_kind::account:
      return problem_code::account_not_found;
    case entity_kind::order:
      return problem_code::order_not_found;
  }
  return problem_code::not_found;
}

problem_code code_for(rejection why, entity_kind asked) {
  switch (why) {
    case rejection::none:
      return problem_code::internal_error;
    case rejection::not_found:
      return not_found_code(asked);
    case rejection::already_exists:
      return problem_code::already_exists;
    case rejection::key_reused:
      return problem_code::idempotency_key_reused;
    case rejection::order_closed:
      return problem_code::order_closed;
    case rejection::overloaded:
      return problem_code::overloaded;
    case rejection::storage_unavailable:
      return problem_code::storage_unavailable;
    case rejection::parked:
      return problem_code::state_parked;
    case rejection::shard_moved:
      return problem_code::state_not_ready;
    case rejection::version_conflict:
      return problem_code::state_precondition_failed;
    case rejection::deadline_passed:
      return problem_code::storage_unavailable;
    case rejection::draining:
      return problem_code::state_draining;
  }
  return problem_code::internal_error;
}

/// The security headers: all of them, or without those that the answer has of its own.
std::string_view security_fields(const std::vector<name_value>& headers) {
  const auto has = [&headers](std::string_view name) {
    return std::any_of(headers.begin(), headers.end(), [name](const name_value& field) { return field.first == name; });
  };
  constexpr std::string_view cache = "Cache-Control: no-store\r\n";
  constexpr std::string_view policy = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
  // Those two at its ends.
  std::string_view fields =
      "Cache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
  if (has("Cache-Control")) fields.remove_prefix(cache.size());
  if (has("Content-Security-Policy")) fields.remove_suffix(policy.size());
  return fields;
}

}  // namespace

problem problem_for(const rejected& why, entity_kind asked) {
  problem out;
  out.code = code_for(why.why, asked);
  // What an entity says of its name or place is for logs; the registry's text is for the client.
  switch (why.why) {
    case rejection::key_reused:
    case rejection::order_closed:
    case rejection::overloaded:
    case rejection::storage_unavailable:
    case rejection::version_conflict:
      out.detail = why.detail;
      break;
    case rejection::shard_moved:
      out.detail = "The data has just moved to another node; look before you repeat, or repeat with the same key.";
      break;
    case rejection::deadline_passed:
      out.detail = "The time for this request was over before it was its turn.";
      break;
    case rejection::none:
    case rejection::not_found:
    case rejection::already_exists:
    case rejection::parked:
    case rejection::draining:
      break;
  }
  return out;
}

void api_request::respond(http_response&& response) {
  if (series != nullptr) series->answered(response.status, seconds());
  auto& fields = response.headers;
  for (auto& field : headers) fields.push_back(std::move(field));
  headers.clear();
  response.standing = security_fields(fields);
  answer.respond(std::move(response));
}

void api_request::respond(int status, json_writer&& out) { respond_json(status, std::move(out).take()); }

void api_request::respond_json(int status, std::string text) {
  http_response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(text);
  respond(std::move(response));
}

void api_request::refuse(problem&& why) {
  why.instance = http.path;
  why.correlation_id = context.correlation;
  for (const auto& [name, text] : order_names) why.with(name, text);
  respond(render(why));
}

void api_request::refuse(problem_code code, std::string detail) {
  problem why;
  why.code = code;
  why.detail = std::move(detail);
  refuse(std::move(why));
}

void api_request::failed(const std::exception&) { refuse(problem_code::internal_error); }

bool act_in(api_request& request, organization_id organization) {
  if (request.who.is_platform_admin() || organization == request.who.organization) {
    request.organization = organization;
    return true;
  }
  request.refuse(problem_code::organization_not_found);
  return false;
}

std::optional<std::int64_t> path_number(const api_request& request) {
  std::int64_t value = 0;
  const auto text = request.id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || text.front() == '0') return std::nullopt;
  return value;
}

bool read_if_match(api_request& request, std::optional<std::int64_t>& version) {
  const auto* field = request.http.header("if-match");
  if (field == nullptr || *field == "*") return true;
  std::string_view text = *field;
  if (text.size() >= 3 && text.front() == '"' && text.back() == '"' && request.http.header_count("if-match") == 1) {
    text = text.substr(1, text.size() - 2);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size() && value >= 0) {
      version = value;
      return true;
    }
  }
  problem why = problem_for(std::vector<field_error>{{field_place::header,
                                                      "If-Match",
                                                      problem_code::validation_header,
                                                      "must be * or one ETag of this resource, such as \"7\"",
                                                      {}}});
  request.refuse(std::move(why));
  return false;
}

void mark_projection(api_request& request) {
  request.headers.emplace_back("X-Data-Source", "cache");
  request.headers.emplace_back("X-Data-Age-Ms", std::to_string(request.services.database.projection_age_ms()));
}

void find_account(const request_ptr& request, account_id account, std::function<void()> then) {
  ask<account_answer>(request, account_key(request->organization, account), get_account{},
                      [request, account, then = std::move(then)](account_answer&&) {
                        request->services.accounts.remember(account, request->organization);
                        then();
                      });
}

void order_counters::placed(const order_state& order, role_set roles, double seconds) {
  owner_.place_order_seconds().observe(seconds);
  const auto all = words(roles);
  const auto first = all.empty() ? role::trader : role_from(all.front()).value_or(role::trader);
  auto& executions = executions_[static_cast<std::size_t>(order.status) * role_count + static_cast<std::size_t>(first)];
  if (!executions) executions = owner_.trade_executions(word(order.status), word(first));
  executions->add();

  // How the trade side's question to the risk book ended; pending_new: it has not, or is not told yet.
  enum { ok, denied, unavailable, open } asked = ok;
  if (order.status == order_status::pending_new) asked = open;
  if (order.status == order_status::denied) {
    asked = order.denied_because == denial::limits             ? denied
            : order.denied_because == denial::risk_unavailable ? unavailable
            : order.denied_because == denial::not_sent         ? ok
                                                               : open;
  }
  if (asked == open) return;
  auto& calls = risk_calls_[asked];
  constexpr std::array<std::string_view, 3> outcomes{"ok", "denied", "unavailable"};
  if (!calls) calls = owner_.inter_service_calls("trade-service", "user-service", risk_endpoint, outcomes[asked]);
  calls->add();
  if (asked == ok) validated({});
  if (asked == denied) count_refusals(order.violations);
}

void order_counters::validated(const risk_check& check) {
  if (!check.violations.empty()) return count_refusals(check.violations);
  if (!allowed_) allowed_ = owner_.limit_validations("allowed", "all");
  allowed_->add();
}

void order_counters::count_refusals(const std::vector<sb::violation>& violations) {
  for (const auto& each : violations) {
    if (each.failed == check::permission) {
      owner_.limit_validations("denied", "permission").add();
      continue;
    }
    auto& series = denied_[static_cast<std::size_t>(each.type)];
    if (!series) series = owner_.limit_validations("denied", word(each.type));
    series->add();
  }
}

}  // namespace sb::web
