#include "web/json_writer.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "web/date_time.hpp"
#include "web/utf8.hpp"

namespace sb::web {
namespace {

constexpr auto plain_characters = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool is_plain(char c) { return plain_characters[static_cast<unsigned char>(c)]; }

/// Whether eight characters are: no control character, quote, backslash, and nothing beyond ASCII. In each byte of
/// `odd` the highest bit says so of that character, or of one before it.
bool are_plain(const char* eight) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof word);
  const auto quotes = word ^ (ones * '"');
  const auto slashes = word ^ (ones * '\\');
  const auto odd = (word - ones * 0x20) | (quotes - ones) | (slashes - ones) | word;
  return (odd & (ones * 0x80)) == 0;
}

/// How far the text goes on in plain characters from there.
std::size_t plain_until(std::string_view text, std::size_t at) {
  while (text.size() - at >= 8 && are_plain(text.data() + at)) at += 8;
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

}  // namespace

json_writer& json_writer::key(std::string_view name) {
  separate();
  quoted(name);
  out_ += ':';
  comma_ = false;
  return *this;
}

json_writer& json_writer::string(std::string_view text) {
  separate();
  quoted(text);
  return *this;
}

json_writer& json_writer::integer(std::int64_t value) {
  separate();
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out_.append(text.data(), end);
  return *this;
}

json_writer& json_writer::boolean(bool value) { return raw(value ? "true" : "false"); }
json_writer& json_writer::null() { return raw("null"); }
json_writer& json_writer::amount(sb::money value) { return raw(format(value)); }
json_writer& json_writer::date_time(wall_ms at) { return string(format_date_time(at)); }

json_writer& json_writer::raw(std::string_view value) {
  separate();
  out_ += value;
  return *this;
}

void json_writer::quoted(std::string_view text) {
  out_ += '"';
  std::size_t at = 0;
  std::size_t plain = 0;  // start of what needs no change and is appended in one piece
  const auto flush = [&] { out_.append(text, plain, at - plain); };
  while (true) {
    at = plain_until(text, at);
    if (at == text.size()) break;
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x80) {
      const std::size_t length = utf8_sequence_length(text.substr(at));
      if (length != 0) {
        at += length;
        continue;
      }
      flush();
      out_ += "\xEF\xBF\xBD";
    } else {
      flush();
      switch (c) {
        case '"':
          out_ += "\\\"";
          break;
        case '\\':
          out_ += "\\\\";
          break;
        case '\b':
          out_ += "\\b";
          break;
        case '\f':
          out_ += "\\f";
          break;
        case '\n':
          out_ += "\\n";
          break;
        case '\r':
          out_ += "\\r";
          break;
        case '\t':
          out_ += "\\t";
          break;
        default: {
          constexpr std::string_view digits = "0123456789abcdef";
          out_ += "\\u00";
          out_ += digits[c >> 4U];
          out_ += digits[c & 0x0FU];
        }
      }
    }
    plain = ++at;
  }
  flush();
  out_ += '"';
}

}  // namespace sb::web
