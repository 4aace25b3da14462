#include "runtime/address.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace sb;

TEST_CASE("a stream's name and its key are the same thing") {
  const entity_key keys[] = {order_key({7}, "ORDABC"), book_key({7}), account_key({7}, {12}), user_key({7}, {3}),
                             organization_key({900'000'000'000'000'000})};
  for (const auto& key : keys) {
    CAPTURE(stream_of(key));
    CHECK(key_of(stream_of(key)) == key);
  }
  CHECK(stream_of(order_key({7}, "ORDABC")) == "7/order/ORDABC");
  CHECK(stream_of(book_key({7})) == "7/book/7");
  CHECK(key_of("7/order/a/b")->id == "a/b");
}

TEST_CASE("what is not a stream's name") {
  const auto* text = GENERATE("", "7", "7/", "7/order", "7/order/", "/order/A", "x/order/A", "-7/order/A", "7/planet/A",
                              "7//A", "1234567890123456789/order/A", " 7/order/A");
  CAPTURE(text);
  CHECK_FALSE(key_of(text));
}

TEST_CASE("where an entity lives is for ever") {
  // These numbers are in journals: a change of the hash would lose every shard.
  CHECK(shard_of(shard_role::user, {1}) == 1);
  CHECK(shard_of(shard_role::user, {7}) == 23);
  CHECK(shard_of(order_key({7}, "ORDA")) == 64 + 23);
  CHECK(shard_of(book_key({7})) == shard_of(user_key({7}, {1})));
  CHECK(shard_of(account_key({7}, {1})) == shard_of(order_key({7}, "ORDA")));
}

TEST_CASE("organizations spread over all shards of a role") {
  std::set<shard_id> used;
  for (std::int64_t organization = 1; organization <= 1'000; ++organization) {
    const auto user = shard_of(shard_role::user, {organization});
    const auto trade = shard_of(shard_role::trade, {organization});
    CHECK(trade == user + shards_per_role);
    CHECK((user >= 0 && user < shards_per_role));
    used.insert(user);
  }
  CHECK(used.size() == 64);
}

TEST_CASE("each kind of entity belongs to a role") {
  CHECK(role_of(entity_kind::user) == shard_role::user);
  CHECK(role_of(entity_kind::organization) == shard_role::user);
  CHECK(role_of(entity_kind::book) == shard_role::user);
  CHECK(role_of(entity_kind::account) == shard_role::trade);
  CHECK(role_of(entity_kind::order) == shard_role::trade);
}
