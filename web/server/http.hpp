#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sb::web {

using name_value = std::pair<std::string, std::string>;

/// The names of one request: every answer to it carries both, and what it sets in motion runs under them.
struct request_names {
  std::string request;      // X-Request-ID
  std::string correlation;  // X-Correlation-ID; correlation_id of a problem
};

/// One request that passed the server's framing checks. Owned by the handler; nothing in it points into the connection.
struct http_request {
  std::string method;             // upper case as sent: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
  std::string target;             // origin-form, as sent
  std::string path;               // decoded once: valid UTF-8, no control characters, no "%2F", no "." or ".." segments
  std::vector<name_value> query;  // decoded, in the order sent; a name may occur more than once
  std::vector<name_value> headers;  // names in lower case, in the order sent; values without surrounding blanks
  std::string body;                 // without transfer coding; as long as the limits allow
  std::string remote_address;       // numeric, of the peer of the TCP connection
  std::size_t listener = 0;         // index into the settings' listeners: which port it came in by
  request_names names;              // made by the server where the fields have none that are well formed

  /// The first field of that (lower-case) name, or null. Points into `headers`.
  const std::string* header(std::string_view name) const {
    for (const auto& [field, value] : headers)
      if (field == name) return &value;
    return nullptr;
  }

  /// How often a (lower-case) field name occurs; a caller that needs exactly one refuses the others.
  std::size_t header_count(std::string_view name) const {
    std::size_t count = 0;
    for (const auto& [field, value] : headers) count += field == name ? 1U : 0U;
    return count;
  }
};

/// What the handler answers. The server adds Content-Length, Connection, Date, X-Request-ID and X-Correlation-ID;
/// `headers` must not name these.
/// Field values must not contain CR, LF or NUL: such a response is replaced by a 500.
struct http_response {
  int status = 200;
  std::string_view content_type;  // empty: no Content-Type field. The text lives as long as the program
  std::vector<name_value> headers;
  std::string body;  // for HEAD: the body a GET would have, only its length is sent
  /// More fields: whole lines, each with its CRLF. The text lives as long as the program, and is not checked.
  std::string_view standing = {};
};

}  // namespace sb::web
