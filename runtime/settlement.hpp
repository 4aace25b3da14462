#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/limits/risk_book.hpp"
#include "runtime/address.hpp"
#include "runtime/messages.hpp"
#include "storage/event_record.hpp"

/// Settlement tells each risk book what became of its orders, exactly once: it follows the committed rows of the trade
/// shards and sends {prev_seq, seq, facts}; the book journals settled_seq with what it folds. Lost, late and doubled
/// messages do no harm.
namespace sb {

/// An order's committed events that a risk book must hear of: fills and the end.
std::vector<order_fact> facts_of(const entity_key& order, const journal_row& row, std::int32_t utc_offset_minutes,
                                 std::string& why);

struct settle_ask {
  organization_id organization;
  std::variant<ask_settled, settle_request> what;
};
/// To the organization's book, which need not look them up. Nobody answers; it may be lost.
struct seen_told {
  organization_id organization;
  orders_seen what;
};
/// Rows after `after` are needed: there is a gap.
struct rows_wanted {
  shard_id shard = 0;
  std::int64_t after = 0;
};
/// Every book has settled all rows up to `seq`.
struct cursor_moved {
  shard_id shard = 0;
  std::int64_t seq = 0;
};
struct settlement_alarm {
  std::string what;
};
using settlement_output = std::variant<settle_ask, seen_told, rows_wanted, cursor_moved, settlement_alarm>;
using settlement_outputs = std::vector<settlement_output>;

class settlement {
 public:
  /// One message carries at most `facts_max`; beyond `pending_max` waiting facts no more rows are taken in.
  settlement(std::int32_t utc_offset_minutes, std::size_t facts_max, std::size_t pending_max, std::int64_t retry_ms);

  /// A trade shard that this node owns, and how far it was settled for sure (the durable cursor).
  void follow(shard_id shard, std::int64_t cursor, settlement_outputs& out);
  void drop(shard_id shard);
  void rows(shard_id shard, const std::vector<journal_row>& rows, boot_ms now, settlement_outputs& out);
  /// The same of rows that were committed a moment ago: their books are told which orders are new. Of what is read
  /// later they are not, because that can come much faster.
  void committed(shard_id shard, const std::vector<journal_row>& rows, boot_ms now, settlement_outputs& out);
  void answered(const settled& in, boot_ms now, settlement_outputs& out);
  /// At least each second: repeats what got no answer, asks for rows that a lost hint did not bring.
  void tick(boot_ms now, settlement_outputs& out);

  /// Rows taken in but not settled, over all shards.
  std::int64_t lag() const;

 private:
  struct book {
    std::optional<std::int64_t> settled;  ///< as the book itself said
    std::deque<order_fact> facts;
    std::vector<order_id> seen;  ///< for the next tick
    std::int64_t asked_seq = 0;  ///< 0: nothing is out
    bool asking = false;         ///< ask_settled is out
    boot_ms asked_at;
  };
  struct shard_state {
    std::int64_t read = 0;    ///< last row taken in
    std::int64_t cursor = 0;  ///< last row that every book has settled
    std::map<organization_id, book> books;
  };

  void push(shard_state& shard, organization_id organization, book& target, boot_ms now, settlement_outputs& out) const;
  static void tell_seen(organization_id organization, book& target, settlement_outputs& out);
  void move_cursor(shard_id id, shard_state& shard, settlement_outputs& out);

  std::int32_t utc_offset_minutes_;
  std::size_t facts_max_;
  std::size_t pending_max_;
  std::int64_t retry_ms_;
  std::map<shard_id, shard_state> shards_;
  std::size_t pending_ = 0;
};

}  // namespace sb
