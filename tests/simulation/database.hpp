#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "domain/limits/risk_book.hpp"
#include "domain/orders/order.hpp"
#include "runtime/address.hpp"
#include "storage/memory/journal.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

/// PostgreSQL as the nodes meet it: the memory journal behind times in which it stalls or is down. It outlives every
/// node. Beside it the committed truth, folded as it is stored, which the invariants are checked against at once.
class database {
 public:
  database(timeline& time, trace& record) : time_{time}, trace_{record} {}

  // ---- statements, at the moment in which they arrive ----
  std::vector<append_outcome> append(const std::vector<shard_append>& parts);
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self);
  /// Everything else of the contract. Never fails: whether it can be reached is asked first.
  memory_journal& store() { return journal_; }

  void stall(std::int64_t ms) { stalled_until_ = std::max(stalled_until_, time_.now() + ms); }
  void restart(std::int64_t ms) { down_until_ = std::max(down_until_, time_.now() + ms); }
  bool down() const { return time_.now() < down_until_; }
  /// When a statement that arrives now is executed.
  std::int64_t answers_at() const { return std::max(time_.now(), stalled_until_); }
  bool reachable() const { return !down() && time_.now() >= stalled_until_; }
  void heal() { stalled_until_ = down_until_ = time_.now(); }

  /// Settlement's durable cursors.
  std::map<shard_id, std::int64_t> cursors;

  // ---- the committed truth ----
  const order_state& order(organization_id organization, const order_id& id) const;
  const risk_book& book(organization_id organization) const;
  std::int64_t version(const stream_id& stream) const;
  const std::map<stream_id, order_state>& orders() const { return orders_; }
  const std::map<organization_id, risk_book>& books() const { return books_; }
  const std::set<shard_id>& used_shards() const { return shards_; }
  /// Who owns the shard by the fence; empty when nobody does.
  std::string owner(shard_id shard) { return journal_.heads({shard}, {}).front().owner; }

 private:
  timeline& time_;
  trace& trace_;
  memory_journal journal_;
  std::int64_t stalled_until_ = 0;
  std::int64_t down_until_ = 0;
  std::map<stream_id, order_state> orders_;
  std::map<organization_id, risk_book> books_;
  std::map<stream_id, std::int64_t> versions_;
  std::map<shard_id, std::int64_t> epochs_;  ///< as this class saw them claimed
  std::set<shard_id> shards_;
};

}  // namespace sb::simulation
