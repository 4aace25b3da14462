#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>

namespace sb {

/// How far long work is: a bar that is redrawn in place on a terminal, a line every five seconds elsewhere.
class progress {
 public:
  /// What else there is to say; asked for only when something is drawn.
  using remark = std::function<std::string()>;
  /// `out` must outlive it.
  progress(std::ostream& out, bool terminal);

  /// Draws when it is time; cheap otherwise.
  void show(std::size_t done, std::size_t total, const remark& more);
  /// Draws the last state and ends the line.
  void close(std::size_t done, std::size_t total, const remark& more);

 private:
  using clock = std::chrono::steady_clock;
  void draw(std::size_t done, std::size_t total, const remark& more, clock::time_point at);

  std::ostream& out_;
  bool terminal_;
  clock::time_point drawn_at_;
  std::size_t drawn_done_ = 0;
};

}  // namespace sb
