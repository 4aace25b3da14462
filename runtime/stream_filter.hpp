#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace sb {

/// Which streams a shard may have: a Bloom filter. "No" is certain, so a new order needs no read; "perhaps" costs one
/// read. Grows by doubling before it is too full to be of use; built from the journal at a claim.
class stream_filter {
 public:
  void insert(std::string_view stream);
  bool may_contain(std::string_view stream) const;
  std::size_t size() const { return count_; }

 private:
  struct layer {
    std::vector<std::uint64_t> bits;
    std::size_t capacity = 0;
    std::size_t count = 0;
  };
  std::vector<layer> layers_;
  std::size_t count_ = 0;
};

}  // namespace sb
