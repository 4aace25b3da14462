#include "web/schema.hpp"

#include <algorithm>
#include <limits>

namespace sb::web {
namespace {

std::string_view pattern_of(text_class characters) {
  switch (characters) {
    case text_class::text:
    case text_class::password:
      return R"(^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$)";
    case text_class::visible:
      return R"(^[\u0021-\u007E]*$)";
    case text_class::token:
      return "^[A-Za-z0-9_-]*$";
    case text_class::symbol:
      return "^[A-Z0-9&_.-]*$";
    case text_class::email:
      return R"(^[\u0021-\u003F\u0041-\u007E]+@[\u0021-\u003F\u0041-\u007E]+$)";
  }
  return {};
}

void write_words(json_writer& out, const field& row) {
  out.key("enum").begin_array();
  for (const auto word : row.words) out.string(word);
  out.end_array();
}

/// The members of a string's schema: of the field itself, or of the elements of a list.
void write_text_rules(json_writer& out, const field& row) {
  out.member("type", "string");
  if (!row.words.empty()) return write_words(out, row);
  out.member("minLength", static_cast<std::int64_t>(row.length_min));
  out.member("maxLength", static_cast<std::int64_t>(row.length_max));
  out.member("pattern", pattern_of(row.characters));
  if (row.characters == text_class::email) out.member("format", "email");
  if (row.characters == text_class::password) out.member("format", "password");
}

void write_reference(json_writer& out, const object_type& type) {
  out.member("$ref", std::string_view{"#/components/schemas/" + std::string{type.name}});
}

void write_item_bounds(json_writer& out, const field& row) {
  out.member("type", "array");
  out.member("minItems", static_cast<std::int64_t>(row.items_min));
  out.member("maxItems", static_cast<std::int64_t>(row.items_max));
}

void write_field(json_writer& out, const field& row) {
  if (row.nullable) {
    auto value = row;
    value.nullable = false;
    out.begin_object().key("anyOf").begin_array();
    write_field(out, value);
    out.begin_object().member("type", "null").end_object().end_array().end_object();
    return;
  }
  out.begin_object();
  switch (row.kind) {
    case field_kind::string:
    case field_kind::word:
      write_text_rules(out, row);
      break;
    case field_kind::integer:
    case field_kind::id: {
      out.member("type", "integer").member("format", "int64");
      const std::int64_t least = row.kind == field_kind::id ? std::max<std::int64_t>(row.value_min, 1) : row.value_min;
      if (least != std::numeric_limits<std::int64_t>::min()) out.member("minimum", least);
      if (row.value_max != std::numeric_limits<std::int64_t>::max()) out.member("maximum", row.value_max);
      break;
    }
    case field_kind::money:
      out.key("type").begin_array().string("number").string("string").end_array();
      out.member("format", "decimal");
      out.key("multipleOf").raw("0.0001");
      out.member("minimum", money{std::max(row.value_min, -money::ticks_max)});
      out.member("maximum", money{std::min(row.value_max, money::ticks_max)});
      break;
    case field_kind::boolean:
      out.member("type", "boolean");
      break;
    case field_kind::date_time:
      out.member("type", "string").member("format", "date-time");
      break;
    case field_kind::date:
      if (row.words.empty()) {
        out.member("type", "string").member("format", "date");
      } else {
        out.key("anyOf").begin_array();
        out.begin_object().member("type", "string").member("format", "date").end_object();
        out.begin_object().member("type", "string");
        write_words(out, row);
        out.end_object().end_array();
      }
      break;
    case field_kind::strings:
      write_item_bounds(out, row);
      out.key("items").begin_object();
      write_text_rules(out, row);
      out.end_object();
      break;
    case field_kind::ids:
      write_item_bounds(out, row);
      out.key("items").begin_object().member("type", "integer").member("format", "int64");
      out.member("minimum", std::max<std::int64_t>(row.value_min, 1)).end_object();
      break;
    case field_kind::object:
      write_reference(out, *row.type);
      break;
    case field_kind::objects:
      write_item_bounds(out, row);
      out.key("items").begin_object();
      write_reference(out, *row.type);
      out.end_object();
      break;
  }
  if (!row.unit.empty()) out.member("x-unit", row.unit);
  if (!row.description.empty()) out.member("description", row.description);
  out.end_object();
}

}  // namespace

void write_schema(json_writer& out, const object_type& type) {
  out.begin_object().member("type", "object");
  if (!type.description.empty()) out.member("description", type.description);
  out.member("additionalProperties", false);
  const bool any_required =
      std::any_of(type.fields.begin(), type.fields.end(), [](const field& row) { return row.required; });
  if (any_required) {
    out.key("required").begin_array();
    for (const auto& row : type.fields)
      if (row.required) out.string(row.name);
    out.end_array();
  }
  out.key("properties").begin_object();
  for (const auto& row : type.fields) {
    out.key(row.name);
    write_field(out, row);
  }
  out.end_object().end_object();
}

std::string json_schema(const object_type& type) {
  json_writer out;
  write_schema(out, type);
  return std::move(out).take();
}

void write_parameters(json_writer& out, const object_type& type, std::string_view place) {
  for (const auto& row : type.fields) {
    out.begin_object().member("name", row.name).member("in", place).member("required", row.required || place == "path");
    if (!row.description.empty()) out.member("description", row.description);
    out.key("schema");
    write_field(out, row);
    out.end_object();
  }
}

}  // namespace sb::web
