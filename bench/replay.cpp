/// Reads every stream of the journal into an entity, as a node does that has taken a shard over, and prints one line of
/// JSON: entities, events, seconds. For `./dev bench`; writes nothing.
///
///   bench_replay CONNINFO
#include <chrono>
#include <iostream>

#include "actors/trade/trade_side.hpp"
#include "actors/user/user_side.hpp"
#include "storage/postgres/journal.hpp"

namespace {

using namespace sb;
constexpr std::int32_t names_max = 10'000;
constexpr std::size_t streams_max = 500;  // as the reader has it
constexpr deadline patience{30'000};

struct tally {
  std::int64_t entities = 0;
  std::int64_t events = 0;
};

void replay(const stream_history& history, tally& sum) {
  const auto key = key_of(history.stream);
  if (!key) throw std::runtime_error("no entity is called " + history.stream);
  auto body = role_of(key->kind) == shard_role::user ? make_user_side(*key, {}, snapshot_places{1})
                                                     : make_trade_side(*key, {}, 1);
  entity_core core{*key, std::move(body), 64};
  outputs ignored;
  core.recover(history, predecessor::retired, {}, ignored);
  if (!core.alive()) throw std::runtime_error(history.stream + " cannot be replayed");
  ++sum.entities;
  sum.events += core.version() - (history.snapshot ? history.snapshot->version : 0);
}

void replay_shard(journal& stored, shard_id shard, tally& sum) {
  stream_id last;
  for (;;) {
    const auto names = stored.streams_after(shard, last, names_max, patience);
    for (std::size_t from = 0; from < names.size(); from += streams_max) {
      const auto begin = names.begin() + static_cast<std::ptrdiff_t>(from);
      const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), from + streams_max));
      for (const auto& history : stored.read_streams(shard, {begin, end}, patience)) replay(history, sum);
    }
    if (std::ssize(names) < names_max) return;
    last = names.back();
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("usage: bench_replay CONNINFO");
  postgres_journal stored{argv[1], {"bench", 1}};
  tally sum;
  const auto began = std::chrono::steady_clock::now();
  for (shard_id shard = 0; shard < shard_count; ++shard) replay_shard(stored, shard, sum);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << R"({"entities":)" << sum.entities << R"(,"events":)" << sum.events << R"(,"seconds":)" << took.count()
            << "}\n";
  return 0;
} catch (const std::exception& failed) {
  std::cerr << "bench_replay: " << failed.what() << '\n';
  return 2;
}
