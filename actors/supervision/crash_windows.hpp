#pragma once
#include <deque>
#include <unordered_map>
#include <utility>

#include "domain/supervision/restart_window.hpp"
#include "runtime/address.hpp"

namespace sb {

/// The restart windows of a shard's entities. Remembers only entities that failed within the window: those whose last
/// failure is older are forgotten with the next failure of any.
class crash_windows {
 public:
  explicit crash_windows(restart_intensity intensity) : intensity_{intensity} {}
  /// Counts a failure of this entity at `now`; true = it may be replayed once more. Calls come in the order of time.
  bool allow(const stream_id& stream, boot_ms now);
  /// An operator's word: its failures so far do not count any more.
  void forget(const stream_id& stream) { windows_.erase(stream); }
  std::size_t size() const { return windows_.size(); }

 private:
  struct entry {
    restart_window window;
    boot_ms last;
  };
  restart_intensity intensity_;
  std::unordered_map<stream_id, entry> windows_;
  std::deque<std::pair<boot_ms, stream_id>> failures_;  ///< in the order of time
};

}  // namespace sb
