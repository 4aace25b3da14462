#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/limits/risk_book.hpp"
#include "domain/orders/order.hpp"
#include "runtime/address.hpp"
#include "storage/memory/journal.hpp"
#include "tests/simulation/tables.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

/// One event of the journal, decoded as it was stored.
struct stored_fact {
  const entity_key* key = nullptr;
  const journal_row* row = nullptr;  ///< without its body
  bool ends_row = false;
  std::variant<std::monostate, order_event, risk_event> what;
};

/// PostgreSQL as the nodes meet it: the memory journal behind times in which it stalls or is down, and the tables. It
/// outlives every node. Beside it the committed truth, folded as it is stored, which the invariants are checked against
/// at once.
class database {
 public:
  database(timeline& time, trace& record) : time_{time}, trace_{record} {}

  // ---- statements, at the moment in which they arrive ----
  std::vector<append_outcome> append(const std::vector<shard_append>& parts);
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self);
  /// Everything else of the contract. Never fails: whether it can be reached is asked first.
  memory_journal& store() { return journal_; }
  tables models;

  void stall(std::int64_t ms) { stalled_until_ = std::max(stalled_until_, time_.now() + ms); }
  void restart(std::int64_t ms) { down_until_ = std::max(down_until_, time_.now() + ms); }
  bool stalls() const { return !down() && time_.now() < stalled_until_; }
  bool down() const { return time_.now() < down_until_; }
  /// When a statement that arrives now is executed.
  std::int64_t answers_at() const { return std::max(time_.now(), stalled_until_); }
  bool reachable() const { return !down() && time_.now() >= stalled_until_; }
  void heal() { stalled_until_ = down_until_ = time_.now(); }

  /// Attempts of which an order was told that they can never be reserved.
  std::set<std::pair<order_id, std::int32_t>> voided;
  /// Settlement's durable cursors.
  std::map<shard_id, std::int64_t> cursors;

  // ---- the committed truth ----
  struct stored_order {
    organization_id organization;
    order_state state;
    std::vector<std::pair<order_event, wall_ms>> history;
  };
  const order_state& order(const order_id& id) const;
  /// What the first `version` events make of it.
  order_state order_at(const order_id& id, std::int64_t version) const;
  const risk_book& book(organization_id organization) const;
  /// The risk book holds capacity for the order.
  bool holds(organization_id organization, const order_id& id) const;
  std::int64_t version(const stream_id& stream) const;
  const std::map<order_id, stored_order>& orders() const { return orders_; }
  const std::map<organization_id, risk_book>& books() const { return books_; }
  /// Everything that was stored, in the order of the commits; so each shard's facts are in the shard's order.
  const std::vector<stored_fact>& facts() const { return facts_; }
  /// Of what was stored: the shard's last seq.
  std::int64_t head(shard_id shard) const;
  /// Who owns the shard by the fence; empty when nobody does.
  std::string owner(shard_id shard) { return journal_.heads({shard}, {}).front().owner; }
  /// The epoch under which the row was to be stored.
  std::int64_t epoch_at(shard_id shard, std::int64_t seq) const;
  std::uint64_t take_overs() const { return take_overs_; }

 private:
  struct claimed {
    std::int64_t epoch = 0;
    std::int64_t head = 0;
    std::string by;
  };
  void keep(const journal_row& row);

  timeline& time_;
  trace& trace_;
  memory_journal journal_;
  std::int64_t stalled_until_ = 0;
  std::int64_t down_until_ = 0;
  std::map<order_id, stored_order> orders_;
  std::map<organization_id, risk_book> books_;
  struct stored_stream {
    entity_key key;
    std::int64_t version = 0;
  };
  std::map<stream_id, stored_stream> streams_;
  std::map<shard_id, std::int64_t> heads_;
  std::map<shard_id, std::vector<claimed>> claims_;  ///< as this class saw them
  std::deque<journal_row> rows_;
  std::vector<stored_fact> facts_;
  std::uint64_t take_overs_ = 0;
};

}  // namespace sb::simulation
