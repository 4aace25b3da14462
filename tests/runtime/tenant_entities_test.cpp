#include "runtime/tenant_entities.hpp"

#include <catch2/catch.hpp>

#include "tests/runtime/stage.hpp"

using namespace sb;
using sb::test::stage;

namespace {

constexpr organization_id organization{7};
requester client(std::uint64_t request) { return {1, request}; }

/// The same story for all three: created once, read ever after, also in another life.
template <class Entity, class Create, class Get, class Answer, class Check>
void created_once(const entity_key& key, const Create& create, Check check) {
  struct tenant_desk : stage {
    explicit tenant_desk(const entity_key& k) : stage{k, [k] { return std::make_unique<Entity>(k); }} { come_back(); }
  } d{key};

  d.give(Get{}, client(1));
  REQUIRE(d.template replies<rejected>(1).size() == 1);
  CHECK(d.template replies<rejected>(1).front().why == rejection::not_found);

  d.give(create, client(2));
  CHECK(d.reply_count(2) == 0);
  d.store();
  REQUIRE(d.template replies<Answer>(2).size() == 1);
  check(d.template replies<Answer>(2).front());

  d.give(create, client(3));
  CHECK_FALSE(d.appending());
  REQUIRE(d.template replies<rejected>(3).size() == 1);
  CHECK(d.template replies<rejected>(3).front().why == rejection::already_exists);

  d.come_back();
  d.give(Get{}, client(4));
  REQUIRE(d.template replies<Answer>(4).size() == 1);
  check(d.template replies<Answer>(4).front());
  CHECK(d.core->can_retire());

  d.give(get_order{}, client(5));
  CHECK(d.template replies<rejected>(5).front().why == rejection::not_found);

  d.snapshot = stored_snapshot{stream_of(key), 1, "{}"};
  d.come_back();
  CHECK(d.failed());
}

}  // namespace

TEST_CASE("a user is created once") {
  role_set roles;
  created_once<user_entity, create_user, get_user, user_answer>(user_key(organization, {3}), create_user{roles},
                                                                [&](const auto& told) {
                                                                  CHECK(told.user.exists);
                                                                  CHECK(told.user.user == user_id{3});
                                                                  CHECK(told.user.roles == roles);
                                                                });
}

TEST_CASE("an organization is created once") {
  created_once<organization_entity, create_organization, get_organization, organization_answer>(
      organization_key(organization), create_organization{"Desk"}, [](const auto& told) {
        CHECK(told.organization.organization == organization_id{7});
        CHECK(told.organization.name == "Desk");
      });
}

TEST_CASE("a trading account is opened once") {
  created_once<account_entity, open_account, get_account, account_answer>(
      account_key(organization, {12}), open_account{"alias", "paper"}, [](const auto& told) {
        CHECK(told.account.account == account_id{12});
        CHECK(told.account.broker == "paper");
      });
}
