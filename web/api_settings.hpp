#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace sb::web {

/// What the REST API is told by the node's settings.
struct api_settings {
  std::size_t order_body_bytes_max = 8192;
  std::int64_t client_wait_ms = 2000;          ///< how long a client waits for an answer that is not there yet
  std::int32_t market_protection = 500;        ///< hundredths of a percent, for MARKET orders that name none
  std::int64_t reference_age_max_ms = 60'000;  ///< an older reference price of a MARKET order is none
  std::int32_t utc_offset_minutes = 330;       ///< of the exchange's trading day
  std::string currency = "INR";
  std::string version;  ///< of the product, for health answers and the front page
};

}  // namespace sb::web
