#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "actors/trade/brokers/paper_log.hpp"
#include "app/replay/check_result.hpp"
#include "app/replay/flow_runner.hpp"
#include "app/replay/journal_audit.hpp"
#include "domain/ids.hpp"

/// What must hold between the answers, the journal, the broker's log and the projections once nothing moves. Pure.
namespace sb::replay {

/// Every order that was answered is in the journal as it was sent, and no answer is contradicted: what was accepted is
/// not denied, what was canceled is canceled, every acknowledged fill is there.
check_result check_acknowledged(const journal_audit& journal, std::span<const acknowledged_order> orders);

/// No client id made two orders at the broker, and each had a reservation.
check_result check_at_most_once(const journal_audit& journal, const paper_log_summary& broker);

/// Each order of the broker's has the same state and the same fills in the journal, and the journal has no others
/// there.
check_result check_broker_agrees(const journal_audit& journal, const paper_log_summary& broker);

/// No order waits for an outcome.
check_result check_no_open_work(const journal_audit& journal);

/// Books hold capacity for exactly the orders that can still trade.
check_result check_reservations(const journal_audit& journal);

/// The orders that the journal has as working are those that the broker has as working.
check_result check_working_orders(const journal_audit& journal, const paper_log_summary& broker);

struct position_key {
  account_id account;
  std::string exchange;
  std::string symbol;
  product_type product = product_type::intraday;
  friend auto operator<=>(const position_key&, const position_key&) = default;
};
using net_positions = std::map<position_key, std::int64_t>;
/// Net quantities folded from fills; flat positions are left out.
net_positions positions_of(const journal_audit& journal);
net_positions positions_of(const paper_log_summary& broker);
/// `projected` likewise without flat positions.
check_result check_positions(const net_positions& journal, const net_positions& broker, const net_positions& projected);

/// What the projection `orders` says of an order.
struct projected_order {
  order_id id;
  std::string state;
  std::int64_t filled_quantity = 0;
};
/// One row for each order of the journal that was requested, with its state and filled quantity.
check_result check_projected_orders(const journal_audit& journal, std::span<const projected_order> rows);

/// "OK      every ... (24894 checked)" or "FAILED  ... (3 of 24894)" and a line for each of the first offenders.
std::string format_check(const check_result& result);

}  // namespace sb::replay
