#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/journal_writer.hpp"
#include "storage/event_codec.hpp"
#include "storage/memory/journal.hpp"

namespace sb::test {

inline const node_identity self{"n1", 1};
inline const node_identity other{"n2", 2};

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
    append_out what{version, facts(++last_token, count), at, urgent, false};
    writer.enqueue({last_token, shard, stream, 1, std::move(what)}, events);
    return last_token;
  }
  /// One that was decided while the stream's last one was out.
  std::uint64_t write_behind(shard_id shard, const stream_id& stream, std::int64_t version, std::size_t count = 1,
                             bool urgent = true, std::uint64_t incarnation = 1) {
    append_out what{version, facts(++last_token, count), at, urgent, true};
    last = writer.enqueue({last_token, shard, stream, incarnation, std::move(what)}, events);
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
  wall_ms at{1};
  enqueued last = enqueued::refused;  ///< what became of the last write_behind
};

constexpr auto stored = append_verdict::stored;
constexpr auto not_stored = append_verdict::not_stored;
using fault = memory_journal::append_fault;

}  // namespace sb::test
