#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "domain/ids.hpp"
#include "web/auth/token_claims.hpp"
#include "web/auth/verification_keys.hpp"

namespace sb::web {

/// Why a token is not accepted: for metrics, the audit log and tests. A caller is told only what problem_for() of
/// authenticator.hpp says. In the order in which the checks are made.
enum class token_refusal : std::uint8_t {
  too_large,
  not_three_parts,
  not_base64url,
  header_not_json,
  header_member_not_allowed,
  header_member_missing,
  header_member_type,
  algorithm_not_allowed,
  key_unknown,
  algorithm_not_of_key,
  type_wrong,
  signature_length,
  signature_wrong,
  payload_not_json,
  claim_malformed,
  issuer_wrong,
  audience_wrong,
  expiry_missing,
  expired,
  not_yet_valid,
  issued_in_future,
  lifetime_too_long,
  subject_wrong,
  organization_wrong,
  roles_wrong,
  session_wrong,
  revoked,
};
std::string_view to_string(token_refusal why);

/// Until so long after its end a token is still good: clocks differ.
constexpr std::int64_t token_skew_s = 60;

struct token_rules {
  std::string issuer;    ///< iss must be exactly this
  std::string audience;  ///< aud must be this, or a list that has it
  std::int64_t skew_s = token_skew_s;
  std::int64_t lifetime_s_max = token_lifetime_s_max;
};

struct verified_token {
  token_claims claims;
  wall_ms good_until;  ///< exp and the skew: from this moment on it is expired
};

/// Checks a token from nothing: our own strict front first, then the signature, then the claims. About 100 us of CPU
/// for ES256. Immutable but for replace_keys(), which its one thread must call.
class token_verifier {
 public:
  token_verifier(token_rules rules, std::shared_ptr<const verification_keys> keys);

  std::variant<verified_token, token_refusal> verify(std::string_view token, wall_ms now) const;

  void replace_keys(std::shared_ptr<const verification_keys> keys) { keys_ = std::move(keys); }

 private:
  std::variant<verified_token, token_refusal> check_claims(std::string_view payload, wall_ms now) const;

  token_rules rules_;
  std::shared_ptr<const verification_keys> keys_;
};

}  // namespace sb::web
