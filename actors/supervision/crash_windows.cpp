#include "actors/supervision/crash_windows.hpp"

namespace sb {

bool crash_windows::allow(const stream_id& stream, boot_ms now) {
  while (!failures_.empty() && now.value - failures_.front().first.value > intensity_.window_ms) {
    const auto& [at, failed] = failures_.front();
    if (const auto old = windows_.find(failed); old != windows_.end() && old->second.last <= at) windows_.erase(old);
    failures_.pop_front();
  }
  failures_.emplace_back(now, stream);
  auto& known = windows_.try_emplace(stream, entry{restart_window{intensity_}, now}).first->second;
  known.last = now;
  return known.window.allow(now);
}

}  // namespace sb
