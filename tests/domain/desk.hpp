#pragma once
#include <string>
#include <utility>
#include <vector>

#include "domain/limits/risk_book.hpp"

/// The desk on which the stories about the risk book play: organization 7, user 1, account 10, day 100.
namespace desk {

constexpr sb::organization_id organization{7};
constexpr sb::user_id trader{1};
constexpr sb::account_id account{10};
constexpr sb::trading_day yesterday{99};
constexpr sb::trading_day today{100};
constexpr sb::trading_day tomorrow{101};
constexpr sb::limit_scope organization_scope{sb::scope_kind::organization, 7};
constexpr sb::limit_scope user_scope{sb::scope_kind::user, 1};
constexpr sb::limit_scope account_scope{sb::scope_kind::account, 10};

constexpr sb::money rupees(std::int64_t amount) { return {amount * sb::money::unit}; }
constexpr std::int64_t ticks(std::int64_t amount) { return rupees(amount).ticks; }

inline sb::limit money_limit(sb::limit_type type, std::int64_t amount) { return {type, ticks(amount), {}}; }
inline sb::limit count_limit(sb::limit_type type, std::int64_t count) { return {type, count, {}}; }
inline sb::limit word_limit(sb::limit_type type, std::vector<std::string> words) { return {type, 0, std::move(words)}; }
inline sb::limit daily(std::int64_t amount) { return money_limit(sb::limit_type::daily_value, amount); }

inline sb::permission_grant may_trade(std::vector<sb::account_id> accounts = {}) {
  return {trader, true, true, true, std::move(accounts)};
}

inline sb::risk_book given(const std::vector<sb::risk_event>& history) {
  sb::risk_book book;
  book.organization = organization;
  for (const auto& event : history) evolve(book, event);
  return book;
}
/// The day has begun, and the trader may trade on every account.
inline sb::risk_book given_open(const std::vector<sb::risk_event>& history = {}) {
  std::vector<sb::risk_event> all{sb::day_rolled{today}, sb::permissions_set{may_trade()}};
  all.insert(all.end(), history.begin(), history.end());
  return given(all);
}

inline sb::reserve_capacity buy(std::string order, std::int64_t quantity, std::int64_t price,
                                std::int32_t attempt = 1) {
  sb::reserve_capacity command;
  command.order = std::move(order);
  command.attempt = attempt;
  command.fingerprint = "f-" + command.order;
  command.user = trader;
  command.account = account;
  command.exchange = "NSE";
  command.symbol = "SBIN";
  command.quantity = quantity;
  command.price = rupees(price);
  command.day = today;
  return command;
}
inline sb::limit_reserved reserved(std::string order, std::int64_t quantity, std::int64_t price,
                                   std::int32_t attempt = 1) {
  const auto command = buy(std::move(order), quantity, price, attempt);
  return {command.order, attempt, command.fingerprint, trader, account, quantity, command.price, today};
}
inline sb::limit_denied denied(std::string order, std::int32_t attempt = 1) {
  sb::violation why;
  why.type = sb::limit_type::open_orders;
  const auto fingerprint = "f-" + order;
  return {std::move(order), attempt, fingerprint, {why}, 3, today};
}

inline sb::order_fact filled(std::string order, std::int64_t quantity, std::int64_t price,
                             sb::trading_day day = today) {
  sb::order_fact fact;
  fact.order = std::move(order);
  fact.quantity = quantity;
  fact.price = rupees(price);
  fact.day = day;
  fact.user = trader;
  fact.account = account;
  return fact;
}
inline sb::order_fact ended(std::string order, sb::order_fact::kind how = sb::order_fact::kind::closed) {
  sb::order_fact fact;
  fact.what = how;
  fact.order = std::move(order);
  return fact;
}
inline sb::facts_settled settled(std::int64_t seq, std::vector<sb::order_fact> facts) {
  return {seq, std::move(facts)};
}

}  // namespace desk
