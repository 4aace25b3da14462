#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sb::paper {

/// From client ids to the numbers of their orders, in 8 bytes for each and the room that a hash table needs. It does
/// not keep the ids, and answers a stranger's number where two ids have the same hash: the caller compares. Nothing is
/// ever taken out. Open addressing with linear probing.
class id_index {
 public:
  /// `number` is not 0.
  void add(std::string_view id, std::uint32_t number);
  /// In no order.
  std::vector<std::uint32_t> candidates(std::string_view id) const;

 private:
  struct slot {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  ///< 0: free
  };
  static std::uint32_t hash_of(std::string_view id);
  std::size_t place_of(std::uint32_t hash) const;
  void put(slot what);
  void grow();

  std::vector<slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace sb::paper
