#include "tests/simulation/faults.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace sb::simulation {
namespace {

constexpr std::array<std::string_view, fault_count> fault_words{
    "message_lost",       "message_doubled",  "message_late",       "message_reordered",    "append_lost",
    "append_answer_lost", "append_late",      "append_doubled",     "append_not_attempted", "append_refused",
    "claim_unclear",      "hint_lost",        "read_failed",        "broker_rejects",       "broker_slow",
    "broker_hangs",       "broker_drops",     "broker_late",        "broker_not_reached",   "broker_answer_unclear",
    "fill_doubled",       "database_stalled", "database_restarted", "node_killed",          "node_paused",
    "node_cut_off",       "clock_jumped",     "entity_crashed",     "shard_handed_over"};
constexpr std::array<std::string_view, saga_step_count> step_words{
    "requesting", "asked", "reserved", "sent", "unknown", "working", "canceling", "settling", "absent", "closed"};

using f = fault;
using s = saga_step;

template <class... Steps>
constexpr unsigned among(Steps... steps) {
  return ((1u << static_cast<unsigned>(steps)) | ...);
}
constexpr unsigned every_step = (1u << saga_step_count) - 1;

/// The steps at which a fault can strike an order. What is not among them cannot happen as long as the invariants hold.
constexpr unsigned occasions(fault what) {
  switch (what) {
    case f::message_lost:
    case f::message_doubled:
    case f::message_late:
    case f::message_reordered:
    case f::append_lost:
    case f::append_answer_lost:
    case f::append_late:
    case f::append_doubled:
    case f::append_not_attempted:
    case f::append_refused:
    case f::claim_unclear:
    case f::hint_lost:
    case f::read_failed:
    case f::database_stalled:
    case f::database_restarted:
    case f::node_killed:
    case f::node_paused:
    case f::node_cut_off:
    case f::clock_jumped:
    case f::entity_crashed:
    case f::shard_handed_over:
      return every_step;
    case f::broker_rejects:
    case f::broker_slow:
    case f::broker_hangs:
    case f::broker_drops:
    case f::broker_late:
    case f::broker_not_reached:
      // Not only reserved: a cancel is stored while the place is on its way, or a new incarnation finds it unknown.
      return among(s::reserved, s::unknown, s::canceling);
    case f::broker_answer_unclear:
      return among(s::unknown, s::working, s::canceling, s::settling, s::absent, s::closed);
    case f::fill_doubled:
      return among(s::sent, s::unknown, s::working, s::canceling, s::absent);
  }
  return 0;
}

std::vector<node_roles> draw_nodes(dice& chance) {
  const auto pick = chance.between(0, 99);
  if (pick < 10) return {{true, true}};
  if (pick < 50) return {{true, true}, {true, true}};
  if (pick < 60) return {{true, true}, {true, true}, {true, true}};
  if (pick < 85) return {{true, false}, {false, true}, {true, false}, {false, true}};
  return {{true, true}, {true, false}, {false, true}};
}

/// An order becomes absent only with a tag-only broker, after everything about it was lost for long enough.
void hunt_for_absent_orders(swarm& config, dice& chance) {
  const auto set = [&](fault what, std::int64_t rate) { config.rate[static_cast<std::size_t>(what)] = rate; };
  config.broker_enforces_ids = false;
  config.grace_ms = chance.between(2'000, 6'000);
  config.late_max_ms = config.grace_ms - 1'000;
  config.stopped_per_mille = 700;
  config.orders = chance.between(8, 22);
  config.faults_for_ms = chance.between(40'000, 90'000);
  set(f::broker_drops, 300);
  if (chance.chance(500)) set(f::broker_late, 300);
  if (chance.chance(700)) set(f::fill_doubled, 500);
  if (chance.chance(500)) set(f::broker_answer_unclear, 100);
  // The day ends while there still are faults: then an absent order is looked for once more.
  if (chance.chance(700)) config.midnight_after_ms = chance.between(config.faults_for_ms / 2, config.faults_for_ms);
}

}  // namespace

std::string_view word(fault what) { return fault_words[static_cast<std::size_t>(what)]; }
std::string_view word(saga_step step) { return step_words[static_cast<std::size_t>(step)]; }

std::optional<fault> fault_from(std::string_view text) {
  const auto found = std::find(fault_words.begin(), fault_words.end(), text);
  if (found == fault_words.end()) return std::nullopt;
  return static_cast<fault>(found - fault_words.begin());
}

swarm draw_swarm(dice& chance) {
  swarm config;
  config.nodes = draw_nodes(chance);
  config.broker_enforces_ids = chance.chance(600);
  config.small_snapshots = chance.chance(500);
  config.clocks_differ = chance.chance(500);
  // Most faults need few orders to show, and many small runs differ more than few large ones.
  const bool small = chance.chance(500);
  config.orders = small ? chance.between(1, 5) : chance.between(4, 22);
  config.faults_for_ms = small ? chance.between(4'000, 16'000) : chance.between(5'000, 60'000);
  if (chance.chance(400)) {
    config.grace_ms = chance.between(3'000, 12'000);
    config.late_max_ms = config.grace_ms - 1'000;
  }
  const auto calm = chance.chance(30);  // a run without any fault must be right as well
  for (std::size_t i = 0; i < fault_count; ++i) {
    const auto at_times = i >= static_cast<std::size_t>(first_timed_fault);
    const auto rate = at_times ? chance.between(1'500, 20'000) : chance.between(5, 150);
    if (!calm && chance.chance(450)) config.rate[i] = rate;
  }
  auto& unclear = config.rate[static_cast<std::size_t>(f::broker_answer_unclear)];
  if (unclear > 0 && chance.chance(500)) unclear = 400;          // few are asked for, and fewer still at a rare moment
  if (config.nodes.size() > 1 && !calm && chance.chance(600)) {  // shards change hands all the time
    config.rate[static_cast<std::size_t>(f::shard_handed_over)] = chance.between(800, 8'000);
  }
  config.midnight_after_ms = chance.chance(300) ? chance.between(1'000, config.faults_for_ms)
                                                : config.faults_for_ms + chance.between(400'000, 700'000);
  if (!calm && chance.chance(220)) hunt_for_absent_orders(config, chance);
  return config;
}

std::string describe(const swarm& config) {
  std::ostringstream out;
  out << "nodes";
  for (const auto& node : config.nodes) out << (node.user ? " user" : " ") << (node.trade ? "+trade" : "");
  out << ", broker " << (config.broker_enforces_ids ? "enforces ids" : "has only a tag") << ", " << config.orders
      << " orders, grace " << config.grace_ms << " ms, faults for " << config.faults_for_ms << " ms, midnight after "
      << config.midnight_after_ms << " ms" << (config.clocks_differ ? ", clocks differ" : "")
      << (config.small_snapshots ? ", small snapshots" : "") << ':';
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (config.rate[i] > 0) out << ' ' << fault_words[i] << '=' << config.rate[i];
  }
  return out.str();
}

void reduction::apply(swarm& config) const {
  for (const auto what : without) config.rate[static_cast<std::size_t>(what)] = 0;
  if (faults_for_ms) config.faults_for_ms = *faults_for_ms;
  if (orders) config.orders = *orders;
}

std::string reduction::environment() const {
  std::string text;
  for (const auto what : without) (text += text.empty() ? " WITHOUT=" : ",") += word(what);
  if (faults_for_ms) text += " FAULTS_FOR_MS=" + std::to_string(*faults_for_ms);
  if (orders) text += " ORDERS=" + std::to_string(*orders);
  return text;
}

void coverage::add(const coverage& other) {
  take_overs += other.take_overs;
  for (std::size_t step = 0; step < saga_step_count; ++step) {
    for (std::size_t what = 0; what < fault_count; ++what) cells[step][what] += other.cells[step][what];
  }
}

std::string coverage::table() const {
  std::ostringstream out;
  out << std::setw(22) << "";
  for (const auto step : step_words) out << std::setw(11) << step;
  out << '\n';
  for (std::size_t what = 0; what < fault_count; ++what) {
    out << std::setw(22) << fault_words[what];
    for (std::size_t step = 0; step < saga_step_count; ++step) {
      const bool possible = (occasions(static_cast<fault>(what)) >> step & 1u) != 0;
      out << std::setw(11) << (possible || cells[step][what] > 0 ? std::to_string(cells[step][what]) : "-");
    }
    out << '\n';
  }
  return out.str();
}

std::string coverage::below(std::uint64_t least) const {
  std::string all;
  for (std::size_t step = 0; step < saga_step_count; ++step) {
    for (std::size_t what = 0; what < fault_count; ++what) {
      const auto count = cells[step][what];
      if (count >= least || (occasions(static_cast<fault>(what)) >> step & 1u) == 0) continue;
      all += std::string{step_words[step]} + " x " + std::string{fault_words[what]} + ": " + std::to_string(count) +
             " times\n";
    }
  }
  return all;
}

std::string coverage::unforeseen() const {
  std::string all;
  for (std::size_t step = 0; step < saga_step_count; ++step) {
    for (std::size_t what = 0; what < fault_count; ++what) {
      if (cells[step][what] == 0 || (occasions(static_cast<fault>(what)) >> step & 1u) != 0) continue;
      all += std::string{step_words[step]} + " x " + std::string{fault_words[what]} + '\n';
    }
  }
  return all;
}

}  // namespace sb::simulation
