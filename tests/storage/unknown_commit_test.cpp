// Answers that never arrive: what was sent may be stored, may not be, may still come.
#include <thread>

#include "cut_proxy.hpp"
#include "database_view.hpp"
#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity self{"node-a", 7};
constexpr shard_id shard = 5;
constexpr const char* append_statement = "journal_append";
constexpr const char* claim_statement = "claim";

struct cut_world {
  postgres_world world;
  cut_proxy proxy{private_postgres::instance()->socket_directory()};
  postgres_journal journal{proxy.through(world.conninfo()), self};
};

}  // namespace

TEST_CASE("an append whose fate is unknown is settled by claiming again and reading the head", "[unknown]") {
  if (!postgres_world::available()) return;
  cut_world cut;
  auto owner = claimed(cut.journal, self, shard);
  REQUIRE(append(cut.journal, owner.row("7/book", 1)) == append_status::stored);
  const auto part = owner.row("7/book", 2).part();

  struct row {
    const char* what;
    cut_proxy::fault fault;
    deadline within;
    bool stored;
  };
  const auto r = GENERATE(values<row>({
      {"lost on the way there", cut_proxy::fault::lose_statement, generous, false},
      {"lost on the way back", cut_proxy::fault::lose_answer, generous, true},
      {"never answered", cut_proxy::fault::swallow_answer, 500ms, true},
  }));
  INFO(r.what);
  cut.proxy.arm(append_statement, r.fault);
  const auto outcome = cut.journal.append({part}, r.within).at(0);
  REQUIRE(cut.proxy.struck());
  CHECK(outcome.status == append_status::unknown_commit);
  CHECK_FALSE(outcome.detail.empty());

  const auto again = claimed(cut.journal, self, shard);
  CHECK(again.head().epoch == owner.head().epoch + 1);
  CHECK(again.head().head == (r.stored ? 2 : 1));
  // The late statement, should it exist somewhere, no longer lands.
  CHECK(cut.journal.append({part}, generous).at(0).status == append_status::fenced);
  if (!r.stored) {
    shard_owner now = again;
    CHECK(append(cut.journal, now.row("7/book", 2)) == append_status::stored);
  }
  CHECK(cut.journal.heads({shard}, generous).at(0).head == 2);
  CHECK(audit(cut.journal, shard).empty());
}

TEST_CASE("a statement that arrives after the re-claim is fenced", "[unknown]") {
  if (!postgres_world::available()) return;
  cut_world cut;
  auto owner = claimed(cut.journal, self, shard);
  REQUIRE(append(cut.journal, owner.row("7/book", 1)) == append_status::stored);
  cut.proxy.arm(append_statement, cut_proxy::fault::delay_statement);
  const auto part = owner.row("7/book", 2).part();
  CHECK(cut.journal.append({part}, 300ms).at(0).status == append_status::unknown_commit);
  REQUIRE(cut.proxy.struck());

  auto again = claimed(cut.journal, self, shard);
  CHECK(again.head().head == 1);
  cut.proxy.deliver_delayed();
  CHECK(cut.journal.heads({shard}, generous).at(0).head == 1);
  CHECK(append(cut.journal, again.row("7/book", 2)) == append_status::stored);
  CHECK(audit(cut.journal, shard).empty());
}

TEST_CASE("an own append that still waits for a lock is ended by the own re-claim", "[unknown]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  postgres_journal journal{world.conninfo(), self};
  auto owner = claimed(journal, self, shard);
  REQUIRE(append(journal, owner.row("7/book", 1)) == append_status::stored);
  // Our own late statement holds the lock: here a second connection under our name stands for it.
  postgres::connection late{world.conninfo(), self, postgres::plans::custom};
  late.script("begin; select 1 from shard where id = 5 for update", postgres::from_now(generous));
  const auto late_backend = late.backend();
  const auto part = owner.row("7/book", 2).part();
  CHECK(journal.append({part}, 300ms).at(0).status == append_status::unknown_commit);
  const auto again = claimed(journal, self, shard);
  CHECK(again.head().head == 1);
  late.open(postgres::from_now(generous));
  CHECK(late.backend() != late_backend);  // ended: this is a new one
  CHECK(journal.append({part}, generous).at(0).status == append_status::fenced);
  CHECK(audit(journal, shard).empty());
}

TEST_CASE("an own re-claim after an unknown commit may find the shard lost", "[unknown]") {
  if (!postgres_world::available()) return;
  cut_world cut;
  auto owner = claimed(cut.journal, self, shard);
  REQUIRE(append(cut.journal, owner.row("7/book", 1)) == append_status::stored);
  cut.proxy.arm(append_statement, cut_proxy::fault::lose_answer);
  CHECK(cut.journal.append({owner.row("7/book", 2).part()}, generous).at(0).status == append_status::unknown_commit);

  const node_identity other{"node-b", 8};
  const auto journal = cut.world.open(other);
  auto taken = claimed(*journal, other, shard);
  CHECK(taken.head().head == 2);
  const auto outcome = cut.journal.claim({{shard, 1, self.incarnation}}, self, 200ms, generous).at(0);
  CHECK(outcome.status == claim_status::lost);
  CHECK(append(*journal, taken.row("7/book", 3)) == append_status::stored);
}

TEST_CASE("a claim whose answer is lost is resolved by its nonce", "[unknown]") {
  if (!postgres_world::available()) return;
  cut_world cut;
  claimed(cut.journal, self, shard);
  struct row {
    const char* what;
    cut_proxy::fault fault;
    deadline within;
  };
  const auto r = GENERATE(values<row>({
      {"lost on the way there", cut_proxy::fault::lose_statement, generous},
      {"lost on the way back", cut_proxy::fault::lose_answer, generous},
      {"never answered", cut_proxy::fault::swallow_answer, 4000ms},
  }));
  INFO(r.what);
  cut.proxy.arm(claim_statement, r.fault);
  const auto outcomes = cut.journal.claim({{shard, 1, self.incarnation}, {6, 0, 0}, {7, 3, 0}}, self, 200ms, r.within);
  REQUIRE(cut.proxy.struck());
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[0].status == claim_status::claimed);
  CHECK(outcomes[0].head.epoch == 2);  // once, not twice
  CHECK(outcomes[1].status == claim_status::claimed);
  CHECK(outcomes[1].head.epoch == 1);
  CHECK(outcomes[2].status == claim_status::lost);
  const auto heads = cut.journal.heads({shard, 6, 7}, generous);
  CHECK(heads[0].epoch == 2);
  CHECK(heads[1].owner == self.node);
  CHECK(heads[2].epoch == 0);
  shard_owner owner{outcomes[0].head};
  CHECK(append(cut.journal, owner.row("7/book", 1)) == append_status::stored);
}

TEST_CASE("a claim that was held up on its way does not land after its outcome was told", "[unknown]") {
  if (!postgres_world::available()) return;
  cut_world cut;
  claimed(cut.journal, self, shard);
  cut.proxy.arm(claim_statement, cut_proxy::fault::delay_statement);
  const auto outcome = cut.journal.claim({{shard, 1, self.incarnation}}, self, 200ms, 3000ms).at(0);
  REQUIRE(cut.proxy.struck());
  cut.proxy.deliver_delayed();
  const auto head = cut.journal.heads({shard}, generous).at(0);
  // The first statement's process was ended. Whether a second one was still sent within the deadline is a matter of
  // speed.
  CHECK(head.epoch == (outcome.status == claim_status::claimed ? 2 : 1));
  CHECK(outcome.status != claim_status::lost);
}

TEST_CASE("without a connection nothing is attempted", "[unknown]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  auto owner = claimed(*journal, self, shard);
  postgres_journal nowhere{"host=/tmp/no-such-directory dbname=x", self};
  CHECK(nowhere.append({owner.row("7/book", 1).part()}, 500ms).at(0).status == append_status::not_attempted);
  CHECK(nowhere.claim({{shard, 1, 7}}, self, 100ms, 500ms).at(0).status == claim_status::unknown);
  CHECK_THROWS_AS(nowhere.heads({shard}, 500ms), storage_unavailable);
  CHECK_THROWS_AS(nowhere.heartbeat(self, 500ms), storage_unavailable);
  CHECK_NOTHROW(nowhere.release({owner.head()}, 500ms));
  // A deadline that has passed already: nothing leaves.
  CHECK(journal->append({owner.part()}, 0ms).at(0).status == append_status::not_attempted);
  CHECK(append(*journal, owner) == append_status::stored);
}

TEST_CASE("a connection that died while idle is replaced without an unknown outcome", "[unknown]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  auto owner = claimed(*journal, self, shard);
  REQUIRE(append(*journal, owner.row("7/book", 1)) == append_status::stored);
  database_view onlooker{world.conninfo()};
  const auto name = postgres::application_name(self);
  CHECK(onlooker.number("view_end",
                        "select count(pg_terminate_backend(pid, 60000)) from pg_stat_activity where "
                        "application_name = '" +
                            name + "'") == 1);
  CHECK(append(*journal, owner.row("7/book", 2)) == append_status::stored);
}

TEST_CASE("a commit that the synchronous standby has not confirmed is unknown", "[unknown]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  auto owner = claimed(*journal, self, shard);
  REQUIRE(append(*journal, owner.row("7/book", 1)) == append_status::stored);
  database_view onlooker{world.conninfo()};
  onlooker.run("set synchronous_commit = local");
  onlooker.run("alter system set synchronous_standby_names = 'nobody'");
  onlooker.run("select pg_reload_conf()");
  REQUIRE(onlooker.becomes("view_setting",
                           "select (current_setting('synchronous_standby_names') = 'nobody')::int::bigint", 1));
  append_outcome last;
  std::jthread writer{[&] {
    // The setting reaches all processes a moment later; until then an append is an ordinary one.
    for (int version = 2; version < 100'000 && last.status == append_status::stored; ++version) {
      last = journal->append({owner.row("7/book", version).part()}, generous).at(0);
      if (last.status == append_status::stored) owner.stored();
    }
  }};
  // The inner query is kept apart by offset 0: the canceling must not be tried on every row, this one's own among them.
  const bool seen = onlooker.becomes("view_sync",
                                     "select count(pg_cancel_backend(pid)) from (select pid from pg_stat_activity "
                                     "where wait_event = 'SyncRep' offset 0) waiting",
                                     1);
  writer.join();
  onlooker.run("alter system reset synchronous_standby_names");
  onlooker.run("select pg_reload_conf()");
  CHECK(seen);
  CHECK(last.status == append_status::unknown_commit);
  CHECK(last.detail.find("standby") != std::string::npos);  // not merely the deadline of a later append
}
