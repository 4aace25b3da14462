#include "web/page_cache.hpp"

#include <utility>

namespace sb::web {

std::shared_ptr<const std::string> page_cache::find(const std::string& key, std::uint64_t version) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  if (found->second->version != version) {
    forget(found->second);
    return nullptr;
  }
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->body;
}

void page_cache::keep(const std::string& key, std::uint64_t version, std::string body) {
  if (const auto former = by_key_.find(key); former != by_key_.end()) forget(former->second);
  by_use_.push_front({key, version, std::make_shared<const std::string>(std::move(body))});
  by_key_.emplace(key, by_use_.begin());
  bytes_ += by_use_.front().bytes();
  while (bytes_ > bytes_max_) forget(std::prev(by_use_.end()));
}

void page_cache::forget(entries::iterator which) {
  bytes_ -= which->bytes();
  by_key_.erase(which->key);
  by_use_.erase(which);
}

}  // namespace sb::web
