#include "actors/supervision/alarm_board.hpp"

#include <atomic>
#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "actors/protocol/node_messages.hpp"
#include "quiet_system.hpp"

using namespace sb;
using namespace sb::test;

namespace {

constexpr boot_ms now{10'000};

struct board_and_hosts : quiet_system {
  alarm_board board;
  std::vector<caf::actor> ticked;

  caf::actor a_host() {
    return keep(system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](flush) {}}; }));
  }
  boot_ms look(boot_ms at = now) {
    ticked.clear();
    return board.look(at, [this](const caf::actor& host) { ticked.push_back(host); });
  }
};

using hosts = std::vector<caf::actor>;

}  // namespace

SCENARIO("a shard that looks finds who is due, each once, and when the next one is", "[host]") {
  board_and_hosts b;
  const auto first = b.a_host();
  const auto second = b.a_host();
  auto& of_first = b.board.add(first);
  auto& of_second = b.board.add(second);
  CHECK(b.look() == alarm_board::never);
  b.board.set(of_first, now);
  b.board.set(of_second, {now.value + 1});
  CHECK(b.look() == boot_ms{now.value + 1});
  CHECK(b.ticked == hosts{first});
  CHECK(b.look({now.value + 1}) == alarm_board::never);
  CHECK(b.ticked == hosts{second});

  GIVEN("one that takes it back") {
    b.board.set(of_first, {now.value + 5});
    b.board.set(of_first, alarm_board::never);
    CHECK(b.look({now.value + 5}) == alarm_board::never);
    CHECK(b.ticked.empty());
  }
  GIVEN("one that leaves, and another in its place") {
    b.board.set(of_first, now);
    b.board.remove(of_first);
    const auto third = b.a_host();
    auto& of_third = b.board.add(third);
    CHECK(&of_third == &of_first);
    b.look();
    CHECK(b.ticked.empty());
    b.board.set(of_third, now);
    b.look();
    CHECK(b.ticked == hosts{third});
  }
}

SCENARIO("a host is told whether its shard looks in time", "[host]") {
  board_and_hosts b;
  const auto host = b.a_host();
  auto& line = b.board.add(host);
  CHECK_FALSE(b.board.set(line, {now.value + 300}));  // nobody knows when it looks
  CHECK(b.board.set(line, alarm_board::never));
  b.board.looks_at({now.value + 250});
  CHECK(b.board.set(line, {now.value + 300}));
  CHECK(b.board.set(line, {now.value + 150}));  // a little late
  CHECK_FALSE(b.board.set(line, {now.value + 149}));

  WHEN("the shard is looking, and has not said when it does again") {
    bool in_time = true;
    b.board.look({now.value + 250}, [&](const caf::actor&) { in_time = b.board.set(line, {now.value + 900}); });
    CHECK_FALSE(in_time);
    CHECK_FALSE(b.board.set(line, {now.value + 900}));
  }
}

SCENARIO("what a host writes down while its shard looks is not lost", "[host]") {
  board_and_hosts b;
  auto& line = b.board.add(b.a_host());
  constexpr int rounds = 20'000;
  std::atomic<std::int64_t> clock{1};
  std::atomic<std::int64_t> ticked_at{0};
  std::atomic<bool> told{false};
  std::atomic<bool> over{false};
  std::thread shard{[&] {
    auto planned = alarm_board::never.value;
    while (!over) {
      const auto at = ++clock;
      if (!told.exchange(false) && at < planned) continue;
      planned = b.board.look({at}, [&](const caf::actor&) { ticked_at = at; }).value;
      b.board.looks_at({planned});
    }
  }};
  int lost = 0;
  for (int round = 0; round < rounds && lost == 0; ++round) {
    ticked_at = 0;
    const auto due = clock + round % 3;
    if (!b.board.set(line, {due})) told = true;
    while (ticked_at == 0 && clock < due + 10'000'000) std::this_thread::yield();
    if (ticked_at == 0) ++lost;
  }
  over = true;
  shard.join();
  CHECK(lost == 0);
}
