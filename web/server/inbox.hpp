#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <thread>

#include "web/server/handover.hpp"
#include "web/server/http.hpp"

namespace sb::web::wire {

class connection;

/// The one way onto the io thread from outside. Letters are collected and taken in batches, so that a thousand answers
/// of a busy moment wake the io thread once. Outlives the server as long as a responder holds it.
class inbox : public std::enable_shared_from_this<inbox> {
 public:
  explicit inbox(boost::asio::io_context& io) : io_{&io} {}

  void post(std::function<void()> work);

  /// On the io thread the answer goes to the connection at once. No response: the handler gave the request up.
  void deliver(const std::weak_ptr<connection>& to, std::optional<http_response>&& response);

  /// The calling thread is the io thread from now on.
  void adopt_thread() { io_thread_ = std::this_thread::get_id(); }

  /// Drops what is queued and all that comes later; afterwards the io_context is not touched any more.
  void close();

 private:
  struct letter {
    std::function<void()> work;
    std::weak_ptr<connection> to;
    std::optional<http_response> response;
  };

  void put(letter&& mail);
  void take_all();

  std::atomic<std::thread::id> io_thread_{};
  std::shared_mutex closing_;    // guards the next one; held by who closes, and shared by who is about to wake
  boost::asio::io_context* io_;  // null when closed
  handover<letter> letters_;
};

}  // namespace sb::web::wire
