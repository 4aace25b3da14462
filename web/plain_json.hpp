#pragma once
#include <optional>
#include <string_view>

#include "web/json.hpp"

namespace sb::web {

/// Reads a document that is as nearly all are: an object, nothing wrong with it, nothing in it that needs a second
/// look. nullopt says nothing about the others: parse_json reads them with the parser that can tell what is wrong and
/// where. What is read is what that one would have read. Decision 0017.
/// `text` has no U+0000 and no byte order mark. Keeps memory for each thread, some seven times its longest document,
/// with what that said until the next one is read.
std::optional<json_value> read_plain_json(std::string_view text, const json_limits& limits);

}  // namespace sb::web
