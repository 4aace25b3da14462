#pragma once
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace sb::web {

/// A map that knows which of its entries was used longest ago. It has no bound of its own: its owner takes the oldest
/// out. For one thread.
template <class Key, class Value, class Hash = std::hash<Key>>
class recently_used {
 public:
  /// Counts as a use. Null when there is none; valid until the entry is taken out.
  Value* find(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return &found->second->second;
  }
  /// Puts it in the place of a former one, or beside the others.
  void put(const Key& key, Value value) {
    if (auto* former = find(key)) {
      *former = std::move(value);
      return;
    }
    by_use_.emplace_front(key, std::move(value));
    by_key_.emplace(key, by_use_.begin());
  }
  void erase(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    by_use_.erase(found->second);
    by_key_.erase(found);
  }
  /// Not of an empty one.
  Value take_oldest() {
    auto oldest = std::move(by_use_.back());
    by_key_.erase(oldest.first);
    by_use_.pop_back();
    return std::move(oldest.second);
  }
  std::size_t size() const { return by_key_.size(); }
  void clear() {
    by_key_.clear();
    by_use_.clear();
  }

 private:
  using entries = std::list<std::pair<const Key, Value>>;
  entries by_use_;  ///< the one used last in front
  std::unordered_map<Key, typename entries::iterator, Hash> by_key_;
};

}  // namespace sb::web
