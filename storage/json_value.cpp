#include "storage/json_value.hpp"

namespace sb {

std::optional<json_value> parse_json(std::string_view text, std::string& why) {
  thread_local simdjson::dom::parser parser;
  json_value document;
  if (parser.parse(text.data(), text.size()).get(document) == simdjson::SUCCESS) return document;
  why = "not valid JSON";
  return std::nullopt;
}

}  // namespace sb
