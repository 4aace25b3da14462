#include "tests/simulation/world.hpp"

#include <algorithm>

#include "tests/simulation/invariants.hpp"

namespace sb::simulation {
namespace {

constexpr std::int64_t midnight = 1'767'292'200'000;  // 2026-01-02T00:00+05:30
constexpr std::int64_t set_up_ms = 30'000;
constexpr std::int64_t quiet_within_ms = 600'000;

/// The orders that a message is about.
std::vector<order_id> orders_of(const delivery& what) {
  if (what.head.to.kind == entity_kind::order) return {what.head.to.id};
  if (const auto* settle = std::get_if<settle_request>(&what.body)) {
    std::vector<order_id> all;
    for (const auto& fact : settle->what.facts) all.push_back(fact.order);
    return all;
  }
  if (what.head.causation.starts_with("ORD")) return {what.head.causation};
  return {};
}

}  // namespace

world::world(std::uint64_t seed, bool keep_trace, const reduction& smaller)
    : chance{seed}, record{keep_trace}, config{draw_swarm(chance)}, db{time, record}, market{*this}, clients{*this} {
  time.set_wall({midnight - config.midnight_after_ms - set_up_ms});
  smaller.apply(config);
  for (const auto roles : config.nodes) {
    const auto error = config.clocks_differ ? chance.between(-1'900, 1'900) : 0;
    nodes.push_back(std::make_unique<node>(*this, nodes.size(), roles, error));
  }
  for (const auto organization : clients.organizations()) {
    shards.push_back(shard_of(shard_role::user, organization));
    shards.push_back(shard_of(shard_role::trade, organization));
  }
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
}

void world::run() {
  const auto began = time.now();
  for (auto& each : nodes) {
    each->start();
    time.run(time.now() + chance.between(0, 3'000));
  }
  clients.set_up();
  time.run(began + set_up_ms);
  time.after(config.midnight_after_ms, [this] { market.end_of_day(); });
  faults_on_ = true;
  clients.trade(config.faults_for_ms);
  plan_timed_faults();
  time.run(time.now() + config.faults_for_ms);
  the_tables_equal_their_journal(*this);

  heal();
  time.run(time.now() + 20'000);
  clients.repeat_most();
  run_until_empty(&world::unsettled, time.now() + quiet_within_ms, "liveness");
  market.end_of_trading();
  // An absent order that has arrived after all is found by its reports; where they were lost, at the day's end.
  const auto day_ends = time.now() + day_end().value - time.wall().value;
  run_until_empty(&world::open_work, day_ends + quiet_within_ms, "I18");
  clients.read_everything();
  seen.take_overs = db.take_overs();
}

// ---- network -------------------------------------------------------------------------------------------------------

/// Two may believe that they do: one of them was stopped, and does not know yet.
std::size_t world::runs(shard_id shard, std::size_t near) {
  if (nodes[near]->serves(shard)) return near;
  auto found = nodes.size();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i]->serves(shard) && (found == nodes.size() || chance.chance(500))) found = i;
  }
  return found;
}

void world::send(std::size_t from, delivery what) {
  if (const auto* closed = std::get_if<close_answered>(&what.body); closed != nullptr && !closed->reserved) {
    db.voided.insert({what.head.to.id, closed->attempt});
  }
  const auto target = runs(shard_of(what.head.to), from);
  if (target == nodes.size()) return;
  if (strikes(fault::message_lost)) {
    record.note(time.now(), "lost", stream_of(what.head.to), static_cast<std::int64_t>(what.body.index()));
    return struck_message(fault::message_lost, what);
  }
  std::int64_t delay = target == from ? chance.between(0, 1) : chance.between(1, 10);
  if (strikes(fault::message_late)) {
    delay += chance.between(100, 6'000);
    struck_message(fault::message_late, what);
  }
  if (strikes(fault::message_reordered)) {
    delay += chance.between(2, 60);
    struck_message(fault::message_reordered, what);
  }
  const auto arrive = [this, target](delivery in) {
    nodes[target]->receive([this, target, in = std::move(in)]() mutable { nodes[target]->take(std::move(in)); });
  };
  if (strikes(fault::message_doubled)) {
    struck_message(fault::message_doubled, what);
    time.after(delay + chance.between(0, 3'000), [arrive, what] { arrive(what); });
  }
  time.after(delay, [arrive, what = std::move(what)]() mutable { arrive(std::move(what)); });
}

void world::reply(std::size_t from, const requester& to, const answer& what) {
  if (to.request == 0) return;
  if (to.gateway >= settlement_gateway) {
    const auto target = static_cast<std::size_t>(to.gateway - settlement_gateway);
    const auto* told = std::get_if<settled>(&what);
    if (told == nullptr || strikes(fault::message_lost)) return;
    const std::int64_t delay = target == from ? 0 : chance.between(1, 10);
    const auto arrive = [this, target, told = *told] {
      nodes[target]->receive([this, target, told] { nodes[target]->take_settled(told); });
    };
    if (strikes(fault::message_doubled)) time.after(delay + chance.between(0, 3'000), arrive);
    time.after(delay + (strikes(fault::message_late) ? chance.between(100, 3'000) : 0), arrive);
    return;
  }
  clients.leaves(to, what);
  if (strikes(fault::message_lost)) return;
  time.after(chance.between(0, 5), [this, to, what] { clients.take(to, what); });
}

// ---- faults --------------------------------------------------------------------------------------------------------

saga_step world::step_of(organization_id organization, const order_id& id) const {
  const auto& order = db.order(id);
  const bool held = db.holds(organization, id);
  if (is_closed(order.status)) return held ? saga_step::settling : saga_step::closed;
  if (order.status == order_status::absent) return saga_step::absent;
  if (order.status == order_status::none) return saga_step::requesting;
  if (order.cancel_requested) return saga_step::canceling;
  if (order.status == order_status::unknown) return saga_step::unknown;
  if (is_working(order.status)) return saga_step::working;
  if (market.has(id)) return saga_step::sent;
  return held ? saga_step::reserved : saga_step::asked;
}

template <class Concerned>
void world::struck_where(fault what, Concerned concerned) {
  record.note(time.now(), "fault", word(what));
  for (const auto& intent : clients.intents()) {
    if (intent.asked && concerned(intent)) seen.count(step_of(intent.organization, intent.id), what);
  }
}

void world::struck(fault what, const order_id& order) {
  struck_where(what, [&](const intent& one) { return one.id == order; });
}

void world::struck_row(fault what, const journal_row& row) {
  const auto key = key_of(row.stream);
  if (key->kind == entity_kind::order) return struck(what, key->id);
  // Of a risk book: the row names the orders that it is about.
  struck_where(what, [&](const intent& one) { return row.body.find(one.id) != std::string::npos; });
}

void world::struck_message(fault what, const delivery& message) {
  const auto about = orders_of(message);
  struck_where(what, [&](const intent& one) { return std::find(about.begin(), about.end(), one.id) != about.end(); });
}

void world::struck_shard(fault what, shard_id shard) {
  struck_where(what, [&](const intent& one) {
    return shard_of(shard_role::user, one.organization) == shard ||
           shard_of(shard_role::trade, one.organization) == shard;
  });
}

void world::struck_node(fault what, const node& where) {
  struck_where(what, [&](const intent& one) {
    return where.owns(shard_of(shard_role::user, one.organization)) ||
           where.owns(shard_of(shard_role::trade, one.organization));
  });
}

void world::struck_all(fault what) {
  struck_where(what, [](const intent&) { return true; });
}

void world::plan_timed_faults() {
  const auto until = time.now() + config.faults_for_ms;
  plan(fault::database_stalled, until, &world::stall_database);
  plan(fault::database_restarted, until, &world::restart_database);
  plan(fault::node_killed, until, &world::kill_node);
  plan(fault::node_paused, until, &world::pause_node);
  plan(fault::node_cut_off, until, &world::cut_node_off);
  plan(fault::clock_jumped, until, &world::set_a_clock);
  plan(fault::entity_crashed, until, &world::crash_entity);
  plan(fault::shard_handed_over, until, &world::hand_shard_over);
}

void world::plan(fault what, std::int64_t until, void (world::*strike)()) {
  const auto mean = config.of(what);
  if (mean == 0) return;
  for (auto at = time.now() + chance.between(1, 2 * mean); at < until; at += chance.between(1, 2 * mean)) {
    time.at(at, [this, strike] {
      if (faults_on_) (this->*strike)();
    });
  }
}

void world::stall_database() {
  struck_all(fault::database_stalled);
  db.stall(chance.between(200, 9'000));
}

void world::restart_database() {
  struck_all(fault::database_restarted);
  db.restart(chance.between(50, 4'000));
}

void world::kill_node() {
  const auto victim = chance.index(nodes.size());
  if (!nodes[victim]->alive()) return;
  struck_node(fault::node_killed, *nodes[victim]);
  nodes[victim]->kill();
  time.after(chance.between(0, 10'000), [this, victim] {
    if (!nodes[victim]->alive()) nodes[victim]->start();
  });
}

void world::pause_node() {
  const auto victim = chance.index(nodes.size());
  if (!nodes[victim]->alive() || nodes[victim]->paused()) return;
  struck_node(fault::node_paused, *nodes[victim]);
  nodes[victim]->pause();
  time.after(chance.between(200, 24'000), [this, victim] { nodes[victim]->resume(); });
}

void world::cut_node_off() {
  const auto victim = chance.index(nodes.size());
  if (!nodes[victim]->alive()) return;
  struck_node(fault::node_cut_off, *nodes[victim]);
  nodes[victim]->cut_off(time.now() + chance.between(1'000, 24'000));
}

void world::crash_entity() {
  const auto victim = chance.index(nodes.size());
  if (!nodes[victim]->alive() || nodes[victim]->paused()) return;
  const auto key = nodes[victim]->crash_one();
  if (!key) return;
  if (key->kind == entity_kind::order) return struck(fault::entity_crashed, key->id);
  struck_shard(fault::entity_crashed, shard_of(*key));
}

/// By whoever keeps its machine, and noticed at the next heartbeat when it is off by more than that allows.
void world::set_a_clock() {
  const auto victim = chance.index(nodes.size());
  struck_node(fault::clock_jumped, *nodes[victim]);
  const auto size = chance.between(0, 9);
  const auto jump = size < 3   ? chance.between(100, 3'000)
                    : size < 7 ? chance.between(3'000, 3'600'000)
                               : chance.between(3'600'000, 26 * 3'600'000);
  nodes[victim]->set_clock(chance.chance(500) ? jump : -jump);
  time.after(chance.between(500, 15'000), [this, victim] { nodes[victim]->set_clock(0); });
}

void world::hand_shard_over() {
  const auto giver = chance.index(nodes.size());
  if (!nodes[giver]->alive() || nodes[giver]->paused() || !db.reachable()) return;
  if (const auto given = nodes[giver]->hand_over_one()) struck_shard(fault::shard_handed_over, *given);
}

void world::heal() {
  record.note(time.now(), "heal");
  faults_on_ = false;
  db.heal();
  for (auto& each : nodes) {
    if (!each->alive()) each->start();
    each->resume();
    each->cut_off(0);
    each->set_clock(0);
  }
}

// ---- quiet ---------------------------------------------------------------------------------------------------------

void world::run_until_empty(std::string (world::*what)() const, std::int64_t until, const char* which) {
  auto left = (this->*what)();
  while (!left.empty() && time.now() < until) {
    time.run(time.now() + 1'000);
    left = (this->*what)();
  }
  if (!left.empty()) throw broken_invariant{which, "faults are over, and this is still in between: " + left};
}

/// When the exchange's day ends that it is now.
wall_ms world::day_end() const {
  const auto tomorrow = std::int64_t{day_of(time.wall(), utc_offset_minutes).value} + 1;
  return {(tomorrow * 1'440 - utc_offset_minutes) * 60'000};
}

/// Orders may rest at the broker; nothing else may be in between.
std::string world::unsettled() const {
  if (clients.repeating()) return "requests without an answer";
  for (const auto& [id, stored] : db.orders()) {
    const auto& order = stored.state;
    const bool rests = is_working(order.status) && !order.cancel_requested;
    if (!is_closed(order.status) && !rests && order.status != order_status::absent) {
      return id + " " + std::string{word(order.status)};
    }
  }
  return {};
}

std::string world::open_work() const {
  for (const auto& [id, stored] : db.orders()) {
    const auto status = stored.state.status;
    const bool gone = status == order_status::absent && !market.has(id);
    if (!is_closed(status) && !gone) return id + " " + std::string{word(status)};
  }
  for (const auto& [organization, book] : db.books()) {
    for (const auto& [id, reservation] : book.reservations) {
      if (reservation.state == reservation_state::held) return "a reservation of " + id;
    }
  }
  for (const auto& each : nodes) {
    if (!each->idle()) return "a write, a settlement or a projection of " + each->name();
  }
  for (const auto shard : shards) {
    if (shard < shards_per_role) continue;
    if (db.models.cursor(shard) < db.head(shard)) return "rows of shard " + std::to_string(shard) + " for the tables";
    const auto settled = db.cursors.find(shard);
    if (settled == db.cursors.end() || settled->second < db.head(shard)) {
      return "rows of shard " + std::to_string(shard) + " for settlement";
    }
  }
  return {};
}

}  // namespace sb::simulation
