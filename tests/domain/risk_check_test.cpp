#include <catch2/catch.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "desk.hpp"

using namespace sb;
using namespace desk;

namespace {

using t = limit_type;
constexpr auto unbounded = std::numeric_limits<std::int64_t>::max();
const std::optional<std::int64_t> unmendable;

violation over(limit_scope scope, t type, std::int64_t bound, std::int64_t usage, std::int64_t attempted,
               std::int64_t room) {
  return {check::limit, scope, type, bound, usage, attempted, room, {}};
}
violation not_in(limit_scope scope, t type, std::string word) {
  return {check::not_allowed, scope, type, 0, 0, 0, 0, std::move(word)};
}
violation no_permission(limit_scope scope, std::string action) {
  return {check::permission, scope, {}, 0, 0, 0, 0, std::move(action)};
}
limits_set on(limit_scope scope, std::vector<limit> limits) { return {scope, std::move(limits)}; }

struct row {
  std::string name;
  std::vector<risk_event> history;
  reserve_capacity order;
  std::vector<violation> violations;
  std::optional<std::int64_t> quantity_max;
};

void check_all(const std::vector<row>& rows) {
  for (const auto& r : rows) {
    CAPTURE(r.name);
    auto book = given_open(r.history);
    const auto checked = check_order(book, r.order);
    CHECK(checked.violations == r.violations);
    CHECK(checked.quantity_max == r.quantity_max);

    // The decision says the same, and stores what it said.
    std::vector<risk_event> facts;
    const auto answer = decide(book, r.order, today, false, facts);
    REQUIRE(facts.size() == 1);
    if (r.violations.empty()) {
      CHECK(answer.what == reserve_answer::verdict::reserved);
      CHECK(std::holds_alternative<limit_reserved>(facts[0]));
      CHECK(book.held_count > 0);
    } else {
      CHECK(answer.what == reserve_answer::verdict::denied);
      CHECK(answer.violations == r.violations);
      CHECK(answer.quantity_max == r.quantity_max);
      REQUIRE(std::holds_alternative<limit_denied>(facts[0]));
      CHECK(std::get<limit_denied>(facts[0]).violations == r.violations);
      CHECK(book.reservations.at(r.order.order).violations == r.violations);
    }
  }
}

}  // namespace

TEST_CASE("every limit refuses beyond its bound and passes at it, in every scope") {
  std::vector<row> rows;
  for (const auto& scope : {organization_scope, user_scope, account_scope}) {
    const auto who = std::string{word(scope.kind)} + ": ";
    const auto held = reserved("o-0", 10, 100);  // 1000.00 held
    const auto used = settled(1, {filled("o-x", 5, 100)});
    const std::vector<row> of_scope{
        {"single order value reached",
         {on(scope, {money_limit(t::single_order_value, 1'000)})},
         buy("o-1", 10, 100),
         {},
         10},
        {"single order value exceeded",
         {on(scope, {money_limit(t::single_order_value, 999)})},
         buy("o-1", 10, 100),
         {over(scope, t::single_order_value, ticks(999), 0, ticks(1'000), ticks(999))},
         9},
        {"single order value ignores usage",
         {held, on(scope, {money_limit(t::single_order_value, 1'000)})},
         buy("o-1", 10, 100),
         {},
         10},
        {"single order value below one unit",
         {on(scope, {money_limit(t::single_order_value, 99)})},
         buy("o-1", 10, 100),
         {over(scope, t::single_order_value, ticks(99), 0, ticks(1'000), ticks(99))},
         0},
        {"daily value reached", {held, used, on(scope, {daily(2'500)})}, buy("o-1", 10, 100), {}, 10},
        {"daily value exceeded",
         {held, used, on(scope, {daily(2'499)})},
         buy("o-1", 10, 100),
         {over(scope, t::daily_value, ticks(2'499), ticks(1'500), ticks(1'000), ticks(999))},
         9},
        {"daily value used up",
         {held, used, on(scope, {daily(1'500)})},
         buy("o-1", 1, 100),
         {over(scope, t::daily_value, ticks(1'500), ticks(1'500), ticks(100), 0)},
         0},
        {"daily value overrun leaves no room",
         {held, used, on(scope, {daily(1'400)})},
         buy("o-1", 1, 100),
         {over(scope, t::daily_value, ticks(1'400), ticks(1'500), ticks(100), 0)},
         0},
        {"daily value overrun refuses even nothing",
         {held, used, on(scope, {daily(1'400)})},
         buy("o-1", 1, 0),
         {over(scope, t::daily_value, ticks(1'400), ticks(1'500), 0, 0)},
         0},
        {"daily value just used up lets nothing pass",
         {held, used, on(scope, {daily(1'500)})},
         buy("o-1", 1, 0),
         {},
         unbounded},
        {"orders per day reached",
         {held, on(scope, {count_limit(t::orders_per_day, 2)})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100) - 10},
        {"orders per day exceeded",
         {held, on(scope, {count_limit(t::orders_per_day, 1)})},
         buy("o-1", 10, 100),
         {over(scope, t::orders_per_day, 1, 1, 1, 0)},
         unmendable},
        {"orders per day counts the closed",
         {held, settled(1, {ended("o-0")}), on(scope, {count_limit(t::orders_per_day, 1)})},
         buy("o-1", 10, 100),
         {over(scope, t::orders_per_day, 1, 1, 1, 0)},
         unmendable},
        {"orders per day counts no denied",
         {denied("o-0"), on(scope, {count_limit(t::orders_per_day, 1)})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100)},
        {"open orders reached",
         {held, on(scope, {count_limit(t::open_orders, 2)})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100) - 10},
        {"open orders exceeded",
         {held, on(scope, {count_limit(t::open_orders, 1)})},
         buy("o-1", 10, 100),
         {over(scope, t::open_orders, 1, 1, 1, 0)},
         unmendable},
        {"open orders does not count the closed",
         {held, settled(1, {ended("o-0")}), on(scope, {count_limit(t::open_orders, 1)})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100)},
        {"order quantity reached", {on(scope, {count_limit(t::order_quantity, 10)})}, buy("o-1", 10, 100), {}, 10},
        {"order quantity exceeded",
         {on(scope, {count_limit(t::order_quantity, 9)})},
         buy("o-1", 10, 100),
         {over(scope, t::order_quantity, 9, 0, 10, 9)},
         9},
        {"order quantity below zero",
         {on(scope, {count_limit(t::order_quantity, -4)})},
         buy("o-1", 10, 100),
         {over(scope, t::order_quantity, -4, 0, 10, 0)},
         0},
        {"exchange allowed",
         {on(scope, {word_limit(t::allowed_exchanges, {"NSE", "BSE"})})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100)},
        {"exchange not allowed",
         {on(scope, {word_limit(t::allowed_exchanges, {"BSE", "MCX"})})},
         buy("o-1", 10, 100),
         {not_in(scope, t::allowed_exchanges, "NSE")},
         unmendable},
        {"symbol not allowed",
         {on(scope, {word_limit(t::allowed_symbols, {"SBI", "SBINX"})})},
         buy("o-1", 10, 100),
         {not_in(scope, t::allowed_symbols, "SBIN")},
         unmendable},
        {"symbol allowed",
         {on(scope, {word_limit(t::allowed_symbols, {"TCS", "SBIN", "INFY"})})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100)},
        {"product not allowed",
         {on(scope, {word_limit(t::allowed_products, {"DELIVERY"})})},
         buy("o-1", 10, 100),
         {not_in(scope, t::allowed_products, "INTRADAY")},
         unmendable},
        {"product allowed",
         {on(scope, {word_limit(t::allowed_products, {"INTRADAY"})})},
         buy("o-1", 10, 100),
         {},
         money::ticks_max / ticks(100)},
        {"an empty list allows nothing",
         {on(scope, {word_limit(t::allowed_symbols, {})})},
         buy("o-1", 10, 100),
         {not_in(scope, t::allowed_symbols, "SBIN")},
         unmendable},
        {"of two limits of a type the stricter binds",
         {on(scope, {daily(5'000), daily(900)})},
         buy("o-1", 10, 100),
         {over(scope, t::daily_value, ticks(900), 0, ticks(1'000), ticks(900))},
         9},
    };
    for (auto r : of_scope) {
      r.name = who + r.name;
      rows.push_back(std::move(r));
    }
  }
  check_all(rows);
}

TEST_CASE("limits of other users and accounts do not bind, and their usage does not count") {
  auto other = reserved("o-0", 10, 100);
  other.user = {2};
  other.account = {11};
  check_all({
      {"another user's limit",
       {on({scope_kind::user, 2}, {daily(1)})},
       buy("o-1", 10, 100),
       {},
       money::ticks_max / ticks(100)},
      {"another account's limit",
       {on({scope_kind::account, 11}, {daily(1)})},
       buy("o-1", 10, 100),
       {},
       money::ticks_max / ticks(100)},
      {"another user's usage", {other, on(user_scope, {daily(1'000)})}, buy("o-1", 10, 100), {}, 10},
      {"another account's usage", {other, on(account_scope, {daily(1'000)})}, buy("o-1", 10, 100), {}, 10},
      {"counts for the organization",
       {other, on(organization_scope, {daily(1'999)})},
       buy("o-1", 10, 100),
       {over(organization_scope, t::daily_value, ticks(1'999), ticks(1'000), ticks(1'000), ticks(999))},
       9},
  });
}

TEST_CASE("permission") {
  auto grant = may_trade();
  grant.place_order = false;
  auto nothing = grant;
  nothing.cancel_order = nothing.view = false;
  check_all({
      {"this account is granted",
       {permissions_set{may_trade({{12}, {10}})}},
       buy("o-1", 1, 100),
       {},
       money::ticks_max / ticks(100)},
      {"another account is granted",
       {permissions_set{may_trade({{12}, {11}})}},
       buy("o-1", 1, 100),
       {no_permission(account_scope, "place_order")},
       unmendable},
      {"only cancel and view are granted",
       {permissions_set{grant}},
       buy("o-1", 1, 100),
       {no_permission(user_scope, "place_order")},
       unmendable},
      {"revoked",
       {permissions_set{nothing}},
       buy("o-1", 1, 100),
       {no_permission(user_scope, "place_order")},
       unmendable},
  });

  const auto book = given({permissions_set{grant}});
  CHECK_FALSE(check_permission(book, trader, account, trade_action::view));
  CHECK_FALSE(check_permission(book, trader, account, trade_action::cancel_order));
  CHECK(check_permission(book, trader, account, trade_action::place_order) == no_permission(user_scope, "place_order"));
  CHECK(check_permission(book, {2}, account, trade_action::view) == no_permission({scope_kind::user, 2}, "view"));
  CHECK(check_permission(given({}), trader, account, trade_action::cancel_order) ==
        no_permission(user_scope, "cancel_order"));
  CHECK(given({permissions_set{grant}, permissions_set{nothing}}).permissions.empty());
}

TEST_CASE("a denial carries every failed check: permission, then scope by scope, type by type") {
  const std::vector<limit> all{word_limit(t::allowed_products, {}),
                               word_limit(t::allowed_symbols, {}),
                               word_limit(t::allowed_exchanges, {}),
                               count_limit(t::order_quantity, 5),
                               count_limit(t::open_orders, 0),
                               count_limit(t::orders_per_day, 0),
                               daily(600),
                               money_limit(t::single_order_value, 500)};
  std::vector<violation> expected{no_permission(account_scope, "place_order")};
  for (const auto& scope : {organization_scope, user_scope, account_scope}) {
    expected.push_back(over(scope, t::single_order_value, ticks(500), 0, ticks(1'000), ticks(500)));
    expected.push_back(over(scope, t::daily_value, ticks(600), 0, ticks(1'000), ticks(600)));
    expected.push_back(over(scope, t::orders_per_day, 0, 0, 1, 0));
    expected.push_back(over(scope, t::open_orders, 0, 0, 1, 0));
    expected.push_back(over(scope, t::order_quantity, 5, 0, 10, 5));
    expected.push_back(not_in(scope, t::allowed_exchanges, "NSE"));
    expected.push_back(not_in(scope, t::allowed_symbols, "SBIN"));
    expected.push_back(not_in(scope, t::allowed_products, "INTRADAY"));
  }
  check_all(
      {{"all",
        {permissions_set{may_trade({{99}})}, on(account_scope, all), on(user_scope, all), on(organization_scope, all)},
        buy("o-1", 10, 100),
        expected,
        unmendable}});
}

TEST_CASE("the largest quantity is bound by the tightest scope") {
  check_all({
      {"user's daily value",
       {on(organization_scope, {daily(5'000)}), on(user_scope, {daily(450)}),
        on(account_scope, {count_limit(t::order_quantity, 7)})},
       buy("o-1", 10, 100),
       {over(user_scope, t::daily_value, ticks(450), 0, ticks(1'000), ticks(450)),
        over(account_scope, t::order_quantity, 7, 0, 10, 7)},
       4},
      {"account's quantity",
       {on(user_scope, {daily(900)}), on(account_scope, {count_limit(t::order_quantity, 7)})},
       buy("o-1", 8, 100),
       {over(account_scope, t::order_quantity, 7, 0, 8, 7)},
       7},
      {"a check that passes binds too",
       {on(user_scope, {daily(300)}), on(account_scope, {count_limit(t::order_quantity, 2)})},
       buy("o-1", 4, 100),
       {over(user_scope, t::daily_value, ticks(300), 0, ticks(400), ticks(300)),
        over(account_scope, t::order_quantity, 2, 0, 4, 2)},
       2},
  });
}

TEST_CASE("amounts that money cannot count are refused, limits or not") {
  auto dear = buy("o-1", 2, 1);
  dear.price = {money::ticks_max};
  auto all = buy("o-1", 1, 1);
  all.price = {money::ticks_max};
  auto beyond = buy("o-1", unbounded, 1);
  beyond.price = {money::ticks_max};
  const auto max = money::ticks_max;
  const std::vector<violation> uncountable{over(organization_scope, t::single_order_value, max, 0, max, max),
                                           over(organization_scope, t::daily_value, max, 0, max, max)};
  check_all({
      {"the largest amount passes", {}, all, {}, 1},
      {"twice the largest does not", {}, dear, uncountable, 1},
      {"nor the largest product", {}, beyond, uncountable, 1},
      {"nor in sum",
       {reserved("o-0", 1, 1)},
       all,
       {over(organization_scope, t::daily_value, max, ticks(1), max, max - ticks(1))},
       0},
      {"a limit of the largest value is exceeded as well",
       {on(user_scope, {limit{t::single_order_value, max, {}}})},
       dear,
       {uncountable[0], uncountable[1], over(user_scope, t::single_order_value, max, 0, max, max)},
       1},
      {"a limit that money cannot count is cut",
       {on(organization_scope, {limit{t::daily_value, unbounded, {}}})},
       dear,
       uncountable,
       1},
      {"a quantity bound of all integers",
       {on(user_scope, {count_limit(t::order_quantity, unbounded)})},
       dear,
       uncountable,
       1},
  });
}

TEST_CASE("quantities and prices that would free capacity are refused") {
  auto negative_price = buy("o-1", 10, 100);
  negative_price.price = {-1};
  check_all({
      {"quantity 0", {}, buy("o-1", 0, 100), {over(organization_scope, t::order_quantity, 0, 0, 0, 0)}, unmendable},
      {"quantity -1", {}, buy("o-1", -1, 100), {over(organization_scope, t::order_quantity, 0, 0, -1, 0)}, unmendable},
      {"price below zero",
       {},
       negative_price,
       {over(organization_scope, t::single_order_value, 0, 0, -1, 0)},
       unmendable},
  });
}

TEST_CASE("words of scopes, limits and actions") {
  CHECK(word(scope_kind::organization) == "organization");
  CHECK(word(scope_kind::user) == "user");
  CHECK(word(scope_kind::account) == "account");
  struct naming {
    t type;
    std::string text;
    bool money, words;
  };
  const std::vector<naming> names{
      {t::single_order_value, "single_order_value", true, false},
      {t::daily_value, "daily_trading_limit", true, false},
      {t::orders_per_day, "orders_per_day", false, false},
      {t::open_orders, "open_orders", false, false},
      {t::order_quantity, "order_quantity", false, false},
      {t::allowed_exchanges, "allowed_exchanges", false, true},
      {t::allowed_symbols, "allowed_symbols", false, true},
      {t::allowed_products, "allowed_products", false, true},
  };
  REQUIRE(names.size() == limit_type_count);
  for (const auto& n : names) {
    CHECK(word(n.type) == n.text);
    CHECK(is_money(n.type) == n.money);
    CHECK(is_word_list(n.type) == n.words);
  }
  for (const auto action : {trade_action::place_order, trade_action::cancel_order, trade_action::view}) {
    CHECK(trade_action_from(word(action)) == action);
  }
  CHECK(word(trade_action::cancel_order) == "cancel_order");
  CHECK_FALSE(trade_action_from("place"));
}
