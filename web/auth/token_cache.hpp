#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/ids.hpp"
#include "runtime/recently_used.hpp"
#include "web/auth/digest.hpp"
#include "web/auth/token_verifier.hpp"

namespace sb::web {

/// Tokens that were verified once, by the SHA-256 of their text, so that the next request costs a look-up instead of a
/// signature. Bounded: at entries_max the one that was used longest ago makes room. Only good tokens enter, so nobody
/// without one can push others out. For one thread, the io thread; clock values are arguments.
class token_cache {
 public:
  static constexpr std::size_t entries_max_default = 100'000;  // about 50 MB when full

  explicit token_cache(std::size_t entries_max = entries_max_default);

  /// The token if it is remembered and `now` is before its end; an expired one is forgotten. Null otherwise.
  std::shared_ptr<const verified_token> find(const sha256_digest& digest, wall_ms now);
  void remember(const sha256_digest& digest, std::shared_ptr<const verified_token> token);
  void clear();
  std::size_t size() const { return tokens_.size(); }

 private:
  struct digest_hash {
    std::size_t operator()(const sha256_digest& digest) const noexcept {
      std::size_t hash = 0;  // the digest is uniform already
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  std::size_t entries_max_;
  recently_used<sha256_digest, std::shared_ptr<const verified_token>, digest_hash> tokens_;
};

/// Sessions that were ended before their tokens expire. A revocation must not be forgotten while a token of the session
/// is good, so at the bound nothing is dropped: instead every token issued until then is refused, and people log in
/// again. For one thread, like the cache; asked on every request, cached token or not.
class token_revocations {
 public:
  static constexpr std::size_t sessions_max_default = 200'000;

  explicit token_revocations(std::size_t sessions_max = sessions_max_default);

  /// `good_until`: of the session's last token. Revoking again is harmless.
  void revoke(std::string_view session, wall_ms good_until, wall_ms now);
  bool is_revoked(const token_claims& claims) const;
  std::size_t size() const { return sessions_.size(); }

 private:
  void forget_expired(wall_ms now);

  struct ends_later {
    bool operator()(const std::pair<wall_ms, std::string>& a, const std::pair<wall_ms, std::string>& b) const {
      return a.first > b.first;
    }
  };
  std::size_t sessions_max_;
  std::unordered_map<std::string, wall_ms> sessions_;
  std::priority_queue<std::pair<wall_ms, std::string>, std::vector<std::pair<wall_ms, std::string>>, ends_later>
      by_end_;
  std::int64_t refuse_issued_until_s_ = -1;  // tokens issued in or before this second are refused
};

}  // namespace sb::web
