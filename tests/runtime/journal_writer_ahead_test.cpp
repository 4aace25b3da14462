#include "storage/hash_chain.hpp"
#include "tests/runtime/writer_desk.hpp"

// What an entity decides while an append of its own is out (docs/decisions/0021).

using namespace sb;
using namespace sb::test;

SCENARIO("what was decided one after another is one row where none of it has left") {
  desk d;
  const auto a = d.write(1, "7/book/7", 1, 2);
  d.write(1, "7/order/A", 1);
  GIVEN("an append that still waits here") {
    const auto b = d.write_behind(1, "7/book/7", 3);
    CHECK(d.last == enqueued::joined);
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
    CHECK(d.last == enqueued::queued);
    d.write_behind(1, "7/book/7", 4);
    CHECK(d.last == enqueued::joined);
    d.writer.append_done(d.store.append(sent.parts, {}), d.events);
    CHECK_FALSE(d.verdict(b));
    d.run();
    CHECK(d.verdict(b) == stored);
    CHECK(d.all<write_verdict>().back().through == 4);
    CHECK(d.rows(1).back().version == 3);
  }
  GIVEN("an append that has come back to the queue") {
    d.run_with(GENERATE(fault::not_attempted, fault::unknown_not_applied));
    while (d.writer.queued() < 2) d.run();
    const auto b = d.write_behind(1, "7/book/7", 3);
    CHECK(d.last == enqueued::joined);
    d.run();
    CHECK(d.verdict(a) == stored);
    CHECK(d.all<write_verdict>().front().through == 3);
    auto both = desk::facts(a, 2);
    both.push_back(desk::facts(b).front());
    CHECK(d.bodies(1).front() == pack(both));
    CHECK(d.rows(1).front().hash == chain({}, d.rows(1).front()));
  }
  GIVEN("an append of more than a second before") {
    d.at = {1'002};
    d.write_behind(1, "7/book/7", 3);
    CHECK(d.last == enqueued::queued);
    d.at = {2'002};
    d.write_behind(1, "7/book/7", 4);
    CHECK(d.last == enqueued::joined);
  }
  GIVEN("an append far ahead in the queue") {
    d.run();
    d.writer = journal_writer{1'000, 2'000};
    d.own(1);
    d.write(1, "7/book/7", 3);
    for (int i = 0; i < 512; ++i) d.write(1, "7/order/" + std::to_string(i), 1);
    d.write_behind(1, "7/book/7", 4);
    CHECK(d.last == enqueued::queued);
    d.write_behind(1, "7/book/7", 5);
    CHECK(d.last == enqueued::joined);
    d.run();
    CHECK(d.rows(1).size() == 516);
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
    CHECK(d.last == enqueued::joined);
    d.write_behind(1, "7/book/7", 257);
    CHECK(d.last == enqueued::queued);
    d.write_behind(1, "7/book/7", 258);
    CHECK(d.last == enqueued::joined);
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
  GIVEN("one that finds the queue full") {
    d.next_append();
    for (int i = 0; d.writer.queued() < 50; ++i) d.write(2, "8/order/" + std::to_string(i), 1);
    const auto b = d.write_behind(1, "7/book/7", 2);
    CHECK(d.verdict(b) == not_stored);
    THEN("the next one is refused too, although there is room again") {
      d.writer.append_done({{1, append_status::stored, {}}}, d.events);
      CHECK(d.verdict(a) == stored);
      d.run();
      CHECK(d.verdict(d.write_behind(1, "7/book/7", 3)) == not_stored);
    }
  }
  GIVEN("two rows of one stream that PostgreSQL refuses in one statement") {
    d.next_append();
    d.writer.append_done({{1, append_status::not_attempted, {}}}, d.events);
    d.at = {5'000};
    const auto b = d.write_behind(1, "7/book/7", 2);
    CHECK(d.last == enqueued::queued);
    d.next_append();
    d.writer.append_done({{1, append_status::data_refused, {}}}, d.events);
    CHECK(d.next_append().parts.get().front().rows.size() == 1);
    d.writer.append_done({{1, append_status::data_refused, {}}}, d.events);
    CHECK(d.verdict(a) == not_stored);
    CHECK(d.verdict(b) == not_stored);
    d.run();
    CHECK(d.verdict(other) == stored);
    CHECK_FALSE(d.writer.has_work());
    CHECK_FALSE(d.writer.urgent());
  }
  GIVEN("a later incarnation of the entity, whose version is the same") {
    d.writer.barrier(90, 1, "7/book/7", d.events);
    const auto anew = d.write(1, "7/book/7", 1);
    const auto late = d.write_behind(1, "7/book/7", 2, 1, true, 0);
    CHECK(d.verdict(late) == not_stored);
    THEN("that one has no say in what the other one does") {
      const auto next = d.write_behind(1, "7/book/7", 2);
      CHECK(d.last == enqueued::joined);
      CHECK_FALSE(d.verdict(next));
      d.run();
      CHECK(d.verdict(anew) == stored);
    }
  }
  GIVEN("an unknown commit") {
    d.run_with(GENERATE(fault::unknown_not_applied, fault::unknown_applied));
    const auto b = d.write_behind(1, "7/book/7", 2);
    CHECK(d.last == enqueued::queued);
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
