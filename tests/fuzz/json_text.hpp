#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "web/json.hpp"

namespace sb::fuzz {

/// The value as one JSON document, numbers with the text they were read with.
std::string json_of(const web::json_value& value);
bool same(const web::json_value& a, const web::json_value& b);

/// Another library's verdict on the same text. nullopt where it cannot tell: an exponent beyond its range, or more
/// depth than it takes. An accepted text is compared value by value where `ours` is given.
enum class second_opinion { accepts, refuses, reads_otherwise };
std::optional<second_opinion> second_reader(std::string_view text, const web::json_value* ours);

}  // namespace sb::fuzz
