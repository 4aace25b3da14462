#include "web/plain_json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace sb::web {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t depth_max = 16;             // each level is a call inside the other
constexpr std::size_t members_compared_max = 32;  // names of one object, each with each
constexpr std::size_t number_bytes_max = 64;

/// Without exponent, and not "-0", which is written anew.
bool is_plain_number(std::string_view text) {
  const auto whole = text;
  const auto digits = [&text] {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
    text.remove_prefix(count);
    return count;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const auto before = digits();
  if (before == 0 || (zero && before > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty() && whole != "-0" && whole.size() <= number_bytes_max;
}

}  // namespace

/// Each step is false where the other parser has to read the document.
class plain_json_reader {
 public:
  explicit plain_json_reader(const json_limits& limits) : limits_{limits} {}

  bool object(ondemand::object from, json_value& into, std::size_t depth) {
    if (depth > std::min(limits_.depth_max, depth_max) || !counts()) return false;
    into.kind_ = json_kind::object;
    auto& members = into.children_;
    if (depth == 1) members.reserve(16);
    for (auto field : from) {
      std::string_view name;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS || has_nul(name)) return false;
      if (members.size() == std::min(limits_.members_max, members_compared_max)) return false;
      if (std::any_of(members.begin(), members.end(), [name](const json_value& other) { return other.name_ == name; }))
        return false;
      auto& member = members.emplace_back();
      member.name_ = name;
      ondemand::value inner;
      if (field.value().get(inner) != simdjson::SUCCESS || !value(inner, member, depth)) return false;
    }
    return true;
  }

 private:
  bool array(ondemand::array from, json_value& into, std::size_t depth) {
    if (depth > std::min(limits_.depth_max, depth_max) || !counts()) return false;
    into.kind_ = json_kind::array;
    for (auto element : from) {
      ondemand::value inner;
      if (element.get(inner) != simdjson::SUCCESS || into.children_.size() == limits_.items_max) return false;
      if (!value(inner, into.children_.emplace_back(), depth)) return false;
    }
    return true;
  }

  bool value(ondemand::value from, json_value& into, std::size_t depth) {
    ondemand::json_type kind{};
    if (from.type().get(kind) != simdjson::SUCCESS) return false;
    switch (kind) {
      case ondemand::json_type::object: {
        ondemand::object inner;
        return from.get_object().get(inner) == simdjson::SUCCESS && object(inner, into, depth + 1);
      }
      case ondemand::json_type::array: {
        ondemand::array inner;
        return from.get_array().get(inner) == simdjson::SUCCESS && array(inner, into, depth + 1);
      }
      case ondemand::json_type::string: {
        std::string_view text;
        if (!counts() || from.get_string().get(text) != simdjson::SUCCESS || has_nul(text)) return false;
        into.kind_ = json_kind::string;
        into.text_ = text;
        return true;
      }
      case ondemand::json_type::number: {
        auto text = from.raw_json_token();  // with the white space behind it
        while (!text.empty() && std::string_view{" \t\r\n"}.find(text.back()) != std::string_view::npos)
          text.remove_suffix(1);
        if (!counts() || !is_plain_number(text)) return false;
        into.kind_ = json_kind::number;
        into.text_ = text;
        return true;
      }
      case ondemand::json_type::boolean:
        into.kind_ = json_kind::boolean;
        return counts() && from.get_bool().get(into.boolean_) == simdjson::SUCCESS;
      case ondemand::json_type::null: {
        bool is_null = false;
        into.kind_ = json_kind::null;
        return counts() && from.is_null().get(is_null) == simdjson::SUCCESS && is_null;
      }
    }
    return false;
  }

  bool counts() { return ++values_ <= limits_.values_max; }
  static bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

  const json_limits& limits_;
  std::size_t values_ = 0;
};

std::optional<json_value> read_plain_json(std::string_view text, const json_limits& limits) {
  thread_local ondemand::parser parser;
  thread_local std::string padded;  // the parser reads a little beyond the text
  padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded.assign(text);
  ondemand::document document;
  if (parser.iterate(padded.data(), padded.size(), padded.capacity()).get(document) != simdjson::SUCCESS)
    return std::nullopt;
  ondemand::object outermost;
  if (document.get_object().get(outermost) != simdjson::SUCCESS) return std::nullopt;
  std::optional<json_value> read{std::in_place};
  if (!plain_json_reader{limits}.object(outermost, *read, 1) ||
      document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return std::nullopt;
  return read;
}

}  // namespace sb::web
