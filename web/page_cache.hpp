#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sb::web {

/// Answers that were rendered once, for as long as what they were made of has the same version. Bounded in bytes: what
/// was used longest ago makes room; what is larger than the bound is not kept. For one thread, the io thread.
class page_cache {
 public:
  static constexpr std::size_t bytes_max_default = std::size_t{32} << 20U;

  page_cache() = default;
  explicit page_cache(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  /// The body that was kept under this key and version. Null: there is none, and one of another version is forgotten.
  std::shared_ptr<const std::string> find(const std::string& key, std::uint64_t version);
  void keep(const std::string& key, std::uint64_t version, std::string body);
  std::size_t bytes() const { return bytes_; }

 private:
  struct entry {
    std::string key;
    std::uint64_t version = 0;
    std::shared_ptr<const std::string> body;
    std::size_t bytes() const { return 2 * key.size() + body->size() + overhead; }
  };
  using entries = std::list<entry>;
  static constexpr std::size_t overhead = 256;  ///< of an entry's parts, about

  void forget(entries::iterator which);

  std::size_t bytes_max_ = bytes_max_default;
  std::size_t bytes_ = 0;
  entries by_use_;  ///< the one used last in front
  std::unordered_map<std::string, entries::iterator> by_key_;
};

}  // namespace sb::web
