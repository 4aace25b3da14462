#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "web/server/http_server.hpp"

namespace sb::test {

/// A server on a free loopback port that answers 200 with what it was asked: "METHOD target\nbody", and keeps a list of
/// it. A test may give its own handler instead.
class running_server {
 public:
  explicit running_server(web::http_limits limits = {}, web::http_server::request_handler handler = {},
                          std::function<void()> on_tick = {})
      : server{{{{"127.0.0.1", 0}}, limits, std::chrono::milliseconds{10}},
               handler ? std::move(handler) : echo(),
               std::move(on_tick)} {
    server.start();
  }

  std::uint16_t port() const { return server.ports().front(); }

  std::vector<std::string> executed() const {
    const std::scoped_lock lock{mutex_};
    return executed_;
  }

  std::uint64_t refused(std::string_view reason) const {
    for (const auto& [name, count] : server.counters().refused)
      if (name == reason) return count;
    return 0;
  }

 private:
  web::http_server::request_handler echo() {
    return [this](web::http_request&& request, web::responder respond) {
      {
        const std::scoped_lock lock{mutex_};
        executed_.push_back(request.method + " " + request.target);
      }
      web::http_response response;
      response.content_type = "text/plain";
      response.body = request.method + " " + request.target + "\n" + request.body;
      respond(std::move(response));
    };
  }

  mutable std::mutex mutex_;
  std::vector<std::string> executed_;

 public:
  web::http_server server;  // last: its thread uses what is above
};

}  // namespace sb::test
