#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "web/server/http.hpp"

namespace sb::web::wire {

/// False for what must not reach the wire: a status outside 200..599, a field that could end its line or that is the
/// server's own (Content-Length, Transfer-Encoding, Connection, Date, X-Request-ID, X-Correlation-ID), a body on 204 or
/// 304, too long a body.
bool is_sendable(const http_response& response, std::size_t body_bytes_max);

/// What follows about the connection: nothing (HTTP/1.1 stays open), or a Connection field.
enum class connection_field { none, close, keep_alive };

/// Appends status line, fields and blank line. `date_field` is a whole line or empty.
void append_response_head(std::string& out, const http_response& response, const request_names& names,
                          std::string_view date_field, connection_field connection);

/// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
std::string date_field(std::int64_t unix_seconds);

}  // namespace sb::web::wire
