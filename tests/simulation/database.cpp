#include "tests/simulation/database.hpp"

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"

namespace sb::simulation {

std::vector<append_outcome> database::append(const std::vector<shard_append>& parts) {
  auto outcomes = journal_.append(parts, {});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    trace_.note(time_.now(), "append", part.shard, part.epoch, part.head_before,
                static_cast<std::int64_t>(part.rows.size()), static_cast<std::int64_t>(outcomes[i].status));
    if (outcomes[i].status != append_status::stored) continue;
    shards_.insert(part.shard);
    if (part.epoch != epochs_[part.shard]) {
      throw broken_invariant{"I8: a row of epoch " + std::to_string(part.epoch) + " was stored in shard " +
                             std::to_string(part.shard) + " under epoch " + std::to_string(epochs_[part.shard])};
    }
    for (const auto& row : part.rows) {
      std::string why;
      const auto key = key_of(row.stream);
      const auto events = unpack(row.body, why);
      if (!key || !events) throw broken_invariant{"an unreadable row was stored: " + row.stream + " " + why};
      if (row.version != versions_[row.stream] + 1) {
        throw broken_invariant{"I7: " + row.stream + " has version " + std::to_string(row.version) + " after " +
                               std::to_string(versions_[row.stream])};
      }
      versions_[row.stream] += row.events;
      for (const auto& event : *events) {
        trace_.note(time_.now(), " ", row.stream, event.type);
        if (key->kind == entity_kind::order) {
          const auto fact = decode_order_event(event, why);
          if (!fact) throw broken_invariant{"an unreadable event was stored: " + row.stream + " " + why};
          evolve(orders_[row.stream], *fact, row.at);
        } else if (key->kind == entity_kind::book) {
          const auto fact = decode_risk_event(event, why);
          if (!fact) throw broken_invariant{"an unreadable event was stored: " + row.stream + " " + why};
          auto& book = books_[key->organization];
          book.organization = key->organization;
          evolve(book, *fact);
        }
      }
    }
  }
  return outcomes;
}

std::vector<claim_outcome> database::claim(const std::vector<claim_request>& shards, const node_identity& self) {
  auto outcomes = journal_.claim(shards, self, {}, {});
  for (const auto& outcome : outcomes) {
    trace_.note(time_.now(), "claim", outcome.shard, self.node, static_cast<std::int64_t>(outcome.status),
                outcome.head.epoch);
    if (outcome.status == claim_status::claimed) epochs_[outcome.shard] = outcome.head.epoch;
  }
  return outcomes;
}

const order_state& database::order(organization_id organization, const order_id& id) const {
  static const order_state none;
  const auto found = orders_.find(stream_of(order_key(organization, id)));
  return found == orders_.end() ? none : found->second;
}

const risk_book& database::book(organization_id organization) const {
  static const risk_book none;
  const auto found = books_.find(organization);
  return found == books_.end() ? none : found->second;
}

std::int64_t database::version(const stream_id& stream) const {
  const auto found = versions_.find(stream);
  return found == versions_.end() ? 0 : found->second;
}

}  // namespace sb::simulation
