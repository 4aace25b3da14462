#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "app/replay/order_flow.hpp"

namespace sb::replay {

/// Which row of a recording goes out next. Rows leave in file order and not before their time, except that a row waits
/// until its order's previous row is finished; other orders go on meanwhile. Pure: the caller brings the time, in
/// milliseconds since the replay began. Each row that next() hands out is in the caller's hands until finish() or
/// again().
class schedule {
 public:
  /// `flow` must outlive it. `speed`: times real time, > 0; nullopt: every row is due at once.
  schedule(const order_flow& flow, std::optional<double> speed);

  /// The index of a row to send now, or nullopt when none may go.
  std::optional<std::size_t> next(std::int64_t now_ms);
  /// Its answer is final: the order's next row may go.
  void finish(std::size_t row);
  /// It is to be sent once more, not before `at_ms`; the order's later rows go on waiting.
  void again(std::size_t row, std::int64_t at_ms);

  /// When next() may have a row again without any finish(); nullopt: not before one.
  std::optional<std::int64_t> next_at() const;
  bool finished() const { return finished_ == flow_.rows.size(); }
  std::size_t finished_rows() const { return finished_; }

 private:
  struct order_rows {
    bool busy = false;        ///< one of its rows is out, or about to be
    std::size_t waiting = 0;  ///< rows that were due while it was busy
  };
  struct later {
    std::int64_t at_ms;
    std::size_t row;
    bool operator>(const later& other) const { return std::pair{at_ms, row} > std::pair{other.at_ms, other.row}; }
  };
  std::int64_t due_ms(std::size_t row) const;

  const order_flow& flow_;
  std::optional<double> speed_;
  std::vector<std::size_t> follower_;  ///< of each row: the next row of its order; its own index where there is none
  std::vector<order_rows> orders_;
  std::deque<std::size_t> released_;
  std::priority_queue<later, std::vector<later>, std::greater<>> later_;
  std::size_t cursor_ = 0;
  std::size_t finished_ = 0;
};

}  // namespace sb::replay
