#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "web/json.hpp"

struct evp_pkey_st;

namespace sb::audit {

/// The public half of a P-256 key that has signed anchors. Immutable.
class anchor_key {
 public:
  static constexpr std::size_t signature_bytes = 64;

  /// From a JWK of kty EC and crv P-256; otherwise a text that says what is wrong with it.
  static std::variant<anchor_key, std::string> from_jwk(const web::json_value& jwk);

  /// Whether `signature` (r || s, 64 bytes) is this key's ES256 signature of the text.
  bool signed_by(std::string_view text, std::string_view signature) const;

 private:
  explicit anchor_key(std::shared_ptr<evp_pkey_st> key) : key_{std::move(key)} {}
  std::shared_ptr<evp_pkey_st> key_;
};

/// The keys in a file: one JWK, a JWKS (what the node serves as its public keys), or a node's own private key in PEM,
/// of which only the public half is used. Throws std::runtime_error that names the file.
std::vector<anchor_key> load_anchor_keys(const std::filesystem::path& file);

}  // namespace sb::audit
