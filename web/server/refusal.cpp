#include "web/server/refusal.hpp"

#include <cstddef>
#include <string>

namespace sb::web {
namespace {

using r = refusal;

constexpr refusal_spec specs[] = {
    {r::request_line, 400, "request_line", "VALIDATION_REQUEST_LINE", "Malformed request line",
     "The first line must be METHOD SP target SP HTTP/1.1.", "user"},
    {r::line_ending, 400, "line_ending", "VALIDATION_LINE_ENDING", "Malformed line ending",
     "Every line of the header must end in CR LF.", "user"},
    {r::http_version, 505, "http_version", "VALIDATION_HTTP_VERSION", "HTTP version not supported",
     "Only HTTP/1.1 and HTTP/1.0 are spoken here.", "user"},
    {r::target, 400, "target", "VALIDATION_TARGET", "Malformed request target",
     "The target must be an absolute path of valid URI characters whose escapes decode to plain UTF-8 text.", "user"},
    {r::target_too_long, 414, "target_too_long", "VALIDATION_TARGET_TOO_LONG", "Request target too long",
     "The request target is longer than this server accepts.", "user"},
    {r::query, 400, "query", "VALIDATION_QUERY", "Malformed query",
     "Query parameters must be named, few enough, and their escapes must decode to plain UTF-8 text.", "user"},
    {r::field, 400, "field", "VALIDATION_HEADER", "Malformed header field",
     "A header field is not a name, a colon and a value of printable ASCII characters.", "user"},
    {r::folded_field, 400, "folded_field", "VALIDATION_HEADER_FOLDED", "Folded header field",
     "A header field must not continue on a second line.", "user"},
    {r::header_too_large, 431, "header_too_large", "VALIDATION_HEADER_TOO_LARGE", "Header too large",
     "The header section is longer than this server accepts.", "user"},
    {r::too_many_fields, 431, "too_many_fields", "VALIDATION_TOO_MANY_HEADERS", "Too many header fields",
     "The request has more header fields than this server accepts.", "user"},
    {r::repeated_field, 400, "repeated_field", "VALIDATION_HEADER_REPEATED", "Repeated header field",
     "A header field that may occur once occurs more than once.", "user"},
    {r::host, 400, "host", "VALIDATION_HOST", "Missing or malformed Host",
     "The request must have exactly one Host field with a host name or address and optionally a port.", "user"},
    {r::content_length, 400, "content_length", "VALIDATION_CONTENT_LENGTH", "Malformed Content-Length",
     "Content-Length must be one decimal number.", "user"},
    {r::transfer_encoding, 400, "transfer_encoding", "VALIDATION_TRANSFER_ENCODING", "Ambiguous Transfer-Encoding",
     "Transfer-Encoding must be exactly chunked, and only in HTTP/1.1.", "user"},
    {r::transfer_coding_unknown, 501, "transfer_coding_unknown", "VALIDATION_TRANSFER_CODING_UNKNOWN",
     "Transfer coding not implemented", "The only transfer coding spoken here is chunked.", "user"},
    {r::conflicting_length, 400, "conflicting_length", "VALIDATION_CONFLICTING_LENGTH", "Conflicting body lengths",
     "A request must not have both Content-Length and Transfer-Encoding.", "user"},
    {r::body_not_allowed, 400, "body_not_allowed", "VALIDATION_BODY_NOT_ALLOWED", "Body not allowed",
     "A request with this method must not have a body.", "user"},
    {r::length_required, 411, "length_required", "VALIDATION_LENGTH_REQUIRED", "Length required",
     "The request announces a body and says neither its length nor that it is chunked.", "user"},
    {r::body_too_large, 413, "body_too_large", "VALIDATION_BODY_TOO_LARGE", "Body too large",
     "The body is longer than this server accepts.", "user"},
    {r::chunk, 400, "chunk", "VALIDATION_CHUNK", "Malformed chunk",
     "The chunked body is malformed; chunk extensions and trailers are not accepted.", "user"},
    {r::expectation, 417, "expectation", "VALIDATION_EXPECTATION", "Expectation failed",
     "The only expectation understood here is 100-continue.", "user"},
    {r::request_timeout, 408, "request_timeout", "VALIDATION_REQUEST_TIMEOUT", "Request timeout",
     "The request did not arrive in time; nothing was done.", "retry"},
    {r::too_many_connections_of_address, 429, "too_many_connections_of_address", "RATE_LIMITED", "Too many connections",
     "Too many connections are open from this address; nothing was done.", "retry"},
    {r::too_many_connections, 503, "too_many_connections", "OVERLOADED", "Too many connections",
     "The server has as many connections as it can serve; nothing was done.", "retry"},
    {r::no_answer, 500, "no_answer", "INTERNAL_ERROR", "Internal error",
     "The request was given up without an answer; look before repeating it.", "check"},
    {r::invalid_answer, 500, "invalid_answer", "INTERNAL_ERROR", "Internal error",
     "The answer could not be sent; look before repeating the request.", "check"},
};

constexpr bool in_order() {
  std::size_t at = 0;
  for (const auto& spec : specs)
    if (static_cast<std::size_t>(spec.what) != at++) return false;
  return at == static_cast<std::size_t>(refusal::invalid_answer) + 1;
}
static_assert(in_order(), "spec_of() finds a refusal by its number");

}  // namespace

std::span<const refusal_spec> refusal_specs() { return specs; }

const refusal_spec& spec_of(refusal why) { return specs[static_cast<std::size_t>(why)]; }

std::string problem_type_of(refusal why) {
  std::string type{"/problems/"};
  for (const char c : spec_of(why).code)
    type.push_back(c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
  return type;
}

http_response refusal_response(refusal why, const request_names& names) {
  const auto& spec = spec_of(why);
  http_response response;
  response.status = spec.status;
  response.content_type = "application/problem+json";
  response.headers.emplace_back("Cache-Control", "no-store");
  if (spec.status == 429 || spec.status == 503) response.headers.emplace_back("Retry-After", "1");
  // The texts of the table and the names hold nothing that JSON would escape.
  auto& body = response.body;
  body.append(R"({"type":")").append(problem_type_of(why));
  body.append(R"(","title":")").append(spec.title);
  body.append(R"(","status":)").append(std::to_string(spec.status));
  body.append(R"(,"detail":")").append(spec.detail);
  body.append(R"(","code":")").append(spec.code);
  body.append(R"(","retryable":)").append(spec.action == "retry" ? "true" : "false");
  body.append(R"(,"action":")").append(spec.action);
  body.append(R"(","correlation_id":")").append(names.correlation).append("\"}");
  return response;
}

}  // namespace sb::web
