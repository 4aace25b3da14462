#include "storage/hash_chain.hpp"
#include "tests/runtime/writer_desk.hpp"

using namespace sb;
using namespace sb::test;

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
