#include "storage/journal.hpp"

#include <algorithm>
#include <array>

namespace sb {
namespace {

constexpr std::array<std::string_view, append_status_count> status_words{"stored", "fenced", "data_refused",
                                                                         "unknown_commit", "not_attempted"};

[[noreturn]] void refuse(shard_id shard, const char* what) {
  throw std::invalid_argument("append to shard " + std::to_string(shard) + ": " + what);
}

}  // namespace

std::string_view word(append_status status) { return status_words[static_cast<std::size_t>(status)]; }

void require_well_formed(const std::vector<shard_append>& parts) {
  std::vector<shard_id> seen;
  seen.reserve(parts.size());
  for (const auto& part : parts) {
    if (part.rows.empty()) refuse(part.shard, "no rows");
    std::int64_t seq = part.head_before;
    for (const auto& row : part.rows) {
      if (row.shard != part.shard) refuse(part.shard, "a row of another shard");
      if (row.epoch != part.epoch) refuse(part.shard, "a row of another epoch");
      if (row.seq != ++seq) refuse(part.shard, "a row out of sequence");
    }
    seen.push_back(part.shard);
  }
  std::sort(seen.begin(), seen.end());
  const auto twice = std::adjacent_find(seen.begin(), seen.end());
  if (twice != seen.end()) refuse(*twice, "the shard appears twice");
}

}  // namespace sb
