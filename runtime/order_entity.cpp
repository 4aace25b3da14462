#include "runtime/order_entity.hpp"

#include <algorithm>

#include "storage/order_events.hpp"

namespace sb {
namespace {

constexpr std::size_t waiters_max = 64;  ///< requests that wait for the outcome of one order; more are answered at once

}  // namespace

order_entity::order_entity(entity_key key, order_rules rules, std::uint64_t incarnation)
    : key_{std::move(key)}, rules_{std::move(rules)}, incarnation_{incarnation} {}

bool order_entity::replay(const event_record& event, wall_ms at, std::string& why) {
  const auto fact = decode_order_event(event, why);
  if (!fact) return false;
  if (std::holds_alternative<order_requested>(*fact)) {
    placed_by_ = event.by;
    correlation_ = event.correlation;
  }
  evolve(state_, *fact, at);
  return true;
}

bool order_entity::restore(const stored_snapshot&, std::string& why) {
  why = "orders have no snapshots";
  return false;
}

void order_entity::recovered(turn& now, predecessor former) {
  from_journal_ = former != predecessor::none;
  if (!from_journal_) return;
  missed_ = former == predecessor::lost;
  window_end_ = {now.now.boot.value + state_.send_window_ms};
  switch (state_.status) {
    case order_status::pending_new:  // was it sent? The authority's owner knows whether it can have been
      closing_ = true;
      ask_close(now);
      break;
    case order_status::unknown:
      now.at_once(alarm_out{alarm_resolve, 0});
      break;
    case order_status::new_:
    case order_status::partially_filled:
      if (missed_) now.at_once(alarm_out{alarm_resolve, 0});
      break;
    case order_status::absent:
      if (!missed_) break;
      last_look_ = state_.updated_at < day_end();
      now.at_once(alarm_out{alarm_resolve, 0});  // the find may have been told already, to nobody
      break;
    case order_status::none:
    case order_status::filled:
    case order_status::canceled:
    case order_status::rejected:
    case order_status::denied:
    case order_status::expired:
      break;
  }
}

void order_entity::handle(const delivery& in, turn& now) {
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { this->on(body, in.head, now); }) {
          on(body, in.head, now);
        } else {
          now.reply(in.head.from, rejected{rejection::not_found, "an order does not know this request"});
        }
      },
      in.body);
}

// ---- requests of the edge
// ------------------------------------------------------------------------------------------------

void order_entity::on(const place_order& in, const envelope& head, turn& now) {
  if (state_.status != order_status::none) {
    const bool same = state_.fingerprint == in.fingerprint || state_.denied_because == denial::never_requested;
    if (!same)
      return now.reply(head.from, rejected{rejection::key_reused, "this client_order_id belongs to another order"});
    if (state_.status == order_status::pending_new && in.wait_ms > 0 &&
        waiters_.size() < waiters_max) {  // the twin joins the first
      now.reply(head.from, order_stored{answer_now(true)});
      waiters_.push_back({head.from, false, true});
      return;
    }
    return now.reply(head.from, answer_now(true));
  }

  placed_by_ = head.by;
  correlation_ = head.correlation;
  reserve_deadline_ = {now.now.boot.value + rules_.times.reserve_deadline_ms};
  window_end_ = {now.now.boot.value + rules_.times.send_window_ms};
  record(order_requested{in.command, in.fingerprint, 1, now.now.day, rules_.times.send_window_ms}, head, now);
  if (!trading_hours(now.now.wall)) {
    deny(denial::market_closed, "outside the trading hours", head, now);
  } else if (!is_priced(in.command, now.now.wall, rules_.reference_age_max_ms)) {
    deny(denial::no_reference_price, "no price, or none that is young enough, to reserve a MARKET order at", head, now);
  } else {
    ask_reserve(now);
  }
  if (state_.status == order_status::pending_new && in.wait_ms > 0) {
    // What goes on waits for the risk book's row as well, so one commit may have both.
    now.reply_unhurried(head.from, order_stored{answer_now(false)});
    waiters_.push_back({head.from, false, false});
  } else {
    now.reply(head.from, answer_now(false));
  }
}

void order_entity::on(const cancel_order& in, const envelope& head, turn& now) {
  if (state_.status == order_status::none) return now.reply(head.from, rejected{rejection::not_found, "no such order"});
  if (is_closed(state_.status) || state_.status == order_status::absent) {
    return now.reply(head.from, rejected{rejection::order_closed, "the order is " + std::string{word(state_.status)}});
  }
  if (!state_.cancel_requested) record(order_cancel_requested{head.by.user}, head, now);
  if (state_.status == order_status::pending_new && !sent_ && !from_journal_) {
    // Nothing was sent, and this incarnation is the only one that could have: what the risk book holds is released by
    // settlement.
    record(order_canceled{true}, head, now);
    answer_waiters(now);
    return now.reply(head.from, answer_now(false));
  }
  if (in.wait_ms > 0 && waiters_.size() < waiters_max) {
    now.reply(head.from, order_stored{answer_now(false)});
    waiters_.push_back({head.from, true, false});
  } else {
    now.reply(head.from, answer_now(false));
  }
}

void order_entity::on(const get_order&, const envelope& head, turn& now) {
  if (state_.status == order_status::none) return now.reply(head.from, rejected{rejection::not_found, "no such order"});
  now.reply(head.from, answer_now(false));
}

// ---- authority
// -----------------------------------------------------------------------------------------------------------

void order_entity::on(const reserve_answered& in, const envelope& head, turn& now) {
  if (state_.status != order_status::pending_new || in.incarnation != incarnation_ || in.attempt != state_.attempt)
    return;
  if (authority_ || closing_) return;
  using verdict = reserve_answer::verdict;
  switch (in.answer.what) {
    case verdict::reserved:
      authority_ = true;  // committed() sends
      return;
    case verdict::denied:
      record(order_denied{denial::limits, "refused by limits or permissions", in.answer.violations,
                          in.answer.quantity_max},
             head, now);
      return answer_waiters(now);
    case verdict::closed:
      return deny(denial::risk_unavailable, "the attempt was closed before it was reserved", head, now);
    case verdict::fingerprint_differs:
      return deny(denial::risk_unavailable, "capacity was reserved for another command under this id", head, now);
    case verdict::too_late:  // this copy came late; an earlier one may have been reserved
      closing_ = true;
      return ask_close(now);
  }
}

void order_entity::on(const close_answered& in, const envelope& head, turn& now) {
  if (state_.status != order_status::pending_new || in.incarnation != incarnation_ || in.attempt != state_.attempt ||
      !closing_)
    return;
  if (sent_) return;
  if (in.reserved && from_journal_)
    return become_unknown("the node restarted before the broker's answer was stored", head, now);
  deny(denial::risk_unavailable, "the risk book did not answer in time", head, now);
}

void order_entity::on(const probe_order&, const envelope& head, turn& now) {
  if (state_.status == order_status::none) {
    placed_by_ = head.by;
    record(
        order_denied{
            denial::never_requested, "capacity was reserved, but the order was never stored", {}, std::nullopt},
        head, now);
  }
  now.after_commit(send_out{head_to(book_key(key_.organization)), probe_answered{key_.id}});
}

// ---- broker
// --------------------------------------------------------------------------------------------------------------

void order_entity::on(const broker_answered& in, const envelope& head, turn& now) {
  using outcome = broker_answered::outcome;
  const bool read = in.of == broker_verb::query && (in.what == outcome::seen || in.what == outcome::not_found);
  if (read && in.incarnation == incarnation_) {
    if (in.what == outcome::seen || !is_working(state_.status)) missed_ = false;
    // What was asked before an absent order's day was over is not the look that it waits for.
    if (early_reads_ == 0 && now.now.wall >= day_end()) last_look_ = false;
  }
  const bool may_be_early = in.of == broker_verb::query && in.incarnation == incarnation_ && early_reads_ > 0;
  if (may_be_early && (read || now.now.wall < day_end())) --early_reads_;
  if (in.what == outcome::seen) {  // a fact, whoever asked for it
    empty_reads_ = 0;
    if (fold(in.view, head, now)) answer_waiters(now);
    if (in.of == broker_verb::cancel && is_working(state_.status)) {
      cancel_sent_ = true;  // not canceled yet: ask again by and by
      now.at_once(alarm_out{alarm_cancel, rules_.times.cancel_retry_ms});
    }
    return;
  }
  if (in.incarnation != incarnation_) return;
  switch (in.of) {
    case broker_verb::place:
      if (state_.status != order_status::pending_new || !sent_) return;
      if (in.what == outcome::not_sent) return deny(denial::not_sent, in.detail, head, now);
      return become_unknown(in.detail, head, now);
    case broker_verb::cancel:
      if (in.what == outcome::blocked && state_.status == order_status::unknown) {
        record(order_canceled{false}, head, now);  // it can never arrive
        return answer_waiters(now);
      }
      // This account has only a tag, whatever the broker does with others: nothing keeps the order from arriving.
      if (in.what == outcome::not_found && state_.status == order_status::unknown) return read_was_empty(head, now);
      if (is_working(state_.status)) now.at_once(alarm_out{alarm_cancel, rules_.times.cancel_retry_ms});
      return;
    case broker_verb::query:
      if (in.what != outcome::not_found || state_.status != order_status::unknown) return;
      if (rules_.broker_enforces_ids) {
        outputs ask;
        ask_broker(broker_verb::cancel, ask);
        for (auto& out : ask) now.after_commit(std::move(out));
        return;
      }
      return read_was_empty(head, now);
  }
}

void order_entity::read_was_empty(const envelope& head, turn& now) {
  ++empty_reads_;
  if (empty_reads_ < rules_.times.empty_reads_for_absent ||
      now.now.boot.value <= window_end_.value + rules_.times.grace_ms) {
    return;
  }
  record(order_marked_absent{empty_reads_}, head, now);
  look_again_at_day_end(now);
  answer_waiters(now);
}

/// Not when the day was over already as it became absent: that look was the last one. An empty look is no fact; who
/// takes the order over before the next one looks once more.
void order_entity::look_again_at_day_end(turn& now) {
  if (state_.updated_at >= day_end()) return;
  last_look_ = true;
  resolve_step_ = 0;
  now.after_commit(alarm_out{alarm_resolve, std::max<std::int64_t>(0, day_end().value - now.now.wall.value)});
}

void order_entity::on(const broker_reported& in, const envelope& head, turn& now) {
  // It tells only what is new. What came before went with an answer, which may be lost, or to an earlier incarnation.
  if (!is_working(state_.status)) missed_ = true;
  const bool news = fold(in.view, head, now);
  if (news) answer_waiters(now);
  if (head.from.request == 0) return;
  if (in.view.fills.empty() || !state_.fill_ids.contains(in.view.fills.back().fill_id))
    return now.reply(head.from, rejected{rejection::order_closed, "the order takes no more fills"});
  now.reply(head.from, fill_answer{answer_now(!news), in.view.fills.back()});
}

bool order_entity::fold(const broker_view& view, const envelope& head, turn& now) {
  using is = broker_view::state;
  const auto before = state_.version;
  const auto was = state_.status;
  const auto may = [&](order_event_kind kind) { return next_status(state_.status, kind).has_value(); };
  if (view.is == is::rejected) {
    if (may(order_event_kind::rejected)) record(order_rejected{view.code, view.message}, head, now);
    if (state_.status != was) last_look_ = false;
    return state_.version != before;
  }
  if (may(order_event_kind::accepted)) record(order_accepted{view.broker_order_id}, head, now);
  for (const auto& fill : view.fills) {
    if (fill.quantity <= 0 || state_.fill_ids.contains(fill.fill_id)) continue;
    const bool last = state_.filled_quantity + fill.quantity >= state_.command.quantity;
    if (!may(last ? order_event_kind::filled_last : order_event_kind::filled_in_part)) continue;
    record(order_filled{fill.fill_id, fill.quantity, fill.price, fill.at, last, state_.command.user,
                        state_.command.account, state_.command.exchange, state_.command.symbol,
                        state_.command.direction, state_.command.product},
           head, now);
  }
  if (view.is == is::canceled && may(order_event_kind::canceled)) record(order_canceled{false}, head, now);
  if (view.is == is::expired && may(order_event_kind::expired)) record(order_expired{}, head, now);
  if (state_.status != was) last_look_ = false;
  if (missed_ && is_working(state_.status) && !is_working(was)) now.after_commit(alarm_out{alarm_resolve, 0});
  return state_.version != before;
}

void order_entity::become_unknown(std::string why, const envelope& head, turn& now) {
  record(order_outcome_unknown{std::move(why)}, head, now);
  resolve_step_ = 0;
  empty_reads_ = 0;
  now.after_commit(alarm_out{alarm_resolve, resolve_delay()});
  answer_waiters(now);
}

// ---- time
// ----------------------------------------------------------------------------------------------------------------

void order_entity::on(const alarm& in, const envelope& head, turn& now) {
  switch (in.id) {
    case alarm_authority:
      if (state_.status != order_status::pending_new || authority_ || sent_) return;
      if (!closing_ && now.now.boot < reserve_deadline_) return ask_reserve(now);
      closing_ = true;
      return ask_close(now);
    case alarm_broker:
      if (state_.status == order_status::pending_new && sent_)
        become_unknown("no answer of the broker in time", head, now);
      return;
    case alarm_resolve: {
      if (!wants_read()) return;
      if (state_.status == order_status::absent && !missed_ && now.now.wall < day_end())
        return look_again_at_day_end(now);
      outputs ask;
      ask_broker(broker_verb::query, ask);
      for (auto& out : ask) now.after_commit(std::move(out));
      if (now.now.wall < day_end()) ++early_reads_;
      ++resolve_step_;
      now.after_commit(alarm_out{alarm_resolve, resolve_delay()});
      return;
    }
    case alarm_cancel:
      cancel_sent_ = false;  // committed() asks again where it is still wanted
      return;
    default:
      return;
  }
}

void order_entity::committed(const clock_reading& now, outputs& out) {
  if (state_.status == order_status::pending_new && authority_ && !sent_ && !closing_ && !state_.cancel_requested) {
    sent_ = true;
    ask_broker(broker_verb::place, out);
    const auto left = std::max<std::int64_t>(0, window_end_.value - now.boot.value);
    out.push_back(alarm_out{alarm_broker, left + rules_.times.broker_answer_ms});
  }
  if (is_working(state_.status) && state_.cancel_requested && !cancel_sent_) {
    cancel_sent_ = true;
    ask_broker(broker_verb::cancel, out);
    out.push_back(alarm_out{alarm_cancel, rules_.times.cancel_retry_ms});
  }
}

bool order_entity::wants_read() const {
  const bool at_broker = is_working(state_.status) || state_.status == order_status::absent;
  return state_.status == order_status::unknown || last_look_ || (missed_ && at_broker);
}

bool order_entity::busy() const {
  if (wants_read()) return true;
  switch (state_.status) {
    case order_status::pending_new:
    case order_status::unknown:
      return true;
    case order_status::new_:
    case order_status::partially_filled:
      return state_.cancel_requested;
    case order_status::none:
    case order_status::filled:
    case order_status::canceled:
    case order_status::rejected:
    case order_status::denied:
    case order_status::expired:
    case order_status::absent:
      return false;
  }
  return false;
}

// ---- parts
// -----------------------------------------------------------------------------------------------------------------

void order_entity::record(const order_event& fact, const envelope& head, turn& now) {
  auto event = encode(fact);
  event.by = head.by;
  event.correlation = correlation_;
  event.causation = head.causation;
  evolve(state_, fact, now.now.wall);
  now.record(std::move(event));
}

void order_entity::deny(denial why, std::string detail, const envelope& head, turn& now) {
  record(order_denied{why, std::move(detail), {}, std::nullopt}, head, now);
  answer_waiters(now);
}

void order_entity::answer_waiters(turn& now) {
  if (state_.status == order_status::pending_new) return;
  std::erase_if(waiters_, [&](const waiter& w) {
    if (w.for_cancel && !is_closed(state_.status) && state_.status != order_status::absent) return false;
    auto reply = answer_now(w.replayed);
    now.reply(w.who, std::move(reply));
    return true;
  });
}

order_answer order_entity::answer_now(bool replayed) const {
  order_answer reply;
  reply.order = state_;
  reply.id = key_.id;
  reply.replayed = replayed;
  reply.cancel_pending = state_.cancel_requested && !is_closed(state_.status);
  reply.held =
      is_closed(state_.status) ? money{} : saturating_mul(reserve_price(state_.command), pending_quantity(state_));
  return reply;
}

void order_entity::ask_reserve(turn& now) {
  const auto& c = state_.command;
  reserve_request ask;
  ask.what = {key_.id,  state_.attempt, state_.fingerprint, c.user,           c.account, c.exchange,
              c.symbol, c.product,      c.quantity,         reserve_price(c), state_.day};
  ask.incarnation = incarnation_;
  ask.deadline = reserve_deadline_;
  now.at_once(send_out{head_to(book_key(key_.organization)), std::move(ask)});
  now.at_once(alarm_out{alarm_authority, rules_.times.reserve_retry_ms});
}

void order_entity::ask_close(turn& now) {
  now.at_once(send_out{head_to(book_key(key_.organization)), close_request{{key_.id, state_.attempt}, incarnation_}});
  now.at_once(alarm_out{alarm_authority, rules_.times.close_retry_ms});
}

void order_entity::ask_broker(broker_verb what, outputs& out) const {
  broker_call call;
  call.what = what;
  call.order = key_;
  call.incarnation = incarnation_;
  call.command = state_.command;
  call.broker_order_id = state_.broker_order_id;
  call.not_after = window_end_;
  out.push_back(broker_out{std::move(call)});
}

std::int64_t order_entity::resolve_delay() const {
  const auto& steps = rules_.times.unknown_retry_ms;
  if (steps.empty()) return 60'000;
  return steps[std::min(static_cast<std::size_t>(resolve_step_), steps.size() - 1)];
}

bool order_entity::trading_hours(wall_ms at) const {
  const std::int64_t local = at.value / 60'000 + rules_.utc_offset_minutes;
  const auto minute = static_cast<std::int32_t>(local % 1'440);
  const auto weekday = static_cast<std::size_t>((local / 1'440 + 3) % 7);  // 1970-01-01 was a Thursday
  return rules_.days[weekday] && minute >= rules_.open_minute && minute < rules_.close_minute;
}

/// When the exchange closes on the order's day.
wall_ms order_entity::day_end() const {
  const std::int64_t local_minute = std::int64_t{state_.day.value} * 1'440 + rules_.close_minute;
  return {(local_minute - rules_.utc_offset_minutes) * 60'000};
}

envelope order_entity::head_to(entity_key to) const {
  envelope head;
  head.to = std::move(to);
  head.by = placed_by_;
  head.correlation = correlation_;
  head.causation = key_.id;
  return head;
}

}  // namespace sb
