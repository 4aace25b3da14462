#include "web/server/server_context.hpp"

#include <ctime>
#include <utility>

namespace sb::web::wire {

deadline_board::clock::time_point deadline_board::clock::now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return time_point{
      std::chrono::duration_cast<duration>(std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec})};
}

deadline_board::deadline_board(const http_limits& limits) {
  const auto duration = [this](waiting what) -> clock::duration& { return durations_[static_cast<std::size_t>(what)]; };
  duration(waiting::head) = limits.header_time_max;
  // A body is looked at once a second: one deadline checks both its total time and its rate.
  duration(waiting::body) = std::min<clock::duration>(std::chrono::seconds{1}, limits.body_time_max);
  duration(waiting::idle) = limits.idle_time_max;
  duration(waiting::write) = limits.write_time_max;
  duration(waiting::linger) = limits.linger_time_max;
}

deadline_board::place deadline_board::add(std::shared_ptr<connection> who) {
  auto& parked = queues_[static_cast<std::size_t>(waiting::nothing)];
  return parked.insert(parked.end(), entry{std::move(who), clock::time_point::max(), waiting::nothing});
}

void deadline_board::wait(place where, waiting what) {
  auto& from = queues_[static_cast<std::size_t>(where->what)];
  auto& to = queues_[static_cast<std::size_t>(what)];
  if (what != waiting::nothing) where->at = clock::now() + durations_[static_cast<std::size_t>(what)];
  where->what = what;
  to.splice(to.end(), from, where);
}

void deadline_board::remove(place where) { queues_[static_cast<std::size_t>(where->what)].erase(where); }

std::size_t deadline_board::size() const {
  std::size_t total = 0;
  for (const auto& queue : queues_) total += queue.size();
  return total;
}

}  // namespace sb::web::wire
