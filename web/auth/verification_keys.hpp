#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "web/json.hpp"

struct _cjose_jwk_int;  // NOLINT(bugprone-reserved-identifier): the library's own name for it

namespace sb::web {

enum class signature_algorithm : std::uint8_t { es256, rs256 };
std::string_view to_string(signature_algorithm algorithm);

/// A public key and the one algorithm it may be used with: a token's header never chooses.
class verification_key {
 public:
  /// From a JWK: EC on P-256 (ES256) or RSA of 2048 to 8192 bits with e = 65537 (RS256), with a kid, for signatures.
  /// A private or symmetric key is refused. The text says what is wrong.
  static std::variant<verification_key, std::string> from_jwk(const json_value& jwk);

  const std::string& kid() const { return kid_; }
  signature_algorithm algorithm() const { return algorithm_; }
  /// Bytes of every signature of this key.
  std::size_t signature_bytes() const { return signature_bytes_; }
  /// Whether the compact JWS carries this key's signature. Says nothing about its header or payload: the caller has
  /// checked that both are strict JSON in canonical base64url and that the header's alg is this key's.
  bool signed_by(std::string_view compact) const;

 private:
  verification_key() = default;
  std::string kid_;
  signature_algorithm algorithm_ = signature_algorithm::es256;
  std::size_t signature_bytes_ = 0;
  std::shared_ptr<_cjose_jwk_int> key_;
};

/// The keys of one issuer by kid. Immutable; a refresh makes a new set.
class verification_keys {
 public:
  static constexpr std::size_t keys_max = 64;

  /// From a JWKS document. Keys of other kinds are left out; a wrong one among ours, a kid that occurs twice or a set
  /// without any usable key is refused as a whole, so that the last good set stays in use.
  static std::variant<verification_keys, std::string> from_jwks(std::string_view text);

  /// Map look-up only: a kid is never a path nor part of a query.
  const verification_key* find(std::string_view kid) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<verification_key> keys_;
};

}  // namespace sb::web
