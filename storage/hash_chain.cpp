#include "storage/hash_chain.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace sb {
namespace {

struct free_context {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct free_algorithm {
  void operator()(EVP_MD* algorithm) const noexcept { EVP_MD_free(algorithm); }
};

/// Fetched once: OpenSSL 3 otherwise searches its providers for the algorithm at every hash.
const EVP_MD* sha256_algorithm() {
  static const std::unique_ptr<EVP_MD, free_algorithm> fetched{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  return fetched.get();
}

class sha256_stream {
 public:
  sha256_stream() : context_{EVP_MD_CTX_new()} {
    check(context_ != nullptr && EVP_DigestInit_ex(context_.get(), sha256_algorithm(), nullptr) == 1);
  }
  void bytes(const void* data, std::size_t size) { check(EVP_DigestUpdate(context_.get(), data, size) == 1); }
  void integer(std::uint64_t value) {
    unsigned char big_endian[8];
    for (int at = 7; at >= 0; --at, value >>= 8) big_endian[at] = static_cast<unsigned char>(value & 0xff);
    bytes(big_endian, sizeof big_endian);
  }
  void integer(std::int64_t value) { integer(static_cast<std::uint64_t>(value)); }
  void text(std::string_view value) {
    integer(static_cast<std::uint64_t>(value.size()));
    bytes(value.data(), value.size());
  }
  digest finish() {
    digest hash{};
    check(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1);
    return hash;
  }

 private:
  static void check(bool worked) {
    if (!worked) throw std::runtime_error("SHA-256 is not available in OpenSSL");
  }
  std::unique_ptr<EVP_MD_CTX, free_context> context_;
};

}  // namespace

digest chain(const digest& previous, const journal_row& row) {
  sha256_stream hash;
  hash.bytes(previous.data(), previous.size());
  hash.integer(std::int64_t{row.shard});
  hash.integer(row.seq);
  hash.integer(row.epoch);
  hash.integer(row.at.value);
  hash.integer(row.version);
  hash.integer(std::int64_t{row.events});
  hash.text(row.stream);
  hash.text(row.body);
  return hash.finish();
}

digest sha256(std::string_view bytes) {
  sha256_stream hash;
  hash.bytes(bytes.data(), bytes.size());
  return hash.finish();
}

}  // namespace sb
