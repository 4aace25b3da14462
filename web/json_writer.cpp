#include "web/json_writer.hpp"

#include <algorithm>
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

/// The last eight may be some of those that were looked at before.
bool is_plain(std::string_view text) {
  if (text.size() < 8) return std::all_of(text.begin(), text.end(), [](char c) { return is_plain(c); });
  const char* const last = text.data() + text.size() - 8;
  for (const char* at = text.data(); at < last; at += 8) {
    if (!are_plain(at)) return false;
  }
  return are_plain(last);
}

constexpr std::size_t escape_bytes = 6;  // \u001f

/// One character as it stands between quotes.
char* put_escaped(char* to, unsigned char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view plain = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  *to++ = '\\';
  if (const auto at = plain.find(static_cast<char>(c)); at != std::string_view::npos) {
    *to++ = letters[at];
    return to;
  }
  to += std::string_view{"u00"}.copy(to, 3);
  *to++ = digits[c >> 4U];
  *to++ = digits[c & 0x0FU];
  return to;
}

/// The same of a text, with at most escape_bytes for each of its bytes.
char* put_escaped(char* to, std::string_view text) {
  while (!text.empty()) {
    std::size_t length = 1;
    const auto c = static_cast<unsigned char>(text.front());
    if (is_plain(text.front())) {
      *to++ = text.front();
    } else if (c < 0x80) {
      to = put_escaped(to, c);
    } else if (const auto sequence = utf8_sequence_length(text); sequence != 0) {
      length = sequence;
      to += text.copy(to, length);
    } else {
      constexpr std::string_view replacement = "\xEF\xBF\xBD";
      to += replacement.copy(to, replacement.size());
    }
    text.remove_prefix(length);
  }
  return to;
}

}  // namespace

json_writer& json_writer::key(std::string_view name) {
  string(name);
  out_[size_++] = ':';  // value_place() has left room
  comma_ = false;
  return *this;
}

json_writer& json_writer::string(std::string_view text) {
  if (!is_plain(text)) return odd_string(text);
  char* const to = put(value_place(text.size() + 2), '"');
  return written_to(put(put(to, text), '"'));
}

json_writer& json_writer::odd_string(std::string_view text) {
  char* const to = put(value_place(escape_bytes * text.size() + 2), '"');
  return written_to(put(put_escaped(to, text), '"'));
}

json_writer& json_writer::integer(std::int64_t value) {
  constexpr std::size_t digits_max = 20;  // with the sign
  char* const to = value_place(digits_max);
  return written_to(std::to_chars(to, to + digits_max, value).ptr);
}

json_writer& json_writer::boolean(bool value) { return raw(value ? "true" : "false"); }
json_writer& json_writer::null() { return raw("null"); }
json_writer& json_writer::amount(sb::money value) { return raw(format(value)); }

json_writer& json_writer::date_time(wall_ms at) {
  char* const to = put(value_place(date_time_bytes + 2), '"');
  return written_to(put(write_date_time(to, at), '"'));
}

json_writer& json_writer::raw(std::string_view value) { return written_to(put(value_place(value.size()), value)); }

}  // namespace sb::web
