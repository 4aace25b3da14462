#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "tests/fuzz/targets.hpp"
#include "web/auth/authenticator.hpp"
#include "web/auth/base64url.hpp"
#include "web/auth/signing_key.hpp"
#include "web/auth/token_issuer.hpp"
#include "web/auth/token_verifier.hpp"

namespace sb::fuzz {
namespace {

using namespace web;

constexpr wall_ms now{1'705'312'800'000};
constexpr std::string_view issuer_name = "https://issuer.example";
constexpr std::string_view audience_name = "stocksblitz";
constexpr std::string_view kid_placeholder = "KID";
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

token_verifier verifier_for(const signing_key& key) {
  auto keys = verification_keys::from_jwks("{\"keys\":[" + key.public_jwk() + "]}");
  must(std::holds_alternative<verification_keys>(keys), "our own key set is good");
  token_rules rules;
  rules.issuer = issuer_name;
  rules.audience = audience_name;
  return {rules, std::make_shared<const verification_keys>(std::get<verification_keys>(std::move(keys)))};
}

/// Our key, and a forger's.
struct keys {
  signing_key ours = signing_key::generate();
  signing_key theirs = signing_key::generate();
  token_verifier verifier = verifier_for(ours);
  token_issuer issuer{{std::string{issuer_name}, std::string{audience_name}, 900}, ours};
};

std::string with_kid(std::string text, const std::string& kid) {
  if (const auto at = text.find(kid_placeholder); at != std::string::npos)
    text.replace(at, kid_placeholder.size(), kid);
  return text;
}

std::string signed_text(const signing_key& key, const std::string& kid, std::string_view header,
                        std::string_view payload) {
  const auto text = base64url_encode(with_kid(std::string{header}, kid)) + '.' + base64url_encode(payload);
  return text + '.' + base64url_encode(key.sign(text));
}

bool is_refused(const std::variant<verified_token, token_refusal>& verdict) {
  return std::holds_alternative<token_refusal>(verdict);
}

/// Says what another reader finds in header and payload of a token that we accepted.
void check_claims(const verified_token& token, const std::string& header_text, std::string_view payload_text) {
  const auto header = nlohmann::json::parse(header_text);
  must(header.at("alg") == "ES256" && header.at("typ") == "at+jwt" && header.size() == 3, "an accepted header is ours");
  const auto payload = nlohmann::json::parse(payload_text);
  const auto& claims = token.claims;
  must(payload.at("iss") == issuer_name, "an accepted issuer is ours");
  const auto& aud = payload.at("aud");
  must(aud == audience_name || (aud.is_array() && std::find(aud.begin(), aud.end(), audience_name) != aud.end()),
       "an accepted audience is ours");
  must(payload.at("sub") == std::to_string(claims.user.value) && claims.user.value > 0, "the user is the payload's");
  must(payload.at("org").get<double>() == static_cast<double>(claims.organization.value) &&
           claims.organization.value > 0,
       "the organization is the payload's");
  must(payload.at("roles").get<std::vector<std::string>>() == claims.roles, "the roles are the payload's");
  must(payload.at("jti") == claims.session && !claims.session.empty(), "the session is the payload's");
  must(payload.at("exp").get<double>() == static_cast<double>(claims.expires_s), "the end is the payload's");
  const auto now_s = now.value / 1'000;
  const token_rules usual;
  must(claims.expires_s + usual.skew_s > now_s, "an accepted token has not ended");
  must(claims.expires_s - now_s <= usual.lifetime_s_max + 2 * usual.skew_s, "an accepted token ends soon");
}

/// Once verified it is good from the cache as well, until its end, and no longer than its session.
void check_life(const keys& k, const std::string& text, const verified_token& token) {
  authenticator door{k.verifier};
  for (int time = 0; time < 2; ++time) {
    const auto again = door.authenticate(text, now);
    const auto* const good = std::get_if<std::shared_ptr<const verified_token>>(&again);
    must(good != nullptr && (*good)->claims.session == token.claims.session, "a token is as good the second time");
  }
  must(door.hits() == 1 && door.verifications() == 1, "a token is verified once");
  const auto ended = door.authenticate(text, token.good_until);
  must(std::holds_alternative<token_refusal>(ended), "a token ends, also in the cache");
  door.revoke_session(token.claims.session, token.good_until, now);
  must(std::holds_alternative<token_refusal>(door.authenticate(text, now)), "a revoked session has no good token");
  must(is_refused(k.verifier.verify(text, token.good_until)), "a token ends");

  const auto reissued = k.issuer.issue(token.claims, now);
  const auto read = k.verifier.verify(reissued.text, now);
  must(!is_refused(read), "what we issue we accept");
  const auto& claims = std::get<verified_token>(read).claims;
  must(claims.user == token.claims.user && claims.organization == token.claims.organization &&
           claims.roles == token.claims.roles && claims.session == token.claims.session,
       "claims survive being issued");
}

/// One character changed, at a place that the token itself chooses.
std::string spoiled(std::string token, std::size_t chosen) {
  char& c = token[chosen % token.size()];
  if (c == '.') return token + 'A';
  c = alphabet[(alphabet.find(c) + 1 + chosen % (alphabet.size() - 1)) % alphabet.size()];
  return token;
}

int raw_token(const keys& k, std::string_view text) {
  must(is_refused(k.verifier.verify(text, now)), "nobody else can sign");
  if (const auto plain = base64url_decode(text)) must(base64url_encode(*plain) == text, "bytes have one spelling");
  must(base64url_decode(base64url_encode(text)) == text, "bytes survive being written");
  const auto bearer = bearer_token(text);
  if (const auto* token = std::get_if<std::string_view>(&bearer))
    must(text.ends_with(*token), "a bearer token is the field's");
  static_cast<void>(verification_keys::from_jwks(text));
  return 0;
}

}  // namespace

int fuzz_token(bytes input) {
  static const keys k;
  auto text = text_of(input);
  const auto way = text.substr(0, text.find('\n'));
  constexpr std::array<std::string_view, 3> ways{"sign", "forge", "spoil"};
  if (way.size() == text.size() || std::find(ways.begin(), ways.end(), way) == ways.end()) return raw_token(k, text);
  text.remove_prefix(way.size() + 1);
  const auto header = text.substr(0, text.find('\n'));
  const auto payload = header.size() == text.size() ? std::string_view{} : text.substr(header.size() + 1);

  const auto& kid = k.ours.kid();
  const auto token = signed_text(way == "forge" ? k.theirs : k.ours, kid, header, payload);
  if (way == "spoil") {
    // The signature is as random as its key, so several places stand for all.
    for (const std::size_t step : {1U, 7U, 31U, 101U})
      must(is_refused(k.verifier.verify(spoiled(token, input.size() * step), now)), "a changed token is none");
    return 0;
  }
  const auto verdict = k.verifier.verify(token, now);
  if (is_refused(verdict)) return 0;
  must(way == "sign", "an accepted token was signed by us");
  const auto& good = std::get<verified_token>(verdict);
  check_claims(good, with_kid(std::string{header}, kid), payload);
  check_life(k, token, good);
  return 1;
}

}  // namespace sb::fuzz
