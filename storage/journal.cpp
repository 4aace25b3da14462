#include "storage/journal.hpp"

#include <algorithm>

namespace sb {
namespace {

[[noreturn]] void refuse(shard_id shard, const char* what) {
  throw std::invalid_argument("append to shard " + std::to_string(shard) + ": " + what);
}

}  // namespace

std::string_view word(append_status status) {
  switch (status) {
    case append_status::stored:
      return "stored";
    case append_status::fenced:
      return "fenced";
    case append_status::data_refused:
      return "data_refused";
    case append_status::unknown_commit:
      return "unknown_commit";
    case append_status::not_attempted:
      break;
  }
  return "not_attempted";
}

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
