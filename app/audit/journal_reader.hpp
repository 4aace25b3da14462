#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "app/anchor_log.hpp"
#include "app/audit/shard_check.hpp"
#include "storage/postgres/connection.hpp"

namespace sb::audit {

/// A shard as it was at one moment: its head, and the highest seq in the journal; nullopt when it has no row.
struct shard_end {
  stored_head head;
  std::optional<std::int64_t> last_seq;
};

/// Reads the journal for an audit: unlike the product's own reader it takes nothing for granted that a hand in the
/// database can change. Reads only, and holds no transaction open, so that a busy node is not disturbed. One thread.
/// Throws storage_unavailable.
class journal_reader {
 public:
  static constexpr std::int64_t page_rows = 1'000;
  /// `database` must outlive it; `within` is for each statement.
  journal_reader(postgres::connection& database, deadline within) : database_{database}, within_{within} {}

  /// Every shard that has a head, rows, or should have a head; ascending. All from one moment, so that a head belongs
  /// to its last row also while nodes append.
  std::vector<shard_end> ends();

  /// All rows of a shard up to seq `to` in ascending order, also those whose numbers are impossible or occur twice:
  /// `each_page` takes a vector of at most page_rows + 1 of them. (Of more rows than numbers only so many that it
  /// shows.)
  template <class EachPage>
  void read(shard_id shard, std::int64_t to, EachPage each_page) {
    for (auto from = next_seq(shard, std::numeric_limits<std::int64_t>::min(), to); from;) {
      const auto left = static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(*from);
      const auto last = left < static_cast<std::uint64_t>(page_rows) ? to : *from + page_rows - 1;
      each_page(page(shard, *from, last));
      from = last == to ? std::nullopt : next_seq(shard, last + 1, to);
    }
  }

  /// The hash of the row at each of these places; nullopt where there is none.
  std::vector<std::optional<digest>> hashes(std::span<const anchored_head> places);

 private:
  std::optional<std::int64_t> next_seq(shard_id shard, std::int64_t from, std::int64_t to);
  std::vector<stored_row> page(shard_id shard, std::int64_t from, std::int64_t to);

  postgres::connection& database_;
  deadline within_;
};

}  // namespace sb::audit
