#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/ids.hpp"

namespace sb::web {

/// Who a token speaks for. Made by a login, or by the verifier from a token whose signature and claims are good:
/// the only source of organization and user ids for a request.
struct token_claims {
  user_id user;                  ///< sub
  organization_id organization;  ///< org
  std::vector<std::string> roles;
  std::string session;         ///< jti: what a logout revokes
  std::int64_t issued_s = 0;   ///< iat, seconds since 1970; 0 when the token does not say
  std::int64_t expires_s = 0;  ///< exp, seconds since 1970

  bool has_role(std::string_view role) const { return std::find(roles.begin(), roles.end(), role) != roles.end(); }
};

constexpr std::size_t token_bytes_max = 8 * 1024;
constexpr std::size_t token_roles_max = 16;
constexpr std::size_t token_role_bytes_max = 32;
constexpr std::size_t token_session_bytes_max = 64;
constexpr std::int64_t token_lifetime_s_max = 3'600;
/// RFC 9068: an access token is not an id token, and neither is taken for the other.
constexpr std::string_view token_type = "at+jwt";

}  // namespace sb::web
