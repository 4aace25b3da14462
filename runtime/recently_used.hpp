#pragma once
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <stdexcept>
#include <unordered_set>
#include <utility>

namespace sb {

/// A map that knows which of its entries was used longest ago. It has no bound of its own: its owner takes the oldest
/// out. For one thread.
template <class Key, class Value, class Hash = std::hash<Key>>
class recently_used {
 public:
  using entry = std::pair<const Key, Value>;  ///< stays where it is until it is taken out

  recently_used() = default;
  recently_used(recently_used&&) noexcept = default;
  recently_used& operator=(recently_used&&) noexcept = default;

  /// Counts as a use. Null when there is none.
  entry* find(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    by_use_.splice(by_use_.begin(), by_use_, *found);
    return &**found;
  }
  /// These three are no use of it.
  entry* peek(const Key& key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &**found;
  }
  bool contains(const Key& key) const { return by_key_.contains(key); }
  const Value& at(const Key& key) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) throw std::out_of_range("recently_used::at");
    return (*found)->second;
  }
  /// In the place of a former one, or beside the others. Counts as a use.
  entry& put(const Key& key, Value value) {
    by_use_.emplace_front(key, std::move(value));
    const auto [at, fresh] = by_key_.insert(by_use_.begin());
    if (!fresh) {
      (*at)->second = std::move(by_use_.front().second);
      by_use_.pop_front();
      by_use_.splice(by_use_.begin(), by_use_, *at);
    }
    return by_use_.front();
  }
  void erase(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    const auto at = *found;
    by_key_.erase(found);
    by_use_.erase(at);
  }
  /// Those that `drop(const entry&)` is true of.
  template <class Drop>
  void erase_if(Drop drop) {
    for (auto at = by_use_.begin(); at != by_use_.end();) {
      const auto one = at++;
      if (!drop(std::as_const(*one))) continue;
      by_key_.erase(one);
      by_use_.erase(one);
    }
  }
  /// Of these three: not of an empty one.
  const entry& oldest() const { return by_use_.back(); }
  /// Is used: the next oldest is another one.
  entry& use_oldest() {
    by_use_.splice(by_use_.begin(), by_use_, std::prev(by_use_.end()));
    return by_use_.front();
  }
  Value take_oldest() {
    auto oldest = std::move(by_use_.back().second);
    by_key_.erase(std::prev(by_use_.end()));
    by_use_.pop_back();
    return oldest;
  }
  std::size_t size() const { return by_key_.size(); }
  /// From the one used last to the oldest.
  auto begin() const { return by_use_.begin(); }
  auto end() const { return by_use_.end(); }
  void clear() {
    by_key_.clear();
    by_use_.clear();
  }

 private:
  using place = typename std::list<entry>::iterator;
  static const Key& key_of(const Key& key) { return key; }
  static const Key& key_of(place at) { return at->first; }
  /// Not noexcept: then the set of libstdc++ keeps the hashes, and does not go to the entries for them.
  struct hash_of_key {
    using is_transparent = void;
    std::size_t operator()(const auto& one) const { return Hash{}(key_of(one)); }
  };
  struct same_key {
    using is_transparent = void;
    bool operator()(const auto& one, const auto& other) const { return key_of(one) == key_of(other); }
  };

  std::list<entry> by_use_;  ///< the one used last in front
  std::unordered_set<place, hash_of_key, same_key> by_key_;
};

}  // namespace sb
