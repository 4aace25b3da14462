#include "tests/simulation/exchange.hpp"

#include <algorithm>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

using outcome = broker_answered::outcome;
using is = broker_view::state;

constexpr std::int64_t very_late_ms = 30'000;

}  // namespace

money worst_price(const order_command& command) {
  if (command.type == order_type::limit) return command.price;
  constexpr std::int64_t whole = 10'000;  // the protection is in hundredths of a percent
  const auto scaled = command.reference_price.ticks * (whole + command.market_protection);
  return {scaled / whole + (scaled % whole == 0 ? 0 : 1)};
}

void exchange::take(const broker_call& call, answer_to done) {
  world_.record.note(world_.time.now(), "broker", call.order.id, static_cast<std::int64_t>(call.what),
                     call.incarnation);
  switch (call.what) {
    case broker_verb::place:
      return place(call, done);
    case broker_verb::cancel:
      return cancel(call, done);
    case broker_verb::query:
      return query(call, done);
  }
}

void exchange::answer(const broker_call& call, const answer_to& done, outcome what, broker_view view,
                      std::int64_t delay) {
  broker_answered told;
  told.of = call.what;
  told.incarnation = call.incarnation;
  told.what = what;
  told.view = std::move(view);
  told.detail = "simulated";
  world_.time.after(delay, [done, told] { done(told); });
}

exchange_order* exchange::find(const order_id& id) {
  const auto found = orders_.find(id);
  return found == orders_.end() ? nullptr : &found->second.front();
}

broker_view exchange::view_of(const exchange_order& order) {
  return {order.is, order.broker_order_id, order.code, {}, order.fills};
}

// ---- requests ------------------------------------------------------------------------------------------------------

void exchange::place(const broker_call& call, const answer_to& done) {
  auto& chance = world_.chance;
  only_what_is_authorized_is_sent(world_, call);
  const auto strikes = [&](fault what) {
    if (!world_.strikes(what)) return false;
    world_.struck(what, call.order.id);
    return true;
  };
  const auto unclear = [&] {
    if (chance.chance(600)) answer(call, done, outcome::unknown, {}, chance.between(100, 3'000));
  };
  const auto today = day_of(world_.time.wall(), utc_offset_minutes);
  // It was canceled while it was on its way: nothing that may happen to it here matters any more.
  if (blocked_.contains(call.order.id)) return arrive({call, done, today});
  if (strikes(fault::broker_drops)) return unclear();
  if (strikes(fault::broker_late)) {
    unclear();
    // A sender that was stopped between its last look at the clock and the write: no window can exclude that.
    const bool stopped = !world_.config.broker_enforces_ids && chance.chance(world_.config.stopped_per_mille);
    const auto latest = world_.config.late_max_ms;
    const auto delay = stopped ? chance.between(latest, latest + very_late_ms) : chance.between(100, latest);
    world_.time.after(delay, [this, late = sending{call, nullptr, today, stopped}] { arrive(late); });
    return;
  }
  if (strikes(fault::broker_hangs)) {
    unclear();
    return arrive({call, nullptr, today});
  }
  if (strikes(fault::broker_rejects)) {
    return answer(call, done, outcome::seen, {is::rejected, {}, "B1", "no", {}}, chance.between(0, 20));
  }
  const auto slow = strikes(fault::broker_slow) ? chance.between(1'000, 15'000) : chance.between(0, 20);
  const auto there = std::min(slow / 2, world_.config.late_max_ms);
  const auto answer_back = [this, done, back = slow - there](const broker_answered& told) {
    world_.time.after(back, [done, told] { done(told); });
  };
  world_.time.after(there, [this, sent = sending{call, answer_back, today}] { arrive(sent); });
}

/// The order is in the broker's hands now.
void exchange::arrive(const sending& what) {
  const auto& [call, done, sent_on, beyond_every_window] = what;
  const auto& id = call.order.id;
  if (closed_) return;
  const bool over = sent_on != day_of(world_.time.wall(), utc_offset_minutes);
  if (over || blocked_.contains(id)) {
    const char* why = over ? "that day is over" : "this client id is canceled";
    if (done) answer(call, done, outcome::seen, {is::rejected, {}, "B2", why, {}}, 0);
    return;
  }
  reaches_the_broker_once(world_, id);
  what_was_released_is_never_accepted(world_, call.order, beyond_every_window);
  exchange_order made;
  made.broker_order_id = "B" + std::to_string(++last_id_);
  made.organization = call.order.organization;
  made.client_id = id;
  made.command = call.command;
  made.beyond_every_window = beyond_every_window;
  auto& order = orders_[id].emplace_back(std::move(made));
  world_.record.note(world_.time.now(), "accepted", id, order.broker_order_id);
  const auto& c = order.command;
  // What trades at once is told in the answer alone, if that arrives.
  if (c.valid != validity::ioc && c.quantity > 1 && world_.chance.chance(200))
    fill(id, world_.chance.between(1, c.quantity - 1), false);
  trade(order);
  if (done) answer(call, done, outcome::seen, view_of(order), 0);
}

void exchange::cancel(const broker_call& call, const answer_to& done) {
  auto& chance = world_.chance;
  bool told = true;
  if (world_.strikes(fault::broker_answer_unclear)) {
    world_.struck(fault::broker_answer_unclear, call.order.id);
    if (chance.chance(500)) answer(call, done, outcome::unknown, {}, chance.between(0, 2'000));
    if (chance.chance(500)) return;
    told = false;
  }
  auto* order = find(call.order.id);
  if (order == nullptr) {
    const bool blocks = world_.config.broker_enforces_ids;
    if (blocks) blocked_.insert(call.order.id);
    if (told) answer(call, done, blocks ? outcome::blocked : outcome::not_found, {}, chance.between(0, 20));
    return;
  }
  if (order->is == is::working) close(*order, is::canceled);
  if (told)
    answer(call, done, outcome::seen, view_of(*order),
           std::max<std::int64_t>(0, order->channel_free - world_.time.now()));
}

void exchange::query(const broker_call& call, const answer_to& done) {
  auto& chance = world_.chance;
  if (world_.strikes(fault::broker_answer_unclear)) {
    world_.struck(fault::broker_answer_unclear, call.order.id);
    if (chance.chance(500)) answer(call, done, outcome::unknown, {}, chance.between(0, 2'000));
    return;
  }
  const auto* order = find(call.order.id);
  if (order == nullptr) return answer(call, done, outcome::not_found, {}, chance.between(0, 20));
  answer(call, done, outcome::seen, view_of(*order), chance.between(0, 20));
}

// ---- market --------------------------------------------------------------------------------------------------------

void exchange::trade(exchange_order& order) {
  auto& chance = world_.chance;
  const auto& c = order.command;
  if (c.valid == validity::ioc) {
    const auto part = chance.between(0, c.quantity);
    if (part > 0) fill(order.client_id, part);
    if (order.is == is::working) close(order, is::canceled);
    return;
  }
  const auto mood = chance.between(0, 9);
  if (c.type == order_type::limit && mood < 3) return;  // rests
  const bool whole = c.type == order_type::market || mood < 8;
  auto left = whole ? c.quantity : c.quantity / 2;
  auto at = chance.between(5, 500);
  while (left > 0) {
    const auto part = chance.between(1, left);
    world_.time.after(at, [this, id = order.client_id, part] { fill(id, part); });
    left -= part;
    at += chance.between(0, 8'000);
  }
}

void exchange::fill(const order_id& id, std::int64_t quantity, bool reported) {
  auto& order = *find(id);
  if (order.is != is::working) return;
  quantity = std::min(quantity, order.command.quantity - order.filled);
  if (quantity <= 0) return;
  nothing_released_trades(world_, order);
  const auto reserved_at = worst_price(order.command);
  const auto slip =
      world_.chance.chance(50) ? 2 * money::unit : -money::unit;  // some fills are worse than was reserved
  const broker_fill made{
      "F" + std::to_string(++last_report_), quantity, {reserved_at.ticks + slip}, world_.time.wall()};
  order.fills.push_back(made);
  order.filled += quantity;
  if (order.filled == order.command.quantity) order.is = is::filled;
  world_.record.note(world_.time.now(), "filled", id, quantity);
  if (reported) report(order, {is::working, order.broker_order_id, {}, {}, {made}});
}

void exchange::close(exchange_order& order, is how) {
  order.is = how;
  report(order, view_of(order));
}

void exchange::report(exchange_order& order, const broker_view& view) {
  delivery out;
  out.head.to = order_key(order.organization, order.client_id);
  out.head.by.organization = order.organization;
  out.head.causation = "broker";
  out.body = broker_reported{++last_report_, view};
  const auto arrive = [this, out] {
    const auto owner = world_.db.owner(shard_of(out.head.to));
    for (auto& each : world_.nodes) {
      if (each->name() == owner) each->receive([to = each.get(), out] { to->take_report(out); });
    }
  };
  order.channel_free = std::max(order.channel_free, world_.time.now() + world_.chance.between(0, 30));
  world_.time.at(order.channel_free, arrive);
  if (view.fills.empty() || !world_.strikes(fault::fill_doubled)) return;
  world_.struck(fault::fill_doubled, order.client_id);
  world_.time.after(world_.chance.between(30, 10'000), arrive);
}

void exchange::end_of_trading() {
  closed_ = true;
  end_of_day();
}

void exchange::end_of_day() {
  for (auto& [id, all] : orders_) {
    for (auto& order : all) {
      if (order.is == is::working) close(order, is::expired);
    }
  }
}

}  // namespace sb::simulation
