#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <span>
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

/// An order that was not kept: asked for as its rows before `before_version` left it.
struct order_wanted {
  entity_key key;
  std::int64_t before_version = 0;
};
/// What stays in memory beyond what is not taken yet; the ones used last.
struct projection_bounds {
  std::size_t accounts = 100'000;  ///< accounts and their positions together; accounts are kept whole
  std::size_t orders = 50'000;     ///< open orders
};

class projection {
 public:
  /// States of these orders, of one shard, folded from their streams, in the order asked; an account's positions as
  /// they are stored. Called for what is not in memory; what they throw passes through fold().
  using load_orders = std::function<std::vector<order_state>(const std::vector<order_wanted>&)>;
  using load_account = std::function<std::map<position_key, position>(const position_owner&)>;

  projection(std::int32_t utc_offset_minutes, load_orders orders, load_account accounts, projection_bounds bounds = {});

  void follow(shard_id shard, std::int64_t cursor);
  void drop(shard_id shard);
  bool follows(shard_id shard) const { return shards_.contains(shard); }
  /// The last row folded in.
  std::int64_t position_of(shard_id shard) const;
  /// Rows that were folded and not taken, of all shards.
  std::int64_t rows_to_take() const;
  /// Folds rows that continue the shard; false when there is a gap (nothing after it is folded).
  bool fold(shard_id shard, const std::vector<journal_row>& rows);
  /// What changed in this shard since the last call. Closed orders, and what is beyond the bounds, leave memory with
  /// it: the caller stores the batch, or drops the shard, before it folds anything more.
  projection_batch take(shard_id shard);
  std::size_t accounts_kept() const { return accounts_.size(); }
  std::size_t orders_kept() const { return orders_.size(); }

 private:
  struct kept_order;
  using order_entry = std::pair<const stream_id, kept_order>;  ///< of orders_, where it stays while it is kept
  struct kept_order {
    projected_order order;
    bool changed = false;                     ///< since its shard was taken
    std::list<order_entry*>::iterator place;  ///< in used_orders_
  };
  struct shard_state {
    std::int64_t read = 0;
    std::int64_t taken = 0;
    std::vector<order_entry*> changed;
    std::map<position_key, std::int64_t> changed_positions;
    std::vector<std::string> unreadable;
  };
  struct kept_account {
    std::map<position_key, position> positions;
    std::list<position_owner>::iterator place;  ///< in used_
  };
  void load_missing(shard_id shard, std::span<const journal_row> rows);
  void keep(const entity_key& key, const stream_id& stream, shard_id shard, order_state state);
  void fold_row(shard_state& shard, order_entry& entry, const journal_row& row);
  void forget(order_entry& entry);
  void let_orders_go();
  kept_account& account_of(const position_owner& owner);
  position& position_at(const position_key& key);
  bool has_changed(const position_owner& owner) const;
  void let_accounts_go();

  std::int32_t utc_offset_minutes_;
  load_orders load_orders_;
  load_account load_account_;
  projection_bounds bounds_;
  std::map<shard_id, shard_state> shards_;
  std::unordered_map<stream_id, kept_order> orders_;  ///< those that more events are expected of
  std::list<order_entry*> used_orders_;               ///< of orders_, the last changed first
  std::map<position_owner, kept_account> accounts_;
  std::list<position_owner> used_;  ///< keys of accounts_, the last filled first
  std::size_t kept_ = 0;            ///< accounts and their positions
};

}  // namespace sb
