#pragma once
#include <cstdint>
#include <string>
#include <variant>

#include "domain/ids.hpp"
#include "domain/tenants/role.hpp"

/// Users, organizations and trading accounts: small event-sourced entities. Names, e-mail addresses and passwords are
/// not here; they live in the tables person and credential.
namespace sb {

enum class tenant_refusal : std::uint8_t { none = 0, already_exists = 1, not_found = 2 };

// ---- user -----------------------------------------------------------------------------------------------------------
struct user_created {
  user_id user;
  role_set roles;
  friend bool operator==(const user_created&, const user_created&) = default;
};
struct user_status_set {
  bool active = true;
  friend bool operator==(const user_status_set&, const user_status_set&) = default;
};
using user_event = std::variant<user_created, user_status_set>;
struct user_state {
  user_id user;
  role_set roles;
  bool exists = false;
  bool active = false;
  std::int64_t version = 0;
  wall_ms created_at;
};
/// What forbids this fact about the user; `none` = nothing does.
tenant_refusal refuse(const user_state& user, const user_event& event);
void evolve(user_state& user, const user_event& event, wall_ms at);

// ---- organization ---------------------------------------------------------------------------------------------------
struct organization_created {
  organization_id organization;
  std::string name;
  friend bool operator==(const organization_created&, const organization_created&) = default;
};
using organization_event = std::variant<organization_created>;
struct organization_state {
  organization_id organization;
  std::string name;
  bool exists = false;
  std::int64_t version = 0;
  wall_ms created_at;
};
tenant_refusal refuse(const organization_state& organization, const organization_event& event);
void evolve(organization_state& organization, const organization_event& event, wall_ms at);

// ---- trading account ------------------------------------------------------------------------------------------------
struct account_opened {
  account_id account;
  std::string name;    ///< the broker's alias of it ("pseudoAccount")
  std::string broker;  ///< "paper"
  friend bool operator==(const account_opened&, const account_opened&) = default;
};
using account_event = std::variant<account_opened>;
struct account_state {
  account_id account;
  std::string name;
  std::string broker;
  bool exists = false;
  std::int64_t version = 0;
  wall_ms created_at;
};
tenant_refusal refuse(const account_state& account, const account_event& event);
void evolve(account_state& account, const account_event& event, wall_ms at);

}  // namespace sb
