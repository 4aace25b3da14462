#include "tests/simulation/world.hpp"

#include <algorithm>

namespace sb::simulation {
namespace {

constexpr std::int64_t noon = 1'767'249'000'000;  // 2026-01-01T12:00+05:30
constexpr std::int64_t quiet_within_ms = 600'000;

/// The order that a message is about.
order_id order_of(const delivery& what) {
  if (what.head.to.kind == entity_kind::order) return what.head.to.id;
  return what.head.causation.starts_with("ORD") ? what.head.causation : order_id{};
}

}  // namespace

world::world(std::uint64_t seed, bool keep_trace)
    : chance{seed}, record{keep_trace}, config{draw_swarm(chance)}, db{time, record}, market{*this}, clients{*this} {
  wall_base_ = noon - time.now();
  if (config.near_midnight) wall_base_ += 12 * 3'600'000 - chance.between(5'000, 60'000);
  nodes.push_back(std::make_unique<node>(*this, 0));
  if (config.two_nodes) nodes.push_back(std::make_unique<node>(*this, 1));
  for (const auto organization : clients.organizations()) {
    shards.push_back(shard_of(shard_role::user, organization));
    shards.push_back(shard_of(shard_role::trade, organization));
  }
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
}

void world::run() {
  for (auto& each : nodes) {
    each->start();
    time.run(time.now() + chance.between(0, 3'000));
  }
  clients.set_up();
  faults_on_ = true;
  clients.trade(config.faults_for_ms);
  plan_timed_faults();
  time.run(time.now() + config.faults_for_ms);

  heal();
  time.run(time.now() + 20'000);
  clients.repeat_everything();
  run_until_empty(&world::unsettled, "liveness: faults are over, and these orders are still in between: ");
  market.end_of_day();
  run_until_empty(&world::open_work, "I18: faults are over and the market is closed, and there is still open work: ");
  clients.read_everything();
}

// ---- network -------------------------------------------------------------------------------------------------------

std::size_t world::runs(shard_id shard, std::size_t near) const {
  if (nodes[near]->serves(shard)) return near;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i]->serves(shard)) return i;
  }
  return nodes.size();
}

void world::send(std::size_t from, delivery what) {
  const auto target = runs(shard_of(what.head.to), from);
  if (target == nodes.size()) return;
  const auto order = order_of(what);
  if (strikes(fault::message_lost)) {
    record.note(time.now(), "lost", stream_of(what.head.to), static_cast<std::int64_t>(what.body.index()));
    return struck(fault::message_lost, what.head.to.organization, order);
  }
  std::int64_t delay = target == from ? chance.between(0, 1) : chance.between(1, 10);
  if (strikes(fault::message_late)) {
    delay += chance.between(100, 6'000);
    struck(fault::message_late, what.head.to.organization, order);
  }
  const auto arrive = [this, target, what] {
    nodes[target]->receive([this, target, what] { nodes[target]->take(what); });
  };
  if (strikes(fault::message_doubled)) {
    struck(fault::message_doubled, what.head.to.organization, order);
    time.after(delay + chance.between(0, 3'000), arrive);
  }
  time.after(delay, arrive);
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
  const auto& order = db.order(organization, id);
  const auto& book = db.book(organization);
  const auto reservation = book.reservations.find(id);
  const bool held = reservation != book.reservations.end() && reservation->second.state == reservation_state::held;
  if (is_closed(order.status)) return held ? saga_step::settling : saga_step::closed;
  if (order.status == order_status::absent) return saga_step::absent;
  if (order.status == order_status::none) return saga_step::requesting;
  if (order.cancel_requested) return saga_step::canceling;
  if (order.status == order_status::unknown) return saga_step::unknown;
  if (is_working(order.status)) return saga_step::working;
  if (market.has(id)) return saga_step::sent;
  return held ? saga_step::reserved : saga_step::asked;
}

void world::struck(fault what, organization_id organization, const order_id& order) {
  record.note(time.now(), "fault", word(what), order);
  if (!order.empty()) seen.count(step_of(organization, order), what);
}

void world::struck_all(fault what) {
  record.note(time.now(), "fault", word(what));
  for (const auto& [stream, state] : db.orders()) {
    const auto key = key_of(stream);
    seen.count(step_of(key->organization, key->id), what);
  }
}

void world::plan_timed_faults() {
  const auto until = time.now() + config.faults_for_ms;
  plan(fault::database_stalled, until, &world::stall_database);
  plan(fault::database_restarted, until, &world::restart_database);
  plan(fault::node_killed, until, &world::kill_node);
  plan(fault::node_paused, until, &world::pause_node);
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
  struck_all(fault::node_killed);
  nodes[victim]->kill();
  time.after(chance.between(0, 10'000), [this, victim] {
    if (!nodes[victim]->alive()) nodes[victim]->start();
  });
}

void world::pause_node() {
  const auto victim = chance.index(nodes.size());
  if (!nodes[victim]->alive() || nodes[victim]->paused()) return;
  struck_all(fault::node_paused);
  nodes[victim]->pause();
  time.after(chance.between(200, 24'000), [this, victim] { nodes[victim]->resume(); });
}

void world::crash_entity() {
  const auto victim = chance.index(nodes.size());
  if (!nodes[victim]->alive() || nodes[victim]->paused()) return;
  const auto key = nodes[victim]->crash_one();
  if (key) struck(fault::entity_crashed, key->organization, key->kind == entity_kind::order ? key->id : order_id{});
}

void world::hand_shard_over() {
  const auto giver = chance.index(nodes.size());
  if (!nodes[giver]->alive() || nodes[giver]->paused() || !db.reachable()) return;
  struck_all(fault::shard_handed_over);
  nodes[giver]->hand_over_one();
}

void world::heal() {
  record.note(time.now(), "heal");
  faults_on_ = false;
  db.heal();
  for (auto& each : nodes) {
    if (!each->alive()) each->start();
    each->resume();
  }
}

// ---- quiet ---------------------------------------------------------------------------------------------------------

void world::run_until_empty(std::string (world::*what)() const, const char* sentence) {
  const auto until = time.now() + quiet_within_ms;
  auto left = (this->*what)();
  while (!left.empty() && time.now() < until) {
    time.run(time.now() + 1'000);
    left = (this->*what)();
  }
  if (!left.empty()) throw broken_invariant{sentence + left};
}

/// Orders may rest at the broker; nothing else may be in between.
std::string world::unsettled() const {
  if (clients.repeating()) return "requests without an answer";
  for (const auto& [stream, order] : db.orders()) {
    const bool rests = is_working(order.status) && !order.cancel_requested;
    if (!is_closed(order.status) && !rests && order.status != order_status::absent) {
      return stream + " " + std::string{word(order.status)};
    }
  }
  return {};
}

std::string world::open_work() const {
  for (const auto& [stream, order] : db.orders()) {
    const bool gone = order.status == order_status::absent && !market.has(key_of(stream)->id);
    if (!is_closed(order.status) && !gone) return stream + " " + std::string{word(order.status)};
  }
  for (const auto& [organization, book] : db.books()) {
    for (const auto& [id, reservation] : book.reservations) {
      if (reservation.state == reservation_state::held) return "a reservation of " + id;
    }
  }
  for (const auto& each : nodes) {
    if (!each->idle()) return "a write or a settlement of " + each->name();
  }
  return {};
}

}  // namespace sb::simulation
