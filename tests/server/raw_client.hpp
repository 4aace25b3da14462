#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sb::test {

struct raw_response {
  int status = 0;  // 0: the connection closed, stayed silent, or sent what is no response
  std::string head;
  std::string body;

  /// The value of the (lower-case) field, or "" when there is none.
  std::string field(std::string_view name) const;
  bool has(std::string_view name) const;
};

/// A client that sends bytes exactly as told, over one loopback connection. Reads give up after ten seconds, which only
/// a failing test waits for.
class raw_client {
 public:
  explicit raw_client(std::uint16_t port, int receive_buffer_bytes = 0);
  ~raw_client();
  raw_client(raw_client&& other) noexcept;
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  bool connected() const { return socket_ >= 0; }
  /// A peer that closed early is no error here: what the test reads afterwards tells.
  void send(std::string_view bytes);
  void send_byte_by_byte(std::string_view bytes);
  void close();
  void shut_down_sending();

  /// One response with Content-Length; `head_only` for the answer to HEAD.
  raw_response read_response(bool head_only = false);
  /// Everything up to a blank line, for interim answers.
  std::string read_head();
  /// True when nothing but the end of the connection is left to read.
  bool closed_by_peer();

 private:
  bool fill();

  int socket_ = -1;
  std::string in_;
};

/// A request line and Host, the given fields (each with its CRLF), the blank line and the body.
std::string request_text(std::string_view method, std::string_view target, std::string_view fields = {},
                         std::string_view body = {});

}  // namespace sb::test
