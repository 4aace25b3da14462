#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "web/auth/signing_key.hpp"

namespace sb::web::test {

/// An RSA key for tests of what an outside issuer may send; made by OpenSSL, not by the code under test.
class rsa_key {
 public:
  explicit rsa_key(unsigned bits = 2048);
  std::string sign(std::string_view text) const;  ///< RS256
  std::string n() const;                          ///< base64url
  std::string public_jwk(std::string_view kid) const;
  std::string public_pem() const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
};

/// HMAC-SHA-256, as a forger would use it with a public key for a secret.
std::string hmac_sha256(std::string_view secret, std::string_view text);

/// header.payload in base64url, without a signature.
std::string unsigned_token(std::string_view header, std::string_view payload);
std::string es256_token(const signing_key& key, std::string_view header, std::string_view payload);

/// The same ECDSA signature with s replaced by n - s: good as well, by another spelling.
std::string respelled_signature(std::string_view raw);

}  // namespace sb::web::test
