#include <algorithm>
#include <limits>

#include "domain/limits/risk_book.hpp"

namespace sb {
namespace {

constexpr auto quantity_unbounded = std::numeric_limits<std::int64_t>::max();

/// Runs one order through the limits of one scope after the other and gathers what fails.
class order_check {
 public:
  explicit order_check(const reserve_capacity& order)
      : order_{order}, value_{checked_mul(order.price, order.quantity)} {}

  /// For a check that no other quantity can mend.
  void fail(violation failed) {
    mendable_ = false;
    violations_.push_back(std::move(failed));
  }

  void apply(const limit& l, limit_scope scope, const scope_usage& usage) {
    switch (l.type) {
      case limit_type::single_order_value:
      case limit_type::daily_value:
        return apply_money(l.type, std::min(l.value, money::ticks_max), scope, usage_against(usage, l.type));
      case limit_type::orders_per_day:
      case limit_type::open_orders: {
        const auto count = usage_against(usage, l.type);
        if (count >= l.value) fail(exceeded(l.type, l.value, scope, count, 1));
        return;
      }
      case limit_type::order_quantity:
        quantity_max_ = std::min(quantity_max_, std::max<std::int64_t>(0, l.value));
        if (order_.quantity > l.value) violations_.push_back(exceeded(l.type, l.value, scope, 0, order_.quantity));
        return;
      case limit_type::allowed_exchanges:
        return apply_words(l, scope, order_.exchange);
      case limit_type::allowed_symbols:
        return apply_words(l, scope, order_.symbol);
      case limit_type::allowed_products:
        return apply_words(l, scope, word(order_.product));
    }
  }

  risk_check take() && {
    risk_check result{std::move(violations_), std::nullopt};
    if (mendable_) result.quantity_max = quantity_max_;
    return result;
  }

 private:
  static std::int64_t head_room(std::int64_t bound, std::int64_t usage) { return bound > usage ? bound - usage : 0; }

  static violation exceeded(limit_type type, std::int64_t bound, limit_scope scope, std::int64_t usage,
                            std::int64_t attempted) {
    return {check::limit, scope, type, bound, usage, attempted, head_room(bound, usage), {}};
  }

  void apply_money(limit_type type, std::int64_t bound, limit_scope scope, std::int64_t usage) {
    const auto room = head_room(bound, usage);
    if (order_.price.ticks > 0) quantity_max_ = std::min(quantity_max_, room / order_.price.ticks);
    // Usage over the limit refuses even a value of zero: room alone would not tell that from a limit just reached.
    if (!value_ || usage > bound || value_->ticks > room) {
      violations_.push_back(exceeded(type, bound, scope, usage, value_ ? value_->ticks : money::ticks_max));
      if (order_.price.ticks == 0) quantity_max_ = 0;
    }
  }

  void apply_words(const limit& l, limit_scope scope, std::string_view given) {
    if (std::binary_search(l.words.begin(), l.words.end(), given)) return;
    fail({check::not_allowed, scope, l.type, 0, 0, 0, 0, std::string{given}});
  }

  const reserve_capacity& order_;
  std::optional<money> value_;
  std::vector<violation> violations_;
  std::int64_t quantity_max_ = quantity_unbounded;
  bool mendable_ = true;
};

bool allows(const permission_grant& grant, trade_action action) {
  switch (action) {
    case trade_action::place_order:
      return grant.place_order;
    case trade_action::cancel_order:
      return grant.cancel_order;
    case trade_action::view:
      return grant.view;
  }
  return false;
}

}  // namespace

std::string_view word(trade_action action) {
  switch (action) {
    case trade_action::place_order:
      return "place_order";
    case trade_action::cancel_order:
      return "cancel_order";
    case trade_action::view:
      return "view";
  }
  return {};
}

std::optional<trade_action> trade_action_from(std::string_view text) {
  for (const auto action : {trade_action::place_order, trade_action::cancel_order, trade_action::view}) {
    if (word(action) == text) return action;
  }
  return std::nullopt;
}

std::optional<violation> check_permission(const risk_book& book, user_id user, account_id account,
                                          trade_action action) {
  violation lacking{check::permission, {scope_kind::user, user.value}, {}, 0, 0, 0, 0, std::string{word(action)}};
  const auto found = book.permissions.find(user);
  if (found == book.permissions.end() || !allows(found->second, action)) return lacking;
  const auto& accounts = found->second.accounts;
  if (accounts.empty() || std::binary_search(accounts.begin(), accounts.end(), account)) return std::nullopt;
  lacking.scope = {scope_kind::account, account.value};
  return lacking;
}

risk_check check_order(const risk_book& book, const reserve_capacity& order) {
  order_check result{order};
  if (auto lacking = check_permission(book, order.user, order.account, trade_action::place_order)) {
    result.fail(std::move(*lacking));
  }
  const auto scopes = scopes_of(book, order.user, order.account);
  if (order.quantity < 1) {
    result.fail({check::limit, scopes[0], limit_type::order_quantity, 0, 0, order.quantity, 0, {}});
  }
  if (order.price.ticks < 0) {
    result.fail({check::limit, scopes[0], limit_type::single_order_value, 0, 0, order.price.ticks, 0, {}});
  }
  static const std::vector<limit> no_limits;
  for (const auto& scope : scopes) {
    const auto found = book.limits.find(scope);
    const auto& stated = found == book.limits.end() ? no_limits : found->second;
    const auto& usage = usage_of(book, scope);
    auto next = stated.begin();
    for (std::size_t i = 0; i < limit_type_count; ++i) {
      const auto type = static_cast<limit_type>(i);
      const bool is_stated = next != stated.end() && next->type == type;
      for (; next != stated.end() && next->type == type; ++next) result.apply(*next, scope, usage);
      // Every amount is also one of the organization's, so its bound keeps all sums inside what money can count.
      if (!is_stated && is_money(type) && scope.kind == scope_kind::organization) {
        result.apply({type, money::ticks_max, {}}, scope, usage);
      }
    }
  }
  return std::move(result).take();
}

}  // namespace sb
