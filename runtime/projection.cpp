#include "runtime/projection.hpp"

#include <string_view>
#include <unordered_set>
#include <utility>

#include "storage/order_events.hpp"

namespace sb {

projection::projection(std::int32_t utc_offset_minutes, load_histories histories, load_account accounts,
                       projection_bounds bounds)
    : utc_offset_minutes_{utc_offset_minutes},
      load_histories_{std::move(histories)},
      load_account_{std::move(accounts)},
      bounds_{bounds} {}

void projection::follow(shard_id shard, std::int64_t cursor) {
  drop(shard);
  auto& state = shards_[shard];
  state.read = cursor;
  state.taken = cursor;
}

void projection::drop(shard_id shard) {
  shards_.erase(shard);
  orders_.erase_if([&](const auto& entry) { return entry.second.order.shard == shard; });
  accounts_.erase_if([&](const auto& entry) {
    if (shard_of(shard_role::trade, entry.first.organization) != shard) return false;
    kept_ -= 1 + entry.second.size();
    return true;
  });
}

projection::account_positions& projection::account_of(const position_owner& owner) {
  if (auto* kept = accounts_.find(owner)) return kept->second;
  auto stored = load_account_(owner);
  kept_ += 1 + stored.size();
  return accounts_.put(owner, std::move(stored)).second;
}

/// One that its account does not have yet is flat.
position& projection::position_at(const position_key& key) {
  const auto [place, fresh] = account_of(key.owner).try_emplace(key);
  if (fresh) ++kept_;
  return place->second;
}

/// Since the last take() of its shard.
bool projection::has_changed(const position_owner& owner) const {
  const auto shard = shards_.find(shard_of(shard_role::trade, owner.organization));
  if (shard == shards_.end()) return false;
  const auto& changed = shard->second.changed_positions;
  const auto first = changed.lower_bound({owner, {}, {}, {}});
  return first != changed.end() && first->first.owner == owner;
}

/// One that has changed is nowhere else yet: it stays, and all that were used later.
void projection::let_accounts_go() {
  while (kept_ > bounds_.accounts && !has_changed(accounts_.oldest().first))
    kept_ -= 1 + accounts_.take_oldest().size();
}

std::int64_t projection::position_of(shard_id shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? 0 : found->second.read;
}

std::int64_t projection::rows_to_take() const {
  std::int64_t rows = 0;
  for (const auto& [shard, state] : shards_) rows += state.read - state.taken;
  return rows;
}

bool projection::fold(shard_id shard, const std::vector<journal_row>& rows) {
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return true;
  auto& state = found->second;
  for (auto row = rows.begin(); row != rows.end(); ++row) {
    if (row->seq <= state.read) continue;
    if (row->seq != state.read + 1) return false;
    state.read = row->seq;
    if (auto* order = order_of(shard, {row, rows.end()})) fold_row(state, *order, *row);
  }
  return true;
}

/// The order that the first of these rows is of; null where it is none.
projection::kept_orders::entry* projection::order_of(shard_id shard, std::span<const journal_row> rows) {
  const auto& row = rows.front();
  if (auto* kept = orders_.find(row.stream)) return kept;
  const auto key = key_of(row.stream);
  if (!key || key->kind != entity_kind::order) return nullptr;
  if (row.version == 1) return &keep(*key, row.stream, shard);
  load_missing(shard, rows);
  return orders_.find(row.stream);
}

/// Orders that began before these rows and are not kept, all with one question, as the rows before these left them.
void projection::load_missing(shard_id shard, std::span<const journal_row> rows) {
  std::vector<stream_id> streams;
  std::vector<std::int64_t> versions;
  std::unordered_set<std::string_view> seen;
  auto before = rows.front().seq - 1;
  for (const auto& row : rows) {
    if (row.seq != std::exchange(before, row.seq) + 1) break;  // nothing behind a gap is folded now
    if (!seen.insert(row.stream).second || row.version == 1 || orders_.contains(row.stream)) continue;
    const auto key = key_of(row.stream);
    if (!key || key->kind != entity_kind::order) continue;
    streams.push_back(row.stream);
    versions.push_back(row.version);
  }
  const auto histories = load_histories_(shard, streams);
  for (std::size_t at = 0; at < streams.size(); ++at) {
    auto& order = keep(key_of(streams[at]).value(), streams[at], shard).second.order.state;
    for (const auto& row : histories.at(at).rows) {  // all of them: orders have no snapshots
      if (row.version >= versions[at]) break;
      std::string why;
      const auto events = decode_order_events(row.body, why);
      if (!events) continue;  // as fold_row does
      for (const auto& event : *events) evolve(order, event, row.at);
    }
  }
}

projection::kept_orders::entry& projection::keep(const entity_key& key, const stream_id& stream, shard_id shard) {
  return orders_.put(stream, {{key.id, key.organization, {}, shard, 0}});
}

void projection::fold_row(shard_state& shard, kept_orders::entry& entry, const journal_row& row) {
  auto& kept = entry.second;
  std::string why;
  const auto events = decode_order_events(row.body, why);
  if (!events) return shard.unreadable.push_back(row.stream + ": " + why);
  for (const auto& event : *events) {
    evolve(kept.order.state, event, row.at);
    if (const auto* fill = std::get_if<order_filled>(&event)) {
      const position_key at{{kept.order.organization, fill->account}, fill->exchange, fill->symbol, fill->product};
      apply_fill(position_at(at), fill->direction, fill->quantity, fill->price, day_of(fill->at, utc_offset_minutes_));
      shard.changed_positions[at] = row.seq;
    }
  }
  kept.order.seq = row.seq;
  if (!std::exchange(kept.changed, true)) shard.changed.push_back(&entry);
}

/// One that has changed is nowhere else yet: it stays, and all that were used later.
void projection::let_orders_go() {
  while (orders_.size() > bounds_.orders && !orders_.oldest().second.changed) orders_.take_oldest();
}

projection_batch projection::take(shard_id shard) {
  projection_batch batch;
  batch.shard = shard;
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return batch;
  auto& state = found->second;
  batch.cursor_before = state.taken;
  batch.cursor = state.read;
  state.taken = state.read;
  batch.orders.reserve(state.changed.size());
  for (auto* entry : state.changed) {
    auto& kept = entry->second;
    kept.changed = false;
    if (is_closed(kept.order.state.status)) {
      batch.orders.push_back(std::move(kept.order));
      orders_.erase(entry->first);
    } else {
      batch.orders.push_back(kept.order);
    }
  }
  for (const auto& [key, seq] : state.changed_positions)
    batch.positions.push_back({key, accounts_.at(key.owner).at(key), seq});
  batch.unreadable = std::move(state.unreadable);
  state.changed.clear();
  state.changed_positions.clear();
  state.unreadable.clear();
  let_orders_go();
  let_accounts_go();
  return batch;
}

}  // namespace sb
