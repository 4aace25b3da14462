#include "tests/simulation/faults.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <vector>

namespace sb::simulation {
namespace {

constexpr std::array<std::string_view, fault_count> fault_words{
    "message_lost",       "message_doubled",      "message_late",          "append_lost",    "append_answer_lost",
    "append_late",        "append_not_attempted", "append_refused",        "claim_unclear",  "hint_lost",
    "read_failed",        "broker_rejects",       "broker_slow",           "broker_hangs",   "broker_drops",
    "broker_late",        "broker_not_reached",   "broker_answer_unclear", "fill_doubled",   "database_stalled",
    "database_restarted", "node_killed",          "node_paused",           "entity_crashed", "shard_handed_over"};
constexpr std::array<std::string_view, saga_step_count> step_words{
    "requesting", "asked", "reserved", "sent", "unknown", "working", "canceling", "settling", "absent", "closed"};

using f = fault;
using s = saga_step;

template <class... Steps>
constexpr unsigned among(Steps... steps) {
  return ((1u << static_cast<unsigned>(steps)) | ...);
}
constexpr unsigned on_the_way = among(s::asked, s::reserved, s::sent, s::unknown, s::working, s::canceling);

/// The steps at which the world gives a fault occasion to strike: if it never does there, the generator is broken.
constexpr unsigned occasions(fault what) {
  switch (what) {
    case f::message_lost:
    case f::message_doubled:
    case f::message_late:
    case f::entity_crashed:
      return on_the_way | among(s::requesting, s::settling, s::closed);
    case f::append_lost:
    case f::append_answer_lost:
    case f::append_late:
    case f::append_not_attempted:
    case f::append_refused:
      return on_the_way | among(s::requesting);
    case f::claim_unclear:
    case f::hint_lost:
    case f::read_failed:
      return 0;  // of a shard or a node, not of an order
    case f::broker_rejects:
    case f::broker_slow:
    case f::broker_hangs:
    case f::broker_drops:
    case f::broker_late:
    case f::broker_not_reached:
      return among(s::reserved);
    case f::broker_answer_unclear:
      return among(s::unknown, s::working, s::canceling);
    case f::fill_doubled:
      return among(s::working, s::canceling);
    case f::database_stalled:
    case f::database_restarted:
    case f::node_killed:
    case f::node_paused:
    case f::shard_handed_over:
      return on_the_way | among(s::settling, s::absent, s::closed);
  }
  return 0;
}

}  // namespace

std::string_view word(fault what) { return fault_words[static_cast<std::size_t>(what)]; }
std::string_view word(saga_step step) { return step_words[static_cast<std::size_t>(step)]; }

swarm draw_swarm(dice& chance) {
  swarm config;
  config.two_nodes = chance.chance(500);
  config.broker_enforces_ids = chance.chance(650);
  config.small_snapshots = chance.chance(500);
  config.near_midnight = chance.chance(300);
  config.faults_for_ms = chance.between(5'000, 60'000);
  if (chance.chance(500)) {
    config.grace_ms = chance.between(3'000, 12'000);
    config.late_max_ms = config.grace_ms - 1'000;
    config.faults_for_ms = chance.between(30'000, 90'000);  // long enough to see what becomes of an absent order
  }
  const auto calm = chance.chance(30);  // a run without any fault must be right as well
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (calm || !chance.chance(450)) continue;
    config.rate[i] =
        i < static_cast<std::size_t>(first_timed_fault) ? chance.between(5, 150) : chance.between(1'500, 20'000);
  }
  return config;
}

std::string describe(const swarm& config) {
  std::ostringstream out;
  out << (config.two_nodes ? "two nodes" : "one node") << ", broker "
      << (config.broker_enforces_ids ? "enforces ids" : "has only a tag")
      << (config.near_midnight ? ", near midnight" : "") << ", grace " << config.grace_ms << " ms"
      << ", faults for " << config.faults_for_ms << " ms:";
  for (std::size_t i = 0; i < fault_count; ++i) {
    if (config.rate[i] > 0) out << ' ' << fault_words[i] << '=' << config.rate[i];
  }
  return out.str();
}

void coverage::add(const coverage& other) {
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
    if (occasions(static_cast<fault>(what)) == 0) continue;
    out << std::setw(22) << fault_words[what];
    for (std::size_t step = 0; step < saga_step_count; ++step) out << std::setw(11) << cells[step][what];
    out << '\n';
  }
  return out.str();
}

std::string coverage::missing() const {
  std::string all;
  for (std::size_t step = 0; step < saga_step_count; ++step) {
    for (std::size_t what = 0; what < fault_count; ++what) {
      if (cells[step][what] > 0 || (occasions(static_cast<fault>(what)) >> step & 1u) == 0) continue;
      all += std::string{step_words[step]} + " x " + std::string{fault_words[what]} + '\n';
    }
  }
  return all;
}

}  // namespace sb::simulation
