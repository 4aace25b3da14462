#include "web/auth/token_issuer.hpp"

#include <stdexcept>
#include <utility>

#include "web/auth/base64url.hpp"
#include "web/auth/random.hpp"
#include "web/json_writer.hpp"

namespace sb::web {

token_issuer::token_issuer(issuer_settings settings, signing_key key)
    : settings_(std::move(settings)), key_(std::move(key)) {
  if (settings_.issuer.empty() || settings_.audience.empty()) {
    throw std::invalid_argument("token issuer: issuer and audience must not be empty");
  }
  if (settings_.lifetime_s < 1 || settings_.lifetime_s > token_lifetime_s_max) {
    throw std::invalid_argument("token issuer: the lifetime must be 1 to 3600 seconds");
  }
}

issued_token token_issuer::issue(token_claims who, wall_ms now) const {
  constexpr std::size_t session_bytes = 18;
  if (who.session.empty()) who.session = random_token(session_bytes);
  who.issued_s = now.value / 1'000;
  who.expires_s = who.issued_s + settings_.lifetime_s;

  json_writer header;
  header.begin_object().member("alg", "ES256").member("kid", std::string_view{key_.kid()});
  header.member("typ", token_type).end_object();

  json_writer payload;
  payload.begin_object();
  payload.member("iss", std::string_view{settings_.issuer}).member("aud", std::string_view{settings_.audience});
  // RFC 7519: sub is a string.
  payload.member("sub", std::string_view{std::to_string(who.user.value)}).member("org", who.organization);
  payload.key("roles").begin_array();
  for (const auto& role : who.roles) payload.string(role);
  payload.end_array();
  payload.member("jti", std::string_view{who.session});
  payload.member("iat", who.issued_s).member("exp", who.expires_s).end_object();

  std::string text = base64url_encode(header.text()) + "." + base64url_encode(payload.text());
  const std::string signature = key_.sign(text);
  text += '.';
  text += base64url_encode(signature);
  return {std::move(text), std::move(who)};
}

std::string token_issuer::jwks(const std::vector<std::string>& retired) const {
  json_writer out;
  out.begin_object().key("keys").begin_array();
  out.raw(key_.public_jwk());
  for (const auto& jwk : retired) out.raw(jwk);
  out.end_array().end_object();
  return std::move(out).take();
}

}  // namespace sb::web
