#include "web/admission/core_limit.hpp"

#include <algorithm>

namespace sb::web {

void core_limit::took(std::int64_t ms, std::int32_t in_core, bool wanted_more) {
  ++requests_;
  most_in_core_ = std::max(most_in_core_, in_core);
  sum_ms_ += ms;
  wanted_more_ = wanted_more_ || wanted_more;
  if (requests_ < limit_) return;  // about once for each that was in there
  const auto average = sum_ms_ / requests_;
  const auto step = std::max(1, limit_ / 8);
  // A request waits for the end of a commit, and for its own.
  if (average > std::max(settings_.took_ms, 2 * commit_ms_)) {
    limit_ = std::max(settings_.least, limit_ - step);
  } else if (wanted_more_) {
    limit_ = std::min(settings_.most, limit_ + step);
  } else if (most_in_core_ < limit_ - limit_ / 4) {
    limit_ = std::max(std::min(limit_, settings_.first), limit_ - step);
  }
  requests_ = 0;
  sum_ms_ = 0;
  most_in_core_ = 0;
  wanted_more_ = false;
}

}  // namespace sb::web
