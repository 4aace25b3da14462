#pragma once
#include <atomic>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <map>
#include <memory>
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
  std::chrono::milliseconds poll{1'000};
};
/// What the projection tells the node: its age in milliseconds (0 when it has all that it was told of) and its lag in
/// rows.
using projection_observer = std::function<void(std::int64_t age_ms, std::int64_t lag_rows)>;

/// Keeps the read models `orders` and `positions`: folds committed trade rows (runtime/projection.hpp) and writes them
/// with the cursor in one transaction. On its own thread and connections (spawn it detached).
struct projection_state {
  static inline const char* name = "projection";
  node_services services;
  projection_settings settings;
  std::unique_ptr<journal> store;
  std::unique_ptr<postgres::read_models> models;
  std::unique_ptr<projection> core;
  projection_observer observe;
  vitals vital;
  std::map<shard_id, std::int64_t> head;  ///< newest row heard of
  std::map<shard_id, boot_ms> dirty;      ///< folded but not written, since when
  std::set<shard_id> gaps;                ///< to be read from the journal
  std::set<shard_id> unknown;             ///< owned, cursor not read yet
  boot_ms polled;
};
caf::behavior projection_actor(caf::stateful_actor<projection_state>* self, node_services services,
                               projection_settings settings, std::function<std::unique_ptr<journal>()> connect,
                               std::function<std::unique_ptr<postgres::read_models>()> connect_models,
                               projection_observer observe);

/// A row of the read model, and back. The way back keeps what lists show: no violations and no fill ids.
postgres::order_row row_of(const projected_order& order);
order_state state_of(const postgres::order_row& row);
postgres::position_row row_of(const projected_position& held);
position position_of(const postgres::position_row& row);

}  // namespace sb
