#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "domain/ids.hpp"
#include "web/auth/signing_key.hpp"
#include "web/auth/token_claims.hpp"

namespace sb::web {

struct issuer_settings {
  std::string issuer;             ///< iss, exactly as the verifier expects it
  std::string audience;           ///< aud
  std::int64_t lifetime_s = 900;  ///< 1 to token_lifetime_s_max
};

struct issued_token {
  std::string text;     ///< compact JWS: a secret, never logged
  token_claims claims;  ///< with the times and the session that were put in
};

/// Makes our own access tokens (ES256, typ at+jwt). Keeps no state: safe to use from several threads.
class token_issuer {
 public:
  /// Throws std::invalid_argument for an empty issuer or audience or a lifetime out of range.
  token_issuer(issuer_settings settings, signing_key key);

  /// A token for the user, organization and roles of `who`, from `now` on for the settings' lifetime. The session of
  /// `who` is kept; an empty one becomes a fresh random one. `who`'s times are ignored.
  issued_token issue(token_claims who, wall_ms now) const;

  const issuer_settings& settings() const { return settings_; }

  /// The public keys for GET /.well-known/jwks.json and for our own verifier. `retired` are JWK objects of earlier
  /// keys whose tokens may still be in use.
  std::string jwks(const std::vector<std::string>& retired = {}) const;

 private:
  issuer_settings settings_;
  signing_key key_;
};

}  // namespace sb::web
