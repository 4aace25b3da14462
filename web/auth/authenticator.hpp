#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

#include "web/auth/token_cache.hpp"
#include "web/auth/token_verifier.hpp"
#include "web/problem_code.hpp"

namespace sb::web {

/// Turns the text of a token into its claims: cache first, verification once, revocation always.
/// For one thread, the io thread; clock values are arguments.
class authenticator {
 public:
  using outcome = std::variant<std::shared_ptr<const verified_token>, token_refusal>;

  explicit authenticator(token_verifier verifier, std::size_t cached_max = token_cache::entries_max_default);

  outcome authenticate(std::string_view token, wall_ms now);

  /// Logout: no token of the session is accepted from now on. `good_until` as in verified_token.
  void revoke_session(std::string_view session, wall_ms good_until, wall_ms now);
  /// After a key was withdrawn its tokens are no longer good: the cache forgets everything.
  void replace_keys(std::shared_ptr<const verification_keys> keys);

  std::uint64_t hits() const { return hits_; }
  std::uint64_t verifications() const { return verifications_; }
  std::size_t cached() const { return cache_.size(); }

 private:
  token_verifier verifier_;
  token_cache cache_;
  token_revocations revocations_;
  std::uint64_t hits_ = 0;
  std::uint64_t verifications_ = 0;
};

/// The token of an Authorization field: "Bearer" in any case, one blank, a token of RFC 6750's characters.
std::variant<std::string_view, problem_code> bearer_token(std::string_view authorization);

/// What a caller is told: expired, revoked or just not valid. The exact reason stays with us.
problem_code problem_for(token_refusal why);

}  // namespace sb::web
