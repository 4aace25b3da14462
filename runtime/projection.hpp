#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "domain/orders/order.hpp"
#include "domain/positions/position.hpp"
#include "runtime/address.hpp"
#include "runtime/recently_used.hpp"
#include "storage/journal.hpp"

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
  std::vector<std::string> unreadable;  ///< rows that could not be folded and are left out
};

/// What stays in memory beyond what is not taken yet; the ones used last.
struct projection_bounds {
  std::size_t accounts = 100'000;  ///< accounts and their positions together; accounts are kept whole
  std::size_t orders = 50'000;     ///< open orders
};

class projection {
 public:
  /// Called for what is not in memory; what they throw passes through fold(). All that is stored of these streams of a
  /// shard, in the order asked, each at most once for the rows that are given to a fold(): it may be ahead of the
  /// cursor, and what was not seen yet is not folded. An account's positions as they are stored.
  using load_histories = std::function<std::vector<stream_history>(shard_id, const std::vector<stream_id>&)>;
  using load_account = std::function<std::map<position_key, position>(const position_owner&)>;

  projection(std::int32_t utc_offset_minutes, load_histories histories, load_account accounts,
             projection_bounds bounds = {});

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
  struct kept_order {
    projected_order order;
    bool changed = false;  ///< since its shard was taken
  };
  using account_positions = std::map<position_key, position>;
  using kept_orders = recently_used<stream_id, kept_order>;
  /// An account's number is given once, whatever the organization.
  struct owner_hash {
    std::size_t operator()(const position_owner& owner) const noexcept {
      return std::hash<account_id>{}(owner.account);
    }
  };
  struct shard_state {
    std::int64_t read = 0;
    std::int64_t taken = 0;
    std::vector<kept_orders::entry*> changed;  ///< of orders_, which keeps them until they are taken
    std::map<position_key, std::int64_t> changed_positions;
    std::vector<std::string> unreadable;
  };
  kept_orders::entry* order_of(shard_id shard, std::span<const journal_row> rows);
  void load_missing(shard_id shard, std::span<const journal_row> rows);
  kept_orders::entry& keep(const entity_key& key, const stream_id& stream, shard_id shard);
  void fold_row(shard_state& shard, kept_orders::entry& entry, const journal_row& row);
  void let_orders_go();
  account_positions& account_of(const position_owner& owner);
  position& position_at(const position_key& key);
  bool has_changed(const position_owner& owner) const;
  void let_accounts_go();

  std::int32_t utc_offset_minutes_;
  load_histories load_histories_;
  load_account load_account_;
  projection_bounds bounds_;
  std::map<shard_id, shard_state> shards_;
  kept_orders orders_;  ///< those that more events are expected of
  recently_used<position_owner, account_positions, owner_hash> accounts_;
  std::size_t kept_ = 0;  ///< accounts and their positions
};

}  // namespace sb
