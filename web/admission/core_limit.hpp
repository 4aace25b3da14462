#pragma once
#include <cstdint>

namespace sb::web {

struct core_limit_settings {
  std::int32_t least = 32;
  std::int32_t first = 64;
  std::int32_t most = 4'096;
  std::int64_t took_ms = 25;  ///< what a request may take in the core, on the average
};

/// How many requests may be in the core (router, shards, journal) at a time: as many as it answers within `took_ms`.
/// More would wait there in one line, the quiet tenant behind the greedy one; fewer would leave commits half empty.
/// Rises by an eighth while requests wait and the core is quick, falls by an eighth when it is slow, and slower than
/// its commits alone make it: company in a slow commit costs nothing. What it rose to while there was a crowd says
/// nothing of a time in which it is not used (RFC 7661 has the same of a congestion window): with less than three
/// quarters of it in use it falls again, not below `first`. At a half it would stay where one organization, which may
/// have half of it, goes on alone. For the io thread.
class core_limit {
 public:
  explicit core_limit(core_limit_settings settings) : settings_{settings}, limit_{settings.first} {}

  std::int32_t now() const { return limit_; }
  /// A request left the core after `ms`, of `in_core` that were in there, itself counted; `wanted_more`: the core was
  /// full, and another one waits for its place.
  void took(std::int64_t ms, std::int32_t in_core, bool wanted_more);
  /// What a commit takes now.
  void commit_takes(std::int64_t ms) { commit_ms_ = ms; }

 private:
  core_limit_settings settings_;
  std::int32_t limit_;
  std::int64_t commit_ms_ = 0;
  // Since the limit was looked at last:
  std::int32_t requests_ = 0;
  std::int64_t sum_ms_ = 0;
  std::int32_t most_in_core_ = 0;
  bool wanted_more_ = false;
};

}  // namespace sb::web
