#pragma once
#include <array>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/instruments/instrument.hpp"
#include "domain/tenants/role.hpp"
#include "metrics/metrics.hpp"
#include "web/api_settings.hpp"
#include "web/auth/token_issuer.hpp"
#include "web/auth/token_verifier.hpp"
#include "web/backend.hpp"
#include "web/fields.hpp"
#include "web/json_writer.hpp"
#include "web/page_cache.hpp"
#include "web/problem.hpp"
#include "web/server/http.hpp"
#include "web/server/responder.hpp"

namespace sb::web {

struct route;

/// Which organization an account belongs to, for accounts that were found once: accounts are never closed. Bounded:
/// when it is full everything is forgotten, and each account costs one question again. For the io thread.
class account_directory {
 public:
  static constexpr std::size_t accounts_max = 100'000;

  std::optional<organization_id> owner_of(account_id account) const {
    const auto found = owners_.find(account);
    return found == owners_.end() ? std::nullopt : std::optional{found->second};
  }
  void remember(account_id account, organization_id owner) {
    if (owners_.size() >= accounts_max) owners_.clear();
    owners_.insert_or_assign(account, owner);
  }

 private:
  std::unordered_map<account_id, organization_id> owners_;
};

/// Counts what becomes of orders. A series is looked up the first time it is needed. For the io thread.
class order_counters {
 public:
  explicit order_counters(metrics& owner) : owner_{owner} {}
  /// One order, when its first answer goes out.
  void placed(const order_state& order, role_set roles, double seconds);
  void validated(const risk_check& check);

 private:
  void count_refusals(const std::vector<sb::violation>& violations);
  metrics& owner_;
  std::array<std::optional<counter>, order_status_count * role_count> executions_;
  std::array<std::optional<counter>, limit_type_count> denied_;
  std::optional<counter> allowed_;
  std::array<std::optional<counter>, 3> risk_calls_;
};

/// What handlers are given besides their request. One for an api, on the io thread.
struct api_services {
  api_settings settings;
  entity_port& entities;
  database_port& database;
  token_issuer issuer;
  std::shared_ptr<const instrument_master> instruments;
  metrics& counters;
  std::function<wall_ms()> clock;
  account_directory accounts;
  order_counters orders;
  std::string jwks;     ///< document
  std::string openapi;  ///< document
  std::function<void(std::string_view session, wall_ms token_expires)> session_ended;
  page_cache order_pages;

  trading_day today() const { return day_of(clock(), settings.utc_offset_minutes); }
};

/// Who asks, by a verified token.
struct caller {
  user_id user;
  organization_id organization;
  role_set roles;
  std::string_view session;  ///< of the request's token
  wall_ms expires;

  bool is_platform_admin() const { return roles.has(role::platform_admin); }
  bool is_admin() const { return roles.any_of(sb::roles({role::platform_admin, role::admin})); }
  /// Reads everything in the organization, and not only what is his own.
  bool reads_all() const { return roles.any_of(sb::roles({role::platform_admin, role::admin, role::viewer})); }
};

/// One request on its way to its answer. Shared by the callbacks that wait for something; the views and field values in
/// it point into it, so it is never copied nor moved. The first respond() or refuse() counts.
struct api_request {
  api_request(api_services& given, http_request&& received, responder&& duty)
      : services{given}, http{std::move(received)}, answer{std::move(duty)} {}
  api_request(const api_request&) = delete;
  api_request& operator=(const api_request&) = delete;

  api_services& services;
  http_request http;
  responder answer;
  const route* where = nullptr;
  route_series* series = nullptr;
  std::string_view id;  ///< what stands for {id} in the path
  std::shared_ptr<const verified_token> token;
  caller who;
  organization_id organization;  ///< the one that is acted in
  request_context context;
  json_value document;
  field_values body;
  field_values query;
  /// Members of every answer from now on, problems included: order_id and client_order_id.
  std::vector<std::pair<std::string, std::string>> order_names;
  std::vector<name_value> headers;                                                 ///< of the answer, whatever it is
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();  ///< for latency metrics only

  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); }

  void respond(http_response&& response);
  void respond(int status, json_writer&& body);
  void respond_json(int status, std::string text);
  void refuse(problem&& why);
  void refuse(problem_code code, std::string detail = {});

  /// Runs a callback of a port. What it throws is our fault and becomes a 500: nobody above a callback can answer.
  template <class Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (const std::exception& fault) {
      failed(fault);
    }
  }

 private:
  void failed(const std::exception& fault);
};
using request_ptr = std::shared_ptr<api_request>;
using handler = void (*)(const request_ptr&);

/// The organization that the caller names. False and the request refused where it is not the caller's to act in.
bool act_in(api_request& request, organization_id organization);

/// The only mapping from an entity's refusal to a problem. `asked` says what was not found.
problem problem_for(const rejected& why, entity_kind asked);

/// The positive integer that stands in the path.
std::optional<std::int64_t> path_number(const api_request& request);

/// The version that If-Match names, or none; false and the request refused where the field is malformed.
bool read_if_match(api_request& request, std::optional<std::int64_t>& version);

/// Asks an entity. `then(Answer&&)` gets the answer; whatever else comes refuses the request.
template <class Answer, class Then>
void ask(const request_ptr& request, const entity_key& to, message body, Then then) {
  auto& services = request->services;
  services.entities.ask(to, std::move(body), request->context, services.settings.client_wait_ms,
                        [request, asked = to.kind, then = std::move(then)](sb::answer&& told) {
                          request->guarded([&] {
                            if (auto* good = std::get_if<Answer>(&told)) return then(std::move(*good));
                            const auto* why = std::get_if<rejected>(&told);
                            request->refuse(problem_for(why != nullptr ? *why : rejected{}, asked));
                          });
                        });
}

/// A callback for the database port: `then(T&&)` with what was read, or the request is refused as 503.
template <class T, class Then>
database_port::on_result<T> on_read(const request_ptr& request, Then then) {
  return [request, then = std::move(then)](db_result<T>&& read) {
    request->guarded([&] {
      if (read.unavailable) return request->refuse(problem_code::storage_unavailable, "The database does not answer.");
      then(std::move(read.value));
    });
  };
}

/// Says on the answer that it comes from a projection and how old that may be.
void mark_projection(api_request& request);

/// with_account() for one that was not found yet.
void find_account(const request_ptr& request, account_id account, std::function<void()> then);

/// Goes on with `then()` when the account is one of the organization that is acted in; else 404.
template <class Then>
void with_account(const request_ptr& request, account_id account, Then&& then) {
  const auto owner = request->services.accounts.owner_of(account);
  if (!owner) return find_account(request, account, std::forward<Then>(then));
  if (*owner == request->organization) return then();
  request->refuse(problem_code::account_not_found);
}

}  // namespace sb::web
