#include "web/auth/digest.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace sb::web {
namespace {

struct free_algorithm {
  void operator()(EVP_MD* algorithm) const noexcept { EVP_MD_free(algorithm); }
};

}  // namespace

sha256_digest sha256(std::string_view bytes) {
  // Fetched once: OpenSSL 3 otherwise searches its providers at every digest.
  static const std::unique_ptr<EVP_MD, free_algorithm> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  sha256_digest digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, algorithm.get(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not available in OpenSSL");
  return digest;
}

}  // namespace sb::web
