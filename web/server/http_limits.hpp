#pragma once

#include <chrono>
#include <cstddef>

namespace sb::web {

/// Bounds of one server. Everything a client can make grow is here; crossing one gets the named answer.
/// Times are enforced on the server's tick: they may pass by up to one tick late, never early.
struct http_limits {
  std::size_t header_bytes_max =
      8 * 1024;  // request line, fields and the blank line: 431 (414 when the line alone fills it)
  std::size_t target_bytes_max = 2 * 1024;            // 414
  std::size_t fields_max = 64;                        // 431
  std::size_t query_parameters_max = 64;              // 400
  std::size_t body_bytes_max = 64 * 1024;             // after removal of the transfer coding: 413
  std::size_t response_bytes_max = 16 * 1024 * 1024;  // a longer answer of the handler becomes a 500

  std::size_t connections_max = 10'000;           // 503
  std::size_t connections_per_address_max = 100;  // 429
  std::size_t refused_connections_max = 256;  // told why at the same time; beyond that they are closed without a word

  std::chrono::milliseconds header_time_max{
      5'000};  // first byte (or accept) to blank line: 408, or just closed if no byte came
  std::chrono::milliseconds body_time_max{10'000};   // blank line to last byte of the body: 408
  std::chrono::milliseconds body_grace{1'000};       // before the rate below counts
  std::size_t body_bytes_per_second_min = 1024;      // average since the grace: 408
  std::chrono::milliseconds idle_time_max{30'000};   // between requests: closed
  std::chrono::milliseconds write_time_max{10'000};  // one response taken by the client: closed
  std::chrono::milliseconds linger_time_max{
      1'000};  // after the last response: unread input is dropped so long, then closed
};

}  // namespace sb::web
