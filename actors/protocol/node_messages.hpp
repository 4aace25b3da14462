#pragma once
#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/protocol/route_table.hpp"
#include "actors/protocol/tree_node.hpp"
#include "runtime/address.hpp"
#include "runtime/entity.hpp"
#include "runtime/stream_filter.hpp"
#include "storage/journal.hpp"

/// What the parts of one node say to each other. These never leave the process: they carry handles and shared immutable
/// data. What crosses roles is in runtime/messages.hpp.
namespace sb {

using shared_rows = std::shared_ptr<const std::vector<journal_row>>;

// ---- journal writer
// ------------------------------------------------------------------------------------------------------
/// From an entity; answered with write_told, one that decides ahead perhaps with one for several.
struct write_ask {
  shard_id shard = 0;
  stream_id stream;
  std::uint64_t incarnation = 0;
  append_out what;
};
struct write_told {
  append_verdict verdict = append_verdict::not_stored;
  std::int64_t through = 0;  ///< of what it wrote up to this version
};
/// From a shard; answered with barrier_told. An empty stream: all streams of the shard.
struct barrier_ask {
  shard_id shard = 0;
  stream_id stream;
};
struct barrier_told {
  stream_id stream;
};
/// The entity's last write, which was in no hurry, is waited for now.
struct hurry_ask {
  shard_id shard = 0;
  stream_id stream;
};
/// Their entities have retired.
struct forget_ask {
  shard_id shard = 0;
  std::vector<stream_id> streams;
};
/// From the cluster actor: this node has claimed these shards.
struct own_ask {
  std::vector<shard_head> heads;
};
/// From the cluster actor: somebody else has claimed these shards; the subscribers are told shard_gone of each.
struct disown_ask {
  std::vector<shard_id> shards;
};
/// To the writer: the subscriber hears shard_gone of every shard that is taken from this node from now on; and, of the
/// shards of that role, what is committed.
struct follow_journal {
  caf::actor subscriber;
  std::optional<shard_role> rows;
};
/// What one commit stored in shards of one role. Each row before a shard_gone of its shard.
struct committed_told {
  std::shared_ptr<const std::vector<committed_rows>> parts;
};
/// To the cluster actor, which then says lease_told, or to market data, which then says market_ticks.
struct subscribe_ask {
  caf::actor subscriber;
};
/// Answered with drained_told once nothing waits and nothing is out.
struct drain_ask {};
struct drained_told {
  std::vector<shard_head> heads;
};

// ---- journal reader
// ------------------------------------------------------------------------------------------------------
/// Answered with history_told to `entity`, for this incarnation alone; asked of PostgreSQL until it answers.
struct history_ask {
  shard_id shard = 0;
  stream_id stream;
  caf::actor entity;
  std::uint64_t incarnation = 0;
};
struct history_told {
  std::shared_ptr<const stream_history> history;
  std::uint64_t incarnation = 0;
};
/// Answered with rows_told.
struct rows_ask {
  shard_id shard = 0;
  std::int64_t after = 0;
};
struct rows_told {
  shard_id shard = 0;
  std::int64_t after = 0;
  shared_rows rows;
};
/// Of which of these orders is anything committed? Read behind whatever somebody waits for; answered with
/// orders_looked_up to `book`, by the routes, or, while PostgreSQL cannot be reached, not at all. The book's next
/// question takes its place.
struct look_up_ask {
  entity_key book;
  std::vector<order_id> orders;
};
/// Answered with open_work_told and, after it, streams_told.
struct contents_ask {
  shard_id shard = 0;
};
/// Which entities of a shard have open work.
struct open_work_told {
  std::vector<entity_key> entities;
};
/// Which streams a shard had when it asked.
struct streams_told {
  std::shared_ptr<const stream_filter> streams;
};
/// Histories that nobody waits for, of one shard: read behind whatever somebody waits for. Answered with history_told
/// to each entity, and woken_told to the shard when all have been read. Its next one, which may be empty, says that its
/// turn has come behind theirs, so that most of them have begun: until then, for a second at most, no other shard's are
/// read.
struct wake_ask {
  shard_id shard = 0;
  std::vector<history_ask> histories;
};
struct woken_told {};
struct snapshot_ask {
  shard_id shard = 0;
  snapshot_out snapshot;
};
/// Answered with cursor_told.
struct cursor_ask {
  std::string projection;
  shard_id shard = 0;
};
struct cursor_told {
  shard_id shard = 0;
  std::int64_t seq = 0;
};
struct cursor_save {
  std::string projection;
  shard_id shard = 0;
  std::int64_t seq = 0;
};

// ---- cluster
// -------------------------------------------------------------------------------------------------------------
/// `supervisor` runs the shards of this role: it is told shard_owned and shard_gone.
struct follow_shards {
  shard_role role = shard_role::user;
  caf::actor supervisor;
};
struct shard_owned {
  shard_id shard = 0;
};
struct shard_gone {
  shard_id shard = 0;
  std::string why;
};
/// Effects and reads stop after this.
struct lease_told {
  boot_ms until;
};

// ---- router
// --------------------------------------------------------------------------------------------------------------
struct shard_ready {
  shard_id shard = 0;
  caf::actor shard_actor;
};
/// What the shard's former incarnation sent is resolved, and the broker is there; this one takes requests.
struct shard_open {
  shard_id shard = 0;
};
/// Answers with this gateway number are given to `take`, on the thread of whoever answers, as long as the actor lives;
/// it is told lease_told, once they are, and then shard_open, shard_gone and lease_told.
struct gateway_ready {
  std::uint32_t gateway = 0;
  caf::actor gateway_actor;
  take_answer take;
};
/// No further requests from the edge.
struct stop_requests {};

// ---- shard and entity
// ----------------------------------------------------------------------------------------------------
/// From a shard to the broker; answered with broker_ready when it knows its book and has a lease.
struct broker_ready_ask {};
struct broker_ready {};
/// Host to shard: look at the alarms at this time, or a little later.
struct alarm_ask {
  boot_ms due;
};
/// Shard to a host that has no entity: it has this one now. `former` is what the shard knows of its predecessor.
struct begin_entity {
  entity_key key;
  std::shared_ptr<std::unique_ptr<entity>> body;
  std::size_t queue_max = 0;
  predecessor former = predecessor::lost;
  bool stored = true;             ///< the reader sends the history; else there is none
  std::uint64_t incarnation = 0;  ///< whose history that is
};
/// Shard to host: let your entity retire if it can. Answered with retire_told; if `retired`, the host has no entity any
/// more and may be given another.
struct retire_ask {};
struct retire_told {
  stream_id stream;
  bool retired = false;
  bool stored = false;  ///< the stream has events
};
struct entity_failed {
  stream_id stream;
  std::string why;
};
/// Shard to a host whose entity has failed, or which is not needed any more: nothing of mine is behind this message.
struct end_entity {};

// ---- everybody
// -----------------------------------------------------------------------------------------------------------
struct tick {};
struct flush {};
/// Answered with a tree_node.
struct tree_ask {
  boot_ms sent;
};
/// To a supervisor: restart the child at this path. Answered with bool.
struct restart_ask {
  std::string id;
};

}  // namespace sb

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::write_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::write_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::barrier_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::barrier_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::hurry_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::forget_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::own_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::disown_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::subscribe_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::follow_journal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::committed_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::broker_ready_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::broker_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::drain_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::drained_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::history_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::history_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::rows_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::rows_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::contents_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::open_work_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::streams_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::look_up_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::wake_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::woken_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::snapshot_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::cursor_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::cursor_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::cursor_save)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::follow_shards)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::shard_owned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::shard_gone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::lease_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::shard_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::shard_open)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::gateway_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::stop_requests)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::alarm_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::begin_entity)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::retire_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::retire_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::entity_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::end_entity)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::flush)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::tree_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::restart_ask)
