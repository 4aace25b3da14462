// Not a check: how fast is the journal on this machine? Run with: test_storage "[.rate]"
#include <cstdio>

#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity self{"node-a", 7};

}  // namespace

TEST_CASE("rows per second of appends", "[.rate]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  const std::string body = R"({"text":")" + std::string(200, 'x') + R"("})";
  std::vector<shard_owner> owners;
  for (shard_id shard = 0; shard < 16; ++shard) owners.push_back(claimed(*journal, self, shard));
  int named = 0;
  for (const int batch : {1, 10, 100, 500}) {
    const auto started = std::chrono::steady_clock::now();
    int rows = 0;
    while (std::chrono::steady_clock::now() - started < 3s) {
      std::vector<shard_append> parts;
      const auto shards = static_cast<std::size_t>(std::min(batch, 16));
      for (int row = 0; row < batch; ++row) {
        owners[static_cast<std::size_t>(row) % shards].row("7/order/ORD" + std::to_string(named++), 1, body);
      }
      for (std::size_t shard = 0; shard < shards; ++shard) parts.push_back(owners[shard].part());
      for (const auto& outcome : journal->append(parts, generous)) REQUIRE(outcome.status == append_status::stored);
      for (std::size_t shard = 0; shard < shards; ++shard) owners[shard].stored();
      rows += batch;
    }
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    std::printf("batch %3d: %8.0f rows/s, %.2f ms an append\n", batch, rows / seconds, 1000 * seconds * batch / rows);
  }
}
