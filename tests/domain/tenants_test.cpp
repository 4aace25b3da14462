#include "domain/tenants/tenants.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

using namespace sb;

TEST_CASE("role words") {
  for (std::size_t i = 0; i < role_count; ++i) {
    const auto value = static_cast<role>(i);
    CHECK(role_from(word(value)) == value);
  }
  CHECK(word(role::platform_admin) == "platform_admin");
  CHECK_FALSE(role_from("Admin"));
  CHECK_FALSE(role_from(""));
}

TEST_CASE("role sets") {
  auto set = roles({role::admin, role::service});
  CHECK(set.has(role::admin));
  CHECK(set.has(role::service));
  CHECK_FALSE(set.has(role::platform_admin));
  CHECK(set.any_of(roles({role::viewer, role::admin})));
  CHECK_FALSE(set.any_of(roles({role::viewer, role::trader})));
  CHECK_FALSE(set.any_of({}));
  CHECK(words(set) == std::vector<std::string_view>{"admin", "service"});
  set.add(role::platform_admin);
  CHECK(words(set) == std::vector<std::string_view>{"platform_admin", "admin", "service"});
  CHECK(words({}).empty());
}

TEST_CASE("every refusal of users, organizations and accounts") {
  user_state user;
  CHECK(refuse(user, user_status_set{false}) == tenant_refusal::not_found);
  CHECK(refuse(user, user_created{{7}, {}}) == tenant_refusal::none);
  evolve(user, user_created{{7}, {}}, {1});
  CHECK(refuse(user, user_created{{7}, {}}) == tenant_refusal::already_exists);
  CHECK(refuse(user, user_status_set{false}) == tenant_refusal::none);

  organization_state organization;
  CHECK(refuse(organization, organization_created{{1}, "Desk"}) == tenant_refusal::none);
  evolve(organization, organization_created{{1}, "Desk"}, {1});
  CHECK(refuse(organization, organization_created{{1}, "Desk"}) == tenant_refusal::already_exists);

  account_state account;
  CHECK(refuse(account, account_opened{{3}, "ACC1", "paper"}) == tenant_refusal::none);
  evolve(account, account_opened{{3}, "ACC1", "paper"}, {1});
  CHECK(refuse(account, account_opened{{3}, "ACC1", "paper"}) == tenant_refusal::already_exists);
}

SCENARIO("a user is created, suspended and taken back") {
  GIVEN("a new user") {
    user_state user;
    evolve(user, user_created{{7}, roles({role::trader})}, {100});
    CHECK(user.exists);
    CHECK(user.active);
    CHECK(user.user == user_id{7});
    CHECK(user.roles == roles({role::trader}));
    CHECK(user.created_at == wall_ms{100});
    WHEN("suspended") {
      evolve(user, user_status_set{false}, {200});
      THEN("it exists, but is not active") {
        CHECK(user.exists);
        CHECK_FALSE(user.active);
        CHECK(user.created_at == wall_ms{100});
      }
      AND_WHEN("taken back") {
        evolve(user, user_status_set{true}, {300});
        THEN("it is active") { CHECK(user.active); }
      }
    }
    WHEN("a second creation is in its history") {
      evolve(user, user_created{{8}, roles({role::platform_admin})}, {200});
      THEN("nothing but the version moves") {
        CHECK(user.user == user_id{7});
        CHECK(user.roles == roles({role::trader}));
        CHECK(user.version == 2);
      }
    }
  }
}

TEST_CASE("organizations and accounts fold once") {
  organization_state organization;
  evolve(organization, organization_created{{1}, "Desk"}, {10});
  evolve(organization, organization_created{{2}, "Other"}, {20});
  CHECK(organization.exists);
  CHECK(organization.organization == organization_id{1});
  CHECK(organization.name == "Desk");
  CHECK(organization.created_at == wall_ms{10});
  CHECK(organization.version == 2);

  account_state account;
  evolve(account, account_opened{{3}, "ACC1", "paper"}, {10});
  evolve(account, account_opened{{4}, "ACC2", "autotrader"}, {20});
  CHECK(account.exists);
  CHECK(account.account == account_id{3});
  CHECK(account.name == "ACC1");
  CHECK(account.broker == "paper");
  CHECK(account.created_at == wall_ms{10});
  CHECK(account.version == 2);
}
