#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace sb::web {

using sha256_digest = std::array<std::uint8_t, 32>;

/// Throws std::runtime_error where OpenSSL cannot; the next call tries again.
sha256_digest sha256(std::string_view bytes);

}  // namespace sb::web
