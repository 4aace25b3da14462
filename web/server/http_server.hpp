#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "web/server/http.hpp"
#include "web/server/http_limits.hpp"
#include "web/server/responder.hpp"

namespace sb::web {

struct listener_address {
  std::string address = "127.0.0.1";  // numeric
  std::uint16_t port = 0;             // 0: the system chooses, see http_server::ports()
};

struct http_server_settings {
  std::vector<listener_address> listeners;
  http_limits limits;
  std::chrono::milliseconds tick{10};
};

/// A snapshot of the server's counts since its start. The figures are read one by one while traffic goes on.
struct http_counters {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_timed_out = 0;  // idle, or too slow in reading the response
  std::uint64_t requests = 0;               // handed to the handler
  std::uint64_t responses = 0;              // written in full, the server's own refusals included
  std::uint64_t responses_undelivered = 0;  // the client was gone before the answer was written
  std::uint64_t handler_failures = 0;       // the handler threw
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::vector<std::pair<std::string_view, std::uint64_t>> refused;  // by reason, every one of refusal_specs()
};

/// HTTP/1.1 on one thread of its own. A connection has one request in work at a time, so answers keep the order of the
/// requests; pipelined requests wait in the connection's bounded buffer or in the kernel. What fails the server's own
/// checks is answered with a problem and the connection closes; the handler never sees it.
class http_server {
 public:
  /// Called on the io thread for every request that passed the checks; must not block. If it throws, the client gets a
  /// 500 unless it was answered already, the failure is counted, and the server goes on.
  using request_handler = std::function<void(http_request&&, responder)>;

  /// `on_tick` is called on the io thread about every `settings.tick`, never twice to catch up. It and what is posted
  /// must not throw: that ends the process.
  http_server(http_server_settings settings, request_handler handler, std::function<void()> on_tick = {});
  ~http_server();  // stops
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Binds every listener and starts the io thread; once. Throws std::runtime_error naming the address that failed;
  /// then nothing is bound.
  void start();

  /// From any thread: runs `work` on the io thread, in the order posted, never inside this call. Dropped after stop().
  void post(std::function<void()> work);

  /// The bound ports in the order of the listeners; after start().
  std::vector<std::uint16_t> ports() const;

  /// From any thread: no new connections, idle ones close, the others close after the answers they wait for.
  void drain();

  /// Blocks the caller (never the io thread) until no connection is left after drain(). False when the time is over.
  bool wait_until_drained(std::chrono::milliseconds time_max);

  /// Closes everything at once and joins the io thread; not from the io thread. Later answers are dropped.
  void stop();

  /// From any thread.
  http_counters counters() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sb::web
