#include "app/replay/replay.hpp"

#include <unistd.h>

#include <ctime>
#include <iostream>
#include <span>
#include <stdexcept>
#include <utility>

#include "app/input_file.hpp"
#include "app/progress.hpp"
#include "app/replay/check_run.hpp"
#include "app/replay/demo_file.hpp"
#include "app/replay/flow_runner.hpp"
#include "app/replay/http_client.hpp"
#include "app/replay/instrument_file.hpp"
#include "app/replay/order_flow.hpp"
#include "app/replay/tally.hpp"
#include "app/replay/trading_floor.hpp"

namespace sb {
namespace {

/// Half of what the demo's accounts allow for one order, so that no price inside a band breaks that limit.
constexpr money value_max{5'000'000 * money::unit};
constexpr std::chrono::seconds request_deadline{30};
constexpr std::size_t flow_bytes_max = std::size_t{1} << 30U;

void require(bool right, const std::string& what) {
  if (!right) throw std::runtime_error{what};
}

replay::order_flow read_flow(const replay_options& options) {
  auto parsed = replay::parse_order_flow(read_input_file(options.file, flow_bytes_max), options.rows_max);
  if (!parsed.mistakes.empty()) {
    std::string all = options.file.string() + ": not an order flow";
    for (const auto& mistake : parsed.mistakes) all += "\n  " + mistake;
    throw std::runtime_error{all};
  }
  return std::move(parsed.flow);
}

/// "r20240115-143000": another name for each run of a person, as orders of a name are only placed once.
std::string name_from_time() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32] = {};
  std::strftime(text, sizeof text, "r%Y%m%d-%H%M%S", &utc);
  return text;
}

replay::check_run sources_of(const replay_options& options) {
  return {options.conninfo, options.data_dir / "paper" / "book.log"};
}

bool run_checks(const replay_options& options, std::span<const replay::acknowledged_order> orders) {
  auto checks = sources_of(options);
  std::cout << "\nchecks\n" << std::flush;
  bool green = true;
  for (const auto& result : checks.until_quiet(orders, options.quiet_within)) {
    std::cout << "  " << replay::format_check(result);
    green = green && result.holds();
  }
  return green;
}

bool run_flow(const replay_options& options) {
  const auto run = options.run.empty() ? name_from_time() : options.run;
  require(replay::is_run_name(run), "the run's name must be 1 to 40 of [A-Za-z0-9._:-]");
  require(!options.speed || *options.speed > 0, "the speed must be above 0");
  require(options.connections > 0, "at least one connection is needed");
  const auto flow = read_flow(options);
  auto instruments = replay::read_priced_instruments(options.instruments_file);
  const auto demo = replay::read_demo_file(options.demo_file);
  auto base_url = options.base_url;
  while (base_url.ends_with('/')) base_url.pop_back();
  sources_of(options).require_sources();  // before anything is placed that nobody could check
  replay::http_client http{base_url, options.connections, request_deadline};
  auto floor = replay::prepare_floor(http, demo, options.accounts, options.organizations, run);
  const replay::order_mapping mapping{flow, std::move(instruments), floor.accounts.size(), value_max};

  std::cout << "run " << run << ": " << flow.rows.size() << " events of " << flow.orders << " orders over "
            << floor.accounts.size() << " accounts to " << base_url << '\n'
            << std::flush;
  progress shown{std::cerr, ::isatty(STDERR_FILENO) == 1};
  replay::flow_runner runner{flow, mapping, floor, http, shown, {run, options.speed, options.patience}};
  runner.run();
  const bool answers_green = replay::is_green(runner.counts(), options.outage_allowed);
  std::cout << '\n' << replay::format_table(runner.counts());
  for (const auto& what : runner.counts().unexpected) std::cout << "  unexpected: " << what << '\n';
  std::cout << (answers_green ? "  OK      every answer is one of those expected\n"
                              : "  FAILED  not every answer is one of those expected\n");
  const bool checks_green = run_checks(options, runner.orders());
  return answers_green && checks_green;
}

}  // namespace

int run_replay(const replay_options& options) {
  bool green = false;
  try {
    require(!options.conninfo.empty(), "the checks need the node's database: set STOCKSBLITZ_DATABASE");
    if (options.only_checks) sources_of(options).require_sources();
    green = options.only_checks ? run_checks(options, {}) : run_flow(options);
  } catch (const std::exception& error) {
    std::cerr << "replay: " << error.what() << '\n';
    return 2;
  }
  std::cout << (green ? "\ngreen\n" : "\nNOT green\n");
  return green ? 0 : 1;
}

}  // namespace sb
