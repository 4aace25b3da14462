#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/campaign.hpp"
#include "tests/simulation/environment.hpp"

/// The seeds that are run, and what is said of them. The environment chooses: SEEDS, FROM and JOBS of a campaign; or
/// SEED, with what a failure was reduced to in WITHOUT, FAULTS_FOR_MS and ORDERS, of one run whose trace is shown.
using namespace sb::simulation;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t seeds_by_default = 2'000;
#else
constexpr std::uint64_t seeds_by_default = 50'000;
#endif
/// What the generator owes: each step of the saga is struck by each fault that can strike it there.
constexpr std::uint64_t seeds_for_coverage = 50'000;
constexpr std::uint64_t strikes_min = 100;

reduction reduction_from_environment() {
  reduction smaller;
  auto words = text_from_environment("WITHOUT");
  while (!words.empty()) {
    const auto end = std::min(words.find(','), words.size());
    const auto what = fault_from(words.substr(0, end));
    if (!what) FAIL("there is no fault \"" << words.substr(0, end) << '"');
    smaller.without.push_back(*what);
    words.erase(0, end + 1);
  }
  if (const auto ms = number_from_environment("FAULTS_FOR_MS")) smaller.faults_for_ms = static_cast<std::int64_t>(*ms);
  if (const auto orders = number_from_environment("ORDERS")) smaller.orders = static_cast<std::int64_t>(*orders);
  return smaller;
}

/// The first line is for programs: "broken: seed 17: I6: ...".
std::string tell(const failure& found) {
  auto text = "broken: seed " + std::to_string(found.seed) + ": " + found.found.how + '\n';
  if (text_from_environment("SHRINK") == "no") return text;
  const auto least = shrink(found.seed, found.found.invariant);
  coverage ignored;
  const auto smallest = run_seed(found.seed, least, ignored, nullptr);
  const auto again = "\n  rerun with SEED=" + std::to_string(found.seed);
  return text + "  " + found.found.config + again + " ./dev sim\n  the least that breaks it: " + smallest.how + "\n  " +
         smallest.config + again + least.environment() + " ./dev sim\n";
}

}  // namespace

TEST_CASE("every fault has a word that comes back") {
  for (std::size_t i = 0; i < fault_count; ++i) {
    const auto what = static_cast<fault>(i);
    CHECK(fault_from(word(what)) == what);
  }
  CHECK_FALSE(fault_from("no such fault"));
}

TEST_CASE("what is taken out of a run is not in it") {
  dice chance{3};
  auto config = draw_swarm(chance);
  config.rate.fill(7);
  reduction{{fault::message_lost, fault::node_killed}, 2'000, 3}.apply(config);
  CHECK(config.of(fault::message_lost) == 0);
  CHECK(config.of(fault::node_killed) == 0);
  CHECK(config.of(fault::message_late) == 7);
  CHECK(config.faults_for_ms == 2'000);
  CHECK(config.orders == 3);
}

TEST_CASE("whatever fails, every order is sent at most once, nothing told is lost, and all comes to rest", "[seeds]") {
  if (const auto seed = number_from_environment("SEED")) {
    coverage seen;
    std::vector<std::string> lines;
    const auto found = run_seed(*seed, reduction_from_environment(), seen, &lines);
    for (const auto& line : lines) std::cout << line << '\n';
    std::cout << found.config << '\n';
    if (!found.invariant.empty()) FAIL(found.how);
    return;
  }
  const auto from = number_from_environment("FROM").value_or(1);
  const auto seeds = number_from_environment("SEEDS").value_or(seeds_by_default);
  const auto jobs = number_from_environment("JOBS").value_or(std::thread::hardware_concurrency());
  const auto began = std::chrono::steady_clock::now();
  const auto total = run_seeds(from, seeds, static_cast<unsigned>(jobs));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  std::cout << "faults by what they struck, and how far it was:\n"
            << total.seen.table() << total.seeds << " seeds, " << total.events << " events, " << total.seen.take_overs
            << " take-overs, " << total.seeds * 1'000 / static_cast<std::uint64_t>(std::max<long>(1, took.count()))
            << " seeds per second\n";
  if (total.first) {
    const auto text = tell(*total.first);
    std::cout << text;
    FAIL(text);
  }
  INFO("steps and faults that were thought not to meet, for example in seed " << total.unforeseen_in.value_or(0)
                                                                              << ":\n"
                                                                              << total.seen.unforeseen());
  CHECK(total.seen.unforeseen().empty());
  if (seeds < seeds_for_coverage) return;
  const auto rare = total.seen.below(strikes_min);
  INFO("steps and faults that met less than " << strikes_min << " times:\n" << rare);
  CHECK(rare.empty());
}
