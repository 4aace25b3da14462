#include "app/replay/check_run.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runtime/address.hpp"

namespace sb::replay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds statement_deadline{10'000};
constexpr milliseconds reach_deadline{3'000};
constexpr milliseconds pause{250};
constexpr std::int32_t page_rows = 2'000;

node_identity self() { return {"replay", ::getpid()}; }

}  // namespace

check_run::check_run(const std::string& conninfo, std::filesystem::path paper_log)
    : journal_{conninfo, self()}, projections_{conninfo, self()}, paper_log_{std::move(paper_log)} {}

void check_run::require_sources() {
  journal_.heads({0}, reach_deadline);
  if (!std::ifstream{paper_log_, std::ios::binary})
    throw std::runtime_error{paper_log_.string() + ": cannot be opened"};
}

std::vector<check_result> check_run::until_quiet(std::span<const acknowledged_order> orders, milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    std::vector<check_result> results;
    try {
      results = look(orders);
    } catch (const std::runtime_error& error) {
      check_result unread{"journal, broker's log and projections can be read", 1, 0, {}};
      unread.offend(error.what());
      results.push_back(std::move(unread));
    }
    const bool green = std::all_of(results.begin(), results.end(), [](const auto& result) { return result.holds(); });
    // Rows of the journal never change, so what is wrong with them no waiting mends.
    const bool hopeless = !audit_.rows().holds() || !audit_.steps().holds() || !audit_.limits().holds();
    if (green || hopeless || std::chrono::steady_clock::now() >= until) return results;
    std::this_thread::sleep_for(pause);
  }
}

std::vector<check_result> check_run::look(std::span<const acknowledged_order> orders) {
  catch_up();
  const auto broker = read_paper_log();
  std::vector<check_result> results{audit_.rows(),
                                    audit_.steps(),
                                    check_acknowledged(audit_, orders),
                                    check_at_most_once(audit_, broker),
                                    check_broker_agrees(audit_, broker),
                                    audit_.limits(),
                                    check_reservations(audit_),
                                    check_no_open_work(audit_),
                                    check_working_orders(audit_, broker)};
  results.push_back(check_positions(positions_of(audit_), positions_of(broker), read_positions()));
  results.push_back(check_projected_orders(audit_, read_orders()));
  return results;
}

void check_run::catch_up() {
  std::vector<shard_id> shards;
  for (shard_id shard = 0; shard < shard_count; ++shard) shards.push_back(shard);
  for (const auto& head : journal_.heads(shards, statement_deadline)) {
    while (audit_.seq_of(head.shard) < head.head) {
      const auto rows = journal_.read_after(head.shard, audit_.seq_of(head.shard), page_rows, statement_deadline);
      if (rows.empty()) {
        throw std::runtime_error{"shard " + std::to_string(head.shard) + ": no row after seq " +
                                 std::to_string(audit_.seq_of(head.shard)) + ", though its head is " +
                                 std::to_string(head.head)};
      }
      for (const auto& row : rows) audit_.take(row);
    }
  }
}

paper_log_summary check_run::read_paper_log() const {
  std::ifstream file{paper_log_, std::ios::binary};
  if (!file) throw std::runtime_error{paper_log_.string() + ": cannot be opened"};
  auto summary = summarize_paper_log(file);
  if (!summary.error.empty()) throw std::runtime_error{paper_log_.string() + ": " + summary.error};
  return summary;
}

net_positions check_run::read_positions() {
  std::set<std::pair<organization_id, account_id>> accounts;
  for (const auto& [id, order] : audit_.orders()) {
    if (order.account) accounts.emplace(order.organization, order.account);
  }
  net_positions positions;
  for (const auto& [organization, account] : accounts) {
    for (const auto& row : projections_.list_positions(organization, account, statement_deadline)) {
      const auto product = product_type_from(row.product_type);
      if (!product) throw std::runtime_error{"the projection holds a position of product " + row.product_type};
      if (row.net_quantity != 0) positions[{row.account, row.exchange, row.symbol, *product}] = row.net_quantity;
    }
  }
  return positions;
}

std::vector<projected_order> check_run::read_orders() {
  std::set<organization_id> organizations;
  for (const auto& [id, order] : audit_.orders()) organizations.insert(order.organization);
  std::vector<projected_order> orders;
  for (const auto organization : organizations) {
    postgres::order_filter filter;
    filter.organization = organization;
    std::optional<postgres::order_cursor> after;
    for (bool more = true; more;) {
      const auto page = projections_.list_orders(filter, page_rows, after, statement_deadline);
      for (const auto& row : page) orders.push_back({row.id, row.state, row.filled_quantity});
      more = page.size() == static_cast<std::size_t>(page_rows);
      if (more) after = postgres::order_cursor{page.back().created_at, page.back().id};
    }
  }
  return orders;
}

}  // namespace sb::replay
