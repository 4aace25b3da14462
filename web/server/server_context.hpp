#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "web/server/http_server.hpp"
#include "web/server/refusal.hpp"
#include "web/server/request_ids.hpp"

namespace sb::web::wire {

class connection;
class inbox;

/// What a connection waits for; each wait but `nothing` has one duration, see deadline_board.
enum class waiting : std::uint8_t { nothing, head, body, idle, write, linger };
inline constexpr std::size_t waiting_kinds = 6;

/// Owns the open connections and knows whose time is over. All waits of one kind are equally long, so each kind is a
/// queue in order of its deadlines: setting one is a list splice, and a tick looks at the fronts only.
class deadline_board {
 public:
  /// The steady clock as of its last tick, a few milliseconds ago at most: deadlines are set for each request.
  struct clock {
    using duration = std::chrono::steady_clock::duration;
    using time_point = std::chrono::steady_clock::time_point;
    static time_point now();
  };
  struct entry {
    std::shared_ptr<connection> who;
    clock::time_point at;
    waiting what = waiting::nothing;
  };
  using place = std::list<entry>::iterator;

  explicit deadline_board(const http_limits& limits);

  place add(std::shared_ptr<connection> who);
  void wait(place where, waiting what);
  void remove(place where);
  std::size_t size() const;

  /// Calls `act(connection, waiting)` for each one whose deadline has passed; it may close or set a new deadline.
  template <class Act>
  void expire(clock::time_point now, Act act);

  /// Calls `act(connection)` for all; it may close its own, and no other.
  template <class Act>
  void each(Act act);

 private:
  std::array<clock::duration, waiting_kinds> durations_;
  std::array<std::list<entry>, waiting_kinds> queues_;
};

/// Written by the io thread alone, read by any.
class counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void subtract(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct live_counters {
  counter connections_open, connections_accepted, connections_timed_out;
  counter requests, responses, responses_undelivered, handler_failures;
  counter bytes_read, bytes_written;
  std::array<counter, static_cast<std::size_t>(refusal::invalid_answer) + 1> refused;
};

/// What the connections of one server share. Touched by the io thread only, but for the counters and the inbox.
struct server_context {
  server_context(const http_limits& chosen, http_server::request_handler handle, std::shared_ptr<inbox> way_in)
      : limits{chosen}, handler{std::move(handle)}, mail{std::move(way_in)} {}

  const http_limits limits;
  const http_server::request_handler handler;
  std::shared_ptr<inbox> mail;
  live_counters counts;
  request_ids ids;
  deadline_board board{limits};
  std::unordered_map<std::string, std::size_t> connections_by_address;
  std::size_t connections_refused = 0;  // open only to be told why
  std::string date_field;               // "Date: ...\r\n", renewed every second
  bool draining = false;
  std::function<void()> on_last_closed;  // while draining
};

template <class Act>
void deadline_board::expire(clock::time_point now, Act act) {
  auto& parked = queues_[static_cast<std::size_t>(waiting::nothing)];
  for (std::size_t kind = 1; kind < waiting_kinds; ++kind) {
    auto& queue = queues_[kind];
    // Bounded by the present length: what sets the same wait again goes to the back and is not due before the next
    // tick.
    for (auto left = queue.size(); left > 0 && !queue.empty() && queue.front().at <= now; --left) {
      const auto who = queue.front().who;
      queue.front().what = waiting::nothing;
      parked.splice(parked.end(), queue, queue.begin());
      act(*who, static_cast<waiting>(kind));
    }
  }
}

template <class Act>
void deadline_board::each(Act act) {
  for (auto& queue : queues_) {
    for (auto at = queue.begin(); at != queue.end();) {
      const auto who = (at++)->who;
      act(*who);
    }
  }
}

}  // namespace sb::web::wire
