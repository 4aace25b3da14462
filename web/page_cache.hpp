#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/recently_used.hpp"

namespace sb::web {

/// Answers that were rendered once, for as long as what they were made of has the same version. Bounded in bytes: what
/// was used longest ago makes room; what is larger than the bound is not kept. For one thread, the io thread.
class page_cache {
 public:
  static constexpr std::size_t bytes_max_default = std::size_t{32} << 20U;

  page_cache() = default;
  explicit page_cache(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  /// The body that was kept under this key and version; valid until the next call. Null: there is none, and one of
  /// another version is forgotten.
  const std::string* find(const std::string& key, std::uint64_t version);
  void keep(const std::string& key, std::uint64_t version, std::string body);
  std::size_t bytes() const { return bytes_; }

 private:
  struct page {
    std::uint64_t version = 0;
    std::string body;
    std::size_t bytes = 0;  ///< its key, and what an entry costs, included
  };
  void forget(const std::string& key, const page& kept);

  std::size_t bytes_max_ = bytes_max_default;
  std::size_t bytes_ = 0;
  recently_used<std::string, page> pages_;
};

}  // namespace sb::web
