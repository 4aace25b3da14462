#include "web/routes.hpp"

#include <algorithm>
#include <set>

#include "web/answer_types.hpp"
#include "web/handlers/handlers.hpp"
#include "web/request_types.hpp"

namespace sb::web {
namespace {

namespace h = handlers;
namespace t = tables;
using a = authentication;

constexpr role_set nobody{};
constexpr auto anyone = roles({role::platform_admin, role::admin, role::trader, role::viewer, role::service});
constexpr auto traders = roles({role::admin, role::trader, role::service});
constexpr auto admins = roles({role::platform_admin, role::admin});
constexpr auto platform = roles({role::platform_admin});

constexpr listener_set on_user = on_gateway | on_user_api;
constexpr listener_set on_trade = on_gateway | on_trade_api;
constexpr listener_set on_user_and_trade = on_user | on_trade;
constexpr listener_set on_ops = on_gateway | on_operations;

constexpr answer_row token[] = {{200, &t::token_answer, "An access token."}};
constexpr answer_row session_end[] = {{200, &t::session_end_answer, "No token of the session is accepted any more."}};
constexpr answer_row me[] = {{200, &t::me_answer, "Who the token speaks for."}};
constexpr answer_row jwks[] = {{200, &t::jwks_answer, "The public keys.", "application/jwk-set+json"}};
constexpr answer_row new_organization[] = {{201, &t::organization_answer, "Created."}};
constexpr answer_row organization[] = {{200, &t::organization_answer, "The organization."}};
constexpr answer_row new_user[] = {{201, &t::user_answer, "Created."}};
constexpr answer_row user[] = {{200, &t::user_answer, "The user."}};
constexpr answer_row user_list[] = {{200, &t::user_list, "A page of users by id."}};
constexpr answer_row new_account[] = {{201, &t::account_answer, "Created."}};
constexpr answer_row account[] = {{200, &t::account_answer, "The trading account."}};
constexpr answer_row permissions[] = {{200, &t::permissions_answer, "What the user may do."}};
constexpr answer_row decision[] = {{200, &t::permission_decision, "Whether the user may."}};
constexpr answer_row limits[] = {{200, &t::limits_answer, "Limits and usage; ETag is the version of the limits."}};
constexpr answer_row order_check[] = {{200, &t::order_check_answer, "What the risk book would say now."}};
constexpr answer_row placed[] = {
    {201, &t::order_answer, "The order is decided: at the broker, filled, canceled or rejected."},
    {202, &t::order_answer, "The order is stored and its outcome is not known yet."}};
constexpr answer_row order[] = {{200, &t::order_answer, "The order as it is now; ETag is its version."}};
constexpr answer_row canceled[] = {{200, &t::order_answer, "The order is canceled."},
                                   {202, &t::order_answer, "The cancel is stored and on its way."}};
constexpr answer_row timeline[] = {{200, &t::timeline, "Every stored event of the order, oldest first."}};
constexpr answer_row order_list[] = {{200, &t::order_list, "A page of orders, newest first."}};
constexpr answer_row order_count[] = {{200, &t::order_count, "How many orders were placed on that day."}};
constexpr answer_row positions[] = {{200, &t::positions, "The account's positions."}};
constexpr answer_row fill[] = {{200, &t::fill_answer, "The order has stored the fill."}};
constexpr answer_row tree[] = {{200, &t::tree_node, "The supervision tree."}};
constexpr answer_row restart[] = {{202, &t::restart_answer, "The restart is on its way."}};
constexpr answer_row health[] = {{200, &t::health, "Yes."}};
constexpr answer_row readiness[] = {{200, &t::health, "Yes."}, {503, &t::health, "Not now."}};
constexpr answer_row metrics_text[] = {{200, nullptr, "Prometheus text format 0.0.4.", "text/plain"}};
constexpr answer_row document[] = {{200, nullptr, "This document."}};
constexpr answer_row page[] = {{200, nullptr, "An HTML page.", "text/html"}};

constexpr const object_type* no_body = nullptr;
constexpr const object_type* no_query = nullptr;

// clang-format off
constexpr route table[] = {
    {"POST",   "/auth/login",                   a::none,   nobody,   on_user,  &t::login, no_query, token, h::log_in, "auth", "Log in with e-mail address and password"},
    {"POST",   "/auth/logout",                  a::bearer, anyone,   on_user,  no_body, no_query, session_end, h::log_out, "auth", "End the token's session"},
    {"GET",    "/auth/me",                      a::bearer, anyone,   on_user,  no_body, no_query, me, h::show_me, "auth", "Who the token speaks for"},
    {"GET",    "/auth/jwks",                    a::none,   nobody,   on_user,  no_body, no_query, jwks, h::show_keys, "auth", "Public keys of access tokens"},
    {"GET",    "/.well-known/jwks.json",        a::none,   nobody,   on_user,  no_body, no_query, jwks, h::show_keys, "auth", "Alias of /auth/jwks"},

    {"POST",   "/api/organizations",            a::bearer, platform, on_user,  &t::new_organization, no_query, new_organization, h::create_organization, "tenants", "Create an organization"},
    {"GET",    "/api/organizations/{id}",       a::bearer, anyone,   on_user,  no_body, no_query, organization, h::show_organization, "tenants", "One organization"},
    {"POST",   "/groups",                       a::bearer, platform, on_user,  &t::new_organization, no_query, new_organization, h::create_organization, "tenants", "Alias of POST /api/organizations"},
    {"GET",    "/groups/{id}",                  a::bearer, anyone,   on_user,  no_body, no_query, organization, h::show_organization, "tenants", "Alias of GET /api/organizations/{id}"},
    {"POST",   "/users",                        a::bearer, admins,   on_user,  &t::new_user, &t::in_organization, new_user, h::create_user, "tenants", "Create a user"},
    {"GET",    "/users",                        a::bearer, admins,   on_user,  no_body, &t::user_list_query, user_list, h::list_users, "tenants", "Users of the organization"},
    {"GET",    "/users/{id}",                   a::bearer, anyone,   on_user,  no_body, &t::in_organization, user, h::show_user, "tenants", "One user; others than oneself for admins"},
    {"POST",   "/api/trading-accounts",         a::bearer, admins,   on_user_and_trade, &t::new_account, &t::in_organization, new_account, h::create_account, "tenants", "Open a trading account"},
    {"GET",    "/api/trading-accounts/{id}",    a::bearer, anyone,   on_user_and_trade, no_body, &t::in_organization, account, h::show_account, "tenants", "One trading account"},

    {"GET",    "/api/users/{id}/permissions",   a::bearer, anyone,   on_user,  no_body, &t::in_organization, permissions, h::show_permissions, "permissions", "What a user may do; others than oneself for admins and viewers"},
    {"PUT",    "/api/users/{id}/permissions",   a::bearer, admins,   on_user,  &t::permissions, &t::in_organization, permissions, h::replace_permissions, "permissions", "Replace what a user may do"},
    {"GET",    "/users/{id}/permissions",       a::bearer, anyone,   on_user,  no_body, &t::in_organization, permissions, h::show_permissions, "permissions", "Alias of GET /api/users/{id}/permissions"},
    {"PUT",    "/users/{id}/permissions",       a::bearer, admins,   on_user,  &t::permissions, &t::in_organization, permissions, h::replace_permissions, "permissions", "Alias of PUT /api/users/{id}/permissions"},
    {"GET",    "/api/permissions/validate",     a::bearer, anyone,   on_user,  no_body, &t::permission_query, decision, h::decide_permission, "permissions", "May this user do this on this account?"},

    {"GET",    "/api/trading-limits",           a::bearer, anyone,   on_user,  no_body, &t::limits_query, limits, h::show_limits, "limits", "Limits and what counts against them"},
    {"PUT",    "/api/trading-limits",           a::bearer, admins,   on_user,  &t::limits, &t::in_organization, limits, h::replace_limits, "limits", "Replace the limits of one scope"},
    {"POST",   "/api/trading-limits/validate",  a::bearer, traders,  on_user,  &t::order_check, &t::in_organization, order_check, h::check_order, "limits", "Check an order without placing it"},

    {"POST",   "/trades/place-order",           a::bearer, traders,  on_trade, &t::order, &t::in_organization, placed, h::place_order, "orders", "Place an order; the same key never places two"},
    {"POST",   "/execute/regular_order",        a::bearer, traders,  on_trade, &t::order, &t::in_organization, placed, h::place_order, "orders", "Alias of POST /trades/place-order"},
    {"GET",    "/trades",                       a::bearer, anyone,   on_trade, no_body, &t::order_list_query, order_list, h::list_orders, "orders", "Orders, newest first"},
    {"GET",    "/trades/{id}",                  a::bearer, anyone,   on_trade, no_body, &t::in_organization, order, h::show_order, "orders", "One order, live"},
    {"DELETE", "/trades/{id}",                  a::bearer, traders,  on_trade, no_body, &t::in_organization, canceled, h::cancel_order, "orders", "Cancel an order"},
    {"POST",   "/execute/cancel_order/{id}",    a::bearer, traders,  on_trade, no_body, &t::in_organization, canceled, h::cancel_order, "orders", "Alias of DELETE /trades/{id}"},
    {"GET",    "/status/{id}",                  a::bearer, anyone,   on_trade, no_body, &t::in_organization, order, h::show_order, "orders", "Alias of GET /trades/{id}"},
    {"GET",    "/status/{id}/timeline",         a::bearer, anyone,   on_trade, no_body, &t::in_organization, timeline, h::show_timeline, "orders", "Every event of an order"},
    {"GET",    "/api/orders/count",             a::bearer, anyone,   on_trade, no_body, &t::order_count_query, order_count, h::count_orders, "orders", "Number of orders of a day"},
    {"GET",    "/api/positions",                a::bearer, anyone,   on_trade, no_body, &t::position_query, positions, h::list_positions, "positions", "Positions of an account"},

    {"POST",   "/ops/paper/fills",              a::bearer, platform, on_ops,   &t::paper_fill, no_query, fill, h::fill_paper_order, "operations", "Fill an order at the paper broker"},
    {"GET",    "/ops/supervision",              a::bearer, platform, on_ops,   no_body, &t::supervision_query, tree, h::show_supervision, "operations", "The supervision tree"},
    {"GET",    "/ops/actors",                   a::bearer, platform, on_ops,   no_body, &t::supervision_query, tree, h::show_supervision, "operations", "Alias of /ops/supervision"},
    {"POST",   "/ops/actors/{path}/restart",    a::bearer, platform, on_ops,   no_body, no_query, restart, h::restart_actor, "operations", "Restart one actor; its id is its path in the tree"},
    {"GET",    "/health/live",                  a::none,   nobody,   on_all,   no_body, no_query, health, h::show_live, "operations", "Does the process answer?"},
    {"GET",    "/health/ready",                 a::none,   nobody,   on_all,   no_body, no_query, readiness, h::show_ready, "operations", "Does the node take work?"},
    {"GET",    "/metrics",                      a::none,   nobody,   on_all,   no_body, no_query, metrics_text, h::show_metrics, "operations", "Metrics for Prometheus"},
    {"GET",    "/openapi.json",                 a::none,   nobody,   on_all,   no_body, no_query, document, h::show_openapi, "operations", "This description"},
    {"GET",    "/",                             a::none,   nobody,   on_gateway, no_body, no_query, page, h::show_front_page, "operations", "What runs here"},
};
// clang-format on

/// The next segment of a path that begins with '/'; `path` becomes the rest.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool takes_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

}  // namespace

std::span<const route> routes() { return table; }

std::vector<std::string> check_routes(std::span<const route> rows) {
  std::vector<std::string> wrong;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& row : rows) {
    const auto lacks = [&](bool bad, std::string_view what) {
      if (bad) wrong.push_back(std::string{row.method} + ' ' + std::string{row.path} + ": " + std::string{what});
    };
    lacks(row.method.empty() || row.method == "HEAD", "needs a method other than HEAD");
    lacks(!row.path.starts_with('/') || (row.path.size() > 1 && row.path.ends_with('/')), "is no absolute path");
    lacks(std::count(row.path.begin(), row.path.end(), '{') > 1, "has more than one parameter");
    lacks((row.auth == authentication::bearer) != (row.roles != role_set{}), "needs roles exactly with a token");
    lacks((row.listeners & on_gateway) == 0, "is not on the gateway");
    lacks(row.body != nullptr && !takes_body(row.method), "has a body that its method does not take");
    lacks(row.handle == nullptr, "has no handler");
    lacks(row.answers.empty(), "has no answer");
    lacks(row.summary.empty() || row.tag.empty(), "has no summary or tag");
    lacks(!seen.emplace(row.method, row.path).second, "occurs twice");
    for (const auto& each : row.answers)
      lacks(each.status < 200 || each.status > 599 || each.description.empty(),
            "has an answer without status or description");
  }
  return wrong;
}

router::router(std::span<const route> rows) {
  for (const auto& row : rows) add(row);
}

void router::add(const route& row) {
  auto* at = &root_;
  for (auto rest = row.path; !rest.empty();) {
    const auto segment = next_segment(rest);
    if (segment.starts_with('{')) {
      if (!at->parameter) at->parameter = std::make_unique<node>();
      if (segment == "{path}") at->spanning = true;
      at = at->parameter.get();
      continue;
    }
    auto& literals = at->literals;
    auto known =
        std::find_if(literals.begin(), literals.end(), [&](const auto& each) { return each.first == segment; });
    if (known == literals.end()) known = literals.emplace(literals.end(), segment, std::make_unique<node>());
    at = known->second.get();
  }
  at->here.push_back(&row);
}

router::found router::find(std::string_view method, std::string_view path, listener_set listener) const {
  found result;
  if (!path.starts_with('/')) return result;
  const auto* at = &root_;
  for (auto rest = path; !rest.empty();) {
    auto segment = next_segment(rest);
    const auto literal = std::find_if(at->literals.begin(), at->literals.end(),
                                      [segment](const auto& each) { return each.first == segment; });
    if (literal != at->literals.end()) {
      at = literal->second.get();
      continue;
    }
    if (!at->parameter || segment.empty()) return {};
    if (at->spanning) {
      if (const auto last = rest.rfind('/'); last != std::string_view::npos) {
        segment = {segment.data(), segment.size() + last};
        rest.remove_prefix(last);
      }
    }
    result.id = segment;
    at = at->parameter.get();
  }
  const auto wanted = method == "HEAD" ? std::string_view{"GET"} : method;
  for (const auto* row : at->here) {
    if ((row->listeners & listener) == 0) continue;
    if (row->method == wanted) {
      result.where = row;
      result.allow.clear();
      return result;
    }
    if (!result.allow.empty()) result.allow += ", ";
    result.allow += row->method;
    if (row->method == "GET") result.allow += ", HEAD";
  }
  return result;
}

}  // namespace sb::web
