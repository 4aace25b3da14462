#include "storage/event_fields.hpp"

#include <charconv>

namespace sb::body {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

unsigned char byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}
bool is_continuation(unsigned char byte) { return (byte & 0xC0u) == 0x80u; }

/// Length of the well-formed sequence that begins at `at` with a byte >= 0x80; 0 when it is not well-formed (RFC 3629:
/// no overlong form, no surrogate, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const unsigned char first = byte_at(text, at);
  const unsigned char second = byte_at(text, at + 1);
  if (first < 0xC2 || first > 0xF4 || !is_continuation(second)) return 0;
  if (first < 0xE0) return 2;
  if (!is_continuation(byte_at(text, at + 2))) return 0;
  if (first < 0xF0) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool beyond = first == 0xF4 && second > 0x8F;
  return overlong || beyond || !is_continuation(byte_at(text, at + 3)) ? 0 : 4;
}

void put_special(std::string& out, unsigned char c) {
  constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '\0':
      out += replacement;
      return;
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
  }
}

}  // namespace

void put_integer(std::string& out, std::int64_t value) {
  char digits[20];  // 19 digits and a sign
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void put_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t written = 0;
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char c = byte_at(text, at);
    const bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
    const std::size_t length = plain ? 1 : c >= 0x80 ? sequence_length(text, at) : 0;
    if (length > 0) {
      at += length;
      continue;
    }
    out.append(text, written, at - written);
    if (c >= 0x80) {
      out += replacement;
    } else {
      put_special(out, c);
    }
    written = ++at;
  }
  out.append(text, written);
  out += '"';
}

bool take_integer(json_value from, std::int64_t& into, std::int64_t min, std::int64_t max, std::string& why) {
  std::int64_t value = 0;
  const auto error = from.get(value);
  if (error == simdjson::INCORRECT_TYPE) {
    why = "not an integer";
    return false;
  }
  if (error != simdjson::SUCCESS || value < min || value > max) {
    why = "out of range";
    return false;
  }
  into = value;
  return true;
}

std::optional<json_value> parse_object(std::string_view text, std::string& why) {
  const auto parsed = parse_json(text, why);
  if (parsed && parsed->is_object()) return parsed;
  if (parsed) why = "not an object";
  return std::nullopt;
}

}  // namespace sb::body
