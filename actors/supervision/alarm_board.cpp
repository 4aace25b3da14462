#include "actors/supervision/alarm_board.hpp"

namespace sb {

alarm_board::line& alarm_board::add(const caf::actor& host) {
  const std::lock_guard lock{guard_};
  if (free_.empty()) free_.push_back(&lines_.emplace_back());
  auto& mine = *free_.back();
  free_.pop_back();
  mine.host = caf::actor_cast<caf::actor_addr>(host);
  return mine;
}

void alarm_board::remove(line& mine) {
  const std::lock_guard lock{guard_};
  mine.due = never.value;
  mine.host = nullptr;
  free_.push_back(&mine);
}

}  // namespace sb
