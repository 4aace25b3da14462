#pragma once
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "domain/limits/risk_book.hpp"

namespace sb::simulation {

/// The arithmetic of one organization's risk book, done a second time from its facts alone and in the plainest way, so
/// that a mistake in the book's own folding shows. Throws broken_invariant at the fact that breaks I1.
class ledger {
 public:
  explicit ledger(organization_id organization) : organization_{organization} {}

  /// The next fact of the book. `ends_row`: the last of its append.
  void take(const risk_event& fact, bool ends_row);

  /// What the facts so far make of a scope.
  scope_usage usage(limit_scope scope) const;
  std::set<limit_scope> scopes() const;

 private:
  struct held_order {
    user_id user;
    account_id account;
    std::int64_t quantity = 0;
    std::int64_t filled = 0;
    money price;
    trading_day day;
    bool open = false;
  };
  void take(const limit_reserved& fact);
  void take(const facts_settled& fact);
  void take(const limits_set& fact);
  void take(const day_rolled& fact);
  void take(const limit_overrun& fact);
  void take(const permissions_set&) {}
  void take(const limit_denied&) {}
  void take(const attempt_closed&) {}
  void take(const tombstones_dropped&) {}

  std::array<limit_scope, 3> scopes_of(user_id user, account_id account) const;
  using counted_limit = std::pair<limit_scope, limit_type>;
  /// Limits on what is counted whose usage is beyond them now.
  std::set<counted_limit> exceeded() const;

  organization_id organization_;
  trading_day day_;
  std::map<order_id, held_order> orders_;
  std::map<limit_scope, std::map<trading_day, std::int64_t>> used_;
  std::map<limit_scope, std::int64_t> reservations_today_;
  std::map<limit_scope, std::vector<limit>> limits_;
  std::set<counted_limit> unstated_;  ///< exceeded since this row, and no overrun says so
};

}  // namespace sb::simulation
