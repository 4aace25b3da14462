#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace sb::web {

/// A P-256 key pair that signs our tokens (ES256). Immutable; safe to use from several threads.
/// Every failure here is one of start-up and throws std::runtime_error with a text for the operator.
class signing_key {
 public:
  static signing_key generate();
  /// From a PEM file that only its owner may read (0600 or 0400), a regular file of ours.
  static signing_key load(const std::filesystem::path& file);
  /// The file's key; the first time a new one, which is on disk when this returns. Of two processes at once one wins
  /// and both return the same key.
  static signing_key load_or_create(const std::filesystem::path& file);
  /// PKCS#8 PEM, mode 0600, into a file that does not exist yet.
  void save(const std::filesystem::path& file) const;

  /// The key's own name: its RFC 7638 thumbprint.
  const std::string& kid() const { return kid_; }
  /// ECDSA with SHA-256 over the text, as the 64 bytes r || s of RFC 7518.
  std::string sign(std::string_view text) const;
  /// The public half as one JWK object: what JWKS publishes and verification_key takes.
  std::string public_jwk() const;

 private:
  explicit signing_key(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;
  std::string x_;  // base64url coordinates of the public point
  std::string y_;
  std::string kid_;
};

}  // namespace sb::web
