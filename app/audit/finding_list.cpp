#include "app/audit/finding_list.hpp"

#include <algorithm>
#include <utility>

namespace sb::audit {

void finding_list::add(shard_id shard, std::int64_t seq, std::string_view what) {
  add("shard " + std::to_string(shard) + " seq " + std::to_string(seq), what);
}

void finding_list::add(std::string_view place, std::string_view what) {
  ++count_;
  if (shown_.size() == shown_max) return;
  std::string line{place};
  line += ": ";
  line += what;
  if (line.size() > line_bytes_max) line.resize(line_bytes_max);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  shown_.push_back(std::move(line));
}

std::string format(const finding_list& findings) {
  std::string text;
  for (const auto& line : findings.shown()) text += line + '\n';
  const auto more = findings.count() - std::ssize(findings.shown());
  if (more > 0) text += "and " + std::to_string(more) + " more\n";
  return text;
}

}  // namespace sb::audit
