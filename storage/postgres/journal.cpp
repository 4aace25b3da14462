#include "storage/postgres/journal.hpp"

#include <algorithm>
#include <utility>

#include "storage/postgres/claim.hpp"

namespace sb {
namespace {

using postgres::array;
using postgres::from_now;
using postgres::instant;
using postgres::parameters;
using postgres::statement;

// The fence and the rows in one statement: a paused owner, a stale head and a late retry all find no row to update, and
// the join then leaves nothing to insert for that shard. Locking or checking first and inserting after would let them
// write.
constexpr statement append_rows{"journal_append", R"(
with fence as (
  update shard s set head = x.head_new, head_hash = x.head_hash
  from unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])
    x(id, epoch, head_old, head_new, head_hash)
  where s.id = x.id and s.epoch = x.epoch and s.head = x.head_old
  returning s.id, s.epoch),
stored as (
  insert into journal (shard, seq, stream, version, events, at, epoch, hash, body)
  select e.shard, e.seq, e.stream, e.version, e.events, e.at, f.epoch, e.hash, e.body
  from unnest($6::int[], $7::bigint[], $8::text[], $9::bigint[], $10::int[], $11::bigint[], $12::bytea[], $13::bytea[])
    e(shard, seq, stream, version, events, at, hash, body)
  join fence f on f.id = e.shard)
select id from fence)"};

constexpr statement read_heads{"journal_heads", R"(
select s.id, s.epoch, s.head, s.head_hash, s.owner, s.incarnation from shard s where s.id = any($1::int[]))"};

constexpr statement give_back{"journal_release", R"(
update shard s set owner = '', incarnation = 0
from unnest($1::int[], $2::bigint[]) x(id, epoch)
where s.id = x.id and s.epoch = x.epoch and s.owner = $3::text and s.incarnation = $4::bigint)"};

// A plan is made once, perhaps when nothing is stored yet (see plans::generic). An inner query that is ordered or
// limited is run for each stream by itself, through its index; a plain join would read all of the shard until
// PostgreSQL has analyzed the table.
constexpr statement read_snapshots{"journal_snapshots", R"(
select w.place::int, s.version, s.body
from unnest($2::text[]) with ordinality w(stream, place)
cross join lateral (
  select k.version, k.body from snapshot k where k.shard = $1::int and k.stream = w.stream limit 1) s)"};

constexpr statement read_tails{"journal_tails", R"(
select w.place::int, j.seq, j.stream, j.version, j.events, j.at, j.epoch, j.hash, j.body
from unnest($2::text[], $3::bigint[]) with ordinality w(stream, after, place)
cross join lateral (
  select r.* from journal r where r.shard = $1::int and r.stream = w.stream and r.version > w.after
  order by r.version) j
order by w.place, j.version)"};

constexpr statement read_stored{"journal_stored", R"(
select w.stream
from unnest($2::text[]) w(stream)
cross join lateral (
  select from journal j where j.shard = $1::int and j.stream = w.stream and j.version = 1 limit 1) found)"};

constexpr statement read_rows{"journal_rows", R"(
select 0, j.seq, j.stream, j.version, j.events, j.at, j.epoch, j.hash, j.body
from journal j where j.shard = $1::int and j.seq > $2::bigint order by j.seq limit $3::int)"};

constexpr statement list_streams{"journal_streams", R"(
select j.stream from journal j
where j.shard = $1::int and j.stream > $2::text and j.version = 1 order by j.stream limit $3::int)"};

constexpr statement keep_snapshot{"journal_keep_snapshot", R"(
insert into snapshot as kept (shard, stream, version, body) values ($1::int, $2::text, $3::bigint, $4::bytea)
on conflict (shard, stream) do update
set version = excluded.version, body = excluded.body, saved_at = clock_timestamp()
where kept.version < excluded.version)"};

constexpr statement count_heartbeat{"journal_heartbeat", R"(
insert into node as n (node, incarnation, counter) values ($1::text, $2::bigint, 1)
on conflict (node) do update
set incarnation = excluded.incarnation, counter = n.counter + 1, seen_at = clock_timestamp()
where n.incarnation <= excluded.incarnation
returning counter)"};

constexpr statement read_heartbeats{"journal_heartbeats", "select node, incarnation, counter from node order by node"};

constexpr statement take_ids{"journal_take_ids", R"(
insert into id_block as b (kind, next_id) values ($1::text, 1 + $2::bigint)
on conflict (kind) do update set next_id = b.next_id + $2::bigint
returning next_id - $2::bigint)"};

constexpr statement read_clock{"journal_clock", "select (extract(epoch from clock_timestamp()) * 1000)::bigint"};

digest to_digest(std::string_view bytes) {
  digest hash{};
  if (bytes.size() != hash.size()) throw std::logic_error("a stored hash is not 32 bytes long");
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

std::string_view view(const digest& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

journal_row to_row(shard_id shard, const postgres::result& from, int row) {
  journal_row out;
  out.shard = shard;
  out.seq = from.int8(row, 1);
  out.stream = from.text(row, 2);
  out.version = from.int8(row, 3);
  out.events = from.int4(row, 4);
  out.at = wall_ms{from.int8(row, 5)};
  out.epoch = from.int8(row, 6);
  out.hash = to_digest(from.bytes(row, 7));
  out.body = from.text(row, 8);
  return out;
}

parameters append_parameters(std::span<const shard_append> parts) {
  std::size_t rows = 0;
  for (const auto& part : parts) rows += part.rows.size();
  auto ids = array::of_int4(parts.size());
  auto epochs = array::of_int8(parts.size());
  auto heads_old = array::of_int8(parts.size());
  auto heads_new = array::of_int8(parts.size());
  auto head_hashes = array::of_bytea(parts.size());
  auto shards = array::of_int4(rows);
  auto seqs = array::of_int8(rows);
  auto streams = array::of_text(rows);
  auto versions = array::of_int8(rows);
  auto events = array::of_int4(rows);
  auto times = array::of_int8(rows);
  auto hashes = array::of_bytea(rows);
  auto bodies = array::of_bytea(rows);
  for (const auto& part : parts) {
    ids.put4(part.shard);
    epochs.put8(part.epoch);
    heads_old.put8(part.head_before);
    heads_new.put8(part.rows.back().seq);
    head_hashes.put_bytes(view(part.rows.back().hash));
    for (const auto& row : part.rows) {
      shards.put4(row.shard);
      seqs.put8(row.seq);
      streams.put_bytes(row.stream);
      versions.put8(row.version);
      events.put4(row.events);
      times.put8(row.at.value);
      hashes.put_bytes(view(row.hash));
      bodies.put_bytes(row.body);
    }
  }
  parameters values;
  values.add(std::move(ids)).add(std::move(epochs)).add(std::move(heads_old)).add(std::move(heads_new));
  values.add(std::move(head_hashes)).add(std::move(shards)).add(std::move(seqs)).add(std::move(streams));
  values.add(std::move(versions)).add(std::move(events)).add(std::move(times)).add(std::move(hashes));
  values.add(std::move(bodies));
  return values;
}

std::vector<append_outcome> all(std::span<const shard_append> parts, append_status status, const std::string& detail) {
  std::vector<append_outcome> outcomes;
  outcomes.reserve(parts.size());
  for (const auto& part : parts) outcomes.push_back({part.shard, status, detail});
  return outcomes;
}

array int4_array(const std::vector<shard_id>& values) {
  auto out = array::of_int4(values.size());
  for (const auto value : values) out.put4(value);
  return out;
}

}  // namespace

postgres_journal::postgres_journal(std::string conninfo, node_identity self)
    : self_(std::move(self)), conninfo_(std::move(conninfo)), connection_(conninfo_, self_, postgres::plans::generic) {}

std::vector<append_outcome> postgres_journal::append(const std::vector<shard_append>& parts, deadline within) {
  require_well_formed(parts);
  if (parts.empty()) return {};
  const auto until = from_now(within);
  auto together = append_once(parts, until);
  if (!together.refused || parts.size() == 1) return std::move(together.outcomes);
  // One bad value rolled the whole statement back. Alone, each part shows whether it was the one.
  std::vector<append_outcome> outcomes;
  outcomes.reserve(parts.size());
  for (const auto& part : parts) outcomes.push_back(std::move(append_once({&part, 1}, until).outcomes.front()));
  return outcomes;
}

postgres_journal::attempt postgres_journal::append_once(std::span<const shard_append> parts, instant until) {
  try {
    connection_.prepare(append_rows, until);
  } catch (const storage_unavailable& failed) {
    return {all(parts, append_status::not_attempted, failed.what()), false};
  }
  if (std::chrono::steady_clock::now() >= until) {
    return {all(parts, append_status::not_attempted, "the deadline passed before anything was sent"), false};
  }
  try {
    const auto stored = connection_.exchange(append_rows, append_parameters(parts), until);
    auto outcomes = all(parts, append_status::fenced, {});
    for (int row = 0; row < stored.rows(); ++row) {
      const auto shard = stored.int4(row, 0);
      const auto part = std::find_if(outcomes.begin(), outcomes.end(),
                                     [shard](const append_outcome& one) { return one.shard == shard; });
      if (part != outcomes.end()) part->status = append_status::stored;
    }
    return {std::move(outcomes), false};
  } catch (const postgres::statement_error& failed) {
    // Everything but a refused value is unknown, also a deadlock or a cancel that look harmless: the caller asks, it
    // does not assume.
    const bool refused = failed.is_data_error();
    return {all(parts, refused ? append_status::data_refused : append_status::unknown_commit, failed.what()), refused};
  }
}

std::vector<shard_head> postgres_journal::heads(const std::vector<shard_id>& shards, deadline within) {
  const auto rows = connection_.run(read_heads, parameters{}.add(int4_array(shards)), from_now(within));
  std::vector<shard_head> out;
  out.reserve(shards.size());
  for (const auto shard : shards) {
    int row = 0;
    while (row < rows.rows() && rows.int4(row, 0) != shard) ++row;
    if (row == rows.rows()) throw std::invalid_argument("no shard " + std::to_string(shard));
    out.push_back({shard, rows.int8(row, 1), rows.int8(row, 2), to_digest(rows.bytes(row, 3)), rows.text(row, 4),
                   rows.int8(row, 5)});
  }
  return out;
}

std::vector<claim_outcome> postgres_journal::claim(const std::vector<claim_request>& shards, const node_identity& self,
                                                   deadline lock_wait, deadline within) {
  if (self.node != self_.node || self.incarnation != self_.incarnation) {
    // A later take-over finds an owner's connections by its name; a claim under another name would hide them.
    throw std::invalid_argument("a claim must be made under the identity of its connection");
  }
  if (shards.empty()) return {};
  return postgres::shard_claim{connection_, conninfo_, self_, lock_wait, from_now(within), shards}.run();
}

void postgres_journal::release(const std::vector<shard_head>& held, deadline within) {
  auto ids = array::of_int4(held.size());
  auto epochs = array::of_int8(held.size());
  for (const auto& one : held) {
    ids.put4(one.shard);
    epochs.put8(one.epoch);
  }
  parameters values;
  values.add(std::move(ids)).add(std::move(epochs)).text(self_.node).int8(self_.incarnation);
  try {
    connection_.run(give_back, values, from_now(within));
  } catch (const storage_unavailable&) {  // the next owner then waits for our heartbeat to stand still
  }
}

std::vector<stream_history> postgres_journal::read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                                           deadline within) {
  const auto until = from_now(within);
  std::vector<stream_history> out(streams.size());
  auto names = array::of_text(streams.size());
  for (std::size_t at = 0; at < streams.size(); ++at) {
    out[at].stream = streams[at];
    names.put_bytes(streams[at]);
  }
  const auto snapshots = connection_.run(read_snapshots, parameters{}.int4(shard).add(array{names}), until);
  for (int row = 0; row < snapshots.rows(); ++row) {
    auto& one = out.at(static_cast<std::size_t>(snapshots.int4(row, 0) - 1));
    one.snapshot = stored_snapshot{one.stream, snapshots.int8(row, 1), snapshots.text(row, 2)};
  }
  // Rows are never deleted, so a snapshot that is replaced between the two statements leaves no gap.
  auto after = array::of_int8(streams.size());
  for (const auto& one : out) after.put8(one.snapshot ? one.snapshot->version : 0);
  const auto tails =
      connection_.run(read_tails, parameters{}.int4(shard).add(std::move(names)).add(std::move(after)), until);
  for (int row = 0; row < tails.rows(); ++row) {
    out.at(static_cast<std::size_t>(tails.int4(row, 0) - 1)).rows.push_back(to_row(shard, tails, row));
  }
  return out;
}

std::vector<stream_id> postgres_journal::stored_streams(shard_id shard, const std::vector<stream_id>& streams,
                                                        deadline within) {
  auto names = array::of_text(streams.size());
  for (const auto& stream : streams) names.put_bytes(stream);
  const auto rows = connection_.run(read_stored, parameters{}.int4(shard).add(std::move(names)), from_now(within));
  std::vector<stream_id> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) out.push_back(rows.text(row, 0));
  return out;
}

std::vector<journal_row> postgres_journal::read_after(shard_id shard, std::int64_t after, std::int32_t limit,
                                                      deadline within) {
  const auto rows = connection_.run(read_rows, parameters{}.int4(shard).int8(after).int4(limit), from_now(within));
  std::vector<journal_row> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) out.push_back(to_row(shard, rows, row));
  return out;
}

std::vector<stream_id> postgres_journal::streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                                       deadline within) {
  const auto rows = connection_.run(list_streams, parameters{}.int4(shard).text(after).int4(limit), from_now(within));
  std::vector<stream_id> out;
  out.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) out.push_back(rows.text(row, 0));
  return out;
}

void postgres_journal::save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) {
  connection_.run(keep_snapshot,
                  parameters{}.int4(shard).text(snapshot.stream).int8(snapshot.version).text(snapshot.body),
                  from_now(within));
}

void postgres_journal::heartbeat(const node_identity& self, deadline within) {
  const auto counted =
      connection_.run(count_heartbeat, parameters{}.text(self.node).int8(self.incarnation), from_now(within));
  if (counted.rows() == 0) throw storage_unavailable{"a later incarnation of node " + self.node + " is running"};
}

std::vector<node_heartbeat> postgres_journal::heartbeats(deadline within) {
  const auto rows = connection_.run(read_heartbeats, {}, from_now(within));
  std::vector<node_heartbeat> out;
  for (int row = 0; row < rows.rows(); ++row) out.push_back({rows.text(row, 0), rows.int8(row, 1), rows.int8(row, 2)});
  return out;
}

std::int64_t postgres_journal::reserve_ids(const std::string& kind, std::int32_t count, deadline within) {
  if (count <= 0) throw std::invalid_argument("a block of ids needs a positive count");
  return connection_.run(take_ids, parameters{}.text(kind).int8(count), from_now(within)).int8(0, 0);
}

std::int64_t postgres_journal::clock_skew_ms(wall_ms now, deadline within) {
  const auto called = std::chrono::steady_clock::now();
  const auto until = called + within;
  connection_.prepare(read_clock, until);
  const auto asked = std::chrono::steady_clock::now();
  const auto theirs = connection_.exchange(read_clock, {}, until).int8(0, 0);
  // PostgreSQL read its clock somewhere between question and answer; half way is the best guess.
  const auto spent = (asked - called) + (std::chrono::steady_clock::now() - asked) / 2;
  return theirs - now.value - std::chrono::duration_cast<std::chrono::milliseconds>(spent).count();
}

}  // namespace sb
