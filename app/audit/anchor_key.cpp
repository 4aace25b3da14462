#include "app/audit/anchor_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "app/input_file.hpp"
#include "web/auth/base64url.hpp"
#include "web/auth/signing_key.hpp"

namespace sb::audit {
namespace {

constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t file_bytes_max = 64 * 1024;

template <class T, void (*Free)(T*)>
struct freed_by {
  void operator()(T* object) const { Free(object); }
};
using key_context = std::unique_ptr<EVP_PKEY_CTX, freed_by<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using digest_context = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX, EVP_MD_CTX_free>>;
using bignum = std::unique_ptr<BIGNUM, freed_by<BIGNUM, BN_free>>;
using ecdsa_signature = std::unique_ptr<ECDSA_SIG, freed_by<ECDSA_SIG, ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string_view text_of(const web::json_value& jwk, std::string_view name) {
  const auto* const member = jwk.find(name);
  return member != nullptr && member->kind() == web::json_kind::string ? std::string_view{member->text()}
                                                                       : std::string_view{};
}

/// Null when it is no point of the curve.
std::shared_ptr<EVP_PKEY> p256_key(std::string point) {
  std::string group = SN_X9_62_prime256v1;
  const OSSL_PARAM parts[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end(),
  };
  const key_context context{EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)};
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parts)) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

/// OpenSSL takes a signature as DER only; empty when it cannot be written so.
std::string der_of(std::string_view raw) {
  bignum r{BN_bin2bn(bytes_of(raw), coordinate_bytes, nullptr)};
  bignum s{BN_bin2bn(bytes_of(raw) + coordinate_bytes, coordinate_bytes, nullptr)};
  const ecdsa_signature signature{ECDSA_SIG_new()};
  if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string text{reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
  OPENSSL_free(der);
  return text;
}

}  // namespace

std::variant<anchor_key, std::string> anchor_key::from_jwk(const web::json_value& jwk) {
  if (jwk.kind() != web::json_kind::object) return std::string{"a key must be a JSON object"};
  if (text_of(jwk, "kty") != "EC" || text_of(jwk, "crv") != "P-256") return std::string{"not a P-256 key"};
  const auto x = web::base64url_decode(text_of(jwk, "x"));
  const auto y = web::base64url_decode(text_of(jwk, "y"));
  if (!x || !y || x->size() != coordinate_bytes || y->size() != coordinate_bytes) {
    return std::string{"x and y must be 32 bytes in base64url"};
  }
  constexpr char uncompressed = 4;
  auto key = p256_key(uncompressed + *x + *y);
  if (!key) return std::string{"not a point of the curve"};
  return anchor_key{std::move(key)};
}

bool anchor_key::signed_by(std::string_view text, std::string_view signature) const {
  if (signature.size() != signature_bytes) return false;
  const auto der = der_of(signature);
  const digest_context context{EVP_MD_CTX_new()};
  return !der.empty() && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(text), text.size()) == 1;
}

std::vector<anchor_key> load_anchor_keys(const std::filesystem::path& file) {
  const auto fail = [&file](const std::string& what) { throw std::runtime_error{file.string() + ": " + what}; };
  auto text = read_input_file(file, file_bytes_max);
  if (text.starts_with("-----BEGIN")) text = web::signing_key::load(file).public_jwk();
  const auto parsed = web::parse_json(text);
  const auto* const document = std::get_if<web::json_value>(&parsed);
  if (document == nullptr) fail("neither a JWK, a JWKS nor a private key in PEM");
  std::vector<anchor_key> keys;
  const auto take = [&](const web::json_value& jwk) {
    auto made = anchor_key::from_jwk(jwk);
    if (const auto* why = std::get_if<std::string>(&made)) fail(*why);
    keys.push_back(std::get<anchor_key>(std::move(made)));
  };
  if (const auto* const list = document->find("keys"); list != nullptr) {
    for (const auto& jwk : list->children()) {
      if (text_of(jwk, "kty") == "EC") take(jwk);  // a set may hold keys of other kinds
    }
    if (keys.empty()) fail("holds no P-256 key");
  } else {
    take(*document);
  }
  return keys;
}

}  // namespace sb::audit
