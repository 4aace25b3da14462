#pragma once
#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <chrono>
#include <cstdint>

#include "tests/actors/quiet_system.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::actor_simulation {

using simulation::broken_invariant;
using simulation::dice;

/// An actor system in which one actor handles one message at a time, and chance says which: every order of messages
/// that threads could bring about, and the same one again for the same dice. Time is virtual and passes between two
/// messages.
class drawn_system {
 public:
  explicit drawn_system(dice& chance) : chance_{chance} {
    scheduler_.clock().current_time += std::chrono::hours{1'000};
  }

  caf::actor_system& actors() { return system_; }
  std::int64_t now() const {
    const auto since = scheduler_.clock().current_time.time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  }
  std::uint64_t messages() const { return messages_; }

  /// One message; false: no actor has any.
  bool step() {
    auto& jobs = scheduler_.jobs;
    if (jobs.empty()) return false;
    const auto drawn = jobs.begin() + static_cast<std::ptrdiff_t>(chance_.index(jobs.size()));
    std::rotate(jobs.begin(), drawn, drawn + 1);
    ++messages_;
    return scheduler_.try_run_once();
  }
  /// Timers that are due by then put their messages into the mailboxes.
  void pass(std::int64_t ms) { scheduler_.clock().advance_time(std::chrono::milliseconds{ms}); }

 private:
  dice& chance_;
  test::quiet_system::quiet_config config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& scheduler_{dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())};
  std::uint64_t messages_ = 0;
};

}  // namespace sb::actor_simulation
