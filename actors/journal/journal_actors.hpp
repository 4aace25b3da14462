#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "runtime/journal_writer.hpp"
#include "storage/journal.hpp"
#include "storage/postgres/read_models.hpp"

namespace sb {

struct writer_settings {
  node_identity self;
  std::size_t rows_max = 500;
  std::size_t queue_max = 20'000;
  std::chrono::milliseconds statement_deadline{5'000};
  std::chrono::milliseconds lock_wait{1'000};
  std::chrono::milliseconds lazy{3};     ///< how long an append that nobody waits for alone may wait for company
  std::chrono::milliseconds retry{200};  ///< after PostgreSQL could not be reached
};
/// Called on the writer's thread after each append: seconds it took, rows in it, what came of each shard's part.
using append_observer =
    std::function<void(double seconds, std::size_t rows, const std::vector<append_outcome>& outcomes)>;
using journal_factory = std::function<std::unique_ptr<journal>()>;

/// The journal's writer: a thread of its own (spawn it detached) around runtime/journal_writer.hpp and one connection.
/// It appends all that is queued when the last append returns.
struct writer_state {
  static inline const char* name = "writer";
  node_services services;
  writer_settings settings;
  append_observer observe;
  std::unique_ptr<journal> store;
  std::unique_ptr<journal_writer> core;
  vitals vital;
  std::uint64_t last_token = 0;
  std::unordered_map<std::uint64_t, caf::actor> writers;  ///< token → who is told the verdict
  std::unordered_map<std::uint64_t, std::pair<caf::actor, stream_id>> barriers;
  std::vector<follow_journal> followers;
  std::vector<caf::actor> draining;
  bool flushing = false;
  bool lazy_armed = false;
};
caf::behavior writer(caf::stateful_actor<writer_state>* self, node_services services, writer_settings settings,
                     journal_factory connect, append_observer observe);

/// What the reader needs beyond the journal itself.
struct read_side {
  std::function<std::unique_ptr<journal>()> connect;
  /// The open orders of a trade shard, oldest first: by created_at, then by id. Those behind `after` (none: from the
  /// first), at most `limit`.
  std::function<std::vector<postgres::open_order_row>(shard_id, const std::optional<postgres::order_cursor>& after,
                                                      std::int32_t limit)>
      open_orders;
  /// A projection's durable cursor; the row up to which `open_orders` is right is that of "orders".
  std::function<std::int64_t(const std::string& projection, shard_id)> cursor;
  std::function<void(const std::string& projection, shard_id, std::int64_t seq)> save_cursor;
};
/// Reads for everybody else, on its own thread and connection. What cannot be read now waits until it can; of what
/// settlement and projections ask again meanwhile only the last question does.
/// A shard's contents can be millions of streams: they are read a page at a time, each page under its own deadline, and
/// what else waits is served between two pages. All shards' open work comes before the streams' names, without which a
/// shard can do for a while; and what has open work is woken, a group at a time, in turns with both, and with what risk
/// books look up.
struct reader_state {
  static inline const char* name = "reader";
  /// A shard whose contents are being read, and how far.
  struct contents_reading {
    shard_id shard = 0;
    caf::actor asker;
    open_work_told work;
    std::shared_ptr<stream_filter> streams = std::make_shared<stream_filter>();
    enum class part : std::uint8_t { cursor, open_orders, moved_since, names };
    part next = part::names;
    stream_id last_stream;                             ///< names up to here are in `streams`
    std::optional<postgres::order_cursor> last_order;  ///< open orders up to here are in `work`
    std::int64_t after_row = 0;  ///< the projection's cursor before the first open order was read, then rows up to here
  };
  node_services services;
  read_side side;
  std::unique_ptr<journal> store;
  vitals vital;
  std::chrono::milliseconds deadline{5'000};
  /// What somebody asked; the same asker's next question of the kind about the shard takes its place.
  struct question {
    caf::actor asker;
    std::variant<rows_ask, cursor_ask> what;
  };
  using questions_asked = std::map<std::tuple<caf::actor_id, shard_id, bool>, question>;
  std::vector<history_ask> histories;
  std::vector<history_ask> refused_histories;  ///< PostgreSQL answers, but not this
  questions_asked questions;
  questions_asked refused_questions;
  boot_ms refused_again_at;
  bool flushing = false;  ///< a flush is on its way, which reads all that waits
  /// One reading for each shard at most, in one of the two; the next page is the front's. User shards have their names
  /// read with the open work, because that is how their risk books are found.
  std::deque<contents_reading> work;
  std::deque<contents_reading> names;
  struct wake_group {
    shard_id shard = 0;
    caf::actor asker;
    std::vector<history_ask> histories;
  };
  caf::actor_addr woken;  ///< the shard whose group was read last, until it asks again; null: it has
  boot_ms woken_at;
  bool awaits_woken = false;                   ///< looks whether they have
  std::deque<wake_group> waking;               ///< one for each shard at most
  std::map<entity_key, look_up_ask> look_ups;  ///< by the book that asks
  entity_key last_look_up;                     ///< the book that was answered last
  bool paging = false;
};
caf::behavior reader(caf::stateful_actor<reader_state>* self, node_services services, read_side side,
                     std::chrono::milliseconds statement_deadline);

}  // namespace sb
