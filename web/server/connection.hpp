#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "web/server/body_reader.hpp"
#include "web/server/server_context.hpp"
#include "web/server/strict_request.hpp"

namespace sb::web::wire {

using tcp_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

/// One client. Reads a request, hands it over, waits for the answer, writes it, and begins again; at no time does it
/// hold more than one request, one response and the input buffer. io thread only. The board owns it; pending operations
/// keep it alive beyond close().
class connection final : public std::enable_shared_from_this<connection> {
 public:
  connection(server_context& context, tcp_socket socket, std::string remote_address, std::size_t listener);

  /// Call once, after it was put on the board.
  void start(deadline_board::place place);
  /// Instead of start(): answers `why` without reading anything, and closes.
  void start_refused(deadline_board::place place, refusal why);

  /// The handler's answer, or none when it gave the request up. Dropped and counted when nothing waits for it any more.
  void answer(std::optional<http_response>&& response);

  void deadline_passed(waiting what);
  /// Closes unless a request has begun to arrive or is in work.
  void close_if_idle();
  void close();

 private:
  using error_code = boost::system::error_code;

  enum class phase : std::uint8_t { idle, head, body, handling, writing, lingering, closed };

  void read_some();
  void on_read(error_code error, std::size_t bytes);
  void read_head();
  void begin_request(std::size_t head_bytes);
  void read_body();
  void write_continue();
  void hand_over();
  void refuse(refusal why);
  void write(http_response&& response);
  void on_written(error_code error, std::size_t bytes);
  void linger();
  void abort();
  bool body_is_late() const;
  std::string_view input() const;

  server_context& context_;
  tcp_socket socket_;
  const std::string remote_address_;
  const std::size_t listener_;
  deadline_board::place place_;
  phase phase_ = phase::idle;
  bool counted_ = false;     // against its address
  bool served_ = false;      // at least one request
  bool reading_ = false;     // a read is pending
  bool continuing_ = false;  // a 100 is being written
  bool close_after_ = false;
  bool head_only_ = false;
  bool says_keep_alive_ = false;  // an HTTP/1.0 client that asked for it
  std::size_t discarded_ = 0;

  boost::beast::flat_buffer in_;
  header_scan scan_;
  http_request request_;
  request_names names_;  // of the request at hand, also after it was handed over; empty until its fields are read
  body_reader body_;
  std::size_t body_received_ = 0;
  deadline_board::clock::time_point body_began_;

  std::string out_head_;  // kept between responses for its memory
  std::string out_body_;
};

}  // namespace sb::web::wire
