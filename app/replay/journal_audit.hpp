#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/replay/check_result.hpp"
#include "domain/ids.hpp"
#include "domain/limits/risk_book.hpp"
#include "domain/orders/order.hpp"
#include "storage/event_record.hpp"

namespace sb::replay {

struct audited_fill {
  std::string fill_id;
  std::int64_t quantity = 0;
  money price;
};
/// One order as the journal tells it.
struct audited_order {
  order_status status = order_status::none;
  std::int64_t events = 0;
  bool reserved = false;    ///< its organization's book has reserved for it
  bool was_absent = false;  ///< found late, it works without a reservation: that was released
  organization_id organization;
  account_id account;
  std::string client_order_id;
  std::string exchange;
  std::string symbol;
  side direction = side::buy;
  product_type product = product_type::intraday;
  std::int64_t quantity = 0;
  money price;
  std::string broker_order_id;
  std::int64_t filled_quantity = 0;
  std::vector<audited_fill> fills;
};

/// Reads the whole journal from its first row and checks on the way what each row must be. It goes by the domain's
/// transition table and fold, but by none of the actors' code. Pure: the caller brings the rows.
class journal_audit {
 public:
  /// Shards in any order, each shard's rows in theirs, from seq 1.
  void take(const journal_row& row);
  /// Of the last row taken; 0 when there is none.
  std::int64_t seq_of(shard_id shard) const;

  const std::unordered_map<order_id, audited_order>& orders() const { return orders_; }
  const std::map<organization_id, risk_book>& books() const { return books_; }
  /// Rows follow each other without a gap, chained by their hashes; streams are in their shard and version by version;
  /// everything can be read.
  const check_result& rows() const { return row_check_; }
  /// Every event is a step of the order's life cycle, and no fill is there twice or beyond the quantity.
  const check_result& steps() const { return step_check_; }
  /// After each reservation every limit in force is kept.
  const check_result& limits() const { return limit_check_; }

 private:
  struct shard_end {
    std::int64_t seq = 0;
    std::int64_t epoch = 0;
    digest hash{};
  };
  void take_order_event(const journal_row& row, const order_id& id, organization_id organization,
                        const event_record& record);
  void take_book_event(const journal_row& row, organization_id organization, const event_record& record);
  void fold_fill(const std::string& at, audited_order& order, const order_filled& fill);

  std::unordered_map<shard_id, shard_end> shards_;
  std::unordered_map<stream_id, std::int64_t> versions_;  ///< of each stream's last event
  std::unordered_map<order_id, audited_order> orders_;
  std::map<organization_id, risk_book> books_;
  check_result row_check_{"the journal's rows follow each other, chained, version by version", 0, 0, {}};
  check_result step_check_{"every event is a step of its order's life", 0, 0, {}};
  check_result limit_check_{"every reservation is within all limits in force", 0, 0, {}};
};

/// "organization 7: daily_trading_limit 10.00 is exceeded: 12.00" for each limit that this reservation, already folded
/// into `book`, breaks. Word lists are not looked at: a reservation does not name its symbol.
std::vector<std::string> broken_limits(const risk_book& book, const limit_reserved& reserved);

}  // namespace sb::replay
