#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "web/server/http.hpp"

namespace sb::web {

/// Where one answer goes, at most once. The server has its own; on_response() makes one for whoever calls a handler
/// without a server.
class response_slot {
 public:
  response_slot() = default;
  response_slot(const response_slot&) = delete;
  response_slot& operator=(const response_slot&) = delete;
  virtual ~response_slot() = default;

  /// False when an answer was given before: then this one is dropped.
  bool settle(http_response&& response) {
    if (settled_.exchange(true)) return false;
    deliver(std::move(response));
    return true;
  }

 protected:
  bool settled() const { return settled_; }

 private:
  virtual void deliver(http_response&& response) = 0;  // once, on the thread that settles

  std::atomic<bool> settled_{false};
};

/// The duty to answer one request. Copies share it; the first respond() counts, from any thread. When the last copy
/// goes without an answer the client gets a 500. It may outlive the connection and the server: then the answer is
/// dropped.
class responder {
 public:
  explicit responder(std::shared_ptr<response_slot> slot) : slot_{std::move(slot)} {}

  /// Never blocks and never throws for the client's sake. False when it was answered before.
  bool respond(http_response response) const { return slot_->settle(std::move(response)); }
  void operator()(http_response response) const { respond(std::move(response)); }

 private:
  std::shared_ptr<response_slot> slot_;
};

/// A responder that calls `deliver` with the answer to the request of these names, or with the server's 500 when it is
/// dropped.
responder on_response(request_names names, std::function<void(http_response&&)> deliver);

}  // namespace sb::web
