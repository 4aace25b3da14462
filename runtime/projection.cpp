#include "runtime/projection.hpp"

#include <string_view>
#include <unordered_set>
#include <utility>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"

namespace sb {

projection::projection(std::int32_t utc_offset_minutes, load_orders orders, load_account accounts,
                       projection_bounds bounds)
    : utc_offset_minutes_{utc_offset_minutes},
      load_orders_{std::move(orders)},
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
  std::erase_if(orders_, [&](const auto& entry) {
    if (entry.second.order.shard != shard) return false;
    used_orders_.erase(entry.second.place);
    return true;
  });
  std::erase_if(accounts_, [&](const auto& entry) {
    if (shard_of(shard_role::trade, entry.first.organization) != shard) return false;
    used_.erase(entry.second.place);
    kept_ -= 1 + entry.second.positions.size();
    return true;
  });
}

projection::kept_account& projection::account_of(const position_owner& owner) {
  const auto found = accounts_.find(owner);
  if (found != accounts_.end()) {
    used_.splice(used_.begin(), used_, found->second.place);
    return found->second;
  }
  auto stored = load_account_(owner);
  kept_ += 1 + stored.size();
  used_.push_front(owner);
  return accounts_.emplace(owner, kept_account{std::move(stored), used_.begin()}).first->second;
}

/// One that its account does not have yet is flat.
position& projection::position_at(const position_key& key) {
  const auto [place, fresh] = account_of(key.owner).positions.try_emplace(key);
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
  while (kept_ > bounds_.accounts && !has_changed(used_.back())) {
    const auto last = accounts_.find(used_.back());
    kept_ -= 1 + last->second.positions.size();
    accounts_.erase(last);
    used_.pop_back();
  }
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
    const auto key = key_of(row->stream);
    if (!key || key->kind != entity_kind::order) continue;
    auto order = orders_.find(row->stream);
    if (order == orders_.end()) {
      if (row->version == 1) {
        keep(*key, row->stream, shard, {});
      } else {
        load_missing(shard, {row, rows.end()});
      }
      order = orders_.find(row->stream);
    }
    fold_row(state, *order, *row);
  }
  return true;
}

/// Orders that began before these rows and are not kept, all with one question.
void projection::load_missing(shard_id shard, std::span<const journal_row> rows) {
  std::vector<order_wanted> wanted;
  std::vector<const stream_id*> streams;
  std::unordered_set<std::string_view> seen;
  auto before = rows.front().seq - 1;
  for (const auto& row : rows) {
    if (row.seq != std::exchange(before, row.seq) + 1) break;  // nothing behind a gap is folded now
    if (!seen.insert(row.stream).second || row.version == 1 || orders_.contains(row.stream)) continue;
    auto key = key_of(row.stream);
    if (!key || key->kind != entity_kind::order) continue;
    wanted.push_back({*std::move(key), row.version});
    streams.push_back(&row.stream);
  }
  auto loaded = load_orders_(wanted);
  for (std::size_t at = 0; at < wanted.size(); ++at)
    keep(wanted[at].key, *streams[at], shard, std::move(loaded.at(at)));
}

void projection::keep(const entity_key& key, const stream_id& stream, shard_id shard, order_state state) {
  auto& entry = *orders_.try_emplace(stream).first;
  entry.second.order = {key.id, key.organization, std::move(state), shard, 0};
  used_orders_.push_front(&entry);
  entry.second.place = used_orders_.begin();
}

void projection::forget(order_entry& entry) {
  used_orders_.erase(entry.second.place);
  orders_.erase(orders_.find(entry.first));
}

void projection::fold_row(shard_state& shard, order_entry& entry, const journal_row& row) {
  auto& kept = entry.second;
  auto& order = kept.order.state;
  if (order.version >= row.version + row.events - 1) return;  // loaded from a stream that was ahead of the cursor
  std::string why;
  const auto events = unpack(row.body, why);
  if (!events) return shard.unreadable.push_back(row.stream + ": " + why);
  std::vector<order_event> facts;
  facts.reserve(events->size());
  for (const auto& event : *events) {
    auto fact = decode_order_event(event, why);
    if (!fact) return shard.unreadable.push_back(row.stream + ": " + why);
    facts.push_back(*std::move(fact));
  }
  for (const auto& fact : facts) {
    evolve(order, fact, row.at);
    if (const auto* fill = std::get_if<order_filled>(&fact)) {
      const position_key at{{kept.order.organization, fill->account}, fill->exchange, fill->symbol, fill->product};
      apply_fill(position_at(at), fill->direction, fill->quantity, fill->price, day_of(fill->at, utc_offset_minutes_));
      shard.changed_positions[at] = row.seq;
    }
  }
  kept.order.seq = row.seq;
  used_orders_.splice(used_orders_.begin(), used_orders_, kept.place);
  if (!std::exchange(kept.changed, true)) shard.changed.push_back(&entry);
}

/// One that has changed is nowhere else yet: it stays, and all that changed later.
void projection::let_orders_go() {
  while (orders_.size() > bounds_.orders && !used_orders_.back()->second.changed) forget(*used_orders_.back());
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
      forget(*entry);
    } else {
      batch.orders.push_back(kept.order);
    }
  }
  for (const auto& [key, seq] : state.changed_positions)
    batch.positions.push_back({key, accounts_.at(key.owner).positions.at(key), seq});
  batch.unreadable = std::move(state.unreadable);
  state.changed.clear();
  state.changed_positions.clear();
  state.unreadable.clear();
  let_orders_go();
  let_accounts_go();
  return batch;
}

}  // namespace sb
