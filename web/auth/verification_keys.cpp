#include "web/auth/verification_keys.hpp"

#include <cjose/cjose.h>

#include <utility>

#include "web/auth/base64url.hpp"

namespace sb::web {
namespace {

constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t kid_bytes_max = 128;

struct release_jws {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};

/// The text of a string member, or empty: none of the members we look for may be empty.
std::string_view text_of(const json_value& jwk, std::string_view name) {
  const auto* const member = jwk.find(name);
  return member != nullptr && member->kind() == json_kind::string ? std::string_view{member->text()}
                                                                  : std::string_view{};
}

/// cjose takes its input as pointers to mutable bytes and does not write to them.
std::uint8_t* bytes_of(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

bool is_signature_key(const json_value& jwk) {
  const auto* const use = jwk.find("use");
  if (use != nullptr && text_of(jwk, "use") != "sig") return false;
  const auto kty = text_of(jwk, "kty");
  const auto* const alg = jwk.find("alg");
  const auto alg_text = text_of(jwk, "alg");
  if (kty == "EC") return text_of(jwk, "crv") == "P-256" && (alg == nullptr || alg_text == "ES256");
  if (kty == "RSA") return alg == nullptr || alg_text == "RS256";
  return false;
}

}  // namespace

std::string_view to_string(signature_algorithm algorithm) {
  switch (algorithm) {
    case signature_algorithm::es256:
      return "ES256";
    case signature_algorithm::rs256:
      return "RS256";
  }
  return {};
}

std::variant<verification_key, std::string> verification_key::from_jwk(const json_value& jwk) {
  if (jwk.kind() != json_kind::object) return std::string{"a key must be a JSON object"};
  if (!is_signature_key(jwk)) return std::string{"not a key for ES256 or RS256 signatures"};
  for (const auto* secret : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
    if (jwk.find(secret) != nullptr) return std::string{"holds a private key"};
  verification_key key;
  key.kid_ = text_of(jwk, "kid");
  if (key.kid_.empty() || key.kid_.size() > kid_bytes_max) return std::string{"needs a kid of 1 to 128 bytes"};

  cjose_err error{};
  cjose_jwk_t* made = nullptr;
  if (text_of(jwk, "kty") == "EC") {
    auto x = base64url_decode(text_of(jwk, "x"));
    auto y = base64url_decode(text_of(jwk, "y"));
    if (!x || !y || x->size() != coordinate_bytes || y->size() != coordinate_bytes) {
      return std::string{"x and y must be 32 bytes in base64url"};
    }
    cjose_jwk_ec_keyspec spec{};
    spec.crv = CJOSE_JWK_EC_P_256;
    spec.x = bytes_of(*x);
    spec.xlen = x->size();
    spec.y = bytes_of(*y);
    spec.ylen = y->size();
    made = cjose_jwk_create_EC_spec(&spec, &error);
    key.algorithm_ = signature_algorithm::es256;
    key.signature_bytes_ = 2 * coordinate_bytes;
  } else {
    auto n = base64url_decode(text_of(jwk, "n"));
    auto e = base64url_decode(text_of(jwk, "e"));
    if (!n || n->size() < 256 || n->size() > 1024 || (static_cast<unsigned char>(n->front()) & 0x80U) == 0) {
      return std::string{"n must be 2048 to 8192 bits in base64url"};
    }
    if (!e || *e != std::string_view{"\x01\x00\x01", 3}) return std::string{"e must be 65537"};
    cjose_jwk_rsa_keyspec spec{};
    spec.n = bytes_of(*n);
    spec.nlen = n->size();
    spec.e = bytes_of(*e);
    spec.elen = e->size();
    made = cjose_jwk_create_RSA_spec(&spec, &error);
    key.algorithm_ = signature_algorithm::rs256;
    key.signature_bytes_ = n->size();
  }
  if (made == nullptr) return std::string{"not a point of the curve, or not a modulus"};
  key.key_ = std::shared_ptr<_cjose_jwk_int>(made, [](cjose_jwk_t* owned) { cjose_jwk_release(owned); });
  return key;
}

bool verification_key::signed_by(std::string_view compact) const {
  cjose_err error{};
  const std::unique_ptr<cjose_jws_t, release_jws> jws{cjose_jws_import(compact.data(), compact.size(), &error)};
  return jws && cjose_jws_verify(jws.get(), key_.get(), &error);
}

std::variant<verification_keys, std::string> verification_keys::from_jwks(std::string_view text) {
  const auto parsed = parse_json(text);
  if (const auto* error = std::get_if<json_error>(&parsed)) return "not JSON: " + error->detail;
  const auto* const list = std::get<json_value>(parsed).find("keys");
  if (list == nullptr || list->kind() != json_kind::array) return std::string{"has no array 'keys'"};
  if (list->children().size() > keys_max) return std::string{"has more than 64 keys"};
  verification_keys set;
  for (const auto& jwk : list->children()) {
    if (jwk.kind() == json_kind::object && !is_signature_key(jwk)) continue;
    auto key = verification_key::from_jwk(jwk);
    if (const auto* why = std::get_if<std::string>(&key))
      return "key " + std::string{text_of(jwk, "kid")} + ": " + *why;
    auto& good = std::get<verification_key>(key);
    if (set.find(good.kid()) != nullptr) return "kid " + good.kid() + " occurs twice";
    set.keys_.push_back(std::move(good));
  }
  if (set.keys_.empty()) return std::string{"has no key for ES256 or RS256 signatures"};
  return set;
}

const verification_key* verification_keys::find(std::string_view kid) const {
  for (const auto& key : keys_)
    if (key.kid() == kid) return &key;
  return nullptr;
}

}  // namespace sb::web
