#include "actors/projection/projection_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <utility>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<projection_state>*;
constexpr std::int32_t rows_at_once = 1'000;
constexpr std::int64_t rows_in_a_statement = 2'000;  ///< more or less: a shard is not torn apart
constexpr const char* projection_name = "orders";

std::map<position_key, position> load_account(projection_state& state, const position_owner& owner) {
  std::map<position_key, position> held;
  for (const auto& row : state.tables.positions(owner.organization, owner.account, state.settings.statement_deadline))
    if (const auto key = key_of(row)) held.emplace(*key, position_of(row));
  return held;
}

void tell(const std::function<void(shard_id)>& observer, shard_id shard) {
  if (observer) observer(shard);
}

void start_over(projection_state& state, shard_id shard) {
  tell(state.observe.out_of_sight, shard);
  state.core->drop(shard);
  state.dirty.erase(shard);
  state.gaps.erase(shard);
  state.parked.erase(shard);
  state.unknown.insert(shard);
}

void read_cursors(projection_state& state) {
  if (state.unknown.empty()) return;
  std::map<shard_id, std::int64_t> cursors;
  for (const auto& cursor : state.tables.cursors(projection_name, state.settings.statement_deadline))
    cursors[cursor.shard] = cursor.seq;
  for (const auto shard : std::exchange(state.unknown, {})) {
    state.core->follow(shard, cursors[shard]);
    state.gaps.insert(shard);
    tell(state.observe.written, shard);
  }
}

void read_gaps(projection_state& state, boot_ms now) {
  for (const auto shard : std::set<shard_id>{state.gaps}) {
    const auto after = state.core->position_of(shard);
    const auto rows = state.store->read_after(shard, after, rows_at_once, state.settings.statement_deadline);
    if (!rows.empty()) {
      try {
        state.core->fold(shard, rows);
      } catch (const storage_unavailable&) {  // part of a row may be folded: begin at the cursor again
        start_over(state, shard);
        throw;
      }
      state.dirty.try_emplace(shard, now);
      state.head[shard] = std::max(state.head[shard], rows.back().seq);
    }
    if (rows.size() < static_cast<std::size_t>(rows_at_once)) state.gaps.erase(shard);
  }
}

/// What was folded of a shard since it was last taken.
postgres::projection_batch take(projection_state& state, shard_id shard) {
  auto taken = state.core->take(shard);
  for (const auto& trouble : taken.unreadable) state.services.log(severity::alarm, state.vital.id(), trouble);
  postgres::projection_batch part;
  part.shard = shard;
  part.expected = taken.cursor_before;
  part.seq = taken.cursor;
  part.orders.reserve(taken.orders.size());
  for (auto& order : taken.orders) part.orders.push_back(row_of(std::move(order)));
  for (const auto& held : taken.positions) part.positions.push_back(row_of(held));
  return part;
}

/// Writes what was taken of some shards. One whose cursor in the table is not where its fold began starts over; so do
/// all of them when it throws, because whether they were written is not known: the cursors in the table say.
void write_parts(projection_state& state, const std::vector<postgres::projection_batch>& parts) {
  if (parts.empty()) return;
  // It may be stored long before the answer is here, or without one.
  for (const auto& part : parts) tell(state.observe.out_of_sight, part.shard);
  try {
    const auto written = state.tables.apply(projection_name, parts, state.settings.statement_deadline);
    for (const auto& part : parts) {
      if (std::find(written.begin(), written.end(), part.shard) == written.end()) {
        start_over(state, part.shard);
      } else {
        state.dirty.erase(part.shard);
        tell(state.observe.written, part.shard);
      }
    }
  } catch (const storage_unavailable&) {
    for (const auto& part : parts) start_over(state, part.shard);
    throw;
  }
}

bool is_data_error(const storage_unavailable& error) {
  const auto* statement = dynamic_cast<const postgres::statement_error*>(&error);
  return statement != nullptr && statement->is_data_error();
}

/// After it has started over: it is not to go on from its cursor.
void park(projection_state& state, shard_id shard, const journal_row& row, const std::string& why) {
  state.unknown.erase(shard);
  const auto now = state.services.clock();
  state.parked[shard] = {row.seq, "row " + std::to_string(row.seq) + " of " + row.stream + ": " + why, now.boot,
                         now.wall};
  state.services.log(severity::alarm, state.vital.id(),
                     "PostgreSQL refuses what shard " + std::to_string(shard) + " makes of row " +
                         std::to_string(row.seq) + ", stream " + row.stream + "; the shard is parked: " + why);
}

/// PostgreSQL refused a batch, and does not say which row it was: one at a time from the cursor shows it.
void find_refused_row(projection_state& state, shard_id shard) {
  start_over(state, shard);
  read_cursors(state);
  const auto rows =
      state.store->read_after(shard, state.core->position_of(shard), rows_at_once, state.settings.statement_deadline);
  for (const auto& row : rows) {
    try {
      state.core->fold(shard, {row});
      write_parts(state, {take(state, shard)});
      if (!state.core->follows(shard)) return;
    } catch (const storage_unavailable& error) {
      start_over(state, shard);
      if (!is_data_error(error)) throw;
      return park(state, shard, row, error.what());
    }
  }
}

/// One of a group that PostgreSQL refused: by itself, until it is written or its refused row is found.
void write_alone(projection_state& state, shard_id shard) {
  try {
    write_parts(state, {take(state, shard)});
  } catch (const storage_unavailable& error) {
    if (!is_data_error(error)) throw;
    find_refused_row(state, shard);
  }
  state.alone.erase(shard);
}

void write_group(projection_state& state, const std::vector<postgres::projection_batch>& group) {
  try {
    write_parts(state, group);
  } catch (const storage_unavailable& error) {
    if (!is_data_error(error)) throw;
    for (const auto& part : group) state.alone.insert(part.shard);
  }
}

/// Many changes, none of them old, and not as many as one statement takes: more of the same orders' are to come.
bool may_wait(const projection_state& state, boot_ms now) {
  const auto old = [&](const auto& changed) {
    return now.value - changed.second.value >= state.settings.busy_wait.count();
  };
  const auto rows = state.core->rows_to_take();
  return rows > state.settings.busy_rows && rows < rows_in_a_statement &&
         std::none_of(state.dirty.begin(), state.dirty.end(), old);
}

/// All that changed, in as few statements as may be: each costs PostgreSQL as much as dozens of rows do.
void write_changes(projection_state& state) {
  std::vector<shard_id> together;
  for (const auto& [shard, since] : std::map<shard_id, boot_ms>{state.dirty}) {
    if (state.alone.contains(shard)) {
      write_alone(state, shard);
    } else {
      together.push_back(shard);
    }
  }
  std::vector<postgres::projection_batch> group;
  std::int64_t rows = 0;
  for (const auto shard : together) {
    const auto& part = group.emplace_back(take(state, shard));
    rows += std::ssize(part.orders) + std::ssize(part.positions);
    if (rows >= rows_in_a_statement || shard == together.back()) {
      write_group(state, std::exchange(group, {}));
      rows = 0;
    }
  }
}

void take_in(projection_state& state, const committed_rows& part) {
  if (part.rows.empty()) return;
  auto& head = state.head[part.shard];
  head = std::max(head, part.rows.back().seq);
  if (!state.core->follows(part.shard) || state.gaps.contains(part.shard)) return;
  try {
    if (!state.core->fold(part.shard, part.rows)) state.gaps.insert(part.shard);
    state.dirty.try_emplace(part.shard, state.services.clock().boot);
  } catch (const storage_unavailable& error) {  // half a batch may be folded: begin at the cursor again
    state.services.log(severity::warning, state.vital.id(), error.what());
    start_over(state, part.shard);
  }
}

void tell_age(projection_state& state) {
  if (!state.observe.age) return;
  const auto now = state.services.clock().boot;
  std::int64_t age = 0;
  for (const auto& [shard, since] : state.dirty) age = std::max(age, now.value - since.value);
  for (const auto& [shard, parked] : state.parked) age = std::max(age, now.value - parked.since.value);
  std::int64_t lag = 0;
  for (const auto& [shard, head] : state.head) {
    const auto parked = state.parked.find(shard);
    if (parked != state.parked.end()) {
      lag += std::max<std::int64_t>(0, head - parked->second.seq + 1);
    } else if (state.core->follows(shard)) {
      lag += std::max<std::int64_t>(0, head - state.core->position_of(shard));
    }
  }
  state.observe.age(age, lag);
}

/// A lost hint shows here: what was stored at the last look has had time to come.
void look_for_gaps(projection_state& state, boot_ms now) {
  if (now.value - state.polled.value < state.settings.poll.count()) return;
  state.polled = now;
  for (const auto& [shard, head] : state.head) {
    if (state.core->follows(shard) && state.core->position_of(shard) < head) state.gaps.insert(shard);
  }
  std::vector<shard_id> followed;
  for (shard_id shard = shards_per_role; shard < shard_count; ++shard) {
    if (state.core->follows(shard)) followed.push_back(shard);
  }
  for (const auto& stored : state.store->heads(followed, state.settings.statement_deadline)) {
    auto& head = state.head[stored.shard];
    head = std::max(head, stored.head);
  }
}

void work(self_ptr self) {
  auto& state = self->state;
  const auto now = state.services.clock().boot;
  try {
    look_for_gaps(state, now);
    read_cursors(state);
    read_gaps(state, now);
    if (!may_wait(state, now)) write_changes(state);
  } catch (const storage_unavailable& error) {
    state.services.log(severity::warning, state.vital.id(), error.what());
  }
  tell_age(state);
}

std::string path_of(const projection_state& state, shard_id shard) {
  return state.vital.id() + "/shard-" + std::to_string(shard);
}

tree_node describe(self_ptr self, const tree_ask& ask) {
  auto& state = self->state;
  auto node = state.vital.describe(self, ask, state.services.clock().boot);
  for (const auto& [shard, parked] : state.parked) {
    tree_node child;
    child.id = path_of(state, shard);
    child.kind = "service";
    child.shard = shard;
    child.state = "parked";
    child.failure = parked.why;
    child.failed_at = parked.since_wall;
    node.children.push_back(std::move(child));
  }
  node.children_count = std::ssize(node.children);
  return node;
}

/// An operator's word: the cause is mended, the shard is tried again.
bool restart_shard(projection_state& state, const std::string& id) {
  for (const auto& [shard, parked] : state.parked) {
    if (path_of(state, shard) != id) continue;
    start_over(state, shard);
    return true;
  }
  return false;
}

}  // namespace

caf::behavior projection_actor(self_ptr self, node_services services, projection_settings settings,
                               std::function<std::unique_ptr<journal>()> connect,
                               std::function<projection_tables()> connect_tables, projection_observer observe) {
  auto& state = self->state;
  state.services = std::move(services);
  state.settings = settings;
  state.store = connect();
  state.tables = connect_tables();
  state.observe = std::move(observe);
  state.vital = vitals{state.services.node + "/projection", "service"};
  state.core = std::make_unique<projection>(
      settings.utc_offset_minutes,
      [self](shard_id shard, const std::vector<stream_id>& streams) {
        return self->state.store->read_streams(shard, streams, self->state.settings.statement_deadline);
      },
      [self](const position_owner& owner) { return load_account(self->state, owner); });
  // What a former incarnation said of them is over.
  for (shard_id shard = shards_per_role; shard < shard_count; ++shard) tell(state.observe.out_of_sight, shard);
  const auto me = caf::actor_cast<caf::actor>(self);
  self->send(state.services.writer, follow_journal{me, shard_role::trade});
  self->send(state.services.claims, follow_shards{shard_role::trade, me});
  self->delayed_send(self, settings.every, tick{});
  return {
      [self](const shard_owned& in) { start_over(self->state, in.shard); },
      [self](const shard_gone& in) {
        if (role_of_shard(in.shard) != shard_role::trade) return;
        start_over(self->state, in.shard);
        self->state.unknown.erase(in.shard);
        self->state.alone.erase(in.shard);
        self->state.head.erase(in.shard);
      },
      [self](const committed_told& in) {
        self->state.vital.count();
        for (const auto& part : *in.parts) take_in(self->state, part);
      },
      [self](tick) {
        work(self);
        self->delayed_send(self, self->state.settings.every, tick{});
      },
      [self](const tree_ask& ask) { return describe(self, ask); },
      [self](const restart_ask& ask) { return restart_shard(self->state, ask.id); },
  };
}

}  // namespace sb
