#include "app/replay/tenant_setup.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "app/replay/answer_fields.hpp"
#include "web/auth/random.hpp"
#include "web/json_writer.hpp"

namespace sb::replay {
namespace {

constexpr int attempts_max = 20;
constexpr std::size_t password_bytes = 15;  // 20 characters of base64url

std::string describe(const http_call& call, const http_answer& answer) {
  std::string text = call.method + ' ' + call.target + ": ";
  if (answer.status == 0) return text + answer.failure;
  text += std::to_string(answer.status);
  if (const auto body = parse_document(answer.body)) {
    const auto code = text_member(*body, "code");
    const auto detail = text_member(*body, "detail");
    if (!code.empty()) text += ' ' + code;
    if (!detail.empty()) text += ": " + detail;
    if (const auto* errors = body->find("errors"); errors != nullptr) {
      for (const auto& error : errors->children())
        text += "; " + text_member(error, "pointer") + ' ' + text_member(error, "detail");
    }
  }
  return text;
}

bool is_passing(int status) { return status == 0 || status == 429 || status == 503; }

http_answer call_patiently(http_client& http, const http_call& call) {
  for (int attempt = 1;; ++attempt) {
    auto answer = http.call(call);
    if (!is_passing(answer.status) || attempt == attempts_max) return answer;
    std::this_thread::sleep_for(std::chrono::seconds{std::clamp(answer.retry_after_s.value_or(1), 1, 5)});
  }
}

web::json_value document_of(const http_call& call, const http_answer& answer) {
  auto document = parse_document(answer.body);
  if (!document) throw setup_error{call, answer};
  return std::move(*document);
}

std::int64_t required_integer(const web::json_value& answer, std::string_view name) {
  const auto value = integer_member(answer, name);
  if (!value) throw std::runtime_error{"an answer of the server lacks " + std::string{name}};
  return *value;
}

std::string of_organization(organization_id organization) {
  return "?organization_id=" + std::to_string(organization.value);
}

void write_limit(web::json_writer& out, std::string_view type, money value) {
  out.begin_object().member("limit_type", type).member("limit_value", value).end_object();
}
void write_limit(web::json_writer& out, std::string_view type, std::int64_t value) {
  out.begin_object().member("limit_type", type).member("limit_value", value).end_object();
}

std::string_view scope_word(limits_of scope) {
  switch (scope) {
    case limits_of::organization:
      return "organization";
    case limits_of::user:
      return "user";
    case limits_of::account:
      return "account";
  }
  return {};
}

}  // namespace

setup_error::setup_error(const http_call& call, const http_answer& answer)
    : std::runtime_error{describe(call, answer)}, status{answer.status} {}

http_call login_call(const std::string& email, const std::string& password) {
  web::json_writer body;
  body.begin_object().member("email", email).member("password", password).end_object();
  return {"POST", "/auth/login", std::move(body).take(), {}};
}

std::string log_in(http_client& http, const std::string& email, const std::string& password) {
  const auto call = login_call(email, password);
  const auto answer = call_patiently(http, call);
  if (answer.status != 200) throw setup_error{call, answer};
  auto token = text_member(document_of(call, answer), "access_token");
  if (token.empty()) throw std::runtime_error{"the login answer holds no access_token"};
  return token;
}

tenant_setup::tenant_setup(http_client& http, std::string token) : http_{http}, token_{std::move(token)} {}

web::json_value tenant_setup::request(http_call call, int status) {
  call.token = token_;
  const auto answer = call_patiently(http_, call);
  if (answer.status != status) throw setup_error{call, answer};
  return document_of(call, answer);
}

organization_id tenant_setup::create_organization(const std::string& name) {
  web::json_writer body;
  body.begin_object().member("name", name).end_object();
  const auto answer = request({"POST", "/api/organizations", std::move(body).take(), {}}, 201);
  return {required_integer(answer, "organization_id")};
}

account_id tenant_setup::create_account(organization_id organization, const std::string& name) {
  web::json_writer body;
  body.begin_object()
      .member("name", name)
      .member("broker", "paper")
      .member("organization_id", organization)
      .end_object();
  const auto answer = request({"POST", "/api/trading-accounts", std::move(body).take(), {}}, 201);
  return {required_integer(answer, "trading_account_id")};
}

tenant_setup::new_user tenant_setup::create_user(organization_id organization, const std::string& email,
                                                 const std::string& display_name,
                                                 std::span<const std::string_view> roles) {
  constexpr int conflict = 409;
  new_user made{email, web::random_token(password_bytes), {}};
  for (int attempt = 1;; ++attempt) {
    web::json_writer body;
    body.begin_object().member("email", made.email).member("password", made.password);
    body.member("display_name", display_name).member("organization_id", organization);
    if (roles.size() == 1) {
      body.member("role", roles.front());
    } else {
      body.key("roles").begin_array();
      for (const auto role : roles) body.string(role);
      body.end_array();
    }
    body.end_object();
    try {
      const auto answer = request({"POST", "/users", std::move(body).take(), {}}, 201);
      made.user = {required_integer(answer, "user_id")};
      return made;
    } catch (const setup_error& error) {
      // Taken by an earlier, interrupted creation whose password nobody knows any more.
      if (error.status != conflict || attempt == attempts_max) throw;
      std::array<unsigned char, 3> random{};
      web::random_bytes(random);
      std::string suffix;
      for (const unsigned char byte : random) suffix += std::to_string(byte);
      const auto at = email.find('@');
      made.email = email.substr(0, at) + '-' + suffix + email.substr(at);
    }
  }
}

void tenant_setup::put_permissions(organization_id organization, user_id user,
                                   std::span<const std::string_view> actions, std::span<const account_id> accounts) {
  web::json_writer body;
  body.begin_object().key("actions").begin_array();
  for (const auto action : actions) body.string(action);
  body.end_array().key("trading_account_ids").begin_array();
  for (const auto account : accounts) body.integer(account.value);
  body.end_array().end_object();
  request({"PUT",
           "/api/users/" + std::to_string(user.value) + "/permissions" + of_organization(organization),
           std::move(body).take(),
           {}},
          200);
}

void tenant_setup::allow_trading(organization_id organization, user_id user, std::span<const account_id> accounts) {
  constexpr std::array<std::string_view, 3> actions{"place_order", "cancel_order", "view"};
  put_permissions(organization, user, actions, accounts);
}

void tenant_setup::allow_viewing(organization_id organization, user_id user) {
  constexpr std::array<std::string_view, 1> actions{"view"};
  put_permissions(organization, user, actions, {});
}

void tenant_setup::set_limits(organization_id organization, limits_of scope, std::int64_t id) {
  constexpr std::int64_t milliard = 1'000'000'000;
  web::json_writer body;
  body.begin_object().member("scope", scope_word(scope)).member("scope_id", id).key("limits").begin_array();
  switch (scope) {
    case limits_of::organization:
      write_limit(body, "daily_trading_limit", money{900 * milliard * money::unit});
      write_limit(body, "orders_per_day", 10'000'000);
      write_limit(body, "open_orders", 1'000'000);
      break;
    case limits_of::user:
      write_limit(body, "daily_trading_limit", money{500 * milliard * money::unit});
      write_limit(body, "orders_per_day", 5'000'000);
      break;
    case limits_of::account:
      write_limit(body, "single_order_value", order_value_max);
      write_limit(body, "order_quantity", 100'000);
      body.begin_object()
          .member("limit_type", "allowed_exchanges")
          .key("allowed")
          .begin_array()
          .string("NSE")
          .end_array();
      body.end_object();
      break;
  }
  body.end_array().end_object();
  request({"PUT", "/api/trading-limits" + of_organization(organization), std::move(body).take(), {}}, 200);
}

}  // namespace sb::replay
