#pragma once
#include <catch2/catch.hpp>
#include <memory>

#include "private_postgres.hpp"
#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/memory/journal.hpp"
#include "storage/postgres/journal.hpp"

namespace sb::test {

using namespace std::chrono_literals;

/// Long enough for the slowest machine; no test waits for it to pass.
constexpr deadline generous = 60s;

/// Several nodes that share one journal, in memory ...
class memory_world {
 public:
  static bool available() { return true; }
  std::unique_ptr<journal> open(const node_identity&) { return std::make_unique<memory_journal>(store_); }

 private:
  std::shared_ptr<memory_store> store_ = std::make_shared<memory_store>();
};

/// ... and in PostgreSQL.
class postgres_world {
 public:
  postgres_world() = default;
  postgres_world(const postgres_world&) = delete;
  postgres_world& operator=(const postgres_world&) = delete;
  ~postgres_world() { private_postgres::instance()->drop(conninfo_); }

  static bool available() { return private_postgres::instance() != nullptr; }
  std::unique_ptr<journal> open(const node_identity& self) {
    return std::make_unique<postgres_journal>(conninfo_, self);
  }
  const std::string& conninfo() const { return conninfo_; }

 private:
  std::string conninfo_ = private_postgres::instance()->migrated_database();
};

/// The owner of a shard as the runtime keeps it: epoch, head and hash, and rows that follow them.
class shard_owner {
 public:
  explicit shard_owner(const shard_head& held) : head_{held} {}

  /// A row of one event that would be the next; several calls build several rows.
  shard_owner& row(const stream_id& stream, std::int64_t version, const std::string& body_text = "{}") {
    const auto& before = next_.empty() ? head_.head_hash : next_.back().hash;
    journal_row row;
    row.shard = head_.shard;
    row.seq = head_.head + std::ssize(next_) + 1;
    row.stream = stream;
    row.version = version;
    row.events = 1;
    row.at = wall_ms{1'700'000'000'000 + row.seq};
    row.epoch = head_.epoch;
    event_record event;
    event.type = "Happened";
    event.correlation = stream;
    event.causation = "test";
    event.body = body_text;
    row.body = pack({event});
    row.hash = chain(before, row);
    next_.push_back(std::move(row));
    return *this;
  }
  /// What append takes. The rows stay until stored() or dropped().
  shard_append part() const { return {head_.shard, head_.epoch, head_.head, next_}; }
  void stored() {
    head_.head = next_.back().seq;
    head_.head_hash = next_.back().hash;
    next_.clear();
  }
  void dropped() { next_.clear(); }
  const shard_head& head() const { return head_; }

 private:
  shard_head head_;
  std::vector<journal_row> next_;
};

inline append_status append(journal& to, shard_owner& owner) {
  const auto outcomes = to.append({owner.part()}, generous);
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].shard == owner.head().shard);
  INFO(outcomes[0].detail);
  if (outcomes[0].status == append_status::stored)
    owner.stored();
  else
    owner.dropped();
  return outcomes[0].status;
}

/// Claims a shard from whoever has it.
inline shard_owner claimed(journal& by, const node_identity& self, shard_id shard) {
  const auto seen = by.heads({shard}, generous).at(0);
  const auto outcomes = by.claim({{shard, seen.epoch, seen.incarnation}}, self, 200ms, generous);
  REQUIRE(outcomes.size() == 1);
  REQUIRE(outcomes[0].status == claim_status::claimed);
  return shard_owner{outcomes[0].head};
}

/// Empty when the shard's rows are gapless, their epochs never fall and their hashes form the chain that ends at its
/// head.
inline std::string audit(journal& of, shard_id shard) {
  const auto head = of.heads({shard}, generous).at(0);
  digest previous{};
  std::int64_t seq = 0;
  std::int64_t epoch = 0;
  for (;;) {
    const auto rows = of.read_after(shard, seq, 500, generous);
    for (const auto& row : rows) {
      const auto where = " at seq " + std::to_string(row.seq);
      if (row.seq != seq + 1) return "gap" + where;
      if (row.epoch < epoch) return "epoch falls" + where;
      if (row.hash != chain(previous, row)) return "hash differs" + where;
      seq = row.seq;
      epoch = row.epoch;
      previous = row.hash;
    }
    if (rows.empty()) break;
  }
  if (seq != head.head) return "the head is " + std::to_string(head.head) + ", the last row " + std::to_string(seq);
  if (previous != head.head_hash) return "the head's hash differs";
  return {};
}

}  // namespace sb::test
