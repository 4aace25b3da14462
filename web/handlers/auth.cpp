#include "web/handlers/handlers.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

void answer_token(const request_ptr& request, const login_record& who, role_set roles) {
  auto& services = request->services;
  const auto now = services.clock();
  token_claims claims;
  claims.user = who.user;
  claims.organization = who.organization;
  for (const auto text : words(roles)) claims.roles.emplace_back(text);
  const auto issued = std::make_shared<const issued_token>(services.issuer.issue(std::move(claims), now));
  const wall_ms expires{issued->claims.expires_s * 1'000};
  services.database.store_session(
      issued->claims.session, who.organization, who.user, now, expires, on_read<bool>(request, [=](bool) {
        json_writer out;
        out.begin_object().member("access_token", std::string_view{issued->text}).member("token_type", "Bearer");
        out.member("expires_in", issued->claims.expires_s - issued->claims.issued_s).member("expires_at", expires);
        out.member("user_id", who.user).member("organization_id", who.organization);
        write_roles(out, roles);
        out.end_object();
        request->respond(200, std::move(out));
      }));
}

}  // namespace

void log_in(const request_ptr& request) {
  const auto& body = request->body;
  request->services.database.verify_login(
      std::string{body.text("email")}, std::string{body.text("password")},
      on_read<std::optional<login_record>>(request, [request](std::optional<login_record>&& found) {
        if (!found) return request->refuse(problem_code::auth_credentials_invalid);
        request->organization = found->organization;
        request->context.by = {principal::kind::user, found->organization, found->user, {}, "password"};
        ask<user_answer>(request, user_key(found->organization, found->user), get_user{},
                         [request, who = *found](user_answer&& told) {
                           if (!told.user.active) return request->refuse(problem_code::perm_user_disabled);
                           answer_token(request, who, told.user.roles);
                         });
      }));
}

/// Answers once it is stored: a node that starts after it, and within seconds the other nodes, refuse the session too.
void log_out(const request_ptr& request) {
  const auto& who = request->who;
  const auto ended = on_read<wall_ms>(request, [request](wall_ms at) {
    const auto session = request->who.session;
    request->services.session_ended(session, request->who.expires);
    json_writer out;
    out.begin_object().member("token_id", session).member("ended_at", at).end_object();
    request->respond(200, std::move(out));
  });
  request->services.database.end_session(std::string{who.session}, who.organization, who.user, who.expires, ended);
}

void show_me(const request_ptr& request) {
  const auto& who = request->who;
  request->services.database.find_person(
      who.organization, who.user,
      on_read<std::optional<person_record>>(request, [request](std::optional<person_record>&& found) {
        const auto& me = request->who;
        json_writer out;
        out.begin_object().member("user_id", me.user).member("organization_id", me.organization);
        write_roles(out, me.roles);
        out.member("token_id", me.session).member("expires_at", me.expires);
        out.member("email", found ? std::optional{std::string_view{found->email}} : std::nullopt);
        const bool named = found && !found->display_name.empty();
        out.member("display_name", named ? std::optional{std::string_view{found->display_name}} : std::nullopt);
        out.end_object();
        request->respond(200, std::move(out));
      }));
}

void show_keys(const request_ptr& request) {
  http_response response;
  response.content_type = "application/jwk-set+json";
  response.headers.emplace_back("Cache-Control", "public, max-age=300");
  response.body = request->services.jwks;
  request->respond(std::move(response));
}

}  // namespace sb::web::handlers
