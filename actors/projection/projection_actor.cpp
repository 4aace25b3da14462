#include "actors/projection/projection_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/protocol/type_ids.hpp"
#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<projection_state>*;
constexpr std::int32_t rows_at_once = 1'000;
constexpr const char* projection_name = "orders";

/// Folds an order up to, not including, `before_version`: what the read model had seen of it at the cursor.
order_state load_order(projection_state& state, const entity_key& key, std::int64_t before_version) {
  order_state order;
  const auto stream = stream_of(key);
  const auto histories = state.store->read_streams(shard_of(key), {stream}, state.settings.statement_deadline);
  for (const auto& row : histories.at(0).rows) {
    if (row.version >= before_version) break;
    std::string why;
    const auto events = unpack(row.body, why);
    if (!events) break;
    for (const auto& event : *events) {
      if (const auto fact = decode_order_event(event, why)) evolve(order, *fact, row.at);
    }
  }
  return order;
}

position load_position(projection_state& state, const position_key& key) {
  for (const auto& row :
       state.models->list_positions(key.organization, key.account, state.settings.statement_deadline)) {
    if (row.exchange == key.exchange && row.symbol == key.symbol && row.product_type == word(key.product))
      return position_of(row);
  }
  return {};
}

void start_over(projection_state& state, shard_id shard) {
  state.core->drop(shard);
  state.dirty.erase(shard);
  state.gaps.erase(shard);
  state.unknown.insert(shard);
}

void read_cursors(projection_state& state) {
  if (state.unknown.empty()) return;
  std::map<shard_id, std::int64_t> cursors;
  for (const auto& cursor : state.models->cursors(projection_name, state.settings.statement_deadline))
    cursors[cursor.shard] = cursor.seq;
  for (const auto shard : std::exchange(state.unknown, {})) {
    state.core->follow(shard, cursors[shard]);
    state.gaps.insert(shard);
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

void write_changes(self_ptr self) {
  auto& state = self->state;
  for (const auto& [shard, since] : std::map<shard_id, boot_ms>{state.dirty}) {
    auto taken = state.core->take(shard);
    for (const auto& trouble : taken.unreadable) state.services.log(severity::alarm, state.vital.id(), trouble);
    postgres::projection_batch batch;
    batch.projection = projection_name;
    batch.shard = shard;
    batch.expected = taken.cursor_before;
    batch.seq = taken.cursor;
    for (const auto& order : taken.orders) batch.orders.push_back(row_of(order));
    for (const auto& held : taken.positions) batch.positions.push_back(row_of(held));
    bool applied = false;
    try {
      applied = state.models->apply(batch, state.settings.statement_deadline);
    } catch (const storage_unavailable&) {
      start_over(state, shard);  // whether it was written is not known: the cursor in the table says
      throw;
    }
    if (!applied) {
      start_over(state, shard);
    } else {
      state.dirty.erase(shard);
    }
  }
}

void tell_age(projection_state& state) {
  if (!state.observe) return;
  const auto now = state.services.clock().boot;
  std::int64_t age = 0;
  for (const auto& [shard, since] : state.dirty) age = std::max(age, now.value - since.value);
  std::int64_t lag = 0;
  for (const auto& [shard, head] : state.head) {
    if (state.core->follows(shard)) lag += std::max<std::int64_t>(0, head - state.core->position_of(shard));
  }
  state.observe(age, lag);
}

void work(self_ptr self) {
  auto& state = self->state;
  const auto now = state.services.clock().boot;
  try {
    if (now.value - state.polled.value >= state.settings.poll.count()) {  // a lost hint shows here
      state.polled = now;
      for (const auto& [shard, head] : state.head) {
        if (state.core->follows(shard) && state.core->position_of(shard) < head) state.gaps.insert(shard);
      }
    }
    read_cursors(state);
    read_gaps(state, now);
    write_changes(self);
  } catch (const storage_unavailable& error) {
    state.services.log(severity::warning, state.vital.id(), error.what());
  }
  tell_age(state);
}

}  // namespace

caf::behavior projection_actor(self_ptr self, node_services services, projection_settings settings,
                               std::function<std::unique_ptr<journal>()> connect,
                               std::function<std::unique_ptr<postgres::read_models>()> connect_models,
                               projection_observer observe) {
  auto& state = self->state;
  state.services = std::move(services);
  state.settings = settings;
  state.store = connect();
  state.models = connect_models();
  state.observe = std::move(observe);
  state.vital = vitals{state.services.node + "/projection", "service"};
  state.core = std::make_unique<projection>(
      settings.utc_offset_minutes,
      [self](const entity_key& key, std::int64_t before) { return load_order(self->state, key, before); },
      [self](const position_key& key) { return load_position(self->state, key); });
  const auto me = caf::actor_cast<caf::actor>(self);
  self->send(state.services.writer, subscribe_ask{me});
  self->send(state.services.cluster, follow_shards{shard_role::trade, me});
  self->delayed_send(self, settings.every, tick{});
  return {
      [self](const shard_owned& in) { start_over(self->state, in.shard); },
      [self](const shard_gone& in) {
        start_over(self->state, in.shard);
        self->state.unknown.erase(in.shard);
        self->state.head.erase(in.shard);
      },
      [self](const committed_told& in) {
        auto& s = self->state;
        if (in.shard < shards_per_role || in.rows->empty()) return;
        s.vital.count();
        s.head[in.shard] = std::max(s.head[in.shard], in.rows->back().seq);
        if (!s.core->follows(in.shard) || s.gaps.contains(in.shard)) return;
        try {
          if (!s.core->fold(in.shard, *in.rows)) s.gaps.insert(in.shard);
          s.dirty.try_emplace(in.shard, s.services.clock().boot);
        } catch (const storage_unavailable& error) {  // half a batch may be folded: begin at the cursor again
          s.services.log(severity::warning, s.vital.id(), error.what());
          start_over(s, in.shard);
        }
      },
      [self](tick) {
        work(self);
        self->delayed_send(self, self->state.settings.every, tick{});
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
