#include <algorithm>

#include "web/handlers/handlers.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

void answer_grant(const request_ptr& request, const permission_grant& grant) {
  json_writer out;
  write_grant(out, grant);
  request->respond(200, std::move(out));
}

/// One after the other: each is one look-up, and a question only the first time an account is seen.
void with_accounts(const request_ptr& request, std::size_t at, std::function<void()> then) {
  const auto wanted = request->body.ids("trading_account_ids");
  if (at == wanted.size()) return then();
  with_account(request, {wanted[at]}, [request, at, then = std::move(then)] { with_accounts(request, at + 1, then); });
}

bool covers(const permission_grant& grant, trade_action action) {
  switch (action) {
    case trade_action::place_order:
      return grant.place_order;
    case trade_action::cancel_order:
      return grant.cancel_order;
    case trade_action::view:
      return grant.view;
  }
  return false;
}

void answer_decision(const request_ptr& request, bool allowed, const std::string& reason) {
  const auto& query = request->query;
  json_writer out;
  out.begin_object().member("allowed", allowed).member("user_id", query.integer("user_id"));
  out.member("action", query.text("action"));
  if (query.has("trading_account_id")) out.member("trading_account_id", query.integer("trading_account_id"));
  if (!reason.empty()) out.member("reason", std::string_view{reason});
  out.end_object();
  request->respond(200, std::move(out));
}

void decide_for(const request_ptr& request, user_id user, trade_action action) {
  const auto& query = request->query;
  if (!query.has("trading_account_id")) {
    return ask<sb::permissions_answer>(request, book_key(request->organization), get_permissions{user},
                                       [request, action](sb::permissions_answer&& found) {
                                         const bool allowed = covers(found.grant, action);
                                         answer_decision(request, allowed,
                                                         allowed ? "" : "The permission is not granted.");
                                       });
  }
  const auto account = query.id<account_id>("trading_account_id");
  with_account(request, account, [request, user, account, action] {
    ask<permission_checked>(request, book_key(request->organization), check_permission_request{user, account, action},
                            [request](permission_checked&& told) {
                              const auto& currency = request->services.settings.currency;
                              answer_decision(request, told.allowed, told.why ? describe(*told.why, currency) : "");
                            });
  });
}

/// Others' permissions are for those who read the whole organization.
bool may_ask_about(const api_request& request, user_id user) {
  const bool own = user == request.who.user && request.organization == request.who.organization;
  return own || request.who.reads_all();
}

}  // namespace

void show_permissions(const request_ptr& request) {
  const auto id = path_number(*request);
  if (!id || !may_ask_about(*request, {*id})) return request->refuse(problem_code::user_not_found);
  ask<sb::user_answer>(request, user_key(request->organization, {*id}), get_user{}, [request](sb::user_answer&& told) {
    ask<sb::permissions_answer>(request, book_key(request->organization), get_permissions{told.user.user},
                                [request](sb::permissions_answer&& found) { answer_grant(request, found.grant); });
  });
}

void replace_permissions(const request_ptr& request) {
  const auto id = path_number(*request);
  if (!id) return request->refuse(problem_code::user_not_found);
  permission_grant grant;
  grant.user = {*id};
  const auto actions = request->body.texts("actions");
  const auto wants = [actions](trade_action action) {
    return std::find(actions.begin(), actions.end(), word(action)) != actions.end();
  };
  grant.place_order = wants(trade_action::place_order);
  grant.cancel_order = wants(trade_action::cancel_order);
  grant.view = wants(trade_action::view);
  for (const auto account : request->body.ids("trading_account_ids")) grant.accounts.push_back({account});
  std::sort(grant.accounts.begin(), grant.accounts.end());
  grant.accounts.erase(std::unique(grant.accounts.begin(), grant.accounts.end()), grant.accounts.end());
  ask<sb::user_answer>(
      request, user_key(request->organization, grant.user), get_user{}, [request, grant](sb::user_answer&&) {
        with_accounts(request, 0, [request, grant] {
          ask<sb::permissions_answer>(request, book_key(request->organization), set_permissions_request{{grant}},
                                      [request](sb::permissions_answer&& set) { answer_grant(request, set.grant); });
        });
      });
}

void decide_permission(const request_ptr& request) {
  const auto& query = request->query;
  const auto user = query.id<user_id>("user_id");
  const auto action = static_cast<trade_action>(query.word("action"));
  if (!may_ask_about(*request, user)) return request->refuse(problem_code::user_not_found);
  // A book knows grants and not users: it would answer for those of another organization, and for nobody.
  ask<sb::user_answer>(request, user_key(request->organization, user), get_user{},
                       [request, user, action](sb::user_answer&&) { decide_for(request, user, action); });
}

}  // namespace sb::web::handlers
