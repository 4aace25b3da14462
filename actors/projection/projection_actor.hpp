#pragma once
#include <atomic>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "runtime/projection.hpp"
#include "storage/journal.hpp"
#include "storage/postgres/read_models.hpp"

namespace sb {

struct projection_settings {
  std::int32_t utc_offset_minutes = 330;
  std::chrono::milliseconds statement_deadline{5'000};
  std::chrono::milliseconds every{50};  ///< changes of this long are written together
  /// Of more journal rows than these, changes wait until the oldest is so old: an order that came and went in between
  /// is written once instead of twice, and into each of its indexes once.
  std::int64_t busy_rows = 100;
  std::chrono::milliseconds busy_wait{250};
  std::chrono::milliseconds poll{1'000};
};
/// What the projection tells the node, from its own thread; each may be empty.
struct projection_observer {
  /// Its age in milliseconds (0 when it has all that it was told of) and its lag in rows. A parked shard counts in
  /// both.
  std::function<void(std::int64_t age_ms, std::int64_t lag_rows)> age;
  /// It follows the shard from its cursor on, or what it wrote of it is stored: nobody else writes, as far as it knows.
  std::function<void(shard_id shard)> written;
  /// It is about to write, does not know what is stored, or does not follow the shard any more. Trade shards only.
  std::function<void(shard_id shard)> out_of_sight;
};

/// What the projection needs of the read models (storage/postgres/read_models.hpp has the contracts). Every call throws
/// storage_unavailable; postgres::statement_error with a data error says that PostgreSQL refuses what is in the batch.
struct projection_tables {
  std::function<std::vector<shard_id>(const std::string& projection, const std::vector<postgres::projection_batch>&,
                                      deadline within)>
      apply;
  std::function<std::vector<postgres::shard_cursor>(const std::string& projection, deadline within)> cursors;
  std::function<std::vector<postgres::position_row>(organization_id, account_id, deadline within)> positions;
};

/// Keeps the read models `orders` and `positions`: folds committed trade rows (runtime/projection.hpp) and writes them
/// with the cursors, those of many shards in one transaction. On its own thread and connections (spawn it detached).
///
/// A row that PostgreSQL refuses parks its shard: everything before the row is written, an alarm names it, the tree
/// shows the shard as parked under this actor, and the other shards go on. restart_ask of that path, a restart, or a
/// new claim of the shard tries again from its cursor.
struct projection_state {
  static inline const char* name = "projection";
  struct parked_shard {
    std::int64_t seq = 0;  ///< of the refused row
    std::string why;
    boot_ms since;
    wall_ms since_wall;
  };
  node_services services;
  projection_settings settings;
  std::unique_ptr<journal> store;
  projection_tables tables;
  std::unique_ptr<projection> core;
  projection_observer observe;
  vitals vital;
  std::map<shard_id, std::int64_t> head;  ///< newest row heard of, or seen in the journal
  std::map<shard_id, boot_ms> dirty;      ///< folded but not written, since when
  std::set<shard_id> gaps;                ///< to be read from the journal
  std::set<shard_id> unknown;             ///< owned, cursor not read yet
  std::set<shard_id> alone;               ///< PostgreSQL refused a group that they were in
  std::map<shard_id, parked_shard> parked;
  boot_ms polled;
};
caf::behavior projection_actor(caf::stateful_actor<projection_state>* self, node_services services,
                               projection_settings settings, std::function<std::unique_ptr<journal>()> connect,
                               std::function<projection_tables()> connect_tables, projection_observer observe);

/// A row of the read model, and back. The way back keeps what lists show: no violations and no fill ids.
postgres::order_row row_of(projected_order&& order);
order_state state_of(const postgres::order_row& row);
postgres::position_row row_of(const projected_position& held);
/// None where the row has a product that is not ours.
std::optional<position_key> key_of(const postgres::position_row& row);
position position_of(const postgres::position_row& row);

}  // namespace sb
