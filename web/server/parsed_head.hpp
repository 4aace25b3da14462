#pragma once

#include <string_view>
#include <variant>

#include "web/server/http.hpp"
#include "web/server/refusal.hpp"

namespace sb::web::wire {

/// Runs Beast's grammar over one whole header section, blank line included, and fills method, target and fields (names
/// in lower case). Answers the version, 10 or 11. Says nothing about framing: that is strict_request()'s.
std::variant<unsigned, refusal> parse_head(std::string_view text, http_request& request);

}  // namespace sb::web::wire
