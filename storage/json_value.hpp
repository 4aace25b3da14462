#pragma once
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

namespace sb {

/// A value of a JSON document: a view of two words into what parse_json made.
using json_value = simdjson::dom::element;

/// Reads one document (RFC 8259, at most 1,024 deep, integers within 64 bits, valid UTF-8). nullopt and `why` when it
/// is none. The value and all in it stand until this thread's next call: documents are read into memory that each
/// thread keeps, as large as its largest document.
std::optional<json_value> parse_json(std::string_view text, std::string& why);

}  // namespace sb
