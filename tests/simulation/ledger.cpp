#include "tests/simulation/ledger.hpp"

#include <algorithm>

#include "tests/simulation/timeline.hpp"

namespace sb::simulation {
namespace {

std::string text(limit_scope scope) { return std::string{word(scope.kind)} + " " + std::to_string(scope.id); }

std::int64_t counted(const scope_usage& usage, limit_type type) {
  switch (type) {
    case limit_type::daily_value:
      return usage.used.ticks + usage.reserved.ticks;
    case limit_type::orders_per_day:
      return usage.orders;
    case limit_type::open_orders:
      return usage.open_orders;
    case limit_type::single_order_value:
    case limit_type::order_quantity:
    case limit_type::allowed_exchanges:
    case limit_type::allowed_symbols:
    case limit_type::allowed_products:
      break;
  }
  return 0;
}

}  // namespace

std::array<limit_scope, 3> ledger::scopes_of(user_id user, account_id account) const {
  return {{{scope_kind::organization, organization_.value},
           {scope_kind::user, user.value},
           {scope_kind::account, account.value}}};
}

void ledger::take(const risk_event& fact, bool ends_row) {
  const bool may_exceed = std::holds_alternative<facts_settled>(fact) || std::holds_alternative<limits_set>(fact);
  const auto before = may_exceed ? exceeded() : std::set<counted_limit>{};
  std::visit([&](const auto& one) { take(one); }, fact);
  if (may_exceed) {
    for (const auto& one : exceeded()) {
      if (!before.contains(one)) unstated_.insert(one);
    }
  }
  if (ends_row && !unstated_.empty()) {
    const auto& [scope, type] = *unstated_.begin();
    throw broken_invariant{"I1",
                           text(scope) + " was taken over its " + std::string{word(type)} + ", and no overrun says so"};
  }
}

void ledger::take(const limit_reserved& fact) {
  auto& order = orders_[fact.order];
  if (order.open) throw broken_invariant{"I1", fact.order + " is reserved a second time"};
  order = {fact.user, fact.account, fact.quantity, 0, fact.price, std::max(fact.day, day_), true};
  for (const auto scope : scopes_of(fact.user, fact.account)) {
    ++reservations_today_[scope];
    const auto limits = limits_.find(scope);
    if (limits == limits_.end()) continue;
    const auto now = usage(scope);
    for (const auto& one : limits->second) {
      const auto value = one.type == limit_type::order_quantity       ? fact.quantity
                         : one.type == limit_type::single_order_value ? fact.price.ticks * fact.quantity
                                                                      : counted(now, one.type);
      if (is_word_list(one.type) || value <= one.value) continue;
      throw broken_invariant{
          "I1", "the reservation of " + fact.order + " exceeds " + std::string{word(one.type)} + " of " + text(scope)};
    }
  }
}

void ledger::take(const facts_settled& fact) {
  for (const auto& one : fact.facts) {
    const auto found = orders_.find(one.order);
    if (one.what != order_fact::kind::fill) {
      if (found != orders_.end()) found->second.open = false;
      continue;
    }
    const bool known = found != orders_.end();
    const auto charged =
        known ? scopes_of(found->second.user, found->second.account) : scopes_of(one.user, one.account);
    const auto day = known && found->second.open ? std::max(one.day, found->second.day) : one.day;
    for (const auto scope : charged) used_[scope][day] += one.price.ticks * one.quantity;
    if (known) found->second.filled += one.quantity;
  }
}

void ledger::take(const limits_set& fact) { limits_[fact.scope] = fact.limits; }

void ledger::take(const day_rolled& fact) {
  day_ = fact.day;
  reservations_today_.clear();
  for (const auto& [id, order] : orders_) {
    if (order.day < day_) continue;
    for (const auto scope : scopes_of(order.user, order.account)) ++reservations_today_[scope];
  }
}

void ledger::take(const limit_overrun& fact) { unstated_.erase({fact.scope, fact.type}); }

scope_usage ledger::usage(limit_scope scope) const {
  scope_usage now;
  for (const auto& [id, order] : orders_) {
    const auto charged = scopes_of(order.user, order.account);
    if (!order.open || std::count(charged.begin(), charged.end(), scope) == 0) continue;
    now.reserved.ticks += order.price.ticks * std::max<std::int64_t>(0, order.quantity - order.filled);
    ++now.open_orders;
  }
  if (const auto found = used_.find(scope); found != used_.end()) {
    for (const auto& [day, value] : found->second) {
      if (day >= day_) now.used.ticks += value;
      if (day <= day_) continue;
      now.used_ahead.ticks += value;
      now.ahead_day = day;
    }
  }
  if (const auto found = reservations_today_.find(scope); found != reservations_today_.end())
    now.orders = found->second;
  return now;
}

std::set<limit_scope> ledger::scopes() const {
  std::set<limit_scope> all;
  for (const auto& [id, order] : orders_) {
    for (const auto scope : scopes_of(order.user, order.account)) all.insert(scope);
  }
  for (const auto& [scope, days] : used_) all.insert(scope);
  return all;
}

std::set<ledger::counted_limit> ledger::exceeded() const {
  std::set<counted_limit> over;
  for (const auto& [scope, limits] : limits_) {
    const auto now = usage(scope);
    for (const auto& one : limits) {
      if (!is_word_list(one.type) && counted(now, one.type) > one.value) over.insert({scope, one.type});
    }
  }
  return over;
}

}  // namespace sb::simulation
