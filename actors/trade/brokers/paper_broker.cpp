#include "actors/trade/brokers/paper_broker.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sb {
namespace {

using broker::book_state;
using broker::rejected;

constexpr std::size_t name_length_max = 64;  ///< of ids, exchanges and symbols: what the book's lines have room for
constexpr std::int64_t quantity_max = 1'000'000'000'000;
constexpr std::int32_t page_orders_max = 5000;

rejected book_full() { return {"BOOK_FULL", "the paper broker's book is full"}; }
rejected unbookable() { return {"REQUEST_INVALID", "client id, exchange and symbol must have 1 to 64 bytes"}; }
rejected injected() { return {"FAULT_INJECTED", "rejected by a fault switch"}; }

/// What the exchange has against this quantity or price.
std::optional<rejected> worded(instrument_refusal why) {
  switch (why) {
    case instrument_refusal::none:
      return std::nullopt;
    case instrument_refusal::quantity_not_positive:
      return rejected{"QUANTITY_NOT_POSITIVE", "quantity must be above 0"};
    case instrument_refusal::quantity_not_lot_multiple:
      return rejected{"QUANTITY_NOT_LOT_MULTIPLE", "quantity is not a multiple of the lot"};
    case instrument_refusal::quantity_above_freeze:
      return rejected{"QUANTITY_ABOVE_FREEZE", "quantity is above the exchange's freeze quantity"};
    case instrument_refusal::price_not_positive:
      return rejected{"PRICE_NOT_POSITIVE", "price must be above 0"};
    case instrument_refusal::price_off_tick:
      return rejected{"PRICE_OFF_TICK", "price is not a multiple of the tick"};
    case instrument_refusal::price_outside_band:
      return rejected{"PRICE_OUTSIDE_BAND", "price is outside the day's band"};
  }
  return std::nullopt;
}

bool is_name(std::string_view text) { return !text.empty() && text.size() <= name_length_max; }

/// Cannot meet an id that fill_order makes: those end in a number.
std::string outside_fill_id(std::int64_t number, const std::string& execution_id) {
  return paper::broker_order_id(number) + "-X" + execution_id;
}

/// The answer to a fill whose execution this order has already; nullopt: it has not.
std::optional<external_fill_answer> told_before(const paper::booked_order& order, std::int64_t number,
                                                const external_fill& told) {
  const auto& fills = order.fills;
  const auto first = std::ranges::find(fills, outside_fill_id(number, told.execution_id), &broker::fill::fill_id);
  if (first == fills.end()) return std::nullopt;
  // A fill that completed the order may have been cut down to what was left: then more than it may have been told.
  const bool cut = first + 1 == fills.end() && order.state == book_state::filled;
  const bool same =
      told.price == first->price && (told.quantity == first->quantity || (cut && told.quantity > first->quantity));
  if (!same) return external_fill_refusal::execution_reused;
  return *first;
}

boot_ms later(boot_ms now, std::int64_t by_ms) { return {now.value + by_ms}; }

}  // namespace

void paper_broker::handle(const paper_input& input, broker::moment now, paper_effects& out) {
  require_open();
  std::visit([&](const auto& body) { on(body, now, out); }, input);
}

// ---- placing
// ---------------------------------------------------------------------------------------------------------
void paper_broker::on(const paper_request<broker::place>& request, broker::moment now, paper_effects& out) {
  const fault_draw fault = faults_.draw(broker_operation::place, request.body.account);
  if (fault.drop) return;
  if (fault.late_accept_ms) return defer(request.body, later(now.boot, *fault.late_accept_ms));
  route to = answer_slot{request.token, later(now.boot, fault.slow_ms)};
  if (fault.hang) to.reset();
  book(request.body, fault, to, now, out);
}

void paper_broker::book(const broker::place& order, const fault_draw& fault, const route& to, broker::moment now,
                        paper_effects& out) {
  const auto answer = [&](broker::place_answer body) {
    if (to) out.outputs.push_back({to->due, to->token, std::move(body)});
  };
  if (!is_name(order.id) || !is_name(order.exchange) || !is_name(order.symbol)) return answer(unbookable());
  if (mode_of(order.account) == client_id_mode::unique) {
    // Before any refusal, injected ones included: an order that lives must never be answered with "rejected".
    if (const auto first = orders_.with_id(order.id); !first.empty()) return answer(answer_for(first.front()));
    if (blocked_.contains(order.id)) return answer(rejected{"CLIENT_ID_BLOCKED", "canceled before it arrived"});
  }
  if (full()) return answer(book_full());
  if (auto why = refusal_of(order)) return refuse(order, *std::move(why), to, now, out);
  if (fault.reject) return refuse(order, injected(), to, now, out);

  const std::int64_t number = next_number();
  const std::size_t answer_at = out.outputs.size();
  answer({});  // keeps the place before the reports; filled in below
  const bool in_answer = to.has_value();
  commit(paper::placed{number, order, now.wall}, now.boot, in_answer, out);
  trade(*orders_.working(number)->market, order.direction, in_answer, now, out);
  if (order.valid == validity::ioc && works(number))
    commit(paper::canceled{number, next_report(), now.wall}, now.boot, in_answer, out);
  if (fault.late_reject_ms) defer(late_rejection{number}, later(now.boot, *fault.late_reject_ms));
  if (to) out.outputs[answer_at].body = answer_for(number);
}

void paper_broker::refuse(const broker::place& order, rejected why, const route& to, broker::moment now,
                          paper_effects& out) {
  // Booked as well: the same id asked again, also after a restart, gets the same answer.
  if (to) out.outputs.push_back({to->due, to->token, broker::place_answer{why}});
  const std::int64_t report = to ? 0 : next_report();
  commit(paper::rejected{next_number(), report, order, std::move(why.code), std::move(why.message), now.wall}, now.boot,
         false, out);
}

std::optional<rejected> paper_broker::refusal_of(const broker::place& order) {
  const symbol_market* market = listed_market(order.exchange, order.symbol);
  if (market == nullptr) return rejected{"SYMBOL_UNKNOWN", "exchange and symbol are not listed"};
  if (order.type == order_type::stop_loss || order.type == order_type::sl_market)
    return rejected{"ORDER_TYPE_UNSUPPORTED", "the paper broker takes MARKET and LIMIT orders"};
  if (order.quantity > quantity_max) return rejected{"QUANTITY_TOO_LARGE", "quantity is beyond what can be booked"};
  if (auto why = worded(check_quantity(*market->listed, order.quantity))) return why;
  if (order.type == order_type::market) return std::nullopt;
  if (order.price.ticks > money::ticks_max) return rejected{"PRICE_TOO_LARGE", "price is beyond what can be booked"};
  return worded(check_price(*market->listed, order.price));
}

broker::place_answer paper_broker::answer_for(std::int64_t number) const {
  return orders_.with(number, [number](const booked_order& order) -> broker::place_answer {
    if (order.rejection) return *order.rejection;
    return broker::accepted{paper::broker_order_id(number), order.state, order.fills};
  });
}

// ---- canceling
// -------------------------------------------------------------------------------------------------------
void paper_broker::on(const paper_request<broker::cancel>& request, broker::moment now, paper_effects& out) {
  const fault_draw fault = faults_.draw(broker_operation::cancel, request.body.account);
  if (fault.drop) return;
  if (fault.late_accept_ms) return defer(request.body, later(now.boot, *fault.late_accept_ms));
  route to = answer_slot{request.token, later(now.boot, fault.slow_ms)};
  if (fault.hang) to.reset();
  if (fault.reject) {
    if (to) out.outputs.push_back({to->due, to->token, broker::cancel_answer{injected()}});
    return;
  }
  cancel_orders(request.body, to, now, out);
}

void paper_broker::cancel_orders(const broker::cancel& order, const route& to, broker::moment now, paper_effects& out) {
  const auto answer = [&](broker::cancel_answer body) {
    if (to) out.outputs.push_back({to->due, to->token, std::move(body)});
  };
  std::vector<std::int64_t> numbers;
  if (order.broker_order_id.empty()) {
    numbers = orders_.with_id(order.id);
  } else if (const std::int64_t number = paper::number_of(order.broker_order_id); orders_.knows(number)) {
    numbers.push_back(number);
  }
  if (numbers.empty()) {
    const bool can_block = mode_of(order.account) == client_id_mode::unique && order.broker_order_id.empty();
    if (!can_block) return answer(broker::not_found{});
    if (!is_name(order.id)) return answer(unbookable());
    if (!blocked_.contains(order.id)) {
      if (full()) return answer(book_full());
      commit(paper::blocked{order.id, order.account, now.wall}, now.boot, false, out);
    }
    return answer(broker::blocked{});
  }
  const std::int64_t last = numbers.back();
  std::erase_if(numbers, [this](std::int64_t number) { return !works(number); });
  if (numbers.empty()) return answer(broker::already_closed{view_of(last)});
  answer(broker::canceled{paper::broker_order_id(numbers.front()), orders_.working(numbers.front())->filled});
  for (const std::int64_t number : numbers)
    commit(paper::canceled{number, next_report(), now.wall}, now.boot, to.has_value(), out);
}

// ---- reading
// ---------------------------------------------------------------------------------------------------------
void paper_broker::on(const paper_request<broker::query>& request, broker::moment now, paper_effects& out) {
  answer_read(request.token, request.body.account, {orders_with_id(request.body.id), false}, now, out);
}

void paper_broker::on(const paper_request<broker::read_book>& request, broker::moment now, paper_effects& out) {
  answer_read(request.token, request.body.account, page_of(request.body), now, out);
}

void paper_broker::answer_read(request_token token, account_id account, broker::book_page page, broker::moment now,
                               paper_effects& out) {
  const fault_draw fault = faults_.draw(broker_operation::read, account);
  if (fault.drop || fault.hang) return;
  broker::book_answer answer = std::move(page);
  if (fault.reject) answer = injected();
  out.outputs.push_back({later(now.boot, fault.slow_ms), token, std::move(answer)});
}

broker::book_page paper_broker::page_of(const broker::read_book& request) const {
  broker::book_page page;
  const auto& numbers = orders_.of_account(request.account);
  const auto limit = static_cast<std::size_t>(std::clamp(request.orders_max, 1, page_orders_max));
  auto next = std::ranges::upper_bound(numbers, paper::number_of(request.after_broker_order_id));
  for (; next != numbers.end(); ++next) {
    if (request.working_only && !works(*next)) continue;
    if (page.orders.size() == limit) {
      page.more = true;
      break;
    }
    page.orders.push_back(view_of(*next));
  }
  return page;
}

// ---- the market
// ------------------------------------------------------------------------------------------------------
void paper_broker::on(const broker::price_tick& tick, broker::moment now, paper_effects& out) {
  symbol_market* market = listed_market(tick.exchange, tick.symbol);
  if (market == nullptr || tick.price.ticks <= 0) return;
  market->last_price = tick.price;
  if (settings_.external_market) return;
  market->volume_for_buys = market->volume_for_sells = std::max<std::int64_t>(tick.volume, 0);
  trade(*market, side::buy, false, now, out);
  trade(*market, side::sell, false, now, out);
}

/// Lets the side's resting orders trade at the last price against what is left of the last tick's volume, in whole
/// lots.
void paper_broker::trade(symbol_market& market, side direction, bool in_answer, broker::moment now,
                         paper_effects& out) {
  std::int64_t& volume = market.volume_for(direction);
  while (volume > 0 && last_report() < settings_.reports_max) {
    const std::int64_t number = market.resting(direction).first_at(market.last_price);
    if (number == 0) return;
    const booked_order& order = *orders_.working(number);
    const std::int64_t left = order.quantity - order.filled;
    const std::int64_t quantity = left <= volume ? left : volume - volume % market.listed->lot;
    if (quantity == 0) return;
    volume -= quantity;
    fill_order(number, {{}, quantity, market.last_price, now.wall}, in_answer, now, out);
  }
}

broker::fill paper_broker::fill_order(std::int64_t number, broker::fill fill, bool in_answer, broker::moment now,
                                      paper_effects& out) {
  const booked_order& order = *orders_.working(number);
  const auto account = order.account;
  if (fill.fill_id.empty())
    fill.fill_id = paper::broker_order_id(number) + '-' + std::to_string(order.fills.size() + 1);
  commit(paper::filled{number, next_report(), fill}, now.boot, in_answer, out);
  if (faults_.draw_duplicate_fill(account))
    commit(paper::repeated{number, next_report(), fill.fill_id, now.wall}, now.boot, false, out);
  return fill;
}

void paper_broker::on(const paper_request<external_fill>& request, broker::moment now, paper_effects& out) {
  const std::size_t answer_at = out.outputs.size();
  out.outputs.push_back({now.boot, request.token, external_fill_answer{}});
  out.outputs[answer_at].body = fill_from_outside(request.body, now, out);
}

external_fill_answer paper_broker::fill_from_outside(const external_fill& traded, broker::moment now,
                                                     paper_effects& out) {
  using refusal = external_fill_refusal;
  if (!settings_.external_market) return refusal::not_external;
  if (traded.quantity <= 0 || traded.price.ticks <= 0 || traded.price.ticks > money::ticks_max) return refusal::invalid;
  if (traded.execution_id.size() > name_length_max) return refusal::invalid;
  const std::vector<std::int64_t> numbers = orders_.with_id(traded.id);
  if (numbers.empty()) return refusal::order_not_found;
  if (!traded.execution_id.empty()) {
    for (const std::int64_t number : numbers) {
      const auto told =
          orders_.with(number, [&](const booked_order& order) { return told_before(order, number, traded); });
      if (told) return *told;
    }
  }
  const auto working = std::ranges::find_if(numbers, [this](std::int64_t number) { return works(number); });
  if (working == numbers.end()) return refusal::order_closed;
  if (last_report() >= settings_.reports_max) return refusal::book_full;
  const booked_order& order = *orders_.working(*working);
  const std::int64_t quantity = std::min(traded.quantity, order.quantity - order.filled);
  std::string fill_id = traded.execution_id.empty() ? "" : outside_fill_id(*working, traded.execution_id);
  return fill_order(*working, {std::move(fill_id), quantity, traded.price, now.wall}, false, now, out);
}

void paper_broker::on(const trading_day_end&, broker::moment now, paper_effects& out) {
  std::vector<std::int64_t> ending;
  for (const auto& [number, order] : orders_.all_working()) ending.push_back(number);
  for (const std::int64_t number : ending)
    commit(paper::expired{number, next_report(), now.wall}, now.boot, false, out);
  // Yesterday's last tick is nothing to trade with tomorrow.
  for (symbol_market& market : markets_) market.volume_for_buys = market.volume_for_sells = 0;
}

// ---- what faults held back
// -------------------------------------------------------------------------------------------
void paper_broker::advance(broker::moment now, paper_effects& out) {
  require_open();
  while (!deferred_.empty() && deferred_.begin()->first <= now.boot.value) {
    const deferred_action action = std::move(deferred_.extract(deferred_.begin()).mapped());
    if (const auto* order = std::get_if<broker::place>(&action)) {
      book(*order, fault_draw{}, std::nullopt, now, out);
    } else if (const auto* cancel = std::get_if<broker::cancel>(&action)) {
      cancel_orders(*cancel, std::nullopt, now, out);
    } else {
      const std::int64_t number = std::get<late_rejection>(action).number;
      const booked_order* accepted = orders_.working(number);
      if (accepted == nullptr || accepted->filled != 0) continue;
      const rejected why = injected();
      commit(paper::revoked{number, next_report(), why.code, why.message, now.wall}, now.boot, false, out);
    }
  }
}

std::optional<boot_ms> paper_broker::next_due() const {
  if (deferred_.empty()) return std::nullopt;
  return boot_ms{deferred_.begin()->first};
}

void paper_broker::defer(deferred_action action, boot_ms due) {
  if (deferred_.size() < settings_.deferred_max) deferred_.emplace(due.value, std::move(action));
}

void paper_broker::set_id_mode(client_id_mode mode, account_id account) {
  if (account) {
    id_modes_[account] = mode;
  } else {
    settings_.id_mode = mode;
  }
}

client_id_mode paper_broker::mode_of(account_id account) const {
  const auto own = id_modes_.find(account);
  return own == id_modes_.end() ? settings_.id_mode : own->second;
}

bool paper_broker::full() const {
  const auto known = orders() + static_cast<std::int64_t>(blocked_.size());
  return known >= settings_.orders_max || last_report() >= settings_.reports_max;
}

}  // namespace sb
