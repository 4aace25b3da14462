#include "web/page_cache.hpp"

#include <utility>

namespace sb::web {
namespace {

constexpr std::size_t overhead = 256;  // of an entry's parts, about

}  // namespace

const std::string* page_cache::find(const std::string& key, std::uint64_t version) {
  const auto* kept = pages_.find(key);
  if (kept == nullptr) return nullptr;
  if (kept->second.version == version) return &kept->second.body;
  forget(key, kept->second);
  return nullptr;
}

void page_cache::keep(const std::string& key, std::uint64_t version, std::string body) {
  if (const auto* former = pages_.find(key)) forget(key, former->second);
  const auto bytes = key.size() + body.size() + overhead;
  pages_.put(key, {version, std::move(body), bytes});
  bytes_ += bytes;
  while (bytes_ > bytes_max_) bytes_ -= pages_.take_oldest().bytes;
}

void page_cache::forget(const std::string& key, const page& kept) {
  bytes_ -= kept.bytes;
  pages_.erase(key);
}

}  // namespace sb::web
