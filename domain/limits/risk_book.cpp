#include "domain/limits/risk_book.hpp"

#include <algorithm>

namespace sb {
namespace {

using verdict = reserve_answer::verdict;

bool was_reserved(const reservation& r) { return r.quantity > 0; }
bool is_held(const reservation& r) { return r.state == reservation_state::held; }
/// Held and settled are for good: no later command about the order changes them.
bool is_final(const reservation& r) { return is_held(r) || r.state == reservation_state::settled; }

money subtract(money sum, money part) { return {std::max<std::int64_t>(0, saturating_add(sum, {-part.ticks}).ticks)}; }
money nonnegative(money amount) { return {std::max<std::int64_t>(0, amount.ticks)}; }

/// Facts about orders that the book never reserved may lack a user or account; the organization is charged all the
/// same.
bool is_named(limit_scope scope) { return scope.kind == scope_kind::organization || scope.id != 0; }

std::array<limit_scope, 3> charged_scopes(const risk_book& book, const order_fact& fact) {
  const auto found = book.reservations.find(fact.order);
  if (found != book.reservations.end() && was_reserved(found->second)) {
    return scopes_of(book, found->second.user, found->second.account);
  }
  return scopes_of(book, fact.user, fact.account);
}

void release(risk_book& book, reservation& r) {
  for (const auto& scope : scopes_of(book, r.user, r.account)) {
    auto& usage = book.usage[scope];
    usage.reserved = subtract(usage.reserved, r.held);
    usage.open_orders = std::max<std::int64_t>(0, usage.open_orders - 1);
  }
  book.held_count = std::max<std::int64_t>(0, book.held_count - 1);
  r.held = {};
}

void fold_fill(risk_book& book, const order_fact& fill) {
  const auto quantity = std::max<std::int64_t>(0, fill.quantity);
  const auto found = book.reservations.find(fill.order);
  const bool open = found != book.reservations.end() && is_held(found->second);
  const auto counts_on = open ? std::max(fill.day, found->second.day) : fill.day;
  if (counts_on >= book.day) {
    const auto value = nonnegative(saturating_mul(fill.price, quantity));
    for (const auto& scope : charged_scopes(book, fill)) {
      if (!is_named(scope)) continue;
      auto& usage = book.usage[scope];
      usage.used = saturating_add(usage.used, value);
      if (counts_on == book.day) continue;
      usage.used_ahead = saturating_add(usage.used_ahead, value);
      usage.ahead_day = std::max(usage.ahead_day, counts_on);
    }
  }
  if (found == book.reservations.end() || !was_reserved(found->second)) return;
  auto& r = found->second;
  r.filled = saturating_add(r.filled, quantity);
  if (!is_held(r)) return;
  const auto held = saturating_mul(r.price, std::max<std::int64_t>(0, r.quantity - r.filled));
  const money freed{r.held.ticks - held.ticks};
  for (const auto& scope : scopes_of(book, r.user, r.account)) {
    auto& usage = book.usage[scope];
    usage.reserved = subtract(usage.reserved, freed);
  }
  r.held = held;
}

void number_tombstone(risk_book& book, const order_id& order, reservation& r) {
  r.tombstone = ++book.last_tombstone;
  book.tombstones.emplace(r.tombstone, order);
}

/// Leaves a tombstone whatever was there before, nothing included: a Reserve that arrives late must find its order
/// closed.
void fold_end(risk_book& book, const order_id& order) {
  const auto [at, added] = book.reservations.try_emplace(order);
  auto& r = at->second;
  if (!added && r.state == reservation_state::settled) return;
  if (!added && is_held(r)) release(book, r);
  r.state = reservation_state::settled;
  r.day = std::max(r.day, book.day);
  r.violations.clear();
  r.violations.shrink_to_fit();
  r.quantity_max.reset();
  book.tombstones.erase(r.tombstone);
  number_tombstone(book, order, r);
}

void fold_fact(risk_book& book, const order_fact& fact) {
  switch (fact.what) {
    case order_fact::kind::fill:
      return fold_fill(book, fact);
    case order_fact::kind::closed:
    case order_fact::kind::absent:
      return fold_end(book, fact.order);
  }
}

struct fold {
  risk_book& book;

  void operator()(const limits_set& fact) const {
    ++book.limits_version;
    if (fact.limits.empty()) {
      book.limits.erase(fact.scope);
      return;
    }
    auto limits = fact.limits;
    std::stable_sort(limits.begin(), limits.end(), [](const auto& a, const auto& b) { return a.type < b.type; });
    for (auto& l : limits) {
      std::sort(l.words.begin(), l.words.end());
      l.words.erase(std::unique(l.words.begin(), l.words.end()), l.words.end());
    }
    book.limits[fact.scope] = std::move(limits);
  }

  void operator()(const permissions_set& fact) const {
    if (!fact.grant.place_order && !fact.grant.cancel_order && !fact.grant.view) {
      book.permissions.erase(fact.grant.user);
      return;
    }
    auto grant = fact.grant;
    std::sort(grant.accounts.begin(), grant.accounts.end());
    grant.accounts.erase(std::unique(grant.accounts.begin(), grant.accounts.end()), grant.accounts.end());
    book.permissions[grant.user] = std::move(grant);
  }

  void operator()(const limit_reserved& fact) const {
    const auto [at, added] = book.reservations.try_emplace(fact.order);
    auto& r = at->second;
    if (!added && is_held(r)) release(book, r);
    book.tombstones.erase(r.tombstone);
    r = reservation{};
    r.attempt = fact.attempt;
    r.fingerprint = fact.fingerprint;
    r.user = fact.user;
    r.account = fact.account;
    r.quantity = std::max<std::int64_t>(0, fact.quantity);
    r.price = nonnegative(fact.price);
    r.held = saturating_mul(r.price, r.quantity);
    r.day = fact.day;
    for (const auto& scope : scopes_of(book, r.user, r.account)) {
      auto& usage = book.usage[scope];
      usage.reserved = saturating_add(usage.reserved, r.held);
      ++usage.orders;
      ++usage.open_orders;
    }
    ++book.held_count;
  }

  void operator()(const limit_denied& fact) const {
    reservation denied;
    denied.attempt = fact.attempt;
    denied.fingerprint = fact.fingerprint;
    denied.state = reservation_state::denied;
    denied.day = fact.day;
    denied.violations = fact.violations;
    denied.quantity_max = fact.quantity_max;
    bury(fact.order, std::move(denied));
  }

  void operator()(const attempt_closed& fact) const {
    reservation closed;
    closed.attempt = fact.attempt;
    closed.state = reservation_state::closed;
    closed.day = fact.day;
    bury(fact.order, std::move(closed));
  }

  void operator()(const facts_settled& fact) const {
    for (const auto& each : fact.facts) fold_fact(book, each);
    book.settled_seq = std::max(book.settled_seq, fact.seq);
  }

  void operator()(const day_rolled& fact) const {
    if (fact.day <= book.day) return;
    const auto ended = book.day;
    book.day = fact.day;
    std::erase_if(book.reservations, [&](const auto& entry) {
      const auto& r = entry.second;
      if (is_held(r) || r.day >= ended) return false;
      book.tombstones.erase(r.tombstone);
      return true;
    });
    for (auto& [scope, usage] : book.usage) {
      usage.used = usage.ahead_day >= fact.day ? usage.used_ahead : money{};
      usage.orders = 0;
      if (usage.ahead_day > fact.day) continue;
      usage.used_ahead = {};
      usage.ahead_day = {};
    }
    std::erase_if(book.usage, [](const auto& entry) { return entry.second == scope_usage{}; });
    for (const auto& [order, r] : book.reservations) {
      if (!was_reserved(r) || r.day < fact.day) continue;
      for (const auto& scope : scopes_of(book, r.user, r.account)) ++book.usage[scope].orders;
    }
  }

  void operator()(const limit_overrun&) const {}

  void operator()(const tombstones_dropped& fact) const {
    const auto end = book.tombstones.upper_bound(fact.through);
    for (auto at = book.tombstones.upper_bound(book.dropped_through); at != end;) {
      const auto r = book.reservations.find(at->second);
      if (r->second.day > book.day) {
        ++at;
        continue;
      }
      book.reservations.erase(r);
      at = book.tombstones.erase(at);
    }
    book.dropped_through = std::max(book.dropped_through, std::min(fact.through, book.last_tombstone));
  }

 private:
  void bury(const order_id& order, reservation tombstone) const {
    const auto [at, added] = book.reservations.try_emplace(order);
    auto& r = at->second;
    if (!added && (is_final(r) || r.attempt >= tombstone.attempt)) return;
    book.tombstones.erase(r.tombstone);
    r = std::move(tombstone);
    number_tombstone(book, order, r);
  }
};

/// States a fact: from here on it is part of the book and of what will be stored.
void state(risk_book& book, std::vector<risk_event>& facts, risk_event fact) {
  evolve(book, fact);
  facts.push_back(std::move(fact));
}

/// What the book has to say about an order that it knows; nullopt = this attempt may be checked anew.
std::optional<reserve_answer> stored_answer(const reservation& r, const reserve_capacity& command) {
  if (command.attempt != r.attempt) {
    if (command.attempt < r.attempt || is_final(r)) return reserve_answer{verdict::closed, {}, {}};
    return std::nullopt;
  }
  const bool was_asked = was_reserved(r) || r.state == reservation_state::denied;
  if (was_asked && command.fingerprint != r.fingerprint) return reserve_answer{verdict::fingerprint_differs, {}, {}};
  switch (r.state) {
    case reservation_state::held:
      return reserve_answer{verdict::reserved, {}, {}};
    case reservation_state::denied:
      return reserve_answer{verdict::denied, r.violations, r.quantity_max};
    case reservation_state::settled:
    case reservation_state::closed:
      break;
  }
  return reserve_answer{verdict::closed, {}, {}};
}

/// The strictest limit of one type in a scope.
std::optional<std::int64_t> limit_in(const risk_book& book, limit_scope scope, limit_type type) {
  std::optional<std::int64_t> strictest;
  const auto found = book.limits.find(scope);
  if (found == book.limits.end()) return strictest;
  for (const auto& l : found->second) {
    if (l.type == type) strictest = strictest ? std::min(*strictest, l.value) : l.value;
  }
  return strictest;
}

/// Watches the daily value of the scopes that a row of facts charges, fact by fact, so that an overrun names its order.
class daily_value_watch {
 public:
  /// `book` is as it was before the first of the facts.
  daily_value_watch(const risk_book& book, const std::vector<order_fact>& facts) {
    for (const auto& fact : facts) {
      if (fact.what != order_fact::kind::fill) continue;
      for (const auto& scope : charged_scopes(book, fact)) {
        const auto bound = limit_in(book, scope, limit_type::daily_value);
        if (bound && is_named(scope)) scopes_.try_emplace(scope, daily{*bound, usage(book, scope) > *bound, {}});
      }
    }
  }
  void before(const risk_book& book, const order_fact& fact) {
    below_.clear();
    if (scopes_.empty() || fact.what != order_fact::kind::fill) return;
    for (const auto& scope : charged_scopes(book, fact)) {
      const auto at = scopes_.find(scope);
      if (at != scopes_.end() && usage(book, scope) <= at->second.bound) below_.push_back(at);
    }
  }
  void after(const risk_book& book, const order_fact& fact) {
    for (const auto& at : below_) {
      if (usage(book, at->first) > at->second.bound) at->second.crossed_by = fact.order;
    }
  }
  void state_overruns(risk_book& book, std::vector<risk_event>& facts) const {
    for (const auto& [scope, day] : scopes_) {
      const auto now = usage(book, scope);
      if (day.exceeded_before || now <= day.bound) continue;
      state(book, facts, limit_overrun{scope, limit_type::daily_value, day.bound, now, day.crossed_by});
    }
  }

 private:
  struct daily {
    std::int64_t bound;
    bool exceeded_before;
    order_id crossed_by;
  };
  static std::int64_t usage(const risk_book& book, limit_scope scope) {
    return usage_against(usage_of(book, scope), limit_type::daily_value);
  }
  std::map<limit_scope, daily> scopes_;
  std::vector<std::map<limit_scope, daily>::iterator> below_;  ///< not over their limit before the fact at hand
};

}  // namespace

std::array<limit_scope, 3> scopes_of(const risk_book& book, user_id user, account_id account) {
  return {{{scope_kind::organization, book.organization.value},
           {scope_kind::user, user.value},
           {scope_kind::account, account.value}}};
}

const scope_usage& usage_of(const risk_book& book, limit_scope scope) {
  static const scope_usage none;
  const auto found = book.usage.find(scope);
  return found == book.usage.end() ? none : found->second;
}

std::int64_t usage_against(const scope_usage& usage, limit_type type) {
  switch (type) {
    case limit_type::daily_value:
      return saturating_add(usage.used, usage.reserved).ticks;
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

void evolve(risk_book& book, const risk_event& event) {
  ++book.version;
  std::visit(fold{book}, event);
}

void roll_day(risk_book& book, trading_day today, std::vector<risk_event>& facts) {
  if (today > book.day) state(book, facts, day_rolled{today});
}

reserve_answer decide(risk_book& book, const reserve_capacity& command, trading_day today, bool too_late,
                      std::vector<risk_event>& facts) {
  if (const auto known = book.reservations.find(command.order); known != book.reservations.end()) {
    if (auto answer = stored_answer(known->second, command)) return std::move(*answer);
  }
  if (too_late) return {verdict::too_late, {}, {}};

  roll_day(book, today, facts);
  auto checked = check_order(book, command);
  if (!checked.violations.empty()) {
    state(book, facts,
          limit_denied{command.order, command.attempt, command.fingerprint, checked.violations, checked.quantity_max,
                       book.day});
    return {verdict::denied, std::move(checked.violations), checked.quantity_max};
  }
  state(book, facts,
        limit_reserved{command.order, command.attempt, command.fingerprint, command.user, command.account,
                       command.quantity, command.price, std::max(command.day, book.day)});
  return {verdict::reserved, {}, {}};
}

close_answer decide(risk_book& book, const close_attempt& command, trading_day today, std::vector<risk_event>& facts) {
  if (const auto known = book.reservations.find(command.order); known != book.reservations.end()) {
    const auto& r = known->second;
    if (command.attempt == r.attempt) return {was_reserved(r)};
    if (command.attempt < r.attempt || is_final(r)) return {false};
  }
  roll_day(book, today, facts);
  state(book, facts, attempt_closed{command.order, command.attempt, book.day});
  return {false};
}

settle_answer decide(risk_book& book, const settle_facts& command, trading_day today, std::vector<risk_event>& facts) {
  if (command.seq <= book.settled_seq) return {true, book.settled_seq};
  if (command.prev_seq != book.settled_seq) return {false, book.settled_seq};

  roll_day(book, today, facts);
  // The same steps as evolve(facts_settled), which cannot tell which of the facts took a limit over.
  daily_value_watch watch{book, command.facts};
  for (const auto& fact : command.facts) {
    watch.before(book, fact);
    fold_fact(book, fact);
    watch.after(book, fact);
  }
  evolve(book, facts_settled{command.seq, {}});
  facts.emplace_back(facts_settled{command.seq, command.facts});
  watch.state_overruns(book, facts);
  return {true, book.settled_seq};
}

void drop_tombstones(risk_book& book, std::int64_t through, std::vector<risk_event>& facts) {
  const auto oldest = book.tombstones.upper_bound(book.dropped_through);
  if (oldest != book.tombstones.end() && oldest->first <= through) state(book, facts, tombstones_dropped{through});
}

void decide(risk_book& book, const set_limits& command, trading_day today, std::vector<risk_event>& facts) {
  roll_day(book, today, facts);
  constexpr std::array counted{limit_type::daily_value, limit_type::orders_per_day, limit_type::open_orders};
  std::array<bool, counted.size()> exceeded_before{};
  const auto exceeded_bound = [&](limit_type type) -> std::optional<std::int64_t> {
    const auto bound = limit_in(book, command.scope, type);
    if (bound && usage_against(usage_of(book, command.scope), type) > *bound) return bound;
    return std::nullopt;
  };
  for (std::size_t i = 0; i < counted.size(); ++i) exceeded_before[i] = exceeded_bound(counted[i]).has_value();
  state(book, facts, limits_set{command.scope, command.limits});
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto bound = exceeded_bound(counted[i]);
    if (!bound || exceeded_before[i]) continue;
    const auto usage = usage_against(usage_of(book, command.scope), counted[i]);
    state(book, facts, limit_overrun{command.scope, counted[i], *bound, usage, {}});
  }
}

void decide(risk_book& book, const set_permissions& command, trading_day today, std::vector<risk_event>& facts) {
  roll_day(book, today, facts);
  state(book, facts, permissions_set{command.grant});
}

}  // namespace sb
