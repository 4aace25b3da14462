#pragma once
#include <cstdint>

namespace sb {

/// The splitmix64 sequence: the same numbers from the same seed with every compiler and library, which the
/// distributions of <random> do not promise.
class dice {
 public:
  explicit constexpr dice(std::uint64_t seed) : state_{seed} {}

  constexpr std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Evenly from `min` to `max`, both included; max - min < 2^32. The bias of the scaling is below 2^-32.
  constexpr std::int64_t between(std::int64_t min, std::int64_t max) {
    const auto span = static_cast<std::uint64_t>(max - min) + 1;
    return min + static_cast<std::int64_t>(((next() >> 32) * span) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace sb
