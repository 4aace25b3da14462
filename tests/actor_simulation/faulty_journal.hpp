#pragma once
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "tests/actors/forwarding_journal.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::actor_simulation {

/// How often, in a thousand calls; all zero: nothing fails.
struct storage_faults {
  std::int64_t append = 0;
  std::int64_t claim = 0;
  std::int64_t read = 0;
};

/// A connection to the journal in memory on which calls fail by chance. `away` says whether PostgreSQL can be reached
/// at all. Both, and the dice, outlive it.
class faulty_journal final : public test::forwarding_journal {
 public:
  faulty_journal(std::shared_ptr<memory_store> store, simulation::dice& chance, const storage_faults& faults,
                 std::function<bool()> away)
      : forwarding_journal{std::move(store)}, chance_{chance}, faults_{faults}, away_{std::move(away)} {}

 private:
  void before(call what) override {
    if (chance_.chance(500)) inner.land_in_flight();  // a statement that was still on its way arrives before this one
    inner.set_offline(away_());
    switch (what) {
      case call::append:
        return fail_append();
      case call::claim:
        return fail_claim();
      case call::beat:
      case call::read:
        if (chance_.chance(faults_.read)) throw storage_unavailable{"the connection broke"};
    }
  }
  void fail_append() {
    using fault = memory_journal::append_fault;
    constexpr fault kinds[] = {fault::unknown_applied, fault::unknown_not_applied, fault::unknown_in_flight,
                               fault::not_attempted, fault::refused};
    if (chance_.chance(faults_.append)) inner.inject(kinds[chance_.index(std::size(kinds))]);
  }
  void fail_claim() {
    using fault = memory_journal::claim_fault;
    if (!chance_.chance(faults_.claim)) return;
    inner.inject(chance_.chance(500) ? fault::unknown_applied : fault::unknown_not_applied);
  }

  simulation::dice& chance_;
  const storage_faults& faults_;
  std::function<bool()> away_;
};

}  // namespace sb::actor_simulation
