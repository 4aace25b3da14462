#pragma once
#include <mutex>
#include <utility>
#include <vector>

namespace sb::web::wire {

/// What any thread leaves for one other, which takes all of it at once. Keeps the room that it once had. What `use`
/// leaves of an entry goes when all were used.
template <class Entry>
class handover {
 public:
  /// On any thread. True for the first since the last taking: whoever takes is to be told.
  bool put(Entry&& one) {
    const std::scoped_lock lock{guard_};
    waiting_.push_back(std::move(one));
    return waiting_.size() == 1;
  }
  /// On the thread of who takes: gives each to `use(Entry&)`, in their order.
  template <class Use>
  void take(Use use) {
    {
      const std::scoped_lock lock{guard_};
      taken_.swap(waiting_);
    }
    for (auto& one : taken_) use(one);
    taken_.clear();
  }
  /// What waits, for who drops it: what an entry's end does is not done under the lock.
  std::vector<Entry> withdraw() {
    const std::scoped_lock lock{guard_};
    return std::exchange(waiting_, {});
  }

 private:
  std::mutex guard_;  ///< of the next one
  std::vector<Entry> waiting_;
  std::vector<Entry> taken_;  ///< of who takes; empty in between
};

}  // namespace sb::web::wire
