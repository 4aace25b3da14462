#include "web/api.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "web/api_request.hpp"
#include "web/auth/authenticator.hpp"
#include "web/openapi.hpp"
#include "web/request_types.hpp"
#include "web/routes.hpp"

namespace sb::web {
namespace {

constexpr std::string_view user_prefix = "/user-service";
constexpr std::string_view trade_prefix = "/trade-service";

std::string jwks_of(const signing_key& key) {
  json_writer out;
  out.begin_object().key("keys").begin_array().raw(key.public_jwk()).end_array().end_object();
  return std::move(out).take();
}

authenticator authenticator_of(const issuer_settings& issuer, const std::string& jwks) {
  auto keys = verification_keys::from_jwks(jwks);
  if (const auto* why = std::get_if<std::string>(&keys)) throw std::logic_error("our own key set: " + *why);
  token_rules rules;
  rules.issuer = issuer.issuer;
  rules.audience = issuer.audience;
  return authenticator{token_verifier{
      std::move(rules), std::make_shared<const verification_keys>(std::get<verification_keys>(std::move(keys)))}};
}

/// "application/json", with or without charset=utf-8.
bool is_json(std::string_view content_type) {
  const auto is = [content_type](std::string_view wanted) {
    std::size_t at = 0;
    for (const char c : content_type) {
      if (c == ' ' || c == '\t' || c == '"') continue;
      const char lower = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      if (at == wanted.size() || wanted[at++] != lower) return false;
    }
    return at == wanted.size();
  };
  return is("application/json") || is("application/json;charset=utf-8");
}

caller caller_of(const verified_token& token) {
  caller who;
  who.user = token.claims.user;
  who.organization = token.claims.organization;
  who.session = token.claims.session;
  who.expires = {token.claims.expires_s * 1'000};
  for (const auto& text : token.claims.roles) {
    if (const auto known = role_from(text)) who.roles.add(*known);
  }
  return who;
}

principal principal_of(const caller& who) {
  principal by;
  by.who = who.roles.has(role::service) ? principal::kind::service : principal::kind::user;
  by.organization = who.organization;
  by.user = who.user;
  by.credential = who.session;
  by.auth_method = "jwt";
  return by;
}

bool has_field(const object_type& type, std::string_view name) {
  return std::any_of(type.fields.begin(), type.fields.end(), [name](const field& row) { return row.name == name; });
}

/// What follows from a route and is the same for each request.
struct prepared_route {
  route_series* series = nullptr;
  const object_type* query = nullptr;
  bool names_organization = false;
  std::size_t body_bytes_max = 0;  ///< 0: the server's own bound
};

bool is_order(const route& row) { return row.body == &tables::order || row.body == &tables::order_check; }

}  // namespace

struct api::impl {
  impl(api_settings settings, entity_port& entities, database_port& database, token_issuer issuer,
       const signing_key& key, std::shared_ptr<const instrument_master> instruments, metrics& counters,
       std::function<wall_ms()> clock)
      : services{std::move(settings),
                 entities,
                 database,
                 std::move(issuer),
                 std::move(instruments),
                 counters,
                 std::move(clock),
                 account_directory{},
                 order_counters{counters},
                 jwks_of(key),
                 openapi_document(routes()),
                 {},
                 page_cache{}},
        tokens{authenticator_of(services.issuer.settings(), services.jwks)},
        paths{routes()} {
    if (const auto wrong = check_routes(routes()); !wrong.empty())
      throw std::logic_error("route table: " + wrong.front());
    for (const auto& row : routes()) {
      prepared_route made;
      made.series = &counters.route(row.method, row.path);
      made.query = row.query != nullptr ? row.query : &tables::nothing;
      made.names_organization = has_field(*made.query, "organization_id");
      made.body_bytes_max = is_order(row) ? services.settings.order_body_bytes_max : 0;
      prepared.push_back(made);
    }
    services.session_ended = [this](std::string_view session, wall_ms token_expires) {
      const wall_ms good_until{token_expires.value + token_skew_s * 1'000};
      tokens.revoke_session(session, good_until, services.clock());
    };
    not_found = counters.http_refused("not_found");
    method_not_allowed = counters.http_refused("method_not_allowed");
  }

  api_services services;
  authenticator tokens;
  router paths;
  std::vector<prepared_route> prepared;  // parallel to routes()
  counter not_found;
  counter method_not_allowed;

  void handle(const request_ptr& request);
  bool take_names(api_request& request);
  bool take_route(api_request& request);
  bool take_token(api_request& request);
  bool take_query(api_request& request);
  bool take_body(api_request& request);
  const prepared_route& prepared_of(const route& row) const {
    return prepared[static_cast<std::size_t>(&row - routes().data())];
  }
};

api::api(api_settings settings, entity_port& entities, database_port& database, token_issuer issuer,
         const signing_key& key, std::shared_ptr<const instrument_master> instruments, metrics& counters,
         std::function<wall_ms()> clock)
    : impl_{std::make_unique<impl>(std::move(settings), entities, database, std::move(issuer), key,
                                   std::move(instruments), counters, std::move(clock))} {}

api::~api() = default;

void api::handle(http_request&& request, responder answer) {
  const auto made = std::make_shared<api_request>(impl_->services, std::move(request), std::move(answer));
  made->guarded([&] { impl_->handle(made); });
}

void api::session_ended(std::string_view session, wall_ms token_expires) {
  impl_->services.session_ended(session, token_expires);
}

/// Each step has answered when it says false.
void api::impl::handle(const request_ptr& request) {
  auto& r = *request;
  if (take_names(r) && take_route(r) && take_token(r) && take_query(r) && take_body(r)) r.where->handle(request);
}

bool api::impl::take_names(api_request& r) {
  const auto& names = r.http.names;
  r.context.causation = names.request;
  r.context.correlation = names.correlation;
  // The server leaves out what is malformed; that is the caller's mistake, and to be told.
  const auto taken = [&r](std::string_view lower, std::string_view name, const std::string& as) {
    const auto* sent = r.http.header(lower);
    if (sent == nullptr || (*sent == as && r.http.header_count(lower) == 1)) return true;
    r.refuse(problem_for(std::vector<field_error>{{field_place::header,
                                                   std::string{name},
                                                   problem_code::validation_header,
                                                   "must be one value of 1 to 128 characters of [A-Za-z0-9-_.:+/=]",
                                                   {}}}));
    return false;
  };
  return taken("x-request-id", "X-Request-ID", names.request) &&
         taken("x-correlation-id", "X-Correlation-ID", names.correlation);
}

bool api::impl::take_route(api_request& r) {
  auto& path = r.http.path;
  auto listener = static_cast<listener_set>(1U << std::min<std::size_t>(r.http.listener, 7));
  const auto strip = [&](std::string_view prefix, listener_set side) {
    if (listener != on_gateway || !path.starts_with(prefix) || path.size() <= prefix.size() ||
        path[prefix.size()] != '/')
      return false;
    path.erase(0, prefix.size());
    listener = side;
    return true;
  };
  if (!strip(user_prefix, on_user_api)) strip(trade_prefix, on_trade_api);
  auto found = paths.find(r.http.method, path, listener);
  if (found.where == nullptr) {
    const bool exists = !found.allow.empty();
    (exists ? method_not_allowed : not_found).add();
    problem why;
    why.code = exists ? problem_code::method_not_allowed : problem_code::not_found;
    if (exists) why.headers.emplace_back("Allow", std::move(found.allow));
    r.refuse(std::move(why));
    return false;
  }
  r.where = found.where;
  r.id = found.id;
  r.series = prepared_of(*found.where).series;
  return true;
}

bool api::impl::take_token(api_request& r) {
  if (r.where->auth == authentication::none) return true;
  const auto* field = r.http.header("authorization");
  if (field == nullptr || r.http.header_count("authorization") != 1) {
    r.refuse(problem_code::auth_token_missing);
    return false;
  }
  const auto token = bearer_token(*field);
  if (const auto* why = std::get_if<problem_code>(&token)) {
    r.refuse(*why);
    return false;
  }
  auto verified = tokens.authenticate(std::get<std::string_view>(token), services.clock());
  if (const auto* why = std::get_if<token_refusal>(&verified)) {
    r.refuse(problem_for(*why));
    return false;
  }
  r.token = std::get<std::shared_ptr<const verified_token>>(std::move(verified));
  r.who = caller_of(*r.token);
  r.organization = r.who.organization;
  r.context.by = principal_of(r.who);
  if (r.who.roles.any_of(r.where->roles)) return true;
  std::string wanted;
  for (const auto text : words(r.where->roles)) wanted += (wanted.empty() ? "" : ", ") + std::string{text};
  r.refuse(problem_code::perm_role_required, "The route is for: " + wanted + '.');
  return false;
}

bool api::impl::take_query(api_request& r) {
  const auto& known = prepared_of(*r.where);
  auto read = read_query(r.http.query, *known.query);
  if (auto* errors = std::get_if<std::vector<field_error>>(&read)) {
    r.refuse(problem_for(std::move(*errors)));
    return false;
  }
  r.query = std::get<field_values>(std::move(read));
  if (!known.names_organization || !r.query.has("organization_id")) return true;
  return act_in(r, r.query.id<organization_id>("organization_id"));
}

bool api::impl::take_body(api_request& r) {
  const auto& text = r.http.body;
  if (r.where->body == nullptr) {
    if (text.empty() || text == "{}") return true;
    r.refuse(problem_code::validation_failed, "This route takes no body.");
    return false;
  }
  const auto bytes_max = prepared_of(*r.where).body_bytes_max;
  if (bytes_max != 0 && text.size() > bytes_max) {
    r.refuse(problem_code::validation_body_too_large, "The body may have " + std::to_string(bytes_max) + " bytes.");
    return false;
  }
  const auto* type = r.http.header("content-type");
  if (!text.empty() && (type == nullptr || !is_json(*type) || r.http.header_count("content-type") != 1)) {
    r.refuse(problem_code::validation_content_type);
    return false;
  }
  auto parsed = parse_json(text);
  if (const auto* why = std::get_if<json_error>(&parsed)) {
    r.refuse(problem_for(*why));
    return false;
  }
  r.document = std::get<json_value>(std::move(parsed));
  auto read = read_object(r.document, *r.where->body);
  if (auto* errors = std::get_if<std::vector<field_error>>(&read)) {
    r.refuse(problem_for(std::move(*errors)));
    return false;
  }
  r.body = std::get<field_values>(std::move(read));
  return true;
}

}  // namespace sb::web
