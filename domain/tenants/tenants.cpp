#include "domain/tenants/tenants.hpp"

namespace sb {
namespace {

struct refuse_user {
  const user_state& user;
  tenant_refusal operator()(const user_created&) const {
    return user.exists ? tenant_refusal::already_exists : tenant_refusal::none;
  }
  tenant_refusal operator()(const user_status_set&) const {
    return user.exists ? tenant_refusal::none : tenant_refusal::not_found;
  }
};

struct apply_to_user {
  user_state& user;
  wall_ms at;
  void operator()(const user_created& fact) const {
    user.user = fact.user;
    user.roles = fact.roles;
    user.exists = true;
    user.active = true;
    user.created_at = at;
  }
  void operator()(const user_status_set& fact) const { user.active = fact.active; }
};

}  // namespace

tenant_refusal refuse(const user_state& user, const user_event& event) { return std::visit(refuse_user{user}, event); }
void evolve(user_state& user, const user_event& event, wall_ms at) {
  ++user.version;
  if (refuse(user, event) == tenant_refusal::none) std::visit(apply_to_user{user, at}, event);
}

tenant_refusal refuse(const organization_state& organization, const organization_event&) {
  return organization.exists ? tenant_refusal::already_exists : tenant_refusal::none;
}
void evolve(organization_state& organization, const organization_event& event, wall_ms at) {
  ++organization.version;
  if (refuse(organization, event) != tenant_refusal::none) return;
  const auto& fact = std::get<organization_created>(event);
  organization.organization = fact.organization;
  organization.name = fact.name;
  organization.exists = true;
  organization.created_at = at;
}

tenant_refusal refuse(const account_state& account, const account_event&) {
  return account.exists ? tenant_refusal::already_exists : tenant_refusal::none;
}
void evolve(account_state& account, const account_event& event, wall_ms at) {
  ++account.version;
  if (refuse(account, event) != tenant_refusal::none) return;
  const auto& fact = std::get<account_opened>(event);
  account.account = fact.account;
  account.name = fact.name;
  account.broker = fact.broker;
  account.exists = true;
  account.created_at = at;
}

}  // namespace sb
