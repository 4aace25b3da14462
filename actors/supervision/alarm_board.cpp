#include "actors/supervision/alarm_board.hpp"

#include <algorithm>

namespace sb {

alarm_board::cell& alarm_board::add(const caf::actor& host) {
  const std::lock_guard lock{guard_};
  if (free_.empty()) free_.push_back(&places_.emplace_back());
  auto& mine = *free_.back();
  free_.pop_back();
  mine.host = caf::actor_cast<caf::actor_addr>(host);
  return mine.due;
}

void alarm_board::remove(const cell& mine) {
  const std::lock_guard lock{guard_};
  const auto found = std::find_if(places_.begin(), places_.end(), [&](const place& one) { return &one.due == &mine; });
  if (found == places_.end()) return;
  found->due = never.value;
  found->host = nullptr;
  free_.push_back(&*found);
}

}  // namespace sb
