// The races between an old owner and a new one, with real processes that are frozen at the worst moments.
#include <libpq-fe.h>

#include <atomic>
#include <thread>

#include "database_view.hpp"
#include "journal_worlds.hpp"
#include "stopped_child.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity old_owner{"node-old", 1};
const node_identity new_owner{"node-new", 2};

constexpr shard_id shard = 5;
constexpr const char* lock_shard = "begin; select 1 from shard where id = 5 for update";

int code(append_status status) { return static_cast<int>(status); }
int code(claim_status status) { return static_cast<int>(status); }

/// Has beaten once, so that its counter is 1, and owns the shard and shard 6.
std::unique_ptr<journal> owner_at_its_first_beat(postgres_world& world) {
  auto owner = world.open(old_owner);
  claimed(*owner, old_owner, shard);
  claimed(*owner, old_owner, 6);
  owner->heartbeat(old_owner, generous);
  return owner;
}

}  // namespace

TEST_CASE("an owner frozen before its append cannot write after a take-over", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  stopped_child child{[&] {
    const auto journal = world.open(old_owner);
    auto owner = claimed(*journal, old_owner, shard);
    if (append(*journal, owner.row("7/book", 1)) != append_status::stored) return 100;
    owner.row("7/book", 2);
    stopped_child::freeze_here();
    return code(append(*journal, owner));
  }};
  REQUIRE(child.wait_frozen());
  const auto journal = world.open(new_owner);
  auto owner = claimed(*journal, new_owner, shard);
  CHECK(owner.head().head == 1);
  CHECK(append(*journal, owner.row("7/book", 2)) == append_status::stored);
  child.wake();
  CHECK(child.exit_code() == code(append_status::fenced));
  CHECK(journal->heads({shard}, generous).at(0).head == 2);
  CHECK(audit(*journal, shard).empty());
}

TEST_CASE("an owner frozen inside its append, holding the row lock, is ended by the take-over", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto conninfo = world.conninfo() + " application_name=" + postgres::application_name(old_owner);
  claimed(*world.open(old_owner), old_owner, shard);
  // The worst case: Execute has arrived and Sync has not. The statement has run, its lock is held, no server time-out
  // counts. Our own connection never does this, but a message may be split anywhere on its way.
  stopped_child child{[&] {
    PGconn* const raw = PQconnectdb(conninfo.c_str());
    PQenterPipelineMode(raw);
    PQsendQueryParams(raw, "update shard set head = head + 1 where id = 5", 0, nullptr, nullptr, nullptr, nullptr, 0);
    PQsendFlushRequest(raw);
    PQflush(raw);
    if (PQresultStatus(PQgetResult(raw)) != PGRES_COMMAND_OK) return 100;
    stopped_child::freeze_here();
    PQpipelineSync(raw);
    for (int results = 0; results < 4 && PQstatus(raw) == CONNECTION_OK; ++results) PQgetResult(raw);
    return PQstatus(raw) == CONNECTION_OK ? 101 : 0;
  }};
  REQUIRE(child.wait_frozen());
  const auto journal = world.open(new_owner);
  auto owner = claimed(*journal, new_owner, shard);
  CHECK(owner.head().epoch == 2);
  CHECK(owner.head().head == 0);  // what the old owner did was rolled back
  CHECK(append(*journal, owner.row("7/book", 1)) == append_status::stored);
  child.wake();
  CHECK(child.exit_code() == 0);
  CHECK(audit(*journal, shard).empty());
}

TEST_CASE("a claim ends nobody's connection but the replaced owner's", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  claimed(*world.open(old_owner), old_owner, shard);
  postgres::connection stranger{world.conninfo(), {"console", 1}, postgres::plans::custom};
  stranger.script(lock_shard, postgres::from_now(generous));
  const auto backend = stranger.backend();
  const auto journal = world.open(new_owner);
  CHECK(journal->claim({{shard, 1, 1}}, new_owner, 50ms, 1000ms).at(0).status == claim_status::unknown);
  stranger.script("commit", postgres::from_now(generous));
  CHECK(stranger.backend() == backend);
  // What was only waiting did not land later.
  CHECK(journal->heads({shard}, generous).at(0).epoch == 1);
  CHECK(journal->claim({{shard, 1, 1}}, new_owner, 50ms, generous).at(0).status == claim_status::claimed);
}

TEST_CASE("an owner that the claimer has not seen keeps its connections", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  claimed(*world.open(old_owner), old_owner, shard);
  // The lock holder is a connection of the present owner, but the claim names an incarnation before it.
  postgres::connection holder{world.conninfo(), old_owner, postgres::plans::custom};
  holder.script(lock_shard, postgres::from_now(generous));
  const auto backend = holder.backend();
  const auto journal = world.open(new_owner);
  CHECK(journal->claim({{shard, 1, 99}}, new_owner, 50ms, 600ms).at(0).status == claim_status::lost);
  holder.script("commit", postgres::from_now(generous));
  CHECK(holder.backend() == backend);
}

TEST_CASE("an owner frozen after its append was sent has stored it, and the take-over sees it", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view onlooker{world.conninfo()};
  claimed(*world.open(old_owner), old_owner, shard);
  onlooker.run(lock_shard);
  stopped_child child{[&] {
    const auto journal = world.open(old_owner);
    shard_owner owner{journal->heads({shard}, generous).at(0)};
    return code(append(*journal, owner.row("7/book", 1)));
  }};
  database_view second_look{world.conninfo()};
  REQUIRE(second_look.sees_waiting(postgres::application_name(old_owner)));  // the statement is with the server
  child.freeze();
  onlooker.run("rollback");
  REQUIRE(second_look.becomes("view_head", "select head from shard where id = 5", 1));
  const auto journal = world.open(new_owner);
  auto owner = claimed(*journal, new_owner, shard);
  CHECK(owner.head().head == 1);
  CHECK(append(*journal, owner.row("7/book", 2)) == append_status::stored);
  child.wake();
  CHECK(child.exit_code() == code(append_status::stored));
  CHECK(audit(*journal, shard).empty());
}

TEST_CASE("an append that waits for a take-over's lock is fenced by it", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  claimed(*world.open(old_owner), old_owner, shard);
  database_view claimer{world.conninfo()};
  claimer.run("begin; update shard set epoch = epoch + 1, owner = 'node-new', incarnation = 2 where id = 5");
  stopped_child child{[&] {
    const auto journal = world.open(old_owner);
    shard_owner owner{journal->heads({shard}, generous).at(0)};  // still the old epoch
    return code(append(*journal, owner.row("7/book", 1)));
  }};
  database_view onlooker{world.conninfo()};
  REQUIRE(onlooker.sees_waiting(postgres::application_name(old_owner)));
  claimer.run("commit");
  CHECK(child.exit_code() == code(append_status::fenced));
  CHECK(onlooker.number("view_rows", "select count(*) from journal") == 0);
}

TEST_CASE("a claim that waits for an append gets the head that the append leaves", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  claimed(*world.open(old_owner), old_owner, shard);
  claimed(*world.open(old_owner), old_owner, 6);
  database_view owner_at_work{world.conninfo()};
  owner_at_work.run("begin; update shard set head = 1 where id = 5; update shard set epoch = 9 where id = 6");
  std::vector<claim_outcome> outcomes;
  std::jthread claimer{[&] {
    outcomes = world.open(new_owner)->claim({{shard, 1, 1}, {6, 1, 1}, {7, 0, 0}}, new_owner, generous, generous);
  }};
  database_view onlooker{world.conninfo()};
  REQUIRE(onlooker.sees_waiting(postgres::application_name(new_owner)));
  owner_at_work.run("commit");
  claimer.join();
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[0].status == claim_status::claimed);
  CHECK(outcomes[0].head.epoch == 2);
  CHECK(outcomes[0].head.head == 1);
  CHECK(outcomes[1].status == claim_status::lost);  // what was seen is no longer so
  CHECK(outcomes[2].status == claim_status::claimed);
  CHECK(onlooker.number("view_nine", "select epoch from shard where id = 6") == 9);
}

TEST_CASE("a claim that names its owner's counter waits for an append like any other", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto owner = owner_at_its_first_beat(world);
  database_view at_work{world.conninfo()};
  at_work.run("begin; update shard set head = 1 where id = 5; update shard set epoch = 9 where id = 6");
  std::vector<claim_outcome> outcomes;
  std::jthread claimer{[&] {
    outcomes = world.open(new_owner)->claim({{shard, 1, 1, 1}, {6, 1, 1, 1}}, new_owner, generous, generous);
  }};
  database_view onlooker{world.conninfo()};
  REQUIRE(onlooker.sees_waiting(postgres::application_name(new_owner)));
  at_work.run("commit");
  claimer.join();
  REQUIRE(outcomes.size() == 2);
  CHECK(outcomes[0].status == claim_status::claimed);
  CHECK(outcomes[0].head.head == 1);
  CHECK(outcomes[1].status == claim_status::lost);
}

TEST_CASE("a claim that is lost already holds up nobody's beat", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto owner = owner_at_its_first_beat(world);
  database_view other{world.conninfo()};
  other.run("begin; select from shard where id = 7 for update");
  // What it saw of the two is old, and it waits for a third.
  auto outcome = claim_status::unknown;
  std::jthread claimer{[&] {
    const std::vector<claim_request> wanted{{shard, 0, 0, 1}, {6, 1, 99, 1}, {7, 0, 0}};
    outcome = world.open(new_owner)->claim(wanted, new_owner, generous, generous).at(0).status;
  }};
  database_view onlooker{world.conninfo()};
  REQUIRE(onlooker.sees_waiting(postgres::application_name(new_owner)));
  other.run(
      "update node set counter = counter + 1 where node = 'node-old'");  // would wait for the claim, and it for us
  other.run("rollback");
  claimer.join();
  CHECK(outcome == claim_status::lost);
}

TEST_CASE("a claim that waits for its owner's beat is lost, and a beat that waits for a claim comes after it",
          "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto owner = world.open(old_owner);
  claimed(*owner, old_owner, shard);
  owner->heartbeat(old_owner, generous);
  const claim_request of_the_dead{shard, 1, old_owner.incarnation, 1};
  database_view other{world.conninfo()};
  database_view onlooker{world.conninfo()};
  auto outcome = claim_status::unknown;
  const auto claim = [&] {
    outcome = world.open(new_owner)->claim({of_the_dead}, new_owner, generous, generous).at(0).status;
  };

  SECTION("the beat is first") {
    other.run("begin; update node set counter = counter + 1 where node = 'node-old'");
    std::jthread claimer{claim};
    REQUIRE(onlooker.sees_waiting(postgres::application_name(new_owner)));
    other.run("commit");
    claimer.join();
    CHECK(outcome == claim_status::lost);
    CHECK(owner->heads({shard}, generous).at(0).owner == old_owner.node);
  }
  SECTION("the claim is first") {
    other.run(lock_shard);
    std::jthread claimer{claim};
    REQUIRE(onlooker.sees_waiting(postgres::application_name(new_owner)));
    std::string seen_after_the_beat;
    std::jthread sleeper{[&] {
      const auto awake = world.open(old_owner);
      awake->heartbeat(old_owner, generous);
      seen_after_the_beat = awake->heads({shard}, generous).at(0).owner;
    }};
    REQUIRE(onlooker.sees_waiting(postgres::application_name(old_owner)));
    other.run("rollback");
    claimer.join();
    sleeper.join();
    CHECK(outcome == claim_status::claimed);
    CHECK(seen_after_the_beat == new_owner.node);
  }
}

TEST_CASE("a claimer frozen before its claim loses to the one that was awake", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  claimed(*world.open(old_owner), old_owner, shard);
  const node_identity sleepy{"node-sleepy", 3};
  stopped_child child{[&] {
    const auto journal = world.open(sleepy);
    const auto seen = journal->heads({shard}, generous).at(0);
    stopped_child::freeze_here();
    return code(journal->claim({{shard, seen.epoch, seen.incarnation}}, sleepy, 200ms, generous).at(0).status);
  }};
  REQUIRE(child.wait_frozen());
  const auto journal = world.open(new_owner);
  auto owner = claimed(*journal, new_owner, shard);
  child.wake();
  CHECK(child.exit_code() == code(claim_status::lost));
  CHECK(append(*journal, owner.row("7/book", 1)) == append_status::stored);
}

TEST_CASE("a claimer frozen inside its claim owns the shard until somebody takes it over", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  claimed(*world.open(old_owner), old_owner, shard);
  database_view onlooker{world.conninfo()};
  onlooker.run(lock_shard);
  const node_identity sleepy{"node-sleepy", 3};
  stopped_child child{[&] {
    const auto journal = world.open(sleepy);
    const auto outcome = journal->claim({{shard, 1, 1}}, sleepy, generous, generous).at(0);
    // Frozen between the claim's landing and this: the answer says claimed, and the epoch is already history.
    if (outcome.status != claim_status::claimed || outcome.head.epoch != 2) return 100;
    shard_owner owner{outcome.head};
    return code(append(*journal, owner.row("7/book", 1)));
  }};
  database_view second_look{world.conninfo()};
  REQUIRE(second_look.sees_waiting(postgres::application_name(sleepy)));
  child.freeze();
  onlooker.run("rollback");
  REQUIRE(second_look.becomes("view_epoch", "select epoch from shard where id = 5", 2));
  const auto journal = world.open(new_owner);
  auto owner = claimed(*journal, new_owner, shard);
  CHECK(owner.head().epoch == 3);
  CHECK(append(*journal, owner.row("7/book", 1)) == append_status::stored);
  child.wake();
  CHECK(child.exit_code() == code(append_status::fenced));
  CHECK(audit(*journal, shard).empty());
}

TEST_CASE("a claim locks in ascending order, however the shards are named", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view holder{world.conninfo()};
  holder.run(lock_shard);
  std::vector<claim_outcome> outcomes;
  std::jthread claimer{[&] {
    outcomes =
        world.open(new_owner)->claim({{9, 0, 0}, {7, 0, 0}, {shard, 0, 0}, {3, 0, 0}}, new_owner, generous, generous);
  }};
  database_view onlooker{world.conninfo()};
  REQUIRE(onlooker.sees_waiting(postgres::application_name(new_owner)));
  // It waits for 5, so it holds 3 and nothing above 5.
  CHECK_NOTHROW(onlooker.run("select 1 from shard where id in (7, 9) for update nowait"));
  CHECK_THROWS_AS(onlooker.run("select 1 from shard where id = 3 for update nowait"), postgres::statement_error);
  holder.run("rollback");
  claimer.join();
  REQUIRE(outcomes.size() == 4);
  for (const auto& one : outcomes) CHECK(one.status == claim_status::claimed);
}

TEST_CASE("two claims at once over the same shards: one gets each shard, and neither waits for ever", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  for (int round = 0; round < 10; ++round) {
    const auto setup = world.open(new_owner);
    std::vector<claim_request> up;
    for (const auto& head : setup->heads({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, generous)) {
      up.push_back({head.shard, head.epoch, head.incarnation});
    }
    const std::vector<claim_request> down{up.rbegin(), up.rend()};
    std::vector<claim_outcome> left;
    std::vector<claim_outcome> right;
    const node_identity a{"node-a", round * 2 + 10};
    const node_identity b{"node-b", round * 2 + 11};
    std::jthread one{[&] { left = world.open(a)->claim(up, a, 5000ms, generous); }};
    std::jthread two{[&] { right = world.open(b)->claim(down, b, 5000ms, generous); }};
    one.join();
    two.join();
    for (std::size_t at = 0; at < up.size(); ++at) {
      const bool first = left.at(at).status == claim_status::claimed;
      const bool second = right.at(up.size() - 1 - at).status == claim_status::claimed;
      CHECK(first != second);
      CHECK(left.at(at).status != claim_status::unknown);
    }
  }
}

TEST_CASE("a take-over in the middle of a stream of appends leaves no gap and no late row", "[take-over]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  constexpr int take_overs = 20;
  const auto setup = world.open(new_owner);
  for (int round = 0; round < take_overs; ++round) {
    const node_identity writer_identity{"node-w", 100 + round};
    const auto writing = world.open(writer_identity);
    auto owner = claimed(*writing, writer_identity, shard);
    const auto stream = "7/order/ORD" + std::to_string(round);
    const auto goal = owner.head().head + 1 + round % 5;  // from here on the owner is the thread's
    std::atomic<std::int64_t> acknowledged{0};
    std::atomic<bool> taken{false};
    append_status last = append_status::stored;
    std::jthread writer{[&] {
      // Were it not fenced, it would write on for ever: a few rows after the take-over show that.
      int late = 0;
      for (std::int64_t version = 1; last == append_status::stored && late < 3; ++version) {
        if (taken) ++late;
        const auto outcome = writing->append({owner.row(stream, version).part()}, generous).at(0);
        last = outcome.status;
        if (last != append_status::stored) break;
        owner.stored();
        acknowledged = owner.head().head;
      }
    }};
    while (acknowledged < goal) std::this_thread::yield();
    const auto seen = setup->heads({shard}, generous).at(0);
    const auto outcome = setup->claim({{shard, seen.epoch, seen.incarnation}}, new_owner, generous, generous).at(0);
    taken = true;
    const auto head_at_claim = outcome.head.head;
    writer.join();
    REQUIRE(outcome.status == claim_status::claimed);
    CHECK(last == append_status::fenced);
    CHECK(head_at_claim == acknowledged);  // all that was acknowledged and nothing after the claim
    CHECK(setup->heads({shard}, generous).at(0).head == head_at_claim);
  }
  CHECK(audit(*setup, shard).empty());
}
