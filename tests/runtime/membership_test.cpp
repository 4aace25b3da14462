#include "runtime/membership.hpp"

#include <catch2/catch.hpp>

using namespace sb;

namespace {

constexpr lease_times times{1'000, 6'000, 1'000};
const node_identity self{"n1", 5};

shard_head head(shard_id shard, std::string owner, std::int64_t incarnation) {
  shard_head one;
  one.shard = shard;
  one.epoch = 3;
  one.owner = std::move(owner);
  one.incarnation = incarnation;
  return one;
}

}  // namespace

SCENARIO("a node is dead when its counter stood still for the whole TTL on our clock") {
  membership members{times};
  members.observe({{"n2", 9, 1}}, {10'000});
  CHECK_FALSE(members.dead("n2", 9, {15'999}));
  CHECK(members.dead("n2", 9, {16'000}));
  WHEN("its counter changes") {
    members.observe({{"n2", 9, 2}}, {15'000});
    CHECK_FALSE(members.dead("n2", 9, {20'999}));
    CHECK(members.dead("n2", 9, {21'000}));
  }
  WHEN("it is read again and has not changed") {
    members.observe({{"n2", 9, 1}}, {15'000});
    CHECK(members.dead("n2", 9, {16'000}));
  }
  WHEN("a shard has a later incarnation, of which no beat was read yet") {
    CHECK_FALSE(members.dead("n2", 10, {16'000}));
    CHECK(members.counter("n2") == 1);
  }
  WHEN("a later incarnation beats") {
    members.observe({{"n2", 10, 1}}, {11'000});
    THEN("the former one is over, the new one lives") {
      CHECK(members.dead("n2", 9, {11'000}));
      CHECK_FALSE(members.dead("n2", 10, {11'000}));
    }
  }
}

SCENARIO("what could not be read counts against nobody") {
  membership members{times};
  CHECK_FALSE(members.dead("n2", 9, {1'000'000}));
  members.observe({{"n2", 9, 1}}, {10'000});
  members.blind({60'000});
  CHECK_FALSE(members.dead("n2", 9, {65'999}));
  CHECK(members.dead("n2", 9, {66'000}));
  GIVEN("a node that was never seen beating") {
    CHECK_FALSE(members.dead("n3", 1, {65'999}));
    CHECK(members.dead("n3", 1, {66'000}));
  }
}

SCENARIO("a lease counts from when its renewal began") {
  lease right{times};
  CHECK(right.until().value < 0);
  right.renewed({10'000});
  CHECK(right.until().value == 15'000);
  right.renewed({9'000});  // an older renewal that came back later
  CHECK(right.until().value == 15'000);
}

TEST_CASE("which shards are claimed, and which are given up") {
  membership members{times};
  members.observe({{"n2", 9, 1}, {"n3", 4, 7}}, {10'000});
  members.observe({{"n2", 9, 1}, {"n3", 4, 8}}, {15'000});
  const boot_ms now{16'000};  // n2 has been silent for the TTL, n3 not
  struct row {
    const char* name;
    shard_head head;
    std::set<shard_id> held;
    bool wanted;
    bool taken;
    std::optional<std::int64_t> counter_seen = std::nullopt;
  };
  const auto one = GENERATE(values<row>({
      {"released", head(1, "", 0), {}, true, false},
      {"released, and not given up here", head(1, "", 0), {1}, false, true},
      {"ours and held", head(1, "n1", 5), {1}, false, false},
      {"ours, but given up or lost", head(1, "n1", 5), {2}, true, false},
      {"ours of an earlier life", head(1, "n1", 4), {}, true, false},
      {"of a later life under our name", head(1, "n1", 6), {}, false, false},
      {"of a later life under our name, though held", head(1, "n1", 6), {1}, false, true},
      {"of a dead node", head(1, "n2", 9), {}, true, false, 1},
      {"of a dead node, though held: given up before it is claimed", head(1, "n2", 9), {1}, false, true},
      {"of a live node", head(1, "n3", 4), {}, false, false},
      {"of a live node, though held", head(1, "n3", 4), {1}, false, true},
      {"of an earlier life of a live node", head(1, "n3", 3), {}, true, false, 8},
      {"of a life of a dead node that began since: alive", head(1, "n2", 10), {}, false, false},
      {"of a node that was never seen: only while it has no counter", head(1, "n4", 1), {}, true, false, 0},
  }));
  CAPTURE(one.name);
  CHECK(taken_away({one.head}, self, one.held) == (one.taken ? std::vector<shard_id>{1} : std::vector<shard_id>{}));
  const auto claims = claimable({one.head}, self, members, one.held, now);
  REQUIRE(claims.size() == (one.wanted ? 1 : 0));
  if (!one.wanted) return;
  CHECK(claims.front().shard == 1);
  CHECK(claims.front().epoch_seen == 3);
  CHECK(claims.front().incarnation_seen == one.head.incarnation);
  CHECK(claims.front().counter_seen == one.counter_seen);
}
