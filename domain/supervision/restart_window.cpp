#include "domain/supervision/restart_window.hpp"

#include <algorithm>
#include <cstddef>

namespace sb {

bool restart_window::allow(boot_ms now) {
  times_.push_back(now);
  while (now.value - times_.front().value > intensity_.window_ms) times_.pop_front();
  // One more than allowed is all it takes to refuse; a supervisor that keeps asking must not make this grow.
  const auto allowed = static_cast<std::size_t>(std::max(0, intensity_.restarts_max));
  while (times_.size() > allowed + 1) times_.pop_front();
  return times_.size() <= allowed;
}

}  // namespace sb
