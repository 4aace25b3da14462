#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "storage/event_record.hpp"

namespace sb {

/// Deadlines are durations from the call on the caller's steady clock.
using deadline = std::chrono::milliseconds;

/// A shard's fence and end of journal.
struct shard_head {
  shard_id shard = 0;
  std::int64_t epoch = 0;
  std::int64_t head = 0;  ///< seq of the last row, 0 when empty
  digest head_hash{};
  std::string owner;  ///< node name, empty when released
  std::int64_t incarnation = 0;
};

/// One shard's part of a batch: consecutive rows that continue the shard from `head_before` under `epoch`.
struct shard_append {
  shard_id shard = 0;
  std::int64_t epoch = 0;
  std::int64_t head_before = 0;
  std::vector<journal_row> rows;  ///< at least one; seq = head_before + 1, + 2, ...; hash set by the caller
};

/// Throws std::invalid_argument when a shard appears twice, a part is empty, or a row's shard, epoch or seq is not that
/// of its place in the part: mistakes of ours that no stored state can justify.
void require_well_formed(const std::vector<shard_append>& parts);

enum class append_status : std::uint8_t {
  stored,          ///< committed; durable
  fenced,          ///< another epoch or another head is in force; nothing of this shard was written
  data_refused,    ///< PostgreSQL refuses a value or a duplicate (stream, version); nothing of this shard was written
  unknown_commit,  ///< may or may not be stored: claim the shard again, then read its head
  not_attempted,   ///< nothing was sent (no connection within the deadline); nothing was written
};

constexpr std::size_t append_status_count = 5;
std::string_view word(append_status status);  ///< the enumerator's name

struct append_outcome {
  shard_id shard = 0;
  append_status status = append_status::stored;
  std::string detail;  ///< SQLSTATE and message for data_refused and unknown_commit; for logs and alarms
};

struct claim_request {
  shard_id shard = 0;
  std::int64_t epoch_seen = 0;        ///< compare ...
  std::int64_t incarnation_seen = 0;  ///< ... and set
  /// Of an owner that was found dead: the counter at which it stood still, 0 if it was never seen to beat. Absent where
  /// the owner's life does not matter: nobody owns the shard, or the claimer itself does.
  std::optional<std::int64_t> counter_seen = std::nullopt;
};
enum class claim_status : std::uint8_t { claimed, lost, unknown };
struct claim_outcome {
  shard_id shard = 0;
  claim_status status = claim_status::lost;
  shard_head head;  ///< when claimed: the new epoch, the head that the old epoch left
};

/// Who claims: node name, and a number that is new at each start of the node.
struct node_identity {
  std::string node;
  std::int64_t incarnation = 0;
};

struct stored_snapshot {
  stream_id stream;
  std::int64_t version = 0;  ///< last event folded into `body`
  std::string body;          ///< JSON text
};

/// What a stream's reader gets: the newest snapshot (if any) and all rows after it.
struct stream_history {
  stream_id stream;
  std::optional<stored_snapshot> snapshot;
  std::vector<journal_row> rows;
};

struct node_heartbeat {
  std::string node;
  std::int64_t incarnation = 0;
  std::int64_t counter = 0;
};

/// The journal: append-only rows per shard behind a fence. One thread at a time uses an object; every call returns
/// within its deadline. `storage_unavailable` is thrown by reads, snapshots, heartbeats and id blocks when PostgreSQL
/// cannot be reached or does not answer in time; appends and claims report it as a status, because there it matters
/// what happened. A call whose arguments break the contract (see require_well_formed) throws std::invalid_argument and
/// does nothing.
///
/// Protocol (docs/ARCHITECTURE.md, "Journal"): an append is one statement in one round trip. It is stored exactly if
/// the shard still has the epoch and head that the caller names, so a paused owner cannot write after a take-over.
class journal {
 public:
  virtual ~journal() = default;

  /// Appends every shard's rows or none of that shard; shards are independent of each other. One outcome for each part.
  virtual std::vector<append_outcome> append(const std::vector<shard_append>& parts, deadline within) = 0;

  /// Heads of these shards (a new statement, so it sees what committed before the call). Throws storage_unavailable.
  virtual std::vector<shard_head> heads(const std::vector<shard_id>& shards, deadline within) = 0;

  /// Compare-and-set of each shard's (epoch, incarnation) to (epoch + 1, self), in ascending order of shard in one
  /// statement. While it waits for a row lock, every `lock_wait` the backends that pg_blocking_pids names are
  /// terminated if they belong to the owner that is being replaced or to `self`; nobody else's. A claim whose answer
  /// was lost is resolved by its nonce on a new connection; `unknown` only when that cannot be done within the
  /// deadline, or when somebody else's lock lasted until then. One outcome for each request, in their order; no shard
  /// twice.
  /// Where `counter_seen` is given, a shard whose owner's counter is another one is lost. A beat either comes first,
  /// and the claim is lost, or waits until the claim is stored: heads that are read after a beat show every claim that
  /// took the node for dead.
  virtual std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self,
                                           deadline lock_wait, deadline within) = 0;
  /// Gives shards back (owner becomes empty) if still held under this epoch. Best effort.
  virtual void release(const std::vector<shard_head>& held, deadline within) = 0;

  /// Snapshots and tails of these streams, in the order asked. Throws storage_unavailable.
  virtual std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                                   deadline within) = 0;
  /// Those of these streams of which anything is committed when they are read, in any order. Throws
  /// storage_unavailable.
  virtual std::vector<stream_id> stored_streams(shard_id shard, const std::vector<stream_id>& streams,
                                                deadline within) = 0;
  /// Rows of a shard with seq > after, ascending, at most `limit`. Never skips: seq is gapless in commit order.
  virtual std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit,
                                              deadline within) = 0;
  /// Names of the shard's streams that sort bytewise after `after` (empty: from the first), ascending, at most `limit`.
  virtual std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                               deadline within) = 0;

  /// Keeps the snapshot with the highest version of a stream.
  virtual void save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) = 0;

  /// Adds one to the node's counter; creates the row at first. A node whose counter stands still is dead (DESIGN: no
  /// wall clock).
  /// Throws when a later incarnation of this node has beaten: two processes run under one name, and this one must stop.
  virtual void heartbeat(const node_identity& self, deadline within) = 0;
  virtual std::vector<node_heartbeat> heartbeats(deadline within) = 0;

  /// A block of `count` integer ids of a kind ("user", "organization", "account"): [first, first + count). Gaps are
  /// allowed.
  virtual std::int64_t reserve_ids(const std::string& kind, std::int32_t count, deadline within) = 0;

  /// PostgreSQL's clock minus ours in milliseconds; a node that is off by more than 2 s may not roll the day.
  virtual std::int64_t clock_skew_ms(wall_ms now, deadline within) = 0;
};

struct storage_unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace sb
