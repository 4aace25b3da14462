#include "app/audit/journal_reader.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime/address.hpp"

namespace sb::audit {
namespace {

using postgres::array;
using postgres::from_now;
using postgres::parameters;
using postgres::statement;

// The shards of the journal are found by skipping from one to the next: a list of all rows' shards would read them all.
constexpr statement read_ends{"audit_ends", R"(
with recursive stored(id) as (
  select min(shard) from journal
  union all
  select (select min(j.shard) from journal j where j.shard > stored.id) from stored where stored.id is not null),
known(id) as (
  select id from shard union select id from stored where id is not null union select generate_series(0, $1::int - 1))
select k.id, s.id is not null, s.epoch, s.head, s.head_hash, l.seq
from known k left join shard s on s.id = k.id
left join lateral (select max(j.seq) as seq from journal j where j.shard = k.id) l on true
order by k.id)"};

constexpr statement find_next{"audit_next", R"(
select min(j.seq) from journal j where j.shard = $1::int and j.seq between $2::bigint and $3::bigint)"};

// The former row of a stream comes with the row, from the index that keeps streams in order, so that nobody has to
// remember where millions of streams were. A row with the same version would be found as the former of its twin.
constexpr statement read_page{"audit_page", R"(
select j.seq, j.stream, j.version, j.events, j.at, j.epoch, j.hash, j.body, f.seq, f.version, f.events
from journal j
left join lateral (
  select p.seq, p.version, p.events from journal p
  where p.shard = j.shard and p.stream = j.stream and p.version <= j.version and p.ctid <> j.ctid
  order by p.version desc limit 1) f on true
where j.shard = $1::int and j.seq between $2::bigint and $3::bigint
order by j.seq, j.version limit $4::int)"};

constexpr statement read_hashes{"audit_hashes", R"(
select a.place::int, j.hash
from unnest($1::int[], $2::bigint[]) with ordinality a(shard, seq, place)
join journal j on j.shard = a.shard and j.seq = a.seq)"};

std::optional<digest> to_digest(std::string_view bytes) {
  digest hash{};
  if (bytes.size() != hash.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

stored_row to_row(shard_id shard, const postgres::result& from, int at) {
  stored_row out;
  auto& row = out.row;
  row.shard = shard;
  row.seq = from.int8(at, 0);
  for (int column = 1; column < 8; ++column) {
    if (!from.is_null(at, column)) continue;
    out.defect = "a column is empty";
    return out;
  }
  row.stream = from.text(at, 1);
  row.version = from.int8(at, 2);
  row.events = from.int4(at, 3);
  row.at = wall_ms{from.int8(at, 4)};
  row.epoch = from.int8(at, 5);
  row.body = from.text(at, 7);
  if (const auto hash = to_digest(from.bytes(at, 6)))
    row.hash = *hash;
  else
    out.defect = "its hash is not 32 bytes long";
  const bool has_former = !from.is_null(at, 8) && !from.is_null(at, 9) && !from.is_null(at, 10);
  if (has_former) out.former = former_row{from.int8(at, 8), from.int8(at, 9), from.int4(at, 10)};
  return out;
}

}  // namespace

std::vector<shard_end> journal_reader::ends() {
  const auto rows = database_.run(read_ends, parameters{}.int4(shard_count), from_now(within_));
  std::vector<shard_end> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int at = 0; at < rows.rows(); ++at) {
    shard_end end;
    end.head.head.shard = rows.int4(at, 0);
    end.head.present = rows.boolean(at, 1);
    if (end.head.present && (rows.is_null(at, 2) || rows.is_null(at, 3) || rows.is_null(at, 4))) {
      end.head.defect = "a column of the shard's head is empty";
    } else if (end.head.present) {
      end.head.head.epoch = rows.int8(at, 2);
      end.head.head.head = rows.int8(at, 3);
      const auto hash = to_digest(rows.bytes(at, 4));
      if (hash) end.head.head.head_hash = *hash;
      if (!hash) end.head.defect = "the hash of the shard's head is not 32 bytes long";
    }
    if (!rows.is_null(at, 5)) end.last_seq = rows.int8(at, 5);
    out.push_back(std::move(end));
  }
  return out;
}

std::optional<std::int64_t> journal_reader::next_seq(shard_id shard, std::int64_t from, std::int64_t to) {
  const auto found = database_.run(find_next, parameters{}.int4(shard).int8(from).int8(to), from_now(within_));
  return found.is_null(0, 0) ? std::nullopt : std::optional{found.int8(0, 0)};
}

std::vector<stored_row> journal_reader::page(shard_id shard, std::int64_t from, std::int64_t to) {
  const auto rows = database_.run(
      read_page, parameters{}.int4(shard).int8(from).int8(to).int4(static_cast<std::int32_t>(page_rows) + 1),
      from_now(within_));
  std::vector<stored_row> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int at = 0; at < rows.rows(); ++at) out.push_back(to_row(shard, rows, at));
  return out;
}

std::vector<std::optional<digest>> journal_reader::hashes(std::span<const anchored_head> places) {
  auto shards = array::of_int4(places.size());
  auto seqs = array::of_int8(places.size());
  for (const auto& place : places) {
    shards.put4(place.shard);
    seqs.put8(place.seq);
  }
  const auto rows =
      database_.run(read_hashes, parameters{}.add(std::move(shards)).add(std::move(seqs)), from_now(within_));
  std::vector<std::optional<digest>> out(places.size());
  for (int at = 0; at < rows.rows(); ++at) {
    // A row is there; what is no hash equals none that was anchored.
    out.at(static_cast<std::size_t>(rows.int4(at, 0) - 1)) =
        rows.is_null(at, 1) ? digest{} : to_digest(rows.bytes(at, 1)).value_or(digest{});
  }
  return out;
}

}  // namespace sb::audit
