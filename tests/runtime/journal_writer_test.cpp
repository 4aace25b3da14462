#include "runtime/journal_writer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/memory/journal.hpp"

using namespace sb;

namespace {

const node_identity self{"n1", 1};
const node_identity other{"n2", 2};

/// A writer and a journal in memory; the test says which statement is answered how.
struct desk {
  desk() {
    for (const shard_id shard : {1, 2}) own(shard);
    events.clear();
  }

  void own(shard_id shard) {
    const auto seen = store.heads({shard}, {}).front();
    writer.own(store.claim({{shard, seen.epoch, seen.incarnation}}, self, {}, {}).front().head, events);
  }
  void taken_by_another(shard_id shard) {
    const auto seen = store.heads({shard}, {}).front();
    store.claim({{shard, seen.epoch, seen.incarnation}}, other, {}, {});
  }
  std::uint64_t write(shard_id shard, const stream_id& stream, std::int64_t version, std::size_t count = 1,
                      bool urgent = true) {
    ++last_token;
    writer.enqueue({last_token, shard, stream, {version, facts(last_token, count), {1}, urgent, false}}, events);
    return last_token;
  }
  /// One that was decided while the stream's last one was out.
  std::uint64_t write_behind(shard_id shard, const stream_id& stream, std::int64_t version, std::size_t count = 1,
                             bool urgent = true) {
    ++last_token;
    joined = !writer.enqueue({last_token, shard, stream, {version, facts(last_token, count), {1}, urgent, true}}, events);
    return last_token;
  }
  static std::vector<event_record> facts(std::uint64_t token, std::size_t count = 1) {
    return {count, event_record{"fact-" + std::to_string(token), 1, {}, {}, {}, "{}"}};
  }
  static std::string body_of(std::uint64_t token) { return pack(facts(token)); }
  append_step next_append() { return std::get<append_step>(writer.next()); }
  /// The next statement is executed and answered.
  void run() {
    auto step = writer.next();
    if (const auto* append = std::get_if<append_step>(&step)) {
      writer.append_done(store.append(append->parts, {}), events);
    } else if (const auto* claim = std::get_if<claim_step>(&step)) {
      writer.claim_done(store.claim(claim->shards, self, {}, {}), self, events);
    } else {
      FAIL("nothing to do");
    }
  }
  void run_with(memory_journal::append_fault fault) {
    store.inject(fault);
    run();
  }

  template <class Event>
  std::vector<Event> all() const {
    std::vector<Event> found;
    for (const auto& event : events) {
      if (const auto* match = std::get_if<Event>(&event)) found.push_back(*match);
    }
    return found;
  }
  std::optional<append_verdict> verdict(std::uint64_t token) const {
    std::optional<append_verdict> found;
    for (const auto& one : all<write_verdict>()) {
      if (one.token != token) continue;
      CHECK_FALSE(found);  // nobody is told twice
      found = one.verdict;
    }
    return found;
  }
  bool passed(std::uint64_t token) const {
    const auto passed = all<barrier_passed>();
    return std::any_of(passed.begin(), passed.end(), [&](const auto& one) { return one.token == token; });
  }
  std::vector<journal_row> rows(shard_id shard) { return store.read_after(shard, 0, 1'000, {}); }
  std::vector<std::string> bodies(shard_id shard) {
    std::vector<std::string> all;
    for (const auto& row : rows(shard)) all.push_back(row.body);
    return all;
  }

  memory_journal store;
  journal_writer writer{100, 50};
  writer_events events;
  std::uint64_t last_token = 0;
  bool joined = false;  ///< the last write_behind
};

constexpr auto stored = append_verdict::stored;
constexpr auto not_stored = append_verdict::not_stored;
using fault = memory_journal::append_fault;

}  // namespace

SCENARIO("everything that is queued leaves as one statement") {
  desk d;
  const auto a = d.write(1, "7/order/A", 1, 2);
  const auto b = d.write(2, "8/order/B", 1);
  const auto c = d.write(1, "7/order/C", 1);
  WHEN("it is stored") {
    d.run();
    THEN("each writer is told, and each shard's rows follow each other and their hash chain") {
      CHECK(d.verdict(a) == stored);
      CHECK(d.verdict(b) == stored);
      CHECK(d.verdict(c) == stored);
      const auto rows = d.rows(1);
      REQUIRE(rows.size() == 2);
      CHECK(rows[0].seq == 1);
      CHECK(rows[0].events == 2);
      CHECK(rows[1].seq == 2);
      CHECK(rows[0].hash == chain({}, rows[0]));
      CHECK(rows[1].hash == chain(rows[0].hash, rows[1]));
      REQUIRE(d.all<committed_rows>().size() == 2);
      CHECK(d.all<committed_rows>().front().rows.size() == 2);
      CHECK_FALSE(d.writer.has_work());
    }
    AND_WHEN("more comes") {
      const auto e = d.write(1, "7/order/A", 3);
      d.run();
      CHECK(d.verdict(e) == stored);
      CHECK(d.rows(1).back().seq == 3);
    }
  }
  WHEN("one statement is out") {
    d.next_append();
    THEN("there is no second one, and what comes waits") {
      d.write(1, "7/order/E", 1);
      CHECK(std::holds_alternative<idle_step>(d.writer.next()));
      CHECK(d.writer.busy());
      CHECK(d.writer.queued() == 1);
    }
  }
}

SCENARIO("a batch is bounded") {
  desk d;
  d.writer = journal_writer{2, 50};
  d.own(1);
  d.events.clear();
  for (const char* stream : {"7/order/A", "7/order/B", "7/order/C"}) d.write(1, stream, 1);
  CHECK(d.next_append().parts.get().front().rows.size() == 2);
}

TEST_CASE("what a writer refuses before any SQL") {
  desk d;
  d.write(1, "7/order/A", 1, 2);
  struct row {
    const char* name;
    std::function<std::uint64_t(desk&)> write;
  };
  const auto refusal = GENERATE(values<row>({
      {"a shard that is not ours", [](desk& to) { return to.write(3, "7/order/X", 1); }},
      {"a version that repeats", [](desk& to) { return to.write(1, "7/order/A", 2); }},
      {"a version that leaves a gap", [](desk& to) { return to.write(1, "7/order/A", 4); }},
      {"more than the queue holds",
       [](desk& to) {
         for (int i = 0; to.writer.queued() < 50; ++i) to.write(2, "8/order/" + std::to_string(i), 1);
         return to.write(2, "8/order/last", 1);
       }},
  }));
  CAPTURE(refusal.name);
  CHECK(d.verdict(refusal.write(d)) == not_stored);
}

SCENARIO("what was decided one after another is one row where none of it has left") {
  desk d;
  const auto a = d.write(1, "7/book/7", 1, 2);
  d.write(1, "7/order/A", 1);
  GIVEN("an append that still waits here") {
    const auto b = d.write_behind(1, "7/book/7", 3);
    CHECK(d.joined);
    CHECK(d.writer.queued() == 2);
    d.run();
    THEN("its verdict is for both") {
      CHECK(d.verdict(a) == stored);
      CHECK_FALSE(d.verdict(b));
      CHECK(d.all<write_verdict>().front().through == 3);
      auto both = desk::facts(a, 2);
      both.push_back(desk::facts(b).front());
      CHECK(d.bodies(1).front() == pack(both));
      CHECK(d.rows(1).front().events == 3);
      CHECK(d.rows(1).size() == 2);
    }
  }
  GIVEN("an append that has left") {
    const auto sent = d.next_append();
    const auto b = d.write_behind(1, "7/book/7", 3);
    CHECK_FALSE(d.joined);
    d.write_behind(1, "7/book/7", 4);
    CHECK(d.joined);
    d.writer.append_done(d.store.append(sent.parts, {}), d.events);
    CHECK_FALSE(d.verdict(b));
    d.run();
    CHECK(d.verdict(b) == stored);
    CHECK(d.all<write_verdict>().back().through == 4);
    CHECK(d.rows(1).back().version == 3);
  }
  GIVEN("an append in no hurry, and one behind it that somebody waits for") {
    d.run();
    d.write(1, "7/book/7", 3, 1, false);
    CHECK_FALSE(d.writer.urgent());
    d.write_behind(1, "7/book/7", 4, 1, false);
    CHECK_FALSE(d.writer.urgent());
    d.write_behind(1, "7/book/7", 5);
    CHECK(d.writer.urgent());
    d.run();
    CHECK_FALSE(d.writer.urgent());
  }
  GIVEN("more than a row should have") {
    d.write_behind(1, "7/book/7", 3, 254);
    CHECK(d.joined);
    d.write_behind(1, "7/book/7", 257);
    CHECK_FALSE(d.joined);
    d.write_behind(1, "7/book/7", 258);
    CHECK(d.joined);
    d.run();
    CHECK(d.rows(1).size() == 3);
    CHECK(d.rows(1).back().events == 2);
  }
}

SCENARIO("what follows an append that is not stored is not stored either") {
  desk d;
  const auto a = d.write(1, "7/book/7", 1);
  const auto other = d.write(1, "7/order/A", 1);
  GIVEN("one that PostgreSQL refuses") {
    d.next_append();
    const auto b = d.write_behind(1, "7/book/7", 2);
    d.writer.append_done({{1, append_status::data_refused, {}}}, d.events);
    d.next_append();  // one at a time
    d.writer.append_done({{1, append_status::data_refused, {}}}, d.events);
    CHECK(d.verdict(a) == not_stored);
    CHECK(d.verdict(b) == not_stored);
    AND_WHEN("its entity goes on, because it has not heard of that yet") {
      const auto c = d.write_behind(1, "7/book/7", 3);
      THEN("that neither") { CHECK(d.verdict(c) == not_stored); }
    }
    THEN("what has nothing to do with it is, and the replayed entity begins where the stream ends") {
      const auto anew = d.write(1, "7/book/7", 1);
      d.run();
      if (d.writer.has_work()) d.run();
      CHECK(d.verdict(other) == stored);
      CHECK(d.verdict(anew) == stored);
      CHECK_FALSE(d.writer.has_work());
    }
  }
  GIVEN("a shard that is lost and claimed anew before it is heard of") {
    d.next_append();
    d.writer.append_done({{1, append_status::fenced, {}}}, d.events);
    d.own(1);
    CHECK(d.verdict(d.write_behind(1, "7/book/7", 2)) == not_stored);
  }
  GIVEN("an unknown commit") {
    d.run_with(GENERATE(fault::unknown_not_applied, fault::unknown_applied));
    const auto b = d.write_behind(1, "7/book/7", 2);
    CHECK_FALSE(d.joined);
    while (d.writer.has_work()) d.run();
    THEN("it is settled first, then both are there, in their order") {
      CHECK(d.verdict(b) == stored);
      const auto rows = d.rows(1);
      REQUIRE(rows.size() == 3);
      CHECK(rows[0].stream == "7/book/7");
      CHECK(rows[2].version == 2);
    }
  }
}

SCENARIO("the last write of a stream is the one that is hurried") {
  desk d;
  d.write(1, "7/book/7", 1, 1, false);
  d.next_append();
  d.write_behind(1, "7/book/7", 2, 1, false);
  CHECK_FALSE(d.writer.urgent());
  d.writer.hurry(1, "7/book/7");
  CHECK(d.writer.urgent());
}

SCENARIO("a fenced shard loses everything, the others nothing") {
  desk d;
  d.taken_by_another(1);
  const auto a = d.write(1, "7/order/A", 1);
  const auto b = d.write(2, "8/order/B", 1);
  d.next_append();
  const auto late = d.write(1, "7/order/C", 1);
  d.writer.append_done({{1, append_status::fenced, {}}, {2, append_status::stored, {}}}, d.events);
  CHECK(d.verdict(a) == not_stored);
  CHECK(d.verdict(late) == not_stored);
  CHECK(d.verdict(b) == stored);
  REQUIRE(d.all<shard_lost>().size() == 1);
  CHECK(d.all<shard_lost>().front().shard == 1);
  CHECK_FALSE(d.writer.owns(1));
  CHECK(d.writer.owns(2));
  CHECK_FALSE(d.writer.has_work());
}

SCENARIO("an unknown commit is resolved before anything else is written") {
  desk d;
  const auto a = d.write(1, "7/order/A", 1);
  GIVEN("it was stored, and the answer was lost") {
    d.run_with(fault::unknown_applied);
    THEN("nobody is told anything yet") {
      CHECK_FALSE(d.verdict(a));
      CHECK(d.writer.urgent());
    }
    const auto b = d.write(1, "7/order/B", 1);
    d.run();  // the claim
    THEN("the new head says that it is stored, and under the new epoch it goes on") {
      CHECK(d.verdict(a) == stored);
      CHECK_FALSE(d.verdict(b));
      d.run();
      CHECK(d.verdict(b) == stored);
      const auto rows = d.rows(1);
      REQUIRE(rows.size() == 2);
      CHECK(rows[1].epoch == rows[0].epoch + 1);
    }
  }
  GIVEN("it was never stored") {
    d.run_with(fault::unknown_not_applied);
    d.run();
    CHECK_FALSE(d.verdict(a));
    d.run();
    THEN("it is appended again, once") {
      CHECK(d.verdict(a) == stored);
      CHECK(d.rows(1).size() == 1);
    }
  }
  GIVEN("it is still on its way") {
    d.run_with(fault::unknown_in_flight);
    d.run();
    WHEN("it lands after the claim") {
      d.store.land_in_flight();
      d.run();
      THEN("the epoch keeps it out: one row") {
        CHECK(d.verdict(a) == stored);
        CHECK(d.rows(1).size() == 1);
      }
    }
  }
  GIVEN("another node has claimed the shard meanwhile") {
    d.run_with(fault::unknown_applied);
    d.taken_by_another(1);
    d.run();
    THEN("the shard is lost; whoever replays will see the row") {
      CHECK(d.verdict(a) == not_stored);
      CHECK(d.all<shard_lost>().size() == 1);
    }
  }
  GIVEN("the claim itself is unclear") {
    d.run_with(fault::unknown_applied);
    auto claim = std::get<claim_step>(d.writer.next());
    d.writer.claim_done({{1, claim_status::unknown, {}}}, self, d.events);
    THEN("it is asked again, and until then nothing else is written") {
      CHECK(std::holds_alternative<claim_step>(d.writer.next()));
      CHECK_FALSE(d.verdict(a));
    }
  }
  GIVEN("the head is neither ours nor what it was") {
    d.run_with(fault::unknown_not_applied);
    const auto claim = std::get<claim_step>(d.writer.next());
    auto answer = d.store.claim(claim.shards, self, {}, {});
    answer.front().head.head += 5;
    d.writer.claim_done(answer, self, d.events);
    CHECK(d.verdict(a) == not_stored);
    CHECK(d.all<shard_lost>().size() == 1);
  }
  GIVEN("a part of the batch has no outcome at all") {
    d.next_append();
    d.writer.append_done({}, d.events);
    THEN("it is as unknown as a lost answer") { CHECK(std::holds_alternative<claim_step>(d.writer.next())); }
  }
}

SCENARIO("several shards are resolved in one statement, in ascending order") {
  desk d;
  d.write(2, "8/order/B", 1);
  d.write(1, "7/order/A", 1);
  d.run_with(fault::unknown_not_applied);
  const auto claim = std::get<claim_step>(d.writer.next());
  REQUIRE(claim.shards.size() == 2);
  CHECK(claim.shards[0].shard == 1);
  CHECK(claim.shards[1].shard == 2);
}

SCENARIO("what was not attempted is simply tried again") {
  desk d;
  const auto a = d.write(1, "7/order/A", 1);
  const auto b = d.write(1, "7/order/A", 2);
  d.run_with(fault::not_attempted);
  CHECK_FALSE(d.verdict(a));
  CHECK(d.writer.urgent());
  d.run();
  CHECK(d.verdict(a) == stored);
  CHECK(d.verdict(b) == stored);
  CHECK(d.rows(1).front().version == 1);
}

SCENARIO("one refused row does not take the others with it") {
  desk d;
  const auto good = d.write(1, "7/order/A", 1);
  const auto bad = d.write(1, std::string(97, 'x'), 1);  // longer than the column
  const auto also_good = d.write(1, "7/order/C", 1);
  for (int statement = 0; statement < 5; ++statement) d.run();
  CHECK(d.verdict(good) == stored);
  CHECK(d.verdict(bad) == not_stored);
  CHECK(d.verdict(also_good) == stored);
  REQUIRE(d.all<row_refused>().size() == 1);
  CHECK(d.all<row_refused>().front().stream == std::string(97, 'x'));
  CHECK(d.bodies(1) == std::vector{desk::body_of(good), desk::body_of(also_good)});
  CHECK_FALSE(d.writer.has_work());
}

SCENARIO("a barrier: a new incarnation begins when nothing of the old one can be stored") {
  desk d;
  GIVEN("a write that was not sent") {
    const auto a = d.write(1, "7/order/A", 1);
    const auto b = d.write(1, "7/order/B", 1);
    d.writer.barrier(90, 1, "7/order/A", d.events);
    THEN("it is taken from the queue at once, and only it") {
      CHECK(d.passed(90));
      CHECK(d.verdict(a) == not_stored);
      d.run();
      CHECK(d.verdict(b) == stored);
      CHECK(d.rows(1).size() == 1);
    }
    THEN("the stream may begin with any version again") { CHECK_FALSE(d.verdict(d.write(1, "7/order/A", 1))); }
  }
  GIVEN("a write that is out") {
    const auto a = d.write(1, "7/order/A", 1);
    const auto step = d.next_append();
    d.writer.barrier(90, 1, "7/order/A", d.events);
    d.writer.barrier(91, 2, "8/order/B", d.events);
    CHECK_FALSE(d.passed(90));
    CHECK(d.passed(91));
    WHEN("it is stored") {
      d.writer.append_done(d.store.append(step.parts, {}), d.events);
      CHECK(d.passed(90));
      CHECK(d.verdict(a) == stored);
    }
    WHEN("its outcome is unknown") {
      d.store.inject(fault::unknown_not_applied);
      d.writer.append_done(d.store.append(step.parts, {}), d.events);
      CHECK_FALSE(d.passed(90));
      AND_WHEN("it turns out not to be stored") {
        d.run();
        THEN("it never will be") {
          CHECK(d.passed(90));
          CHECK(d.verdict(a) == not_stored);
          CHECK_FALSE(d.writer.has_work());
        }
      }
    }
    WHEN("nothing was attempted") {
      d.writer.append_done({{1, append_status::not_attempted, {}}}, d.events);
      CHECK(d.passed(90));
      CHECK(d.verdict(a) == not_stored);
    }
  }
  GIVEN("a barrier of the whole shard") {
    const auto a = d.write(1, "7/order/A", 1);
    const auto b = d.write(2, "8/order/B", 1);
    d.writer.barrier(90, 1, {}, d.events);
    CHECK(d.passed(90));
    CHECK(d.verdict(a) == not_stored);
    CHECK_FALSE(d.verdict(b));
  }
}

SCENARIO("a shard changes hands while its append is out") {
  desk d;
  const auto a = d.write(1, "7/order/A", 1);
  d.next_append();
  const auto how = GENERATE(append_status::stored, append_status::fenced, append_status::data_refused,
                            append_status::unknown_commit, append_status::not_attempted);
  CAPTURE(static_cast<int>(how));
  WHEN("it is given up") {
    d.writer.disown(1, d.events);
    CHECK(d.verdict(a) == not_stored);
    d.writer.append_done({{1, how, {}}}, d.events);
    THEN("the answer is nobody's") {
      CHECK(d.all<shard_lost>().size() == 1);
      CHECK_FALSE(d.writer.owns(1));
      CHECK_FALSE(d.writer.has_work());
    }
  }
  WHEN("this node claims it anew") {
    d.own(1);
    const auto head = d.writer.owned().front();
    d.writer.append_done({{1, how, {}}}, d.events);
    THEN("the answer to the old epoch does not touch the new one") {
      CHECK(d.writer.owns(1));
      CHECK(d.writer.owned().front().epoch == head.epoch);
      CHECK(d.writer.owned().front().head == head.head);
      CHECK_FALSE(d.writer.has_work());
      const auto b = d.write(1, "7/order/B", 1);
      d.run();
      CHECK(d.verdict(b) == stored);
    }
  }
}

SCENARIO("a shard that is not owned is given up aloud, for whoever missed that it was lost") {
  desk d;
  d.writer.disown(1, d.events);
  d.writer.disown(1, d.events);
  CHECK(d.all<shard_lost>().size() == 2);
}

SCENARIO("only work that somebody waits for is urgent") {
  desk d;
  d.write(1, "7/book/7", 1, 1, false);
  CHECK(d.writer.has_work());
  CHECK_FALSE(d.writer.urgent());
  d.write(1, "7/order/A", 1);
  CHECK(d.writer.urgent());
  d.run();
  CHECK_FALSE(d.writer.urgent());
}

SCENARIO("a row that is hurried while it is out is urgent when it comes back") {
  using fault = memory_journal::append_fault;
  const bool hurried = GENERATE(true, false);
  desk d;
  d.write(1, "7/order/A", 1, 1, false);
  const auto sent = d.next_append();
  if (hurried) d.writer.hurry(1, "7/order/A");
  CHECK_FALSE(d.writer.urgent());
  d.store.inject(fault::not_attempted);
  d.writer.append_done(d.store.append(sent.parts, {}), d.events);
  CHECK(d.writer.has_work());
  CHECK(d.writer.urgent() == hurried);
  d.run();
  CHECK_FALSE(d.writer.has_work());
  CHECK_FALSE(d.writer.urgent());
}

SCENARIO("rows that come back to the queue come back whole") {
  desk d;
  const auto a = d.write(1, "7/order/A", 1);
  const auto b = d.write(2, "8/order/B", 1);
  const auto c = d.write(1, "7/order/C", 1);
  const auto how = GENERATE(fault::not_attempted, fault::unknown_not_applied);
  d.store.inject(how);
  for (int steps = 0; steps < 6 && (steps == 0 || d.writer.has_work()); ++steps) d.run();
  CHECK_FALSE(d.writer.has_work());
  CHECK(d.bodies(1) == std::vector{desk::body_of(a), desk::body_of(c)});
  CHECK(d.bodies(2) == std::vector{desk::body_of(b)});
}
