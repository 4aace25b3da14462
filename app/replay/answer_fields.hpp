#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "web/json.hpp"

/// Reading single members out of answers and files, where a missing one and one of another type are the same to us.
namespace sb::replay {

/// The text as one JSON document of an answer's size (see http_answer_bytes_max); nullopt when it is none.
std::optional<web::json_value> parse_document(std::string_view text);

/// Empty unless the member is a string.
std::string text_member(const web::json_value& object, std::string_view name);
/// nullopt unless the member is an integer of 64 bits.
std::optional<std::int64_t> integer_member(const web::json_value& object, std::string_view name);

}  // namespace sb::replay
