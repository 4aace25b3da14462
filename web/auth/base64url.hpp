#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace sb::web {

/// RFC 4648 section 5 without padding, as JOSE uses it.
std::string base64url_encode(std::string_view bytes);

/// Accepts the canonical form only: no padding, no line breaks, no other alphabet, and the bits that carry nothing are
/// zero. So each byte string has exactly one spelling, and a token cannot be respelled.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace sb::web
