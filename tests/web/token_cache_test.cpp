#include "web/auth/token_cache.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

namespace {
using namespace sb;
using namespace sb::web;

std::shared_ptr<const verified_token> token(std::int64_t user, std::int64_t good_until_ms) {
  auto made = std::make_shared<verified_token>();
  made->claims.user = user_id{user};
  made->good_until = wall_ms{good_until_ms};
  return made;
}
sha256_digest digest(int number) { return sha256("token " + std::to_string(number)); }
token_claims session(std::string name, std::int64_t issued_s) {
  token_claims claims;
  claims.session = std::move(name);
  claims.issued_s = issued_s;
  return claims;
}
}  // namespace

TEST_CASE("a full cache forgets what was used longest ago") {
  token_cache cache{3};
  for (int i = 1; i <= 3; ++i) cache.remember(digest(i), token(i, 1'000));
  REQUIRE(cache.find(digest(1), wall_ms{0}) != nullptr);  // now 2 is the oldest
  cache.remember(digest(4), token(4, 1'000));
  CHECK(cache.size() == 3);
  CHECK(cache.find(digest(2), wall_ms{0}) == nullptr);
  CHECK(cache.find(digest(1), wall_ms{0})->claims.user == user_id{1});
  CHECK(cache.find(digest(3), wall_ms{0})->claims.user == user_id{3});
  CHECK(cache.find(digest(4), wall_ms{0})->claims.user == user_id{4});
}

TEST_CASE("many tokens never make the cache larger than its bound") {
  token_cache cache{100};
  for (int i = 0; i < 1'000; ++i) {
    cache.remember(digest(i), token(i, 1'000));
    REQUIRE(cache.size() <= 100);
  }
  for (int i = 0; i < 1'000; ++i) CHECK((cache.find(digest(i), wall_ms{0}) != nullptr) == (i >= 900));
}

TEST_CASE("a token is remembered up to its end and not at it") {
  token_cache cache;
  cache.remember(digest(1), token(1, 1'000));
  CHECK(cache.find(digest(1), wall_ms{999}) != nullptr);
  CHECK(cache.find(digest(1), wall_ms{1'000}) == nullptr);
  CHECK(cache.size() == 0);
}

TEST_CASE("remembering again replaces and does not grow") {
  token_cache cache{2};
  cache.remember(digest(1), token(1, 1'000));
  cache.remember(digest(1), token(1, 2'000));
  CHECK(cache.size() == 1);
  CHECK(cache.find(digest(1), wall_ms{1'500}) != nullptr);
  cache.clear();
  CHECK(cache.find(digest(1), wall_ms{0}) == nullptr);
}

TEST_CASE("what was given out outlives its place in the cache") {
  token_cache cache{1};
  cache.remember(digest(1), token(1, 1'000));
  const auto held = cache.find(digest(1), wall_ms{0});
  cache.remember(digest(2), token(2, 1'000));
  CHECK(held->claims.user == user_id{1});
}

TEST_CASE("a revocation lasts as long as the session's last token") {
  token_revocations revoked;
  revoked.revoke("a", wall_ms{10'000}, wall_ms{0});
  revoked.revoke("a", wall_ms{20'000}, wall_ms{0});
  revoked.revoke("a", wall_ms{5'000}, wall_ms{0});  // never shorter
  revoked.revoke("b", wall_ms{15'000}, wall_ms{0});
  CHECK(revoked.is_revoked(session("a", 0)));
  CHECK_FALSE(revoked.is_revoked(session("c", 0)));
  revoked.revoke("d", wall_ms{30'000}, wall_ms{15'000});  // sweeps what is over
  CHECK(revoked.is_revoked(session("a", 0)));
  CHECK_FALSE(revoked.is_revoked(session("b", 0)));
  CHECK(revoked.size() == 2);
  revoked.revoke("e", wall_ms{15'000}, wall_ms{15'000});  // already over
  CHECK_FALSE(revoked.is_revoked(session("e", 0)));
}

TEST_CASE("a full list of revocations refuses everything issued until then instead of forgetting one") {
  token_revocations revoked{2};
  revoked.revoke("a", wall_ms{90'000}, wall_ms{10'500});
  revoked.revoke("b", wall_ms{90'000}, wall_ms{10'500});
  CHECK_FALSE(revoked.is_revoked(session("innocent", 10)));
  revoked.revoke("c", wall_ms{90'000}, wall_ms{10'500});
  for (const auto* name : {"a", "b", "c", "innocent"}) CHECK(revoked.is_revoked(session(name, 10)));
  CHECK_FALSE(revoked.is_revoked(session("later", 11)));
  CHECK(revoked.is_revoked(session("no iat", 0)));
  revoked.revoke("later", wall_ms{90'000}, wall_ms{12'000});
  CHECK(revoked.is_revoked(session("later", 11)));
}
