#include "web/schema.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

namespace {
using namespace sb;
using namespace sb::web;

constexpr std::string_view sides[] = {"BUY", "SELL"};
constexpr std::string_view today[] = {"today"};
constexpr field leg_fields[] = {{.name = "ratio", .kind = field_kind::integer}};
constexpr object_type leg{"Leg", "", leg_fields};
constexpr field fields[] = {
    {.name = "account", .kind = field_kind::id, .required = true, .description = "Which \"account\""},
    {.name = "side", .kind = field_kind::word, .required = true, .words = sides},
    {.name = "quantity", .kind = field_kind::integer, .value_min = 1, .value_max = 10, .unit = "shares"},
    {.name = "price", .kind = field_kind::money, .value_min = 1},
    {.name = "key", .characters = text_class::token, .length_max = 64},
    {.name = "email", .characters = text_class::email},
    {.name = "secret", .characters = text_class::password},
    {.name = "amo", .kind = field_kind::boolean},
    {.name = "at", .kind = field_kind::date_time},
    {.name = "day", .kind = field_kind::date, .words = today},
    {.name = "tags", .kind = field_kind::strings, .items_max = 3},
    {.name = "leg", .kind = field_kind::object, .type = &leg},
    {.name = "legs", .kind = field_kind::objects, .type = &leg},
};
constexpr object_type ticket{"Ticket", "A ticket", fields};

/// The value at a path of member names.
std::string at(const json_value& root, std::initializer_list<std::string_view> path) {
  const auto* value = &root;
  for (const auto name : path) {
    value = value->find(name);
    if (value == nullptr) return "absent";
  }
  if (value->kind() == json_kind::boolean) return value->boolean() ? "true" : "false";
  return value->text();
}
json_value parsed(std::string_view text) {
  auto result = parse_json(text);
  REQUIRE(std::holds_alternative<json_value>(result));
  return std::get<json_value>(std::move(result));
}
}  // namespace

TEST_CASE("a table becomes the JSON Schema of the same rules") {
  const auto root = parsed(json_schema(ticket));
  CHECK(at(root, {"type"}) == "object");
  CHECK(at(root, {"additionalProperties"}) == "false");
  REQUIRE(root.find("required")->children().size() == 2);
  CHECK(root.find("required")->children()[1].text() == "side");
  const auto& properties = *root.find("properties");
  REQUIRE(properties.children().size() == std::size(fields));
  CHECK(at(properties, {"account", "minimum"}) == "1");
  CHECK(at(properties, {"account", "maximum"}) == "absent");
  CHECK(at(properties, {"account", "description"}) == "Which \"account\"");
  CHECK(properties.find("side")->find("enum")->children().size() == 2);
  CHECK(at(properties, {"quantity", "type"}) == "integer");
  CHECK(at(properties, {"quantity", "maximum"}) == "10");
  CHECK(at(properties, {"quantity", "x-unit"}) == "shares");
  CHECK(properties.find("price")->find("type")->children().size() == 2);
  CHECK(at(properties, {"price", "minimum"}) == "0.0001");
  CHECK(at(properties, {"key", "maxLength"}) == "64");
  CHECK(at(properties, {"key", "pattern"}) == "^[A-Za-z0-9_-]*$");
  CHECK(at(properties, {"email", "format"}) == "email");
  CHECK(at(properties, {"secret", "format"}) == "password");
  CHECK(at(properties, {"amo", "type"}) == "boolean");
  CHECK(at(properties, {"at", "format"}) == "date-time");
  CHECK(properties.find("day")->find("anyOf")->children().size() == 2);
  CHECK(at(properties, {"tags", "items", "type"}) == "string");
  CHECK(at(properties, {"tags", "maxItems"}) == "3");
  CHECK(at(properties, {"leg", "$ref"}) == "#/components/schemas/Leg");
  CHECK(at(properties, {"legs", "items", "$ref"}) == "#/components/schemas/Leg");
  CHECK(parsed(json_schema(leg)).find("required") == nullptr);
}

TEST_CASE("a table becomes the parameters of a query or a path") {
  json_writer out;
  out.begin_array();
  write_parameters(out, ticket, "query");
  write_parameters(out, leg, "path");
  out.end_array();
  const auto root = parsed(out.text());
  REQUIRE(root.children().size() == std::size(fields) + 1);
  CHECK(at(root.children()[0], {"name"}) == "account");
  CHECK(at(root.children()[0], {"in"}) == "query");
  CHECK(at(root.children()[0], {"required"}) == "true");
  CHECK(at(root.children()[2], {"required"}) == "false");
  CHECK(at(root.children()[2], {"schema", "maximum"}) == "10");
  CHECK(at(root.children().back(), {"required"}) == "true");  // a path has no optional parts
}
