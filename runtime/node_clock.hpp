#pragma once
#include <atomic>

#include "domain/ids.hpp"

namespace sb {

/// What o'clock it is for everything that a node stamps or decides: the boot clock, and how far the wall clock was
/// ahead of it when the two were last compared with PostgreSQL's clock and found right. A wall clock that is set while
/// the node runs changes nothing before the next comparison, and nothing after it when it is wrong: no trading day
/// begins or ends by it. May be read and set on any threads.
class node_clock {
 public:
  /// Before the first comparison there is nothing but the system's clock; nor is there a lease, under which anything
  /// could be decided.
  node_clock(wall_ms system, boot_ms now) { trust(system, now); }

  wall_ms at(boot_ms now) const { return {now.value + ahead_ms_.load(std::memory_order_relaxed)}; }
  /// The system's wall clock at `now` agrees with PostgreSQL's.
  void trust(wall_ms system, boot_ms now) { ahead_ms_.store(system.value - now.value, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> ahead_ms_{0};
};

}  // namespace sb
