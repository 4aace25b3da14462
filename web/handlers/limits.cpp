#include <algorithm>
#include <set>

#include "web/date_time.hpp"
#include "web/handlers/handlers.hpp"
#include "web/handlers/reference_price.hpp"
#include "web/order_form.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

limit_scope scope_of(const field_values& named) {
  return {static_cast<scope_kind>(named.word("scope")), named.integer("scope_id")};
}

void write_limit(json_writer& out, const limit& what) {
  out.begin_object().member("limit_type", word(what.type));
  if (is_word_list(what.type)) {
    out.key("allowed").begin_array();
    for (const auto& text : what.words) out.string(text);
    out.end_array();
  } else if (is_money(what.type)) {
    out.member("limit_value", money{what.value});
  } else {
    out.member("limit_value", what.value);
  }
  out.end_object();
}

void write_scope(json_writer& out, limit_scope scope, const sb::limits_answer& told) {
  out.begin_object().member("scope", word(scope.kind)).member("scope_id", scope.id).key("limits").begin_array();
  if (const auto found = told.limits.find(scope); found != told.limits.end()) {
    for (const auto& each : found->second) write_limit(out, each);
  }
  const auto used = told.usage.find(scope);
  const auto usage = used == told.usage.end() ? scope_usage{} : used->second;
  out.end_array().key("usage").begin_object();
  out.member("used_value", usage.used).member("reserved_value", usage.reserved);
  out.member("orders_today", usage.orders).member("open_orders", usage.open_orders).end_object().end_object();
}

void answer_limits(const request_ptr& request, const sb::limits_answer& told, const std::set<limit_scope>& scopes) {
  json_writer out;
  out.begin_object().member("organization_id", request->organization).member("version", told.limits_version);
  const auto day = told.day.value == 0 ? request->services.today() : told.day;
  out.member("trading_day", std::string_view{format_date(day)}).key("data").begin_array();
  for (const auto scope : scopes) write_scope(out, scope, told);
  out.end_array().end_object();
  request->headers.emplace_back("ETag", '"' + std::to_string(told.limits_version) + '"');
  request->respond(200, std::move(out));
}

/// A user's own scope, and for those who read everything that of the others.
bool may_see(const api_request& request, limit_scope scope) {
  if (scope.kind == scope_kind::organization) return scope.id == request.organization.value;
  if (scope.kind == scope_kind::account || request.who.reads_all()) return true;
  return scope.id == request.who.user.value;
}

/// Goes on when the scope's organization, user or account is there.
void with_scope(const request_ptr& request, limit_scope scope, std::function<void()> then) {
  switch (scope.kind) {
    case scope_kind::organization:
      if (scope.id == request->organization.value) return then();
      return request->refuse(problem_code::organization_not_found);
    case scope_kind::user:
      return ask<sb::user_answer>(request, user_key(request->organization, {scope.id}), get_user{},
                                  [then = std::move(then)](sb::user_answer&&) { then(); });
    case scope_kind::account:
      return with_account(request, {scope.id}, std::move(then));
  }
}

/// Reads one row of the body; what is wrong goes to `errors`.
limit read_limit(const field_values& row, const std::string& base, std::vector<field_error>& errors) {
  const auto fail = [&](const char* name, problem_code code, std::string detail) {
    errors.push_back({field_place::body, base + name, code, std::move(detail), {}});
  };
  limit made;
  made.type = static_cast<limit_type>(row.word("limit_type"));
  const bool list = is_word_list(made.type);
  const auto* wanted = list ? "/allowed" : "/limit_value";
  const auto* unwanted = list ? "/limit_value" : "/allowed";
  if (row.has(unwanted + 1))
    fail(unwanted, problem_code::validation_field_combination, "does not go with this limit_type");
  if (!row.has(wanted + 1)) {
    fail(wanted, problem_code::validation_required, "is required for this limit_type");
    return made;
  }
  if (list) {
    for (const auto text : row.texts("allowed")) {
      if (made.type == limit_type::allowed_products && !product_type_from(text))
        fail("/allowed", problem_code::validation_not_allowed, "may name INTRADAY, DELIVERY, NORMAL and MTF");
      made.words.emplace_back(text);
    }
    return made;
  }
  made.value = row.amount("limit_value").ticks;
  if (is_money(made.type)) return made;
  if (made.value % money::unit != 0) fail(wanted, problem_code::validation_too_precise, "must be a whole number");
  made.value /= money::unit;
  return made;
}

std::vector<limit> read_limits(const field_values& body, std::vector<field_error>& errors) {
  std::vector<limit> made;
  std::set<limit_type> seen;
  for (const auto& row : body.objects("limits")) {
    const auto base = "/limits/" + std::to_string(made.size());
    made.push_back(read_limit(row, base, errors));
    if (!seen.insert(made.back().type).second)
      errors.push_back(
          {field_place::body, base + "/limit_type", problem_code::validation_not_allowed, "occurs twice", {}});
  }
  return made;
}

void answer_check(const request_ptr& request, bool allowed, std::optional<problem_code> code, const risk_check& found) {
  json_writer out;
  out.begin_object().member("allowed", allowed);
  if (code) out.member("reason_code", entry_of(*code).text);
  out.key("violations").begin_array();
  for (const auto& each : found.violations) write_violation(out, violation_of(each));
  out.end_array().member("quantity_max", found.quantity_max).end_object();
  request->respond(200, std::move(out));
}

void ask_check(const request_ptr& request, const order_command& command) {
  reserve_capacity wanted;
  wanted.user = command.user;
  wanted.account = command.account;
  wanted.exchange = command.exchange;
  wanted.symbol = command.symbol;
  wanted.product = command.product;
  wanted.quantity = command.quantity;
  wanted.price = reserve_price(command);
  wanted.day = request->services.today();
  ask<sb::validate_answer>(request, book_key(request->organization), validate_order{std::move(wanted)},
                           [request](sb::validate_answer&& told) {
                             const auto& found = told.check;
                             request->services.orders.validated(found);
                             const bool allowed = found.violations.empty();
                             answer_check(request, allowed,
                                          allowed ? std::nullopt : std::optional{code_for(found.violations.front())},
                                          found);
                           });
}

}  // namespace

void show_limits(const request_ptr& request) {
  const auto& query = request->query;
  std::optional<limit_scope> only;
  if (query.has("scope") != query.has("scope_id")) {
    return request->refuse(problem_for(std::vector<field_error>{{field_place::query,
                                                                 query.has("scope") ? "scope_id" : "scope",
                                                                 problem_code::validation_required,
                                                                 "scope and scope_id are given together",
                                                                 {}}}));
  }
  if (query.has("scope")) only = scope_of(query);
  const auto show = [request, only] {
    ask<sb::limits_answer>(request, book_key(request->organization), get_limits{},
                           [request, only](sb::limits_answer&& told) {
                             std::set<limit_scope> scopes;
                             if (only) {
                               scopes.insert(*only);
                             } else {
                               for (const auto& [scope, limits] : told.limits) scopes.insert(scope);
                               for (const auto& [scope, usage] : told.usage) scopes.insert(scope);
                               std::erase_if(scopes, [&](limit_scope scope) { return !may_see(*request, scope); });
                             }
                             answer_limits(request, told, scopes);
                           });
  };
  if (!only) return show();
  if (only->kind == scope_kind::user && !may_see(*request, *only)) return request->refuse(problem_code::user_not_found);
  with_scope(request, *only, show);
}

void replace_limits(const request_ptr& request) {
  std::optional<std::int64_t> version;
  if (!read_if_match(*request, version)) return;
  const auto scope = scope_of(request->body);
  std::vector<field_error> errors;
  auto limits = read_limits(request->body, errors);
  if (!errors.empty()) return request->refuse(problem_for(std::move(errors)));
  with_scope(request, scope, [request, scope, version, limits = std::move(limits)] {
    ask<sb::limits_answer>(request, book_key(request->organization), set_limits_request{{scope, limits}, version},
                           [request, scope](sb::limits_answer&& told) { answer_limits(request, told, {scope}); });
  });
}

void check_order(const request_ptr& request) {
  auto command = read_order(request->body, request->services.settings);
  command.organization = request->organization;
  command.user = request->who.user;
  if (auto why = refuse_order(command, request->body, *request->services.instruments))
    return request->refuse(std::move(*why));
  const auto account = command.account;
  with_account(request, account, [request, command = std::move(command)]() mutable {
    with_reference_price(request, std::move(command), [request](order_command&& priced) {
      const auto& services = request->services;
      if (is_priced(priced, services.clock(), services.settings.reference_age_max_ms))
        return ask_check(request, priced);
      answer_check(request, false, problem_code::risk_no_reference_price, {});
    });
  });
}

}  // namespace sb::web::handlers
