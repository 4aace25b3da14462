#include "actors/journal/snapshots.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <new>
#include <utility>

#include "forwarding_journal.hpp"
#include "quiet_system.hpp"
#include "runtime/snapshot_places.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

/// Fails as it is told, and looks whether the snapshot that is being stored has its place still.
class far_journal final : public forwarding_journal {
 public:
  far_journal(std::shared_ptr<memory_store> store, const std::function<void()>& when_called)
      : forwarding_journal{std::move(store)}, when_called_{when_called} {}

 private:
  void before(call) override { when_called_(); }
  const std::function<void()>& when_called_;
};

}  // namespace

SCENARIO("snapshots are made and stored one after another, and one that cannot be stored is let go") {
  quiet_system q;
  const auto store = std::make_shared<memory_store>();
  std::function<void()> when_called;
  snapshot_places places{1};
  const auto keeper = q.keep(q.system.spawn(
      snapshots, q.services,
      [&]() -> std::unique_ptr<journal> { return std::make_unique<far_journal>(store, when_called); }, 1'000ms));
  std::size_t told = 0;
  const auto offer = [&](std::int64_t version) {
    auto place = places.take();
    REQUIRE(place);
    snapshot_offer made{[version, place] { return "book " + std::to_string(version); },
                        [&told](std::size_t bytes) { told = bytes; }};
    caf::anon_send(keeper, snapshot_ask{3, {"7/book/7", version, std::move(made)}});
  };
  const auto stored = [&] { return memory_journal{store}.read_streams(3, {"7/book/7"}, 1'000ms).at(0).snapshot; };
  GIVEN("a journal that is there") {
    bool place_was_free = true;
    when_called = [&] { place_was_free = places.take() != nullptr; };
    offer(6);
    q.run();
    REQUIRE(stored());
    CHECK(stored()->version == 6);
    CHECK(stored()->body == "book 6");
    CHECK(told == 6);
    CHECK_FALSE(place_was_free);
    CHECK(places.take());
  }
  GIVEN("one that is not, or no memory for the text") {
    const bool away = GENERATE(true, false);
    when_called = [&] {
      if (away) throw storage_unavailable{"no answer within the deadline"};
      throw std::bad_alloc{};
    };
    offer(5);
    q.run();
    CHECK_FALSE(stored());
    CHECK(told == 0);
    REQUIRE(q.log.size() == 1);
    CHECK(q.log.front() == (away ? "n1/snapshots: no answer within the deadline"
                                 : "ALARM n1/snapshots: no memory for a snapshot of 7/book/7"));
    when_called = [] {};
    offer(6);
    q.run();
    REQUIRE(stored());
    CHECK(stored()->version == 6);
  }
}
