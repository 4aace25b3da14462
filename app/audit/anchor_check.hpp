#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/anchor_log.hpp"
#include "app/audit/anchor_key.hpp"
#include "app/audit/finding_list.hpp"

namespace sb::audit {

/// Checks anchors, line by line: each must be signed by one of the keys, and each head that it names must be a row of
/// the journal with that hash. Pure: the caller brings lines and hashes. Keeps only the heads that still wait for their
/// hashes and, for each shard, the newest one.
class anchor_check {
 public:
  /// `findings` must outlive it.
  anchor_check(std::vector<anchor_key> keys, finding_list& findings) : keys_{std::move(keys)}, findings_{findings} {}

  /// The next line without its end; `place` names it in findings: "anchors.log line 7".
  void take(const std::string& place, std::string_view line);

  /// Heads of the lines taken since the last compare().
  const std::vector<anchored_head>& waiting() const { return waiting_; }
  /// The hashes that the journal's rows have at those places, in that order; nullopt where there is no such row.
  void compare(std::span<const std::optional<digest>> stored);

  std::int64_t lines() const { return lines_; }
  std::int64_t heads() const { return heads_; }
  /// Of the newest good line; nullopt when there was none.
  std::optional<wall_ms> last_at() const { return last_at_; }
  /// The last place of a shard that an anchor vouches for; 0: none.
  std::int64_t anchored_seq(shard_id shard) const;

 private:
  struct origin {
    std::string place;
    wall_ms at;
  };
  std::vector<anchor_key> keys_;
  finding_list& findings_;
  std::vector<anchored_head> waiting_;
  std::vector<std::size_t> line_of_;  ///< for each of waiting_, which of origins_ it came from
  std::vector<origin> origins_;
  std::map<shard_id, std::int64_t> newest_;
  std::optional<wall_ms> last_at_;
  std::int64_t lines_ = 0;
  std::int64_t heads_ = 0;
};

/// "2026-01-31T09:15:00Z"
std::string utc_text(wall_ms at);

}  // namespace sb::audit
