#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace sb::web {

using sha256_digest = std::array<std::uint8_t, 32>;

sha256_digest sha256(std::string_view bytes);

}  // namespace sb::web
