#include "tests/simulation/database.hpp"

#include <algorithm>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"
#include "tests/simulation/invariants.hpp"

namespace sb::simulation {

std::vector<append_outcome> database::append(const std::vector<shard_append>& parts) {
  auto outcomes = journal_.append(parts, {});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    trace_.note(time_.now(), "append", part.shard, part.epoch, part.head_before, std::ssize(part.rows),
                static_cast<std::int64_t>(outcomes[i].status));
    if (outcomes[i].status != append_status::stored) continue;
    const auto& known = claims_[part.shard];
    stored_under_the_epoch_in_force(part, known.empty() ? 0 : known.back().epoch);
    for (const auto& row : part.rows) keep(row);
  }
  return outcomes;
}

void database::keep(const journal_row& row) {
  std::string why;
  const auto events = unpack(row.body, why);
  auto [at, fresh] = streams_.try_emplace(row.stream);
  auto& stream = at->second;
  if (fresh) {
    const auto key = key_of(row.stream);
    if (!key) throw broken_invariant{"I7", "an unreadable name was stored: " + row.stream};
    stream.key = *key;
  }
  if (!events) throw broken_invariant{"I7", "an unreadable row was stored: " + row.stream + " " + why};
  follows_its_stream(row, stream.version);
  stream.version += row.events;

  heads_[row.shard] = row.seq;
  auto& kept = rows_.emplace_back();
  kept.shard = row.shard;
  kept.seq = row.seq;
  kept.stream = row.stream;
  kept.version = row.version;
  kept.events = row.events;
  kept.at = row.at;
  kept.epoch = row.epoch;
  const auto& key = stream.key;
  const auto unreadable = [&] {
    return broken_invariant{"I7", "an unreadable event was stored: " + row.stream + " " + why};
  };
  for (const auto& event : *events) {
    trace_.note(time_.now(), " ", row.stream, event.type);
    stored_fact stored{&key, &kept, &event == &events->back(), {}};
    if (key.kind == entity_kind::order) {
      auto fact = decode_order_event(event, why);
      if (!fact) throw unreadable();
      auto& order = orders_[key.id];
      order.organization = key.organization;
      belongs_to_a_day_that_is_here(*fact, time_.wall());
      evolve(order.state, *fact, row.at);
      order.history.emplace_back(*fact, row.at);
      stored.what = std::move(*fact);
    } else if (key.kind == entity_kind::book) {
      auto fact = decode_risk_event(event, why);
      if (!fact) throw unreadable();
      auto& book = books_[key.organization];
      book.organization = key.organization;
      rolls_to_a_day_that_is_here(book, *fact, time_.wall());
      what_was_voided_is_never_reserved(*this, *fact);
      evolve(book, *fact);
      stored.what = std::move(*fact);
    }
    facts_.push_back(std::move(stored));
  }
}

std::vector<claim_outcome> database::claim(const std::vector<claim_request>& shards, const node_identity& self) {
  auto outcomes = journal_.claim(shards, self, {}, {});
  for (const auto& outcome : outcomes) {
    trace_.note(time_.now(), "claim", outcome.shard, self.node, static_cast<std::int64_t>(outcome.status),
                outcome.head.epoch);
    if (outcome.status != claim_status::claimed) continue;
    auto& known = claims_[outcome.shard];
    if (!known.empty() && known.back().by != self.node) ++take_overs_;
    known.push_back({outcome.head.epoch, outcome.head.head, self.node});
  }
  return outcomes;
}

std::int64_t database::epoch_at(shard_id shard, std::int64_t seq) const {
  const auto found = claims_.find(shard);
  if (found == claims_.end()) return 0;
  const auto& known = found->second;
  const auto after = std::find_if(known.rbegin(), known.rend(), [&](const claimed& one) { return one.head < seq; });
  return after == known.rend() ? 0 : after->epoch;
}

std::int64_t database::head(shard_id shard) const {
  const auto found = heads_.find(shard);
  return found == heads_.end() ? 0 : found->second;
}

const order_state& database::order(const order_id& id) const {
  static const order_state none;
  const auto found = orders_.find(id);
  return found == orders_.end() ? none : found->second.state;
}

order_state database::order_at(const order_id& id, std::int64_t version) const {
  order_state state;
  const auto found = orders_.find(id);
  if (found == orders_.end()) return state;
  for (const auto& [fact, at] : found->second.history) {
    if (state.version == version) break;
    evolve(state, fact, at);
  }
  return state;
}

const risk_book& database::book(organization_id organization) const {
  static const risk_book none;
  const auto found = books_.find(organization);
  return found == books_.end() ? none : found->second;
}

bool database::holds(organization_id organization, const order_id& id) const {
  const auto& reservations = book(organization).reservations;
  const auto found = reservations.find(id);
  return found != reservations.end() && found->second.state == reservation_state::held;
}

std::int64_t database::version(const stream_id& stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? 0 : found->second.version;
}

}  // namespace sb::simulation
