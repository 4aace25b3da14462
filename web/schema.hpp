#pragma once
#include <string>
#include <string_view>

#include "web/fields.hpp"
#include "web/json_writer.hpp"

namespace sb::web {

/// A field table as JSON Schema 2020-12, as OpenAPI 3.1 uses it: the same rules that the reader enforces. Nested types
/// are references to #/components/schemas/NAME and must be written there on their own.
void write_schema(json_writer& out, const object_type& type);
std::string json_schema(const object_type& type);

/// One OpenAPI parameter object for each field, appended to an array that is open; `place` is "query" or "path".
void write_parameters(json_writer& out, const object_type& type, std::string_view place);

}  // namespace sb::web
