#include "web/auth/authenticator.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sb::web {
namespace {

bool is_bearer_scheme(std::string_view scheme) {
  constexpr std::string_view bearer = "bearer";
  return std::equal(scheme.begin(), scheme.end(), bearer.begin(), bearer.end(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}

constexpr auto token68 = [] {
  std::array<bool, 256> of{};
  for (const char c : std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="})
    of[static_cast<unsigned char>(c)] = true;
  return of;
}();

bool is_token68(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return token68[static_cast<unsigned char>(c)]; });
}

}  // namespace

authenticator::authenticator(token_verifier verifier, std::size_t cached_max)
    : verifier_(std::move(verifier)), cache_(cached_max) {}

authenticator::outcome authenticator::authenticate(std::string_view token, wall_ms now) {
  if (token.size() > token_bytes_max) return token_refusal::too_large;  // before it costs a digest
  const auto digest = sha256(token);
  auto known = cache_.find(digest, now);
  if (known) {
    ++hits_;
  } else {
    ++verifications_;
    auto verified = verifier_.verify(token, now);
    if (const auto* why = std::get_if<token_refusal>(&verified)) return *why;
    known = std::make_shared<const verified_token>(std::get<verified_token>(std::move(verified)));
    cache_.remember(digest, known);
  }
  // By session and not by digest: an ECDSA signature can be respelled by anyone into another good one.
  if (revocations_.is_revoked(known->claims)) return token_refusal::revoked;
  return known;
}

void authenticator::revoke_session(std::string_view session, wall_ms good_until, wall_ms now) {
  revocations_.revoke(session, good_until, now);
}

void authenticator::replace_keys(std::shared_ptr<const verification_keys> keys) {
  verifier_.replace_keys(std::move(keys));
  cache_.clear();
}

std::variant<std::string_view, problem_code> bearer_token(std::string_view authorization) {
  const auto blank = authorization.find(' ');
  if (!is_bearer_scheme(authorization.substr(0, blank))) return problem_code::auth_scheme_not_supported;
  if (blank == std::string_view::npos) return problem_code::auth_token_missing;
  const auto token = authorization.substr(blank + 1);
  if (!is_token68(token)) return problem_code::auth_token_invalid;
  return token;
}

problem_code problem_for(token_refusal why) {
  switch (why) {
    case token_refusal::expired:
      return problem_code::auth_token_expired;
    case token_refusal::revoked:
      return problem_code::auth_token_revoked;
    case token_refusal::too_large:
    case token_refusal::not_three_parts:
    case token_refusal::not_base64url:
    case token_refusal::header_not_json:
    case token_refusal::header_member_not_allowed:
    case token_refusal::header_member_missing:
    case token_refusal::header_member_type:
    case token_refusal::algorithm_not_allowed:
    case token_refusal::key_unknown:
    case token_refusal::algorithm_not_of_key:
    case token_refusal::type_wrong:
    case token_refusal::signature_length:
    case token_refusal::signature_wrong:
    case token_refusal::payload_not_json:
    case token_refusal::claim_malformed:
    case token_refusal::issuer_wrong:
    case token_refusal::audience_wrong:
    case token_refusal::expiry_missing:
    case token_refusal::not_yet_valid:
    case token_refusal::issued_in_future:
    case token_refusal::lifetime_too_long:
    case token_refusal::subject_wrong:
    case token_refusal::organization_wrong:
    case token_refusal::roles_wrong:
    case token_refusal::session_wrong:
      return problem_code::auth_token_invalid;
  }
  return problem_code::auth_token_invalid;
}

}  // namespace sb::web
