#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>

namespace sb::replay {

/// How far a replay is: a bar that is redrawn in place on a terminal, a line every five seconds elsewhere.
class progress {
 public:
  struct figures {
    std::size_t done = 0;
    std::size_t total = 0;
    std::size_t in_flight = 0;
    std::int64_t retries_429 = 0;
    std::int64_t other_retries = 0;
  };
  /// `out` must outlive it.
  progress(std::ostream& out, bool terminal);

  /// Draws when it is time; cheap otherwise.
  void show(const figures& now);
  /// Draws the last state and ends the line.
  void close(const figures& now);

 private:
  using clock = std::chrono::steady_clock;
  void draw(const figures& now, clock::time_point at);

  std::ostream& out_;
  bool terminal_;
  clock::time_point drawn_at_;
  std::size_t drawn_done_ = 0;
};

}  // namespace sb::replay
