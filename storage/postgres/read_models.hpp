#pragma once
#include <optional>
#include <string>
#include <vector>

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "storage/postgres/connection.hpp"

namespace sb::postgres {

/// One order as lists show it. Words (side, state, ...) are those of the API; empty text is "none".
struct order_row {
  order_id id;
  organization_id organization;
  user_id user;
  account_id account;
  std::string client_order_id;
  std::string exchange;
  std::string symbol;
  std::string side;
  std::string order_type;
  std::string product_type;
  std::string validity;
  std::int64_t quantity = 0;
  money price;
  std::string state;
  bool cancel_requested = false;
  std::string broker_order_id;
  std::int64_t filled_quantity = 0;
  money average_price;
  std::string reason;
  std::int64_t version = 0;
  wall_ms created_at;
  wall_ms updated_at;
  trading_day day;
  shard_id shard = 0;
  std::int64_t seq = 0;  ///< of the newest journal row folded in
  friend bool operator==(const order_row&, const order_row&) = default;
};

/// One account's position in one instrument and product. Values are sums of price x quantity.
struct position_row {
  organization_id organization;
  account_id account;
  std::string exchange;
  std::string symbol;
  std::string product_type;
  trading_day day;  ///< of the day_ columns
  std::int64_t day_buy_quantity = 0;
  std::int64_t day_sell_quantity = 0;
  money day_buy_value;
  money day_sell_value;
  std::int64_t net_buy_quantity = 0;
  std::int64_t net_sell_quantity = 0;
  money net_buy_value;
  money net_sell_value;
  std::int64_t net_quantity = 0;
  money average_price;
  money realized_pnl;
  money last_price;  ///< of the last fill
  wall_ms last_fill_at;
  wall_ms updated_at;
  shard_id shard = 0;
  std::int64_t seq = 0;
  friend bool operator==(const position_row&, const position_row&) = default;
};

/// What one projection learned from the rows (expected, seq] of one shard.
struct projection_batch {
  shard_id shard = 0;
  std::int64_t expected = 0;  ///< the cursor this batch was folded from; 0 when there is none
  std::int64_t seq = 0;       ///< the cursor after it
  std::vector<order_row> orders;
  std::vector<position_row> positions;
};

struct order_filter {
  organization_id organization;  ///< always: no list crosses tenants
  std::optional<account_id> account;
  std::optional<user_id> user;
  std::optional<std::string> state;
  std::optional<std::string> symbol;
  std::optional<wall_ms> from;  ///< created at or after
  std::optional<wall_ms> to;    ///< created before
};
/// Where a page ended; the next one starts behind it.
struct order_cursor {
  wall_ms created_at;
  order_id id;
};
struct open_order_row {
  organization_id organization;
  order_cursor place;  ///< among the shard's
};
struct shard_cursor {
  shard_id shard = 0;
  std::int64_t seq = 0;
};

/// The lists that projections keep. Used by one thread at a time; every call throws storage_unavailable when PostgreSQL
/// cannot be reached or does not answer in time.
class read_models {
 public:
  /// Plans: custom for lists, whose filters differ; generic for who only writes and reads by key, always alike.
  read_models(std::string conninfo, const node_identity& self, plans planning = plans::custom);

  /// Writes each shard's rows and cursor together, or nothing of that shard; shards are independent, none twice.
  /// Answers those that were written. Of the others the stored cursor is not `expected` (another projector was here, or
  /// an earlier batch whose answer was lost did land): read the cursors and go on from there. Of several rows for one
  /// key the one with the greatest seq counts, and a stored row with a greater or equal seq stays. One statement: what
  /// PostgreSQL refuses in one part keeps all of them out. Throws std::invalid_argument for a row under another shard.
  std::vector<shard_id> apply(const std::string& projection, const std::vector<projection_batch>& parts,
                              deadline within);
  std::vector<shard_cursor> cursors(const std::string& projection, deadline within);

  /// Newest first: created_at, then order id, both descending. `limit` rows at most; pass the last one as `after` for
  /// more.
  std::vector<order_row> list_orders(const order_filter& filter, std::int32_t limit,
                                     const std::optional<order_cursor>& after, deadline within);
  /// By id alone: for the platform's own tools, not for a tenant's request.
  std::optional<order_row> find_order(const order_id& order, deadline within);
  /// Every order of a trade shard that was not closed at the cursor of "orders"; of the absent ones those of the seven
  /// calendar days that end with the shard's newest absent order's. Oldest first: created_at, then order id bytewise,
  /// both ascending. `limit` at most; pass the last one's place as `after` for more.
  std::vector<open_order_row> open_orders(shard_id shard, const std::optional<order_cursor>& after, std::int32_t limit,
                                          deadline within);
  /// Sets a cursor that has no rows beside it (settlement). Never moves it back.
  void save_cursor(const std::string& projection, shard_id shard, std::int64_t seq, deadline within);
  std::int64_t count_orders(organization_id organization, std::optional<user_id> user, trading_day day,
                            deadline within);
  std::vector<position_row> list_positions(organization_id organization, account_id account, deadline within);

 private:
  connection connection_;
};

}  // namespace sb::postgres
