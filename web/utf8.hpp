#pragma once
#include <cstddef>
#include <string_view>

namespace sb::web {

/// Length in bytes of the well-formed UTF-8 sequence at the start of `text` (1..4), 0 when there is none: truncated,
/// overlong, a surrogate or beyond U+10FFFF.
std::size_t utf8_sequence_length(std::string_view text);

/// Offset of the first byte that does not begin a well-formed sequence; text.size() when all of it is UTF-8.
std::size_t utf8_valid_prefix(std::string_view text);

inline bool is_utf8(std::string_view text) { return utf8_valid_prefix(text) == text.size(); }

/// Code points in well-formed UTF-8: what JSON Schema calls the length of a string.
std::size_t utf8_length(std::string_view text);

}  // namespace sb::web
