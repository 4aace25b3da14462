// What both journals promise. Everything here runs against memory and against PostgreSQL.
#include <algorithm>
#include <set>

#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity first{"node-a", 11};
const node_identity second{"node-b", 22};

}  // namespace

TEMPLATE_TEST_CASE("a fresh journal has 256 unowned, empty shards", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  const auto heads = journal->heads({255, 0}, generous);
  REQUIRE(heads.size() == 2);
  CHECK(heads[0].shard == 255);
  CHECK(heads[1].shard == 0);
  CHECK(heads[0].epoch == 0);
  CHECK(heads[0].head == 0);
  CHECK(heads[0].owner.empty());
  CHECK(heads[0].head_hash == digest{});
  CHECK_THROWS_AS(journal->heads({256}, generous), std::invalid_argument);
  CHECK(journal->append({}, generous).empty());
  CHECK(journal->claim({}, first, 1s, generous).empty());
}

TEMPLATE_TEST_CASE("rows come back as they were stored", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 5);
  CHECK(owner.head().epoch == 1);
  CHECK(owner.head().owner == "node-a");
  CHECK(owner.head().incarnation == 11);
  owner.row("7/order/ORD1", 1, "{\"note\":\"\xE2\x82\xB9 \\\"quoted\\\" \\\\ \"}")
      .row("7/book", 1)
      .row("7/order/ORD1", 2);
  const auto sent = owner.part().rows;
  REQUIRE(append(*journal, owner) == append_status::stored);

  const auto rows = journal->read_after(5, 0, 100, generous);
  REQUIRE(rows.size() == 3);
  for (std::size_t at = 0; at < rows.size(); ++at) {
    CHECK(rows[at].shard == 5);
    CHECK(rows[at].seq == sent[at].seq);
    CHECK(rows[at].stream == sent[at].stream);
    CHECK(rows[at].version == sent[at].version);
    CHECK(rows[at].events == sent[at].events);
    CHECK(rows[at].at == sent[at].at);
    CHECK(rows[at].epoch == 1);
    CHECK(rows[at].hash == sent[at].hash);
    CHECK(rows[at].body == sent[at].body);
  }
  const auto head = journal->heads({5}, generous).at(0);
  CHECK(head.head == 3);
  CHECK(head.head_hash == sent.back().hash);
  CHECK(audit(*journal, 5).empty());

  CHECK(journal->read_after(5, 1, 1, generous).at(0).seq == 2);
  CHECK(journal->read_after(5, 3, 10, generous).empty());
  CHECK(journal->read_after(6, 0, 10, generous).empty());
}

TEMPLATE_TEST_CASE("a batch of 1000 rows over several shards is stored whole", "[journal]", memory_world,
                   postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  std::vector<shard_owner> owners;
  for (shard_id shard = 0; shard < 4; ++shard) owners.push_back(claimed(*journal, first, shard));
  for (int row = 0; row < 1000; ++row) {
    owners[static_cast<std::size_t>(row % 4)].row("7/order/ORD" + std::to_string(row), 1,
                                                  R"({"q":)" + std::to_string(row) + "}");
  }
  std::vector<shard_append> parts;
  for (const auto& owner : owners) parts.push_back(owner.part());
  for (const auto& outcome : journal->append(parts, generous)) CHECK(outcome.status == append_status::stored);
  for (shard_id shard = 0; shard < 4; ++shard) {
    CHECK(journal->heads({shard}, generous).at(0).head == 250);
    CHECK(audit(*journal, shard).empty());
  }
}

TEMPLATE_TEST_CASE("a body of a megabyte is stored whole", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 1);
  owner.row("7/book", 1, R"({"x":")" + std::string(1'000'000, 'x') + R"("})");
  REQUIRE(append(*journal, owner) == append_status::stored);
  CHECK(audit(*journal, 1).empty());
}

TEMPLATE_TEST_CASE("what is not at the fence is not written", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 9);
  REQUIRE(append(*journal, owner.row("7/book", 1)) == append_status::stored);
  auto head = owner.head();

  SECTION("an epoch behind") { head.epoch -= 1; }
  SECTION("an epoch ahead") { head.epoch += 1; }
  SECTION("a head behind: a late retry") { head.head -= 1; }
  SECTION("a head ahead") { head.head += 1; }
  SECTION("a shard that does not exist") { head.shard = 256; }

  shard_owner stale{head};
  CHECK(append(*journal, stale.row("7/book", 2)) == append_status::fenced);
  CHECK(journal->heads({9}, generous).at(0).head == 1);
  CHECK(journal->read_after(9, 0, 10, generous).size() == 1);
  CHECK(append(*journal, owner.row("7/book", 2)) == append_status::stored);
}

TEMPLATE_TEST_CASE("a fenced shard does not hold up a good one in the same batch", "[journal]", memory_world,
                   postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto lost = claimed(*journal, first, 1);
  auto good = claimed(*journal, first, 2);
  const auto other = world.open(second);
  auto taken = claimed(*other, second, 1);

  const auto outcomes = journal->append({lost.row("7/a", 1).part(), good.row("7/b", 1).part()}, generous);
  REQUIRE(outcomes.size() == 2);
  CHECK(outcomes[0].shard == 1);
  CHECK(outcomes[0].status == append_status::fenced);
  CHECK(outcomes[1].shard == 2);
  CHECK(outcomes[1].status == append_status::stored);
  CHECK(journal->read_after(1, 0, 10, generous).empty());
  CHECK(journal->read_after(2, 0, 10, generous).size() == 1);
  CHECK(append(*other, taken.row("7/a", 1)) == append_status::stored);
}

TEMPLATE_TEST_CASE("a refused row stops its own shard only", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto left = claimed(*journal, first, 1);
  auto bad = claimed(*journal, first, 2);
  auto right = claimed(*journal, first, 3);
  REQUIRE(append(*journal, bad.row("7/book", 1)) == append_status::stored);

  struct row {
    const char* what;
    stream_id stream;
    std::int64_t version;
  };
  const auto r = GENERATE(values<row>({
      {"duplicate stream and version", "7/book", 1},
      {"version 0", "7/new", 0},
      {"no stream", "", 1},
      {"stream of 97 bytes", std::string(97, 's'), 1},
      {"NUL in the stream", std::string("7/\0x", 4), 1},
  }));
  INFO(r.what);
  left.row("7/left", 1);
  bad.row("7/fine", 1).row(r.stream, r.version);
  right.row("7/right", 1);
  const auto outcomes = journal->append({left.part(), bad.part(), right.part()}, generous);
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[0].status == append_status::stored);
  CHECK(outcomes[1].status == append_status::data_refused);
  CHECK_FALSE(outcomes[1].detail.empty());
  CHECK(outcomes[2].status == append_status::stored);
  CHECK(journal->read_after(1, 0, 10, generous).size() == 1);
  CHECK(journal->read_after(2, 0, 10, generous).size() == 1);
  CHECK(journal->read_after(3, 0, 10, generous).size() == 1);

  bad.dropped();
  CHECK(append(*journal, bad.row(r.stream, r.version)) == append_status::data_refused);  // alone, too
  CHECK(append(*journal, bad.row("7/book", 2)) == append_status::stored);
  CHECK(audit(*journal, 2).empty());
}

TEMPLATE_TEST_CASE("a duplicate within one part is refused", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 2);
  CHECK(append(*journal, owner.row("7/book", 1).row("7/book", 1)) == append_status::data_refused);
  CHECK(journal->read_after(2, 0, 10, generous).empty());
}

TEMPLATE_TEST_CASE("malformed parts are refused before anything is sent", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 2);
  const auto good = owner.row("7/a", 1).row("7/b", 1).part();
  std::vector<shard_append> parts{good};
  SECTION("no rows") { parts[0].rows.clear(); }
  SECTION("the shard twice") { parts.push_back(good); }
  SECTION("another shard's row") { parts[0].rows[1].shard = 3; }
  SECTION("another epoch's row") { parts[0].rows[1].epoch = 9; }
  SECTION("a gap") { parts[0].rows[1].seq = 3; }
  SECTION("not at the head") { parts[0].head_before = 1; }
  CHECK_THROWS_AS(journal->append(parts, generous), std::invalid_argument);
  CHECK(journal->heads({2}, generous).at(0).head == 0);
}

TEMPLATE_TEST_CASE("a claim is a compare-and-set", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto a = world.open(first);
  const auto b = world.open(second);
  auto owner = claimed(*a, first, 4);
  REQUIRE(append(*a, owner.row("7/book", 1)) == append_status::stored);

  SECTION("what was seen must still be so") {
    const auto outcomes = b->claim({{4, 0, 11}, {5, 0, 0}, {6, 0, 99}, {256, 0, 0}}, second, 200ms, generous);
    REQUIRE(outcomes.size() == 4);
    CHECK(outcomes[0].status == claim_status::lost);  // epoch
    CHECK(outcomes[1].status == claim_status::claimed);
    CHECK(outcomes[2].status == claim_status::lost);  // incarnation
    CHECK(outcomes[3].status == claim_status::lost);  // no such shard
    CHECK(append(*a, owner.row("7/book", 2)) == append_status::stored);
  }
  SECTION("the new owner gets the old one's head, and the old one is fenced") {
    const auto outcomes = b->claim({{4, 1, 11}}, second, 200ms, generous);
    REQUIRE(outcomes.at(0).status == claim_status::claimed);
    CHECK(outcomes[0].head.epoch == 2);
    CHECK(outcomes[0].head.head == 1);
    CHECK(outcomes[0].head.head_hash == owner.head().head_hash);
    CHECK(outcomes[0].head.owner == "node-b");
    CHECK(append(*a, owner.row("7/book", 2)) == append_status::fenced);
    shard_owner now{outcomes[0].head};
    CHECK(append(*b, now.row("7/book", 2)) == append_status::stored);
    CHECK(audit(*b, 4).empty());
  }
  SECTION("an owner that was found dead has beaten since") {
    a->heartbeat(first, generous);
    a->heartbeat(first, generous);
    CHECK(b->claim({{4, 1, 11, 1}}, second, 200ms, generous).at(0).status == claim_status::lost);
    CHECK(a->heads({4}, generous).at(0).owner == first.node);
    const auto outcomes = b->claim({{9, 0, 0}, {4, 1, 11, 2}}, second, 200ms, generous);
    CHECK(outcomes.at(0).status == claim_status::claimed);
    CHECK(outcomes.at(1).status == claim_status::claimed);
  }
  SECTION("an owner that was never seen to beat") {
    CHECK(b->claim({{4, 1, 11, 1}}, second, 200ms, generous).at(0).status == claim_status::lost);
    SECTION("has begun to") {
      a->heartbeat(first, generous);
      CHECK(b->claim({{4, 1, 11, 0}}, second, 200ms, generous).at(0).status == claim_status::lost);
    }
    SECTION("has not begun to") {
      CHECK(b->claim({{4, 1, 11, 0}}, second, 200ms, generous).at(0).status == claim_status::claimed);
    }
  }
  SECTION("an owner that was found dead has begun another life, which owns the shard") {
    a->heartbeat(first, generous);
    const node_identity again{first.node, first.incarnation + 1};
    const auto restarted = world.open(again);
    restarted->heartbeat(again, generous);
    REQUIRE(restarted->claim({{4, 1, 11}}, again, 200ms, generous).at(0).status == claim_status::claimed);
    CHECK(b->claim({{4, 2, again.incarnation, 1}}, second, 200ms, generous).at(0).status == claim_status::lost);
  }
  SECTION("an own claim raises the epoch and fences the own late append") {
    const auto late = owner.row("7/book", 2).part();
    owner.dropped();
    const auto outcomes = a->claim({{4, 1, 11}}, first, 200ms, generous);
    REQUIRE(outcomes.at(0).status == claim_status::claimed);
    CHECK(a->append({late}, generous).at(0).status == append_status::fenced);
  }
  SECTION("an own re-claim that lost the shard") {
    claimed(*b, second, 4);
    CHECK(a->claim({{4, 1, 11}}, first, 200ms, generous).at(0).status == claim_status::lost);
    CHECK(a->heads({4}, generous).at(0).owner == "node-b");
  }
  SECTION("a shard named twice is a mistake of ours") {
    CHECK_THROWS_AS(a->claim({{4, 1, 11}, {4, 1, 11}}, first, 200ms, generous), std::invalid_argument);
  }
  SECTION("outcomes follow the order of the requests") {
    const auto outcomes = b->claim({{9, 0, 0}, {7, 0, 0}, {8, 0, 0}}, second, 200ms, generous);
    REQUIRE(outcomes.size() == 3);
    CHECK(outcomes[0].head.shard == 9);
    CHECK(outcomes[1].head.shard == 7);
    CHECK(outcomes[2].head.shard == 8);
  }
}

TEMPLATE_TEST_CASE("release gives back only what is still held", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto a = world.open(first);
  const auto b = world.open(second);
  const auto kept = claimed(*a, first, 1);
  const auto lost = claimed(*a, first, 2);
  claimed(*b, second, 2);
  a->release({kept.head(), lost.head()}, generous);
  const auto heads = a->heads({1, 2}, generous);
  CHECK(heads[0].owner.empty());
  CHECK(heads[0].incarnation == 0);
  CHECK(heads[0].epoch == 1);
  CHECK(heads[1].owner == "node-b");
  CHECK(b->claim({{1, 1, 0}}, second, 200ms, generous).at(0).status == claim_status::claimed);
}

TEMPLATE_TEST_CASE("streams and snapshots", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 3);
  for (std::int64_t version = 1; version <= 5; ++version) owner.row("7/book", version).row("7/order/ORD1", version);
  REQUIRE(append(*journal, owner) == append_status::stored);
  journal->save_snapshot(3, {"7/book", 3, R"({"n":3})"}, generous);
  journal->save_snapshot(3, {"7/book", 2, R"({"n":2})"}, generous);  // late: the newer one stays
  journal->save_snapshot(4, {"7/order/ORD1", 5, "{}"}, generous);    // another shard's is not this one's

  const auto streams = journal->read_streams(3, {"7/order/ORD1", "7/none", "7/book"}, generous);
  REQUIRE(streams.size() == 3);
  CHECK(streams[0].stream == "7/order/ORD1");
  CHECK_FALSE(streams[0].snapshot);
  REQUIRE(streams[0].rows.size() == 5);
  for (std::size_t at = 0; at < 5; ++at) {
    CHECK(streams[0].rows[at].version == static_cast<std::int64_t>(at) + 1);
    CHECK(streams[0].rows[at].stream == "7/order/ORD1");
  }
  CHECK(streams[1].stream == "7/none");
  CHECK(streams[1].rows.empty());
  REQUIRE(streams[2].snapshot);
  CHECK(streams[2].snapshot->version == 3);
  CHECK(streams[2].snapshot->body == R"({"n":3})");
  REQUIRE(streams[2].rows.size() == 2);
  CHECK(streams[2].rows[0].version == 4);

  CHECK(journal->streams_after(3, {}, 10, generous) == std::vector<stream_id>{"7/book", "7/order/ORD1"});
  CHECK(journal->read_streams(3, {}, generous).empty());

  auto stored = journal->stored_streams(3, {"7/order/ORD2", "7/order/ORD1", "7/book"}, generous);
  std::sort(stored.begin(), stored.end());
  CHECK(stored == std::vector<stream_id>{"7/book", "7/order/ORD1"});
  CHECK(journal->stored_streams(4, {"7/order/ORD1"}, generous).empty());
  CHECK(journal->stored_streams(3, {}, generous).empty());
}

TEMPLATE_TEST_CASE("each stream is named once, however many there are", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto journal = world.open(first);
  auto owner = claimed(*journal, first, 3);
  constexpr int streams = 2'050;
  for (int done = 0; done < streams;) {
    for (int rows = 0; rows < 1000 && done < streams; ++rows) owner.row("7/order/ORD" + std::to_string(done++), 1);
    REQUIRE(append(*journal, owner) == append_status::stored);
  }
  std::set<stream_id> names;
  for (int page = 0; page < 3; ++page) {
    const auto last = names.empty() ? stream_id{} : *names.rbegin();
    for (const auto& name : journal->streams_after(3, last, 1'000, generous)) CHECK(names.insert(name).second);
  }
  CHECK(names.size() == streams);
  // A page begins behind the name it is given, in the order of bytes.
  const auto page = journal->streams_after(3, *std::next(names.begin(), 9), 5, generous);
  CHECK(page == std::vector<stream_id>(std::next(names.begin(), 10), std::next(names.begin(), 15)));
  CHECK(journal->streams_after(3, *names.rbegin(), 5, generous).empty());
}

TEMPLATE_TEST_CASE("heartbeats count, id blocks do not overlap", "[journal]", memory_world, postgres_world) {
  if (!TestType::available()) return;
  TestType world;
  const auto a = world.open(first);
  const auto b = world.open(second);
  a->heartbeat(first, generous);
  a->heartbeat(first, generous);
  b->heartbeat(second, generous);
  auto beats = b->heartbeats(generous);
  REQUIRE(beats.size() == 2);
  CHECK(beats[0].node == "node-a");
  CHECK(beats[0].incarnation == 11);
  CHECK(beats[0].counter == 2);
  CHECK(beats[1].counter == 1);
  a->heartbeat({"node-a", 12}, generous);  // a restart changes the counter as well
  beats = b->heartbeats(generous);
  CHECK(beats[0].incarnation == 12);
  CHECK(beats[0].counter == 3);

  CHECK(a->reserve_ids("user", 100, generous) == 1);
  CHECK(b->reserve_ids("user", 10, generous) == 101);
  CHECK(a->reserve_ids("user", 100, generous) == 111);
  CHECK(a->reserve_ids("account", 100, generous) == 1);
  CHECK_THROWS_AS(a->reserve_ids("user", 0, generous), std::invalid_argument);
}
