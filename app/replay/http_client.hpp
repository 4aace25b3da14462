#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sb::replay {

struct http_call {
  std::string method = "GET";
  std::string target;  ///< path and query
  std::string body;    ///< JSON, or empty for none
  std::string token;   ///< bearer token, or empty for none
};

struct http_answer {
  int status = 0;                    ///< 0: no answer came; `failure` says why
  std::string body;                  ///< at most http_answer_bytes_max; a longer one counts as no answer
  std::optional<int> retry_after_s;  ///< from the header
  std::chrono::microseconds took{};  ///< from handing over the call to the last byte of the answer
  std::string failure;  ///< libcurl's words when there is no answer; the request may have arrived all the same
};
constexpr std::size_t http_answer_bytes_max = std::size_t{4} << 20;

/// HTTP/1.1 over a fixed number of kept connections, on the caller's thread. The environment's proxies are not used.
/// libcurl sends a request a second time when a kept connection turns out to be dead before any answer: callers send
/// what is safe to repeat.
class http_client {
 public:
  using take_answer = std::function<void(http_answer&&)>;

  /// `base_url`: scheme, host and port, without a trailing slash. `connections` > 0. Throws std::runtime_error.
  http_client(std::string base_url, std::size_t connections, std::chrono::milliseconds deadline);
  ~http_client();
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  /// Needs free() > 0. `done` is called once, from run(), and may send again.
  void send(http_call call, take_answer done);
  /// Moves bytes and hands out answers; returns after `at_most`, sooner when something happened.
  void run(std::chrono::milliseconds at_most);
  /// Sends and waits. Not from within an answer.
  http_answer call(http_call call);

  std::size_t free() const { return free_.size(); }
  std::size_t in_flight() const { return slots_.size() - free_.size(); }

 private:
  struct slot;
  void finish(slot& ended, int curl_code);

  std::string base_url_;
  void* multi_ = nullptr;  ///< CURLM
  std::vector<std::unique_ptr<slot>> slots_;
  std::vector<slot*> free_;
};

}  // namespace sb::replay
