#include "web/auth/random.hpp"

#include <openssl/rand.h>

#include <limits>
#include <stdexcept>

#include "web/auth/base64url.hpp"

namespace sb::web {

void random_bytes(std::span<unsigned char> into) {
  if (into.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw std::length_error("more random bytes asked for than one call gives");
  }
  if (RAND_bytes(into.data(), static_cast<int>(into.size())) != 1) throw std::runtime_error("no randomness available");
}

std::string random_token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  random_bytes({reinterpret_cast<unsigned char*>(raw.data()), raw.size()});
  return base64url_encode(raw);
}

}  // namespace sb::web
