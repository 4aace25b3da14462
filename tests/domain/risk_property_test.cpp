#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "desk.hpp"

using namespace sb;

// A seeded desk throws commands at the book. What must hold is kept count of here, from the stored facts alone, in
// other words than the book's own.
namespace {

class lcg {
 public:
  explicit lcg(std::uint64_t seed) : state_{seed * 2 + 1} {}
  std::int64_t below(std::int64_t faces) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((state_ >> 33) % static_cast<std::uint64_t>(faces));
  }
  bool one_in(std::int64_t faces) { return below(faces) == 0; }

 private:
  std::uint64_t state_;
};

using scopes = std::vector<limit_scope>;
scopes all_of(user_id user, account_id account) {
  scopes result{desk::organization_scope};
  if (user) result.push_back({scope_kind::user, user.value});
  if (account) result.push_back({scope_kind::account, account.value});
  return result;
}

/// The same book, kept the long way: a list of reservations and sums made anew each time they are asked for.
struct ledger {
  struct entry {
    user_id user;
    account_id account;
    std::int64_t quantity = 0, price = 0, filled = 0;
    trading_day day;
    trading_day reserved_on;
    bool open = true;
    trading_day ended_on;
  };
  trading_day day;
  std::map<order_id, entry> entries;
  std::vector<entry> forgotten;  ///< dropped tombstones: their orders were placed all the same
  std::map<std::pair<limit_scope, trading_day>, std::int64_t> used_on;
  std::map<limit_scope, std::vector<limit>> limits;
  std::map<user_id, permission_grant> grants;

  std::int64_t held(const entry& e) const {
    return e.open ? std::max<std::int64_t>(0, e.quantity - e.filled) * e.price : 0;
  }
  std::int64_t reserved_in(limit_scope scope) const {
    std::int64_t sum = 0;
    for (const auto& [id, e] : entries) sum += concerns(e, scope) ? held(e) : 0;
    return sum;
  }
  std::int64_t open_in(limit_scope scope) const {
    return std::count_if(entries.begin(), entries.end(),
                         [&](const auto& each) { return each.second.open && concerns(each.second, scope); });
  }
  std::int64_t orders_in(limit_scope scope) const {
    const auto counts = [&](const entry& e) { return concerns(e, scope) && (e.reserved_on == day || e.day >= day); };
    return std::count_if(entries.begin(), entries.end(), [&](const auto& each) { return counts(each.second); }) +
           std::count_if(forgotten.begin(), forgotten.end(), counts);
  }
  std::int64_t used_in(limit_scope scope) const {
    std::int64_t sum = 0;
    for (const auto& [where, value] : used_on) sum += where.first == scope ? value : 0;
    return sum;
  }
  std::int64_t daily_in(limit_scope scope) const { return used_in(scope) + reserved_in(scope); }
  std::set<limit_scope> over_daily() const {
    std::set<limit_scope> result;
    for (const auto& [scope, list] : limits) {
      for (const auto& l : list) {
        if (l.type == limit_type::daily_value && daily_in(scope) > l.value) result.insert(scope);
      }
    }
    return result;
  }
  bool concerns(const entry& e, limit_scope scope) const {
    const auto mine = all_of(e.user, e.account);
    return std::find(mine.begin(), mine.end(), scope) != mine.end();
  }

  /// I1 and I15: whatever is reserved was allowed, and fits.
  void require_fits(const limit_reserved& fact) const {
    const auto grant = grants.find(fact.user);
    REQUIRE(grant != grants.end());
    REQUIRE(grant->second.place_order);
    const auto& accounts = grant->second.accounts;
    REQUIRE((accounts.empty() || std::count(accounts.begin(), accounts.end(), fact.account) > 0));
    for (const auto& scope : all_of(fact.user, fact.account)) {
      const auto list = limits.find(scope);
      if (list == limits.end()) continue;
      for (const auto& l : list->second) {
        switch (l.type) {
          case limit_type::single_order_value:
            REQUIRE(fact.quantity * fact.price.ticks <= l.value);
            break;
          case limit_type::daily_value:
            REQUIRE(daily_in(scope) <= l.value);
            break;
          case limit_type::orders_per_day:
            REQUIRE(orders_in(scope) <= l.value);
            break;
          case limit_type::open_orders:
            REQUIRE(open_in(scope) <= l.value);
            break;
          case limit_type::order_quantity:
            REQUIRE(fact.quantity <= l.value);
            break;
          case limit_type::allowed_exchanges:
          case limit_type::allowed_symbols:
          case limit_type::allowed_products:
            break;
        }
      }
    }
  }

  void take(const risk_event& event) {
    if (const auto* f = std::get_if<limits_set>(&event)) {
      limits[f->scope] = f->limits;
    } else if (const auto* grant = std::get_if<permissions_set>(&event)) {
      grants[grant->grant.user] = grant->grant;
    } else if (const auto* r = std::get_if<limit_reserved>(&event)) {
      const auto known = entries.find(r->order);
      REQUIRE((known == entries.end()));  // an order holds capacity once, as long as it is remembered
      REQUIRE(r->day >= day);
      entries[r->order] = {r->user, r->account, r->quantity, r->price.ticks, 0, r->day, day, true, {}};
      require_fits(*r);
    } else if (const auto* rolled = std::get_if<day_rolled>(&event)) {
      REQUIRE(rolled->day > day);
      // What ended before the day that ends now is forgotten: a later fact about it is about a stranger.
      std::erase_if(entries, [&](const auto& each) {
        return !each.second.open && std::max(each.second.ended_on, each.second.day) < day;
      });
      day = rolled->day;
      std::erase_if(used_on, [&](const auto& each) { return each.first.second < day; });
    } else if (const auto* row = std::get_if<facts_settled>(&event)) {
      for (const auto& fact : row->facts) take(fact);
    }
  }
  void take(const order_fact& fact) {
    const auto known = entries.find(fact.order);
    if (fact.what != order_fact::kind::fill) {
      if (known != entries.end() && known->second.open) {
        known->second.open = false;
        known->second.ended_on = day;
      }
      return;
    }
    const bool mine = known != entries.end();
    const auto counts_on = mine && known->second.open ? std::max(fact.day, known->second.day) : fact.day;
    if (counts_on >= day) {
      for (const auto& scope :
           mine ? all_of(known->second.user, known->second.account) : all_of(fact.user, fact.account)) {
        used_on[{scope, counts_on}] += fact.quantity * fact.price.ticks;
      }
    }
    if (mine) known->second.filled += fact.quantity;
  }

  void require_same(const risk_book& book) const {
    REQUIRE(book.day == day);
    std::int64_t open = 0;
    for (const auto& [id, e] : entries) {
      if (!e.open) continue;
      ++open;
      REQUIRE(book.reservations.at(id).held.ticks == held(e));
    }
    REQUIRE(book.held_count == open);
    for (std::int64_t id = 1; id <= 3; ++id) {
      for (const auto& scope : all_of({id}, {id + 9})) {
        const auto& usage = usage_of(book, scope);
        REQUIRE(usage.used.ticks == used_in(scope));
        REQUIRE(usage.reserved.ticks == reserved_in(scope));
        REQUIRE(usage.orders == orders_in(scope));
        REQUIRE(usage.open_orders == open_in(scope));
        REQUIRE(std::min({usage.used.ticks, usage.reserved.ticks, usage.orders, usage.open_orders}) >= 0);
      }
    }
  }
};

struct counts {
  int reserved = 0, denied = 0, closed = 0, repeated = 0, rolled = 0, overruns = 0, late = 0;
};

class wild_desk {
 public:
  explicit wild_desk(std::uint64_t seed) : dice_{seed} {
    book_.organization = desk::organization;
    replayed_.organization = desk::organization;
    for (std::int64_t user = 1; user <= 3; ++user) evolve_both(permissions_set{{{user}, true, true, true, {}}});
  }

  void step(counts& seen) {
    if (dice_.one_in(40)) today_.value += 1 + static_cast<std::int32_t>(dice_.below(3));
    if (dice_.one_in(60)) --today_.value;  // a clock that goes back
    facts_.clear();
    if (dice_.one_in(10)) {
      drop_tombstones(book_, book_.last_tombstone - dice_.below(5), facts_);
      return check_facts(seen);
    }
    switch (dice_.below(10)) {
      case 0: {
        decide(book_, set_limits{any_scope(), any_limits()}, today_, facts_);
        break;
      }
      case 1: {
        permission_grant grant{any_user(), !dice_.one_in(4), dice_.one_in(2), dice_.one_in(2), {}};
        if (dice_.one_in(3)) grant.accounts = {any_account(), any_account()};
        decide(book_, set_permissions{grant}, today_, facts_);
        break;
      }
      case 2: {
        decide(book_, close_attempt{any_order(), any_attempt()}, today_, facts_);
        break;
      }
      case 3:
      case 4:
      case 5: {
        settle();
        break;
      }
      default:
        reserve(seen);
    }
    check_facts(seen);
  }

 private:
  void reserve(counts& seen) {
    const auto command = any_reserve();
    const bool late = dice_.one_in(15);
    const auto answer = decide(book_, command, today_, late, facts_);
    if (answer.what == reserve_answer::verdict::too_late) {
      ++seen.late;
      REQUIRE(facts_.empty());
      return;
    }
    REQUIRE((answer.what == reserve_answer::verdict::denied) == !answer.violations.empty());
    if (answer.what == reserve_answer::verdict::denied && answer.quantity_max && !facts_.empty()) {
      require_largest(command, *answer.quantity_max);
    }
    // The same again: the same answer, and nothing is stored.
    const auto before = book_;
    std::vector<risk_event> again;
    const auto repeated = decide(book_, command, today_, dice_.one_in(2), again);
    ++seen.repeated;
    REQUIRE(again.empty());
    REQUIRE(repeated.what == answer.what);
    REQUIRE(repeated.violations == answer.violations);
    REQUIRE(repeated.quantity_max == answer.quantity_max);
    REQUIRE(book_ == before);
  }

  /// What the denial offers passes, and one more does not.
  void require_largest(reserve_capacity command, std::int64_t largest) const {
    command.quantity = largest + 1;
    REQUIRE_FALSE(check_order(book_, command).violations.empty());
    if (largest == 0) return;
    command.quantity = largest;
    REQUIRE(check_order(book_, command).violations.empty());
  }

  void settle() {
    settle_facts row;
    row.prev_seq = dice_.one_in(10) ? book_.settled_seq + 1 : book_.settled_seq;
    row.seq = dice_.one_in(10) ? book_.settled_seq : row.prev_seq + 1 + dice_.below(3);
    for (auto n = dice_.below(4); n > 0; --n) row.facts.push_back(any_fact());
    const auto before = book_;
    const auto answer = decide(book_, row, today_, facts_);
    const bool taken = row.prev_seq == before.settled_seq && row.seq > before.settled_seq;
    REQUIRE(answer.accepted == (taken || row.seq <= before.settled_seq));
    REQUIRE(facts_.empty() == !taken);
    if (!taken) REQUIRE(book_ == before);
  }

  void check_facts(counts& seen) {
    std::set<limit_scope> overruns;
    std::set<limit_scope> over_before;
    bool watches = false;
    for (const auto& fact : facts_) {
      const auto* lowered = std::get_if<limits_set>(&fact);
      if (lowered || std::holds_alternative<facts_settled>(fact)) {
        watches = true;
        over_before = ledger_.over_daily();
      }
      evolve_both(fact);
      if (const auto* overrun = std::get_if<limit_overrun>(&fact)) {
        ++seen.overruns;
        REQUIRE(watches);
        if (overrun->type == limit_type::daily_value) {
          REQUIRE(overruns.insert(overrun->scope).second);
          REQUIRE(overrun->usage == ledger_.daily_in(overrun->scope));
        }
        REQUIRE(overrun->usage > overrun->limit);
      }
      seen.reserved += std::holds_alternative<limit_reserved>(fact);
      seen.denied += std::holds_alternative<limit_denied>(fact);
      seen.closed += std::holds_alternative<attempt_closed>(fact);
      seen.rolled += std::holds_alternative<day_rolled>(fact);
    }
    if (watches) {
      // Exactly the scopes that went over, each once.
      auto over_now = ledger_.over_daily();
      for (const auto& scope : over_before) over_now.erase(scope);
      REQUIRE(overruns == over_now);
    }
    REQUIRE(replayed_ == book_);
    ledger_.require_same(book_);
  }

  void evolve_both(const risk_event& fact) {
    if (const auto* dropped = std::get_if<tombstones_dropped>(&fact)) forget(*dropped);
    evolve(replayed_, fact);
    ledger_.take(fact);
    REQUIRE(std::ssize(replayed_.tombstones) + replayed_.held_count == std::ssize(replayed_.reservations));
    if (book_.version < replayed_.version) evolve(book_, fact);  // the first facts, which no command made
  }

  /// None of them holds anything, nor counts in a day to come: the ledger can do without.
  void forget(const tombstones_dropped& dropped) {
    for (const auto& [number, order] : replayed_.tombstones) {
      if (number > dropped.through || number <= replayed_.dropped_through) continue;
      const auto known = ledger_.entries.find(order);
      if (known == ledger_.entries.end()) continue;
      REQUIRE_FALSE(known->second.open);
      if (known->second.day > ledger_.day) continue;
      ledger_.forgotten.push_back(known->second);
      ledger_.entries.erase(known);
    }
  }

  user_id any_user() { return {1 + dice_.below(3)}; }
  account_id any_account() { return {10 + dice_.below(3)}; }
  std::int32_t any_attempt() { return 1 + static_cast<std::int32_t>(dice_.below(3)); }
  order_id any_order() {
    if (dice_.one_in(3)) ++orders_;
    return "o-" + std::to_string(orders_ - std::min<std::int64_t>(orders_, dice_.below(8)));
  }
  limit_scope any_scope() {
    switch (dice_.below(3)) {
      case 0:
        return desk::organization_scope;
      case 1:
        return {scope_kind::user, any_user().value};
      default:
        return {scope_kind::account, any_account().value};
    }
  }
  std::vector<limit> any_limits() {
    std::vector<limit> list;
    if (dice_.one_in(2)) list.push_back(desk::daily(1 + dice_.below(30'000)));
    if (dice_.one_in(4)) list.push_back(desk::money_limit(limit_type::single_order_value, 1 + dice_.below(8'000)));
    if (dice_.one_in(4)) list.push_back(desk::count_limit(limit_type::orders_per_day, 1 + dice_.below(20)));
    if (dice_.one_in(4)) list.push_back(desk::count_limit(limit_type::open_orders, 1 + dice_.below(12)));
    if (dice_.one_in(4)) list.push_back(desk::count_limit(limit_type::order_quantity, 1 + dice_.below(60)));
    return list;
  }
  reserve_capacity any_reserve() {
    auto command = desk::buy(any_order(), 1 + dice_.below(60), 1 + dice_.below(150), any_attempt());
    if (dice_.one_in(20)) command.fingerprint += "x";
    command.user = any_user();
    command.account = any_account();
    command.day = {today_.value + (dice_.one_in(10) ? 1 : 0)};
    return command;
  }
  order_fact any_fact() {
    const auto order = any_order();
    const auto what = dice_.below(4);
    if (what == 0) return desk::ended(order, dice_.one_in(3) ? order_fact::kind::absent : order_fact::kind::closed);
    auto fact = desk::filled(order, 1 + dice_.below(30), 1 + dice_.below(160),
                             {today_.value - (dice_.one_in(8) ? 1 : 0) + (dice_.one_in(8) ? 1 : 0)});
    fact.user = any_user();
    fact.account = any_account();
    return fact;
  }

  lcg dice_;
  trading_day today_ = desk::today;
  std::int64_t orders_ = 0;
  risk_book book_;
  risk_book replayed_;
  ledger ledger_;
  std::vector<risk_event> facts_;
};

}  // namespace

TEST_CASE("whatever is commanded, no reservation exceeds a limit and replay makes the same book") {
  counts seen;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("rerun with seed " << seed);
    wild_desk desk{seed};
    for (int step = 0; step < 400; ++step) {
      INFO("step " << step);
      desk.step(seen);
    }
  }
  // The dice must reach every kind of outcome, or the checks above prove little.
  CHECK(seen.reserved > 500);
  CHECK(seen.denied > 500);
  CHECK(seen.closed > 100);
  CHECK(seen.repeated > 500);
  CHECK(seen.rolled > 200);
  CHECK(seen.overruns > 100);
  CHECK(seen.late > 100);
}
