#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "web/server/http.hpp"

namespace sb::web {

/// Every answer the server gives by itself, without asking the handler.
enum class refusal : std::uint8_t {
  request_line,
  line_ending,
  http_version,
  target,
  target_too_long,
  query,
  field,
  folded_field,
  header_too_large,
  too_many_fields,
  repeated_field,
  host,
  content_length,
  transfer_encoding,
  transfer_coding_unknown,
  conflicting_length,
  body_not_allowed,
  length_required,
  body_too_large,
  chunk,
  expectation,
  request_timeout,
  too_many_connections_of_address,
  too_many_connections,
  no_answer,
  invalid_answer,
};

/// `code` is for programs and never changes; `title` and `detail` are for people.
struct refusal_spec {
  refusal what;
  int status;
  std::string_view reason;  // the enumerator's name, unique; for metrics
  std::string_view code;    // several reasons may share one
  std::string_view title;
  std::string_view detail;
  std::string_view action;  // retry: nothing happened, try later; user: fix the request; check: it may have happened
};

/// The whole table, in the order of the enum; for the error registry, documentation and metrics.
std::span<const refusal_spec> refusal_specs();

const refusal_spec& spec_of(refusal why);

/// The problem type's URI reference: "/problems/" and the code in lower case with dashes.
std::string problem_type_of(refusal why);

/// The application/problem+json response for it, to the request of these names; each is_request_id().
http_response refusal_response(refusal why, const request_names& names);

}  // namespace sb::web
