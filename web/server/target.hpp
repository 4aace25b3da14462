#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "web/server/http.hpp"
#include "web/server/refusal.hpp"

namespace sb::web::wire {

/// Well-formed UTF-8 by Unicode's table: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_well_formed_utf8(std::string_view text);

/// Undoes %XX once. Empty when an escape is cut short or not hexadecimal, or a control character comes out.
/// `plus_is_blank` is the form rule for queries.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank);

/// Splits an origin-form target and decodes both halves; on refusal `path` and `query` hold nothing to be used.
/// Refused: anything but RFC 3986 path and query characters, escapes that decode to a slash, a control character or
/// broken UTF-8, "." and ".." segments however written, nameless or too many parameters.
std::optional<refusal> decode_target(std::string_view target, std::size_t query_parameters_max, std::string& path,
                                     std::vector<name_value>& query);

}  // namespace sb::web::wire
