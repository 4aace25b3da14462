#include "web/auth/digest.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace sb::web {
namespace {

template <class T>
T must(T worked) {
  if (!worked) throw std::runtime_error("SHA-256 is not available in OpenSSL");
  return worked;
}

struct free_algorithm {
  void operator()(EVP_MD* algorithm) const noexcept { EVP_MD_free(algorithm); }
};
struct free_context {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

}  // namespace

sha256_digest sha256(std::string_view bytes) {
  // Fetched once: OpenSSL 3 otherwise searches its providers at every digest.
  static const std::unique_ptr<EVP_MD, free_algorithm> algorithm{must(EVP_MD_fetch(nullptr, "SHA256", nullptr))};
  thread_local const std::unique_ptr<EVP_MD_CTX, free_context> context{must(EVP_MD_CTX_new())};
  sha256_digest digest{};
  must(EVP_DigestInit_ex(context.get(), algorithm.get(), nullptr) == 1);
  must(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1);
  must(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace sb::web
