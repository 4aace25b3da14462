#pragma once
#include <atomic>
#include <memory>

namespace sb {

/// How many snapshots may be on their way at once: each is a copy of an entity's state, and who made it paused for
/// that. Copies count together, and places may outlive them. Any thread.
class snapshot_places {
 public:
  explicit snapshot_places(int count) : free_{std::make_shared<std::atomic<int>>(count)} {}

  /// Null while all are taken. The place is free again when the last copy of what is returned has gone.
  std::shared_ptr<const void> take() const {
    int free = free_->load();
    do {
      if (free <= 0) return nullptr;
    } while (!free_->compare_exchange_weak(free, free - 1));
    return {free_.get(), [free = free_](const void*) { free->fetch_add(1); }};
  }

 private:
  std::shared_ptr<std::atomic<int>> free_;
};

}  // namespace sb
