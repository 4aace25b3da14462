#pragma once
#include <algorithm>
#include <atomic>
#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <vector>

#include "domain/ids.hpp"

namespace sb {

/// When each host of a shard wants its next tick: the hosts write it down, and the shard looks. Most alarms are set for
/// what does not happen, and a message for each of them, with the tick that comes of it, costs as much as a step of an
/// order. The shard and its hosts may be on different threads.
class alarm_board {
 public:
  static constexpr boot_ms never{std::numeric_limits<std::int64_t>::max()};
  struct line {
    std::atomic<std::int64_t> due{never.value};
    caf::actor_addr host;  ///< null: free
  };

  // ---- for a host
  /// Its own from now on; the host is not kept alive by it.
  line& add(const caf::actor& host);
  void remove(line& mine);
  /// False when the shard would not look in time, or may be looking just now: it is to be told by a message.
  bool set(line& mine, boot_ms due) {
    if (mine.due.load(std::memory_order_relaxed) != due.value) mine.due = due.value;
    return due == never || next_look_ <= due.value + slack_ms;
  }

  // ---- for the shard
  void looks_at(boot_ms when) { next_look_ = when.value; }
  /// Gives every host that is due to `tick`, once; answers when the first of the others is. Until looks_at() says when
  /// the next look is, hosts take it that there is none: what one writes down behind our back it then also tells.
  template <class Tick>
  boot_ms look(boot_ms now, Tick tick) {
    next_look_ = never.value;
    auto first = never.value;
    const std::lock_guard lock{guard_};
    for (auto& one : lines_) {
      auto due = one.due.load();
      if (due > now.value) {
        first = std::min(first, due);
      } else if (one.due.compare_exchange_strong(due, never.value)) {
        if (const auto host = caf::actor_cast<caf::actor>(one.host)) tick(host);
      }
    }
    return {first};
  }

 private:
  static constexpr std::int64_t slack_ms = 100;  ///< so much later is in time

  std::atomic<std::int64_t> next_look_{never.value};
  std::mutex guard_;  ///< of what follows, but for the times
  std::deque<line> lines_;
  std::vector<line*> free_;
};

}  // namespace sb
