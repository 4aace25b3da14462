#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/orders/order.hpp"
#include "domain/positions/position.hpp"
#include "runtime/address.hpp"
#include "storage/event_record.hpp"

/// The read models `orders` and `positions` as folds over committed trade rows. Sans-I/O: what is not in memory is
/// asked of two functions, and what changed since the last take() is handed out to be written in one transaction with
/// the cursor.
namespace sb {

struct projected_order {
  order_id id;
  organization_id organization;
  order_state state;
  shard_id shard = 0;
  std::int64_t seq = 0;
};
struct position_owner {
  organization_id organization;
  account_id account;
  friend auto operator<=>(const position_owner&, const position_owner&) = default;
};
struct position_key {
  position_owner owner;
  std::string exchange;
  std::string symbol;
  product_type product = product_type::intraday;
  friend auto operator<=>(const position_key&, const position_key&) = default;
};
struct projected_position {
  position_key key;
  position held;
  std::int64_t seq = 0;
};
struct projection_batch {
  shard_id shard = 0;
  std::int64_t cursor_before = 0;
  std::int64_t cursor = 0;
  std::vector<projected_order> orders;
  std::vector<projected_position> positions;
  std::vector<std::string> unreadable;  ///< rows that could not be folded; their streams are left out from there on
};

class projection {
 public:
  /// An order's state as of the cursor, folded from its stream; an account's positions as they are stored. Called for
  /// what is not in memory.
  using load_order = std::function<order_state(const entity_key&, std::int64_t before_version)>;
  using load_account = std::function<std::map<position_key, position>(const position_owner&)>;

  /// Accounts are kept whole: those that changed since they were taken, and of the others the ones that were filled
  /// last, `kept_max` accounts and positions together. What is not kept is loaded again.
  projection(std::int32_t utc_offset_minutes, load_order orders, load_account accounts, std::size_t kept_max = 100'000);

  void follow(shard_id shard, std::int64_t cursor);
  void drop(shard_id shard);
  bool follows(shard_id shard) const { return shards_.contains(shard); }
  /// The last row folded in.
  std::int64_t position_of(shard_id shard) const;
  /// Rows that were folded and not taken, of all shards.
  std::int64_t rows_to_take() const;
  /// Folds rows that continue the shard; false when there is a gap (nothing after it is folded).
  bool fold(shard_id shard, const std::vector<journal_row>& rows);
  /// What changed in this shard since the last call. Closed orders, and accounts beyond the bound, leave memory with
  /// it: the caller stores the batch, or drops the shard, before it folds anything more.
  projection_batch take(shard_id shard);
  std::size_t accounts_kept() const { return accounts_.size(); }

 private:
  struct shard_state {
    std::int64_t read = 0;
    std::int64_t taken = 0;
    std::unordered_map<order_id, projected_order> changed;
    std::map<position_key, std::int64_t> changed_positions;
    std::vector<std::string> unreadable;
  };
  struct kept_account {
    std::map<position_key, position> positions;
    std::list<position_owner>::iterator place;  ///< in used_
  };
  void fold_row(shard_state& shard, const entity_key& key, const journal_row& row);
  kept_account& account_of(const position_owner& owner);
  position& position_at(const position_key& key);
  bool has_changed(const position_owner& owner) const;
  void let_accounts_go();

  std::int32_t utc_offset_minutes_;
  load_order load_order_;
  load_account load_account_;
  std::map<shard_id, shard_state> shards_;
  std::unordered_map<stream_id, order_state> open_;  ///< orders that more events are expected of
  std::size_t kept_max_;
  std::map<position_owner, kept_account> accounts_;
  std::list<position_owner> used_;  ///< keys of accounts_, the last filled first
  std::size_t kept_ = 0;            ///< accounts and their positions
};

}  // namespace sb
