#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "web/server/http.hpp"

namespace sb::web {

/// 1 to 128 characters of [A-Za-z0-9-_.:+/=]: harmless in a header field, in JSON text and in a log.
bool is_request_id(std::string_view text);

/// Names requests. What it makes by itself is new, over restarts too: eight signs are drawn at the start (48 bits), the
/// rest counts. The first 78 billion have 15 characters or fewer, which a std::string holds without memory of its own:
/// an order's messages and facts have many copies of them. One thread.
class request_ids {
 public:
  request_ids();

  /// X-Request-ID and X-Correlation-ID as the fields say, each where it occurs once and is well formed. Otherwise the
  /// request id is a new one, and the correlation id is the request id.
  request_names of(const http_request& request);
  /// The same for a request of which no field is known.
  request_names fresh();

 private:
  std::string prefix_;
  std::uint64_t made_ = 0;
};

}  // namespace sb::web
