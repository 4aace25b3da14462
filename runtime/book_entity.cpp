#include "runtime/book_entity.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/risk_events.hpp"

namespace sb {

book_entity::book_entity(entity_key key, book_rules rules, snapshot_places places)
    : key_{std::move(key)}, rules_{rules}, places_{std::move(places)} {
  book_.organization = key_.organization;
}

bool book_entity::replay(const event_record& event, wall_ms, std::string& why) {
  const auto fact = decode_risk_event(event, why);
  if (!fact) return false;
  evolve(book_, *fact);
  return true;
}

bool book_entity::restore(const stored_snapshot& snapshot, std::string& why) {
  auto book = decode_snapshot(snapshot.body, why);
  if (!book) return false;
  book_ = std::move(*book);
  *snapshot_bytes_ = snapshot.body.size();
  return true;
}

void book_entity::recovered(turn& now, predecessor) {
  std::vector<order_id> held;
  for (const auto& [order, r] : book_.reservations) {
    if (r.state == reservation_state::held) held.push_back(order);
  }
  std::sort(held.begin(), held.end());  // the map's order is not the same everywhere
  for (const auto& order : held) watch(order, now);
}

void book_entity::handle(const delivery& in, turn& now) {
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { this->on(body, in.head, now); }) {
          on(body, in.head, now);
        } else {
          now.reply(in.head.from, rejected{rejection::not_found, "a risk book does not know this request"});
        }
      },
      in.body);
}

std::int64_t book_entity::gather_ms(boot_ms now) const {
  return asked_ && now.value - asked_->value <= rules_.gather_ms ? rules_.gather_ms : 0;
}

void book_entity::on(const reserve_request& in, const envelope& head, turn& now) {
  asked_ = now.now.boot;
  std::vector<risk_event> facts;
  const bool too_late = in.deadline.value != 0 && now.now.boot > in.deadline;
  auto verdict = decide(book_, in.what, now.now.day, too_late, facts);
  const bool reserved_now = verdict.what == reserve_answer::verdict::reserved && !facts.empty();
  record(std::move(facts), head, now);
  if (reserved_now) watch(in.what.order, now);
  now.after_commit(
      send_out{back_to(in.what.order, head), reserve_answered{in.what.attempt, in.incarnation, std::move(verdict)}});
}

void book_entity::on(const close_request& in, const envelope& head, turn& now) {
  std::vector<risk_event> facts;
  const auto verdict = decide(book_, in.what, now.now.day, facts);
  record(std::move(facts), head, now);
  now.after_commit(
      send_out{back_to(in.what.order, head), close_answered{in.what.attempt, in.incarnation, verdict.reserved}});
}

void book_entity::on(const settle_request& in, const envelope& head, turn& now) {
  std::vector<risk_event> facts;
  const auto verdict = decide(book_, in.what, now.now.day, facts);
  record(std::move(facts), head, now);
  if (verdict.accepted) {
    for (const auto& fact : in.what.facts) heard_of(fact.order);
  }
  if (head.from.request != 0) {
    reply_out told{head.from, settled{key_.organization, verdict.accepted, verdict.settled_seq}};
    if (in.what.facts.size() > rules_.gather_facts_max) {
      now.after_commit(std::move(told));
    } else {
      now.after_commit_unhurried(std::move(told));
    }
  }
}

void book_entity::on(const ask_settled&, const envelope& head, turn& now) {
  now.reply(head.from, settled{key_.organization, false, book_.settled_seq});
}

void book_entity::on(const set_limits_request& in, const envelope& head, turn& now) {
  if (in.if_version && *in.if_version != book_.limits_version) {
    return now.reply(head.from, rejected{rejection::version_conflict,
                                         "the limits have version " + std::to_string(book_.limits_version)});
  }
  std::vector<risk_event> facts;
  decide(book_, in.what, now.now.day, facts);
  record(std::move(facts), head, now);
  now.reply(head.from, limits_now());
}

void book_entity::on(const get_limits&, const envelope& head, turn& now) { now.reply(head.from, limits_now()); }

void book_entity::on(const validate_order& in, const envelope& head, turn& now) {
  now.reply(head.from, validate_answer{check_order(book_, in.what)});
}

void book_entity::on(const set_permissions_request& in, const envelope& head, turn& now) {
  std::vector<risk_event> facts;
  decide(book_, in.what, now.now.day, facts);
  record(std::move(facts), head, now);
  now.reply(head.from, permissions_answer{in.what.grant});
}

void book_entity::on(const get_permissions& in, const envelope& head, turn& now) {
  permissions_answer reply;
  reply.grant.user = in.user;
  if (const auto found = book_.permissions.find(in.user); found != book_.permissions.end()) reply.grant = found->second;
  now.reply(head.from, std::move(reply));
}

void book_entity::on(const check_permission_request& in, const envelope& head, turn& now) {
  auto why = check_permission(book_, in.user, in.account, in.action);
  now.reply(head.from, permission_checked{!why.has_value(), std::move(why)});
}

// ---- reservations of which nothing is heard
// --------------------------------------------------------------------------------

void book_entity::on(const probe_answered& in, const envelope&, turn&) {
  heard_of(in.order);  // what follows comes through settlement
}

void book_entity::on(const orders_seen& in, const envelope&, turn&) {
  for (const auto& order : in.orders) heard_of(order);
}

void book_entity::on(const orders_looked_up& in, const envelope&, turn& now) {
  asked_until_ = {};
  for (const auto& order : in.stored) heard_of(order);
  for (const auto& order : in.missing) {
    if (!unheard_of_.contains(order)) continue;
    envelope ask;
    ask.to = order_key(key_.organization, order);
    ask.causation = "probe";
    const auto attempt = book_.reservations.at(order).attempt;
    now.after_commit_unhurried(send_out{std::move(ask), probe_order{attempt}});  // the reservation may be out
  }
  look_for_next(now);
}

void book_entity::on(const alarm& in, const envelope&, turn& now) {
  if (in.id != alarm_look_up) return;
  looking_ = false;
  const auto at = now.now.boot;
  if (at < asked_until_) return look_at(asked_until_, now);
  look_up_out ask;
  const boot_ms again{at.value + rules_.look_up_retry_ms};
  for (auto* from : {&looked_up_, &unheard_}) {
    // Each is behind what was put there before, and not due again in this round.
    while (!from->empty() && from->front().due <= at && std::ssize(ask.orders) < rules_.look_ups_max) {
      auto& next = from->front();
      next.due = again;
      next.looked_up = true;
      ask.orders.push_back(next.order);
      looked_up_.splice(looked_up_.end(), *from, from->begin());
    }
  }
  if (!ask.orders.empty()) {
    asked_until_ = again;
    now.at_once(std::move(ask));
  }
  look_for_next(now);
}

/// The alarm for the next question.
void book_entity::look_for_next(turn& now) {
  const auto due = [](const std::list<unheard>& orders, boot_ms otherwise) {
    return orders.empty() ? otherwise : std::min(orders.front().due, otherwise);
  };
  if (unheard_of_.empty()) return;
  const boot_ms never{std::numeric_limits<std::int64_t>::max()};
  look_at(due(looked_up_, due(unheard_, never)), now);
}

void book_entity::look_at(boot_ms when, turn& now) {
  looking_ = true;
  now.at_once(alarm_out{alarm_look_up, std::max(when.value - now.now.boot.value, rules_.look_up_round_ms)});
}

void book_entity::watch(const order_id& order, turn& now) {
  const auto last = unheard_.insert(unheard_.end(), {{now.now.boot.value + rules_.look_up_after_ms}, order, false});
  unheard_of_.emplace(last->order, last);
  if (!looking_) look_at(last->due, now);
}

void book_entity::heard_of(const order_id& order) {
  const auto found = unheard_of_.find(order);
  if (found == unheard_of_.end()) return;
  const auto one = found->second;
  unheard_of_.erase(found);
  (one->looked_up ? looked_up_ : unheard_).erase(one);
}

// ---- tombstones
// ----------------------------------------------------------------------------------------------------------------

/// With facts that are stored anyway, a few times in `tombstone_ms` and not with each row.
void book_entity::drop_old_tombstones(std::vector<risk_event>& facts, boot_ms now) {
  constexpr std::int64_t looks = 8;
  if (seen_.empty() || seen_.back().at.value + rules_.tombstone_ms / looks <= now.value)
    seen_.push_back({now, book_.last_tombstone});
  std::int64_t through = 0;
  for (; seen_.front().at.value + rules_.tombstone_ms < now.value; seen_.pop_front()) through = seen_.front().last;
  drop_tombstones(book_, through, facts);
}

// ---- parts
// -----------------------------------------------------------------------------------------------------------------

void book_entity::record(std::vector<risk_event> facts, const envelope& head, turn& now) {
  if (facts.empty()) return;
  drop_old_tombstones(facts, now.now.boot);
  for (const auto& fact : facts) {
    auto event = encode(fact);
    event.by = head.by;
    event.correlation = head.correlation;
    event.causation = head.causation;
    now.record(std::move(event));
  }
}

envelope book_entity::back_to(const order_id& order, const envelope& asked) const {
  envelope head;
  head.to = order_key(key_.organization, order);
  head.by = asked.by;
  head.correlation = asked.correlation;
  head.causation = asked.causation;
  head.to_host = asked.from_host;
  return head;
}

void book_entity::committed(const clock_reading&, outputs&) {}

/// Held reservations are open work, but they are found again by whoever wakes the book; only an alarm for what is
/// watched keeps it here.
bool book_entity::busy() const { return looking_; }

/// Only who has a place for it waits for the moment.
bool book_entity::snapshot_due(std::int64_t tail_events, std::size_t tail_bytes) {
  const bool worth_it = tail_events >= rules_.snapshot_events_min && tail_bytes >= 4 * *snapshot_bytes_;
  if (!worth_it) {
    place_ = nullptr;  // the last one was stored meanwhile, and is long
  } else if (!place_) {
    place_ = places_.take();
  }
  return place_ != nullptr;
}

snapshot_offer book_entity::snapshot() {
  auto place = std::exchange(place_, nullptr);
  // Shared, because a function object may be copied: the book and its place go with the last one.
  return {
      [book = std::make_shared<const risk_book>(book_), place = std::move(place)] { return encode_snapshot(*book); },
      [last = snapshot_bytes_](std::size_t bytes) { *last = bytes; }};
}

limits_answer book_entity::limits_now() const {
  return {book_.limits_version, book_.version, book_.day, book_.limits, book_.usage};
}

}  // namespace sb
