#include "runtime/stream_filter.hpp"

namespace sb {
namespace {

constexpr std::size_t bits_per_stream = 16;  // 7 probes: about one "perhaps" in 1,500 for a stream that is not there
constexpr int probes = 7;
constexpr std::size_t first_capacity = 256;

struct hashes {
  std::uint64_t a;
  std::uint64_t b;
};

/// FNV-1a and its SplitMix finalizer: two independent enough values for double hashing, the same on every machine.
hashes hash(std::string_view stream) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : stream) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  std::uint64_t m = h;
  m = (m ^ (m >> 30)) * 0xbf58476d1ce4e5b9ULL;
  m = (m ^ (m >> 27)) * 0x94d049bb133111ebULL;
  m ^= m >> 31;
  return {m, h | 1};
}

}  // namespace

void stream_filter::insert(std::string_view stream) {
  if (layers_.empty() || layers_.back().count >= layers_.back().capacity) {
    layer next;
    next.capacity = layers_.empty() ? first_capacity : layers_.back().capacity * 2;
    next.bits.resize(next.capacity * bits_per_stream / 64);
    layers_.push_back(std::move(next));
  }
  auto& top = layers_.back();
  const auto [a, b] = hash(stream);
  const std::uint64_t bits = top.bits.size() * 64;
  for (int i = 0; i < probes; ++i) {
    const auto bit = (a + static_cast<std::uint64_t>(i) * b) % bits;
    top.bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  ++top.count;
  ++count_;
}

bool stream_filter::may_contain(std::string_view stream) const {
  const auto [a, b] = hash(stream);
  for (const auto& l : layers_) {
    const std::uint64_t bits = l.bits.size() * 64;
    bool all = true;
    for (int i = 0; i < probes && all; ++i) {
      const auto bit = (a + static_cast<std::uint64_t>(i) * b) % bits;
      all = (l.bits[bit / 64] >> (bit % 64) & 1) != 0;
    }
    if (all) return true;
  }
  return false;
}

}  // namespace sb
