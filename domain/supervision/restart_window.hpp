#pragma once
#include <cstdint>
#include <deque>

#include "domain/ids.hpp"

namespace sb {

/// OTP's restart intensity: more than `restarts_max` within `window_ms` and the supervisor gives up. restarts_max 0 =
/// never restart.
struct restart_intensity {
  std::int32_t restarts_max = 5;
  std::int64_t window_ms = 60'000;
};

class restart_window {
 public:
  explicit restart_window(restart_intensity intensity) : intensity_{intensity} {}
  /// Counts a failure at `now`; true = one more restart is allowed. Calls come in the order of time. A failure exactly
  /// window_ms ago still counts. Remembers restarts_max + 1 failures at most.
  bool allow(boot_ms now);
  /// Failures in the window as of the last call, at most restarts_max + 1.
  std::int32_t count() const { return static_cast<std::int32_t>(times_.size()); }

 private:
  restart_intensity intensity_;
  std::deque<boot_ms> times_;
};

}  // namespace sb
