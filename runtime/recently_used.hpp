#pragma once
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace sb {

/// A map that knows which of its entries was used longest ago. It has no bound of its own: its owner takes the oldest
/// out. For one thread.
template <class Key, class Value, class Hash = std::hash<Key>>
class recently_used {
 public:
  using entry = std::pair<const Key, Value>;  ///< stays where it is until it is taken out

  recently_used() = default;
  recently_used(recently_used&&) = default;
  recently_used& operator=(recently_used&&) = default;

  /// Counts as a use. Null when there is none.
  entry* find(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return &*found->second;
  }
  /// These two are no use of it.
  bool contains(const Key& key) const { return by_key_.contains(key); }
  const Value& at(const Key& key) const { return by_key_.at(key)->second; }
  /// In the place of a former one, or beside the others. Counts as a use.
  entry& put(const Key& key, Value value) {
    if (auto* former = find(key)) {
      former->second = std::move(value);
      return *former;
    }
    by_use_.emplace_front(key, std::move(value));
    by_key_.emplace(key, by_use_.begin());
    return by_use_.front();
  }
  void erase(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    by_use_.erase(found->second);
    by_key_.erase(found);
  }
  /// Those that `drop(const entry&)` is true of.
  template <class Drop>
  void erase_if(Drop drop) {
    for (auto at = by_use_.begin(); at != by_use_.end();) {
      const auto one = at++;
      if (!drop(std::as_const(*one))) continue;
      by_key_.erase(one->first);
      by_use_.erase(one);
    }
  }
  /// Of these two: not of an empty one.
  const entry& oldest() const { return by_use_.back(); }
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
  std::list<entry> by_use_;  ///< the one used last in front
  std::unordered_map<Key, typename std::list<entry>::iterator, Hash> by_key_;
};

}  // namespace sb
