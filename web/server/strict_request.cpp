#include "web/server/strict_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

#include "web/server/target.hpp"

namespace sb::web::wire {
namespace {

constexpr std::size_t method_bytes_max = 20;

/// Fields of which a second one would be an ambiguity, whoever reads them: here or in a handler.
constexpr std::string_view singletons[] = {"authorization", "content-encoding", "content-type",
                                           "expect",        "if-match",         "range"};

constexpr std::string_view content_codings[] = {"gzip", "x-gzip", "deflate", "compress", "x-compress"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_alnum(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

/// Calls `visit` with each element of a comma-separated list, blanks around it removed.
template <class Visit>
void each_element(std::string_view list, Visit visit) {
  while (true) {
    const auto comma = list.find(',');
    auto element = list.substr(0, comma);
    const auto first = element.find_first_not_of(" \t");
    element = first == std::string_view::npos ? std::string_view{} : element.substr(first);
    element = element.substr(0, element.find_last_not_of(" \t") + 1);
    visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

bool is_method(std::string_view method) {
  return method.size() <= method_bytes_max &&
         std::all_of(method.begin(), method.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

bool takes_no_body(std::string_view method) {
  constexpr std::string_view bodiless[] = {"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"};
  return std::find(std::begin(bodiless), std::end(bodiless), method) != std::end(bodiless);
}

bool sends_content(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

/// host [":" port]: a name, an IPv4 address, or an IPv6 address in brackets.
bool is_host(std::string_view text) {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos || bracket < 3) return false;
    for (char c : text.substr(1, bracket - 1))
      if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'f') && c != ':' && c != '.') return false;
    end = bracket + 1;
  } else {
    while (end < text.size() && (is_alnum(text[end]) || text[end] == '.' || text[end] == '-' || text[end] == '_'))
      ++end;
    if (end == 0) return false;
  }
  if (end == text.size()) return true;
  const auto port = text.substr(end + 1);
  return text[end] == ':' && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

/// Anything but the one word is refused. 501 is kept for requests whose framing is clear and whose coding we lack:
/// known codings with chunked as the last. Where chunked is not last the end of the body is anybody's guess.
refusal refusal_for_coding(std::string_view value) {
  bool codings_known = true;
  std::size_t elements = 0;
  std::string_view last;
  each_element(value, [&](std::string_view element) {
    if (elements > 0) {
      const bool known = std::any_of(std::begin(content_codings), std::end(content_codings),
                                     [&](std::string_view coding) { return equals_ignoring_case(last, coding); });
      codings_known = codings_known && known;
    }
    last = element;
    ++elements;
  });
  return elements > 1 && codings_known && last == "chunked" ? refusal::transfer_coding_unknown
                                                            : refusal::transfer_encoding;
}

/// What the rules need from the fields, gathered in one pass.
struct field_summary {
  const std::string* host = nullptr;
  const std::string* content_length = nullptr;
  const std::string* transfer_encoding = nullptr;
  const std::string* expect = nullptr;
  bool content_type = false;
  bool close = false;
  bool keep_alive = false;
  std::array<bool, std::size(singletons)> seen{};
};

bool set_once(const std::string*& slot, const std::string& value) {
  if (slot != nullptr) return false;
  slot = &value;
  return true;
}

std::optional<refusal> summarize(const std::vector<name_value>& fields, field_summary& summary) {
  for (const auto& [name, value] : fields) {
    if (name == "host") {
      if (!set_once(summary.host, value)) return refusal::host;
    } else if (name == "content-length") {
      if (!set_once(summary.content_length, value)) return refusal::content_length;
    } else if (name == "transfer-encoding") {
      if (!set_once(summary.transfer_encoding, value)) return refusal::transfer_encoding;
    } else if (name == "connection") {
      each_element(value, [&summary](std::string_view option) {
        if (equals_ignoring_case(option, "close")) summary.close = true;
        if (equals_ignoring_case(option, "keep-alive")) summary.keep_alive = true;
      });
    } else {
      const auto* const single = std::find(std::begin(singletons), std::end(singletons), name);
      if (single == std::end(singletons)) continue;
      if (std::exchange(summary.seen[static_cast<std::size_t>(single - std::begin(singletons))], true))
        return refusal::repeated_field;
      if (name == "expect") summary.expect = &value;
      if (name == "content-type") summary.content_type = true;
    }
  }
  return std::nullopt;
}

/// Decimal digits only. A number too large for the type is larger than any limit.
std::variant<std::size_t, refusal> parse_length(std::string_view text, std::size_t body_bytes_max) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return refusal::content_length;
  std::uint64_t length = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  if (parsed.ec == std::errc::result_out_of_range) return refusal::content_length;
  if (length > body_bytes_max) return refusal::body_too_large;
  return static_cast<std::size_t>(length);
}

std::optional<refusal> read_framing(const http_request& request, const field_summary& fields, unsigned version,
                                    const http_limits& limits, framing& frame) {
  if (fields.transfer_encoding != nullptr) {
    if (fields.content_length != nullptr) return refusal::conflicting_length;
    if (version != 11) return refusal::transfer_encoding;
    if (*fields.transfer_encoding != "chunked") return refusal_for_coding(*fields.transfer_encoding);
    frame.kind = framing::body::chunked;
  } else if (fields.content_length != nullptr) {
    const auto length = parse_length(*fields.content_length, limits.body_bytes_max);
    if (const auto* why = std::get_if<refusal>(&length)) return *why;
    frame.length = std::get<std::size_t>(length);
    if (frame.length > 0) frame.kind = framing::body::sized;
  } else if (sends_content(request.method) && (version == 10 || fields.content_type)) {
    return refusal::length_required;
  }
  if (frame.kind != framing::body::none && takes_no_body(request.method)) return refusal::body_not_allowed;
  return std::nullopt;
}

/// Whether eight characters are. In each byte of `odd` the highest bit says that this one is not, or one before it.
bool are_printable_ascii(const char* eight) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof word);
  const auto odd = (word - ones * 0x20) | (word + ones) | word;
  return (odd & (ones * 0x80)) == 0;
}

/// The end of the printable ASCII from `at`: within a line it needs no look.
std::size_t past_plain(std::string_view text, std::size_t at, std::size_t end) {
  while (end - at >= 8 && are_printable_ascii(text.data() + at)) at += 8;
  while (at < end && text[at] >= 0x20 && text[at] < 0x7F) ++at;
  return at;
}

}  // namespace

header_scan::verdict header_scan::scan(std::string_view text, const http_limits& limits) {
  const auto too_large = [&] { return lines_ == 0 ? refusal::target_too_long : refusal::header_too_large; };
  const auto end = std::min(text.size(), limits.header_bytes_max);
  for (; seen_ < end; ++seen_) {
    if (seen_ != line_start_ && !after_cr_) {
      seen_ = past_plain(text, seen_, end);
      if (seen_ == end) break;
    }
    const auto c = static_cast<unsigned char>(text[seen_]);
    if (after_cr_) {
      if (c != '\n') return refusal::line_ending;
      after_cr_ = false;
      const bool blank = seen_ == line_start_ + 1;
      line_start_ = seen_ + 1;
      if (blank) {
        if (lines_ == 0) return refusal::request_line;
        return complete{seen_ + 1};
      }
      if (++lines_ > limits.fields_max + 1) return refusal::too_many_fields;
    } else if (c == '\r') {
      after_cr_ = true;
    } else if (c == '\n') {
      return refusal::line_ending;
    } else if ((c < 0x20 && c != '\t') || c >= 0x7F) {
      return lines_ == 0 ? refusal::request_line : refusal::field;
    } else if ((c == ' ' || c == '\t') && seen_ == line_start_) {
      return lines_ == 0 ? refusal::request_line : refusal::folded_field;
    }
  }
  if (text.size() >= limits.header_bytes_max) return too_large();
  return need_more{};
}

std::variant<framing, refusal> strict_request(http_request& request, unsigned version, const http_limits& limits) {
  if (version != 10 && version != 11) return refusal::http_version;
  if (!is_method(request.method)) return refusal::request_line;
  if (request.target.size() > limits.target_bytes_max) return refusal::target_too_long;
  if (request.headers.size() > limits.fields_max) return refusal::too_many_fields;

  field_summary fields;
  if (const auto why = summarize(request.headers, fields)) return *why;
  if (fields.host == nullptr ? version == 11 : !is_host(*fields.host)) return refusal::host;

  framing frame;
  if (const auto why = read_framing(request, fields, version, limits, frame)) return *why;
  frame.keep_alive = !fields.close && (version == 11 || fields.keep_alive);

  if (const auto why = decode_target(request.target, limits.query_parameters_max, request.path, request.query))
    return *why;
  if (fields.expect != nullptr) {
    if (!equals_ignoring_case(*fields.expect, "100-continue")) return refusal::expectation;
    frame.expects_continue = version == 11 && frame.kind != framing::body::none;
  }
  return frame;
}

refusal refusal_for_version(std::string_view header_text) {
  const auto line = header_text.substr(0, header_text.find('\r'));
  const auto word = line.substr(line.rfind(' ') + 1);
  const bool two_blanks = std::count(line.begin(), line.end(), ' ') == 2;
  const bool a_version = word.size() == 8 && word.starts_with("HTTP/") && is_digit(word[5]) && word[6] == '.' &&
                         is_digit(word[7]) && word != "HTTP/1.0" && word != "HTTP/1.1";
  return two_blanks && a_version ? refusal::http_version : refusal::request_line;
}

}  // namespace sb::web::wire
