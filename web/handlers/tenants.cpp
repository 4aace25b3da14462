#include <charconv>

#include "web/auth/base64url.hpp"
#include "web/handlers/handlers.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

/// The body's organization_id, where it has one, is the one that is acted in.
bool act_in_body_organization(api_request& request) {
  return !request.body.has("organization_id") || act_in(request, request.body.id<organization_id>("organization_id"));
}

/// One's own organization exists: the token says so. Another one is looked up before anything is made in it.
void with_organization(const request_ptr& request, std::function<void()> then) {
  if (request->organization == request->who.organization && !request->who.is_platform_admin()) return then();
  ask<sb::organization_answer>(request, organization_key(request->organization), get_organization{},
                               [then = std::move(then)](sb::organization_answer&&) { then(); });
}

void with_new_id(const request_ptr& request, const std::string& kind, std::function<void(std::int64_t)> then) {
  request->services.database.next_id(
      kind, on_read<std::int64_t>(request, [then = std::move(then)](std::int64_t id) { then(id); }));
}

/// The roles of a new user; nullopt and the request refused where they are missing or not the caller's to give.
std::optional<role_set> wanted_roles(api_request& request) {
  const auto& body = request.body;
  if (body.has("role") == body.has("roles")) {
    request.refuse(problem_for(std::vector<field_error>{
        {field_place::body, "/role", problem_code::validation_required, "give exactly one of role and roles", {}}}));
    return std::nullopt;
  }
  role_set wanted;
  if (body.has("role")) wanted.add(static_cast<role>(body.word("role")));
  if (body.has("roles")) {
    for (const auto text : body.texts("roles")) wanted.add(*role_from(text));
  }
  if (wanted.has(role::platform_admin) && !request.who.is_platform_admin()) {
    request.refuse(problem_code::perm_role_required, "Only a platform_admin makes another one.");
    return std::nullopt;
  }
  return wanted;
}

void answer_user(const request_ptr& request, int status, const user_state& user, const person_record& person) {
  json_writer out;
  write_user(out, request->organization, user, person);
  request->respond(status, std::move(out));
}

/// E-mail first, so that no user comes to be whom nobody can log in as; a claim that nothing follows expires.
void create_claimed_user(const request_ptr& request, const person_record& person, role_set roles) {
  ask<sb::user_answer>(request, user_key(person.organization, person.user), sb::create_user{roles},
                       [=](sb::user_answer&& made) {
                         request->services.database.store_person(
                             person, std::string{request->body.text("password")},
                             on_read<bool>(request, [request, person, user = std::move(made.user)](bool confirmed) {
                               if (!confirmed)
                                 return request->refuse(problem_code::already_exists, "The e-mail address is taken.");
                               answer_user(request, 201, user, person);
                             }));
                       });
}

}  // namespace

void create_organization(const request_ptr& request) {
  with_new_id(request, "organization", [request](std::int64_t id) {
    ask<sb::organization_answer>(request, organization_key({id}),
                                 sb::create_organization{std::string{request->body.text("name")}},
                                 [request](sb::organization_answer&& made) {
                                   json_writer out;
                                   write_organization(out, made.organization);
                                   request->respond(201, std::move(out));
                                 });
  });
}

void show_organization(const request_ptr& request) {
  const auto id = path_number(*request);
  if (!id) return request->refuse(problem_code::organization_not_found);
  if (!act_in(*request, {*id})) return;
  ask<sb::organization_answer>(request, organization_key({*id}), get_organization{},
                               [request](sb::organization_answer&& told) {
                                 json_writer out;
                                 write_organization(out, told.organization);
                                 request->respond(200, std::move(out));
                               });
}

void create_user(const request_ptr& request) {
  const auto roles = wanted_roles(*request);
  if (!roles || !act_in_body_organization(*request)) return;
  with_organization(request, [request, roles = *roles] {
    with_new_id(request, "user", [request, roles](std::int64_t id) {
      person_record person;
      person.organization = request->organization;
      person.user = {id};
      person.email = request->body.text("email");
      person.display_name = request->body.text_or("display_name", "");
      request->services.database.claim_email(person.email, person.organization, person.user,
                                             on_read<bool>(request, [request, person, roles](bool claimed) {
                                               if (claimed) return create_claimed_user(request, person, roles);
                                               request->refuse(problem_code::already_exists,
                                                               "The e-mail address is taken.");
                                             }));
    });
  });
}

void show_user(const request_ptr& request) {
  const auto id = path_number(*request);
  const bool own = id && user_id{*id} == request->who.user && request->organization == request->who.organization;
  if (!id || (!own && !request->who.is_admin())) return request->refuse(problem_code::user_not_found);
  ask<sb::user_answer>(request, user_key(request->organization, {*id}), get_user{}, [request](sb::user_answer&& told) {
    request->services.database.find_person(
        request->organization, told.user.user,
        on_read<std::optional<person_record>>(request,
                                              [request, user = told.user](std::optional<person_record>&& person) {
                                                if (!person) return request->refuse(problem_code::user_not_found);
                                                answer_user(request, 200, user, *person);
                                              }));
  });
}

void list_users(const request_ptr& request) {
  const auto& query = request->query;
  const auto limit = static_cast<std::int32_t>(query.integer_or("limit", 50));
  user_id after;
  if (query.has("cursor")) {
    const auto text = base64url_decode(query.text("cursor")).value_or("");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), after.value);
    if (error != std::errc{} || end != text.data() + text.size() || after.value < 1)
      return request->refuse(problem_code::validation_cursor);
  }
  request->services.database.list_persons(
      request->organization, after, limit + 1,
      on_read<std::vector<person_record>>(request, [request, limit](std::vector<person_record>&& page) {
        const bool more = page.size() > static_cast<std::size_t>(limit);
        if (more) page.resize(static_cast<std::size_t>(limit));
        json_writer out;
        out.begin_object().key("data").begin_array();
        for (const auto& person : page) {
          out.begin_object().member("user_id", person.user).member("organization_id", person.organization);
          out.member("email", std::string_view{person.email}).key("display_name");
          if (person.display_name.empty()) {
            out.null();
          } else {
            out.string(person.display_name);
          }
          out.end_object();
        }
        out.end_array().key("next_cursor");
        if (more) {
          out.string(base64url_encode(std::to_string(page.back().user.value)));
        } else {
          out.null();
        }
        out.member("has_more", more).end_object();
        request->respond(200, std::move(out));
      }));
}

void create_account(const request_ptr& request) {
  if (!act_in_body_organization(*request)) return;
  with_organization(request, [request] {
    with_new_id(request, "account", [request](std::int64_t id) {
      open_account wanted{std::string{request->body.text("name")},
                          std::string{request->body.text_or("broker", "paper")}};
      ask<sb::account_answer>(request, account_key(request->organization, {id}), std::move(wanted),
                              [request](sb::account_answer&& made) {
                                request->services.accounts.remember(made.account.account, request->organization);
                                json_writer out;
                                write_account(out, request->organization, made.account);
                                request->respond(201, std::move(out));
                              });
    });
  });
}

void show_account(const request_ptr& request) {
  const auto id = path_number(*request);
  if (!id) return request->refuse(problem_code::account_not_found);
  ask<sb::account_answer>(request, account_key(request->organization, {*id}), get_account{},
                          [request](sb::account_answer&& told) {
                            json_writer out;
                            write_account(out, request->organization, told.account);
                            request->respond(200, std::move(out));
                          });
}

}  // namespace sb::web::handlers
