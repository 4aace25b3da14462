#include "web/server/target.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace sb::web::wire {
namespace {

constexpr std::array<bool, 256> uri_characters = [] {
  std::array<bool, 256> table{};
  for (char c : std::string_view{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-._~!$&'()*+,;=:@/?%"})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool all_uri_characters(std::string_view text) {
  for (char c : text)
    if (!uri_characters[static_cast<unsigned char>(c)]) return false;
  return true;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    auto segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

/// A slash that came out of an escape would move the border between two segments after the router's pattern was chosen.
bool escapes_slash(std::string_view path) {
  return path.find("%2F") != std::string_view::npos || path.find("%2f") != std::string_view::npos;
}

bool decode_query(std::string_view text, std::size_t parameters_max, std::vector<name_value>& query) {
  while (true) {
    if (query.size() == parameters_max) return false;
    const auto end = text.find('&');
    const auto piece = text.substr(0, end);
    const auto equals = piece.find('=');
    auto name = percent_decoded(piece.substr(0, equals), true);
    auto value =
        percent_decoded(equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1), true);
    if (!name || name->empty() || !value || !is_well_formed_utf8(*name) || !is_well_formed_utf8(*value)) return false;
    query.emplace_back(std::move(*name), std::move(*value));
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

bool is_well_formed_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    const unsigned lead = *at++;
    if (lead < 0x80) continue;
    int more = 0;
    unsigned low = 0x80;  // bounds of the second byte keep out overlong forms, surrogates and what lies above U+10FFFF
    unsigned high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    for (; more > 0; --more) {
      if (at == end || *at < low || *at > high) return false;
      low = 0x80;
      high = 0xBF;
      ++at;
    }
  }
  return true;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::optional<refusal> decode_target(std::string_view target, std::size_t query_parameters_max, std::string& path,
                                     std::vector<name_value>& query) {
  if (target.empty() || target.front() != '/' || !all_uri_characters(target)) return refusal::target;
  const auto question = target.find('?');
  const auto raw_path = target.substr(0, question);
  auto decoded = percent_decoded(raw_path, false);
  if (!decoded || escapes_slash(raw_path) || !is_well_formed_utf8(*decoded) || has_dot_segment(*decoded))
    return refusal::target;
  path = std::move(*decoded);
  if (question == std::string_view::npos || question + 1 == target.size()) return std::nullopt;
  if (!decode_query(target.substr(question + 1), query_parameters_max, query)) return refusal::query;
  return std::nullopt;
}

}  // namespace sb::web::wire
