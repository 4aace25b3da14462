#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/event_record.hpp"

namespace sb::audit {

/// What an audit has found: the first ones as lines for people, the others counted. Lines are printable ASCII of
/// bounded length whatever the journal holds, so that a forged row cannot write to an auditor's terminal.
class finding_list {
 public:
  static constexpr std::size_t shown_max = 100;
  static constexpr std::size_t line_bytes_max = 300;

  /// "shard 3 seq 17: what"
  void add(shard_id shard, std::int64_t seq, std::string_view what);
  /// "place: what"
  void add(std::string_view place, std::string_view what);

  const std::vector<std::string>& shown() const { return shown_; }
  std::int64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

 private:
  std::vector<std::string> shown_;
  std::int64_t count_ = 0;
};

/// One line each, and "and K more" where there are more than the list shows.
std::string format(const finding_list& findings);

}  // namespace sb::audit
