#include "actors/trade/brokers/id_index.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace sb::paper {
namespace {

constexpr std::size_t slots_min = 1'024;

}  // namespace

void id_index::add(std::string_view id, std::uint32_t number) {
  if ((used_ + 1) * 5 > slots_.size() * 4) grow();
  put({hash_of(id), number});
  ++used_;
}

std::vector<std::uint32_t> id_index::candidates(std::string_view id) const {
  std::vector<std::uint32_t> found;
  if (slots_.empty()) return found;
  const auto hash = hash_of(id);
  for (auto at = place_of(hash); slots_[at].number != 0; at = (at + 1) % slots_.size()) {
    if (slots_[at].hash == hash) found.push_back(slots_[at].number);
  }
  return found;
}

std::uint32_t id_index::hash_of(std::string_view id) {
  const std::uint64_t hash = std::hash<std::string_view>{}(id);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

/// Spreads the hashes over any number of slots, not only over powers of two.
std::size_t id_index::place_of(std::uint32_t hash) const { return (std::uint64_t{hash} * slots_.size()) >> 32U; }

void id_index::put(slot what) {
  auto at = place_of(what.hash);
  while (slots_[at].number != 0) at = (at + 1) % slots_.size();
  slots_[at] = what;
}

void id_index::grow() {
  const auto former = std::exchange(slots_, std::vector<slot>(std::max(slots_min, slots_.size() / 2 * 3)));
  for (const auto& each : former) {
    if (each.number != 0) put(each);
  }
}

}  // namespace sb::paper
