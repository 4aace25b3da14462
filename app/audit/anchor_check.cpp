#include "app/audit/anchor_check.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <utility>

namespace sb::audit {

void anchor_check::take(const std::string& place, std::string_view line) {
  ++lines_;
  const auto parts = split_anchor_line(line);
  if (!parts) return findings_.add(place, "not a line that a node has written");
  const bool known = std::any_of(keys_.begin(), keys_.end(),
                                 [&](const anchor_key& key) { return key.signed_by(parts->text, parts->signature); });
  if (!known) return findings_.add(place, "not signed by the key");
  const auto read = parse_anchor(parts->text);
  if (!read) return findings_.add(place, "signed, but not an anchor");
  if (!last_at_ || *last_at_ < read->at) last_at_ = read->at;
  origins_.push_back({place, read->at});
  for (const auto& head : read->heads) {
    ++heads_;
    waiting_.push_back(head);
    line_of_.push_back(origins_.size() - 1);
  }
}

void anchor_check::compare(std::span<const std::optional<digest>> stored) {
  if (stored.size() != waiting_.size()) throw std::invalid_argument("a hash for each head that waits");
  for (std::size_t at = 0; at < waiting_.size(); ++at) {
    const auto& head = waiting_[at];
    const auto& from = origins_[line_of_[at]];
    auto& newest = newest_[head.shard];
    newest = std::max(newest, head.seq);
    if (!stored[at]) {
      findings_.add(head.shard, head.seq,
                    "anchored " + utc_text(from.at) + " (" + from.place + "), and it is not there");
    } else if (*stored[at] != head.hash) {
      findings_.add(head.shard, head.seq, "anchored " + utc_text(from.at) + " (" + from.place + ") with another hash");
    }
  }
  waiting_.clear();
  line_of_.clear();
  origins_.clear();
}

std::int64_t anchor_check::anchored_seq(shard_id shard) const {
  const auto found = newest_.find(shard);
  return found == newest_.end() ? 0 : found->second;
}

std::string utc_text(wall_ms at) {
  const std::time_t seconds = at.value / 1'000;
  std::tm utc{};
  if (::gmtime_r(&seconds, &utc) == nullptr) return std::to_string(at.value) + " ms";
  char text[40] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace sb::audit
