// PostgreSQL goes down hard while an owner writes, again and again.
#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity self{"node-a", 7};
constexpr shard_id shard = 5;

/// Writes rows of one stream one after the other, and does after an unknown commit what the runtime does.
class writer {
 public:
  explicit writer(journal& to) : journal_{to}, owner_{claimed(to, self, shard)} {}

  /// One more row. False when the journal contradicts what was acknowledged.
  bool write_one() {
    const auto version = acknowledged_ + 1;
    owner_.row("7/book", version, R"({"n":)" + std::to_string(version) + "}");
    while (std::chrono::steady_clock::now() < give_up_) {
      switch (journal_.append({owner_.part()}, 2000ms).at(0).status) {
        case append_status::stored:
          owner_.stored();
          ++acknowledged_;
          return true;
        case append_status::not_attempted:
          std::this_thread::sleep_for(5ms);
          continue;
        case append_status::unknown_commit:
          break;
        default:
          return false;
      }
      const auto now = claim_again();
      if (!now) return false;
      const auto wanted = owner_.part().rows.back().seq;
      if (now->head != wanted && now->head != wanted - 1) return false;
      const bool stored = now->head == wanted;
      owner_ = shard_owner{*now};
      if (stored) {
        ++acknowledged_;
        return true;
      }
      owner_.row("7/book", version, R"({"n":)" + std::to_string(version) + "}");
    }
    return false;
  }

  std::int64_t acknowledged() const { return acknowledged_; }

 private:
  std::optional<shard_head> claim_again() {
    auto seen = owner_.head();
    while (std::chrono::steady_clock::now() < give_up_) {
      const auto outcome = journal_.claim({{shard, seen.epoch, seen.incarnation}}, self, 200ms, 3000ms).at(0);
      if (outcome.status == claim_status::claimed) return outcome.head;
      if (outcome.status == claim_status::lost) {
        // An earlier try that stayed unknown did land: the fence still names us, one epoch on.
        try {
          const auto now = journal_.heads({shard}, 2000ms).at(0);
          if (now.owner != self.node || now.incarnation != self.incarnation || now.epoch == seen.epoch) return {};
          seen = now;
        } catch (const storage_unavailable&) {
        }
      }
      std::this_thread::sleep_for(5ms);
    }
    return {};
  }

  journal& journal_;
  shard_owner owner_;
  std::atomic<std::int64_t> acknowledged_ = 0;
  /// A restart takes as long as the machine needs for it; this only ends a test that would hang.
  const std::chrono::steady_clock::time_point give_up_ = std::chrono::steady_clock::now() + 5min;
};

}  // namespace

TEST_CASE("PostgreSQL restarted in the middle of appends: nothing acknowledged is missing, nothing is doubled",
          "[restart]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  writer writing{*journal};
  std::atomic<bool> stop = false;
  std::atomic<bool> sound = true;
  std::jthread thread{[&] {
    while (!stop && sound) sound = writing.write_one();
  }};
  for (int restart = 0; restart < 3; ++restart) {
    const auto before = writing.acknowledged();
    while (sound && writing.acknowledged() < before + 50) std::this_thread::yield();  // it answers again, and goes on
    private_postgres::instance()->restart_immediately();
  }
  const auto before = writing.acknowledged();
  while (sound && writing.acknowledged() < before + 50) std::this_thread::yield();
  stop = true;
  thread.join();
  CHECK(sound);

  const auto rows = journal->read_streams(shard, {"7/book"}, generous).at(0).rows;
  REQUIRE(std::ssize(rows) == writing.acknowledged());
  for (std::size_t at = 0; at < rows.size(); ++at) CHECK(rows[at].version == static_cast<std::int64_t>(at) + 1);
  CHECK(audit(*journal, shard).empty());
}

TEST_CASE("a reader that follows two writers sees every row once and in order", "[cursor]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  constexpr int rows_each = 300;
  const auto setup = world.open(self);
  claimed(*setup, self, shard);
  const auto held = setup->heads({shard}, generous).at(0);
  // Two connections of one owner that take turns by the head they see: most tries are fenced, so commits interleave.
  const auto write = [&](const std::string& stream) {
    const auto journal = world.open(self);
    for (int version = 1; version <= rows_each;) {
      shard_owner owner{journal->heads({shard}, generous).at(0)};
      const auto outcome = journal->append({owner.row(stream, version).part()}, generous).at(0);
      if (outcome.status == append_status::stored)
        ++version;
      else if (outcome.status != append_status::fenced)
        return;
    }
  };
  std::jthread one{[&] { write("7/left"); }};
  std::jthread two{[&] { write("7/right"); }};
  std::map<std::string, std::int64_t> versions;
  std::int64_t cursor = 0;
  std::string wrong;
  for (int polls = 0; polls < 1'000'000 && cursor < 2 * rows_each && wrong.empty(); ++polls) {
    for (const auto& row : setup->read_after(shard, cursor, 7, generous)) {
      if (row.seq != cursor + 1 || row.version != ++versions[row.stream])
        wrong = row.stream + " " + std::to_string(row.seq);
      cursor = row.seq;
    }
  }
  one.join();
  two.join();
  CHECK(wrong.empty());
  CHECK(cursor == 2 * rows_each);
  CHECK(versions["7/left"] == rows_each);
  CHECK(versions["7/right"] == rows_each);
  CHECK(held.epoch == setup->heads({shard}, generous).at(0).epoch);
  CHECK(audit(*setup, shard).empty());
}
