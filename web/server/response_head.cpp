#include "web/server/response_head.hpp"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace sb::web::wire {
namespace {

constexpr std::string_view own_fields[] = {"connection",        "content-length", "date",
                                           "transfer-encoding", "x-request-id",   "x-correlation-id"};

bool is_own_field(std::string_view name) {
  return std::any_of(std::begin(own_fields), std::end(own_fields), [name](std::string_view own) {
    return std::equal(name.begin(), name.end(), own.begin(), own.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; });
  });
}

bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [marks](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || byte == '\t';
  });
}

bool has_no_content(int status) { return status == 204 || status == 304; }

void append_number(std::string& out, std::size_t number) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, end);
}

}  // namespace

bool is_sendable(const http_response& response, std::size_t body_bytes_max) {
  if (response.status < 200 || response.status > 599) return false;
  if (response.body.size() > body_bytes_max) return false;
  if (has_no_content(response.status) && !response.body.empty()) return false;
  return is_field_value(response.content_type) &&
         std::all_of(response.headers.begin(), response.headers.end(), [](const name_value& field) {
           return is_token(field.first) && !is_own_field(field.first) && is_field_value(field.second);
         });
}

void append_response_head(std::string& out, const http_response& response, const request_names& names,
                          std::string_view date_field, connection_field connection) {
  namespace http = boost::beast::http;
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(response.status));
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  out.append(" ").append(reason.data(), reason.size()).append("\r\n");
  out.append(date_field);
  if (!response.content_type.empty()) out.append("Content-Type: ").append(response.content_type).append("\r\n");
  for (const auto& [name, value] : response.headers) out.append(name).append(": ").append(value).append("\r\n");
  out.append(response.standing);
  out.append("X-Request-ID: ").append(names.request);
  out.append("\r\nX-Correlation-ID: ").append(names.correlation).append("\r\n");
  if (!has_no_content(response.status)) {
    out.append("Content-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n");
  }
  if (connection == connection_field::close) out.append("Connection: close\r\n");
  if (connection == connection_field::keep_alive) out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
}

std::string date_field(std::int64_t unix_seconds) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  using namespace std::chrono;
  const sys_seconds now{seconds{unix_seconds}};
  const auto today = floor<std::chrono::days>(now);
  const year_month_day date{today};
  const hh_mm_ss time{now - today};
  char line[64];
  const int length = std::snprintf(line, sizeof line, "Date: %s, %02u %s %04d %02d:%02d:%02d GMT\r\n",
                                   days[weekday{today}.c_encoding()], static_cast<unsigned>(date.day()),
                                   months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                                   static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                                   static_cast<int>(time.seconds().count()));
  return std::string(line, static_cast<std::size_t>(length));
}

}  // namespace sb::web::wire
