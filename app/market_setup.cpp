#include "app/market_setup.hpp"

#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "actors/trade/brokers/feeds.hpp"
#include "app/input_file.hpp"

namespace sb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t instrument_bytes_max = std::size_t{64} << 20U;
constexpr std::size_t feed_bytes_max = std::size_t{512} << 20U;

price_file_format format_of(const fs::path& path) {
  const auto name = path.filename().string();
  if (name.find("bhav") != std::string::npos) return price_file_format::cash_bhavcopy;
  if (name.find("1min") != std::string::npos) return price_file_format::index_minutes;
  return price_file_format::daily_ohlcv;
}

}  // namespace

std::shared_ptr<const instrument_master> load_instruments(const settings& chosen) {
  const fs::path path{chosen.broker.instruments_file};
  auto parsed = parse_instruments(read_input_file(path, instrument_bytes_max));
  if (!parsed.mistakes.empty()) {
    const auto& first = parsed.mistakes.front();
    throw std::runtime_error{path.string() + ":" + std::to_string(first.line) + ": " + first.text + " (" +
                             std::to_string(parsed.mistakes.size()) + " mistakes)"};
  }
  return std::make_shared<const instrument_master>(std::move(parsed.master));
}

feed_factory make_feed(const settings& chosen, std::shared_ptr<const instrument_master> instruments) {
  switch (chosen.broker.feed) {
    case feed_kind::external:
      return {};
    case feed_kind::random:
      return [instruments, seed = static_cast<std::uint64_t>(chosen.broker.seed)] {
        random_walk_options options;
        options.seed = seed;
        return std::make_unique<random_walk_feed>(instruments, options);
      };
    case feed_kind::file:
      break;
  }
  const fs::path path{chosen.broker.feed_file};
  auto text = read_input_file(path, feed_bytes_max);
  file_feed_options options;
  options.format = format_of(path);
  options.speed_permille = std::int64_t{chosen.broker.feed_speed} * 1'000;
  options.gap_ms_max = 60'000;
  options.repeat = true;
  options.lots_where_no_volume = 100;
  const auto shared = std::make_shared<const std::string>(std::move(text));
  const auto load = [shared, instruments, options] {
    std::istringstream in{*shared};
    return load_price_file(in, instruments, options);
  };
  if (const auto tried = load(); !tried.feed) {
    throw std::runtime_error{"feed file " + path.string() + " has no row of a listed instrument" +
                             (tried.mistakes.empty() ? "" : "; first mistake: " + tried.mistakes.front().text)};
  }
  return [load]() -> std::unique_ptr<price_feed> { return load().feed; };
}

std::vector<fault_rule> fault_rules(const broker_fault_settings& faults) {
  std::vector<fault_rule> rules;
  const auto add = [&](paper_fault fault, std::int32_t chance, std::int64_t delay_ms) {
    if (chance == 0) return;
    fault_rule rule;
    rule.fault = fault;
    rule.probability_ppm = chance * 100;
    rule.delay_ms = delay_ms;
    rules.push_back(rule);
  };
  add(paper_fault::reject, faults.reject, 0);
  add(paper_fault::slow, faults.slow, faults.slow_ms);
  add(paper_fault::accept_then_hang, faults.accept_then_hang, 0);
  add(paper_fault::drop_before_accept, faults.drop_before_accept, 0);
  add(paper_fault::late_accept, faults.late_accept, faults.late_accept_ms);
  add(paper_fault::duplicate_fill, faults.duplicate_fill, 0);
  return rules;
}

}  // namespace sb
