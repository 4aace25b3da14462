#include "app/replay/order_flow.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace sb::replay {
namespace {

constexpr std::string_view header = "seq,t_ms_utc,event,order_id,side,price,qty";
constexpr std::size_t field_count = 7;
constexpr std::size_t mistakes_max = 20;
/// One coin of the recording, which counts in 1/100,000,000, is at least one lot here.
constexpr std::int64_t units_per_lot_min = 100'000'000;
constexpr std::array<std::string_view, flow_kind_count> kind_words{"SUBMIT", "CANCEL", "EXECUTE"};

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// False unless the line has exactly as many fields.
bool split(std::string_view line, std::array<std::string_view, field_count>& fields) {
  for (std::size_t i = 0; i < field_count; ++i) {
    const auto comma = line.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == field_count)) return false;
    fields[i] = line.substr(0, comma);
    if (comma != std::string_view::npos) line.remove_prefix(comma + 1);
  }
  return true;
}

std::optional<std::int64_t> positive(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

std::optional<flow_kind> kind_from(std::string_view text) {
  const auto found = std::find(kind_words.begin(), kind_words.end(), text);
  if (found == kind_words.end()) return std::nullopt;
  return static_cast<flow_kind>(found - kind_words.begin());
}

/// Reads line by line and keeps what a later line must agree with.
class flow_reader {
 public:
  explicit flow_reader(parsed_flow& into) : into_{into} {}

  void read(std::string_view line, std::size_t number) {
    if (const auto wrong = take(line); !wrong.empty() && into_.mistakes.size() < mistakes_max)
      into_.mistakes.push_back("line " + std::to_string(number) + ": " + wrong);
  }

 private:
  std::string take(std::string_view line) {
    std::array<std::string_view, field_count> fields;
    if (!split(line, fields)) return "not " + std::to_string(field_count) + " fields";
    const auto at = positive(fields[1]);
    if (!at) return "t_ms_utc is not a positive integer";
    const auto kind = kind_from(fields[2]);
    if (!kind) return "event is none of SUBMIT, CANCEL, EXECUTE";
    const auto order = positive(fields[3]);
    if (!order) return "order_id is not a positive integer";
    const auto direction = side_from(fields[4]);
    if (!direction) return "side is neither BUY nor SELL";
    const auto price = parse_money(fields[5]);
    if (price.error != number_error::none || price.value <= money{}) return "price is not a positive amount";
    const auto quantity = positive(fields[6]);
    if (!quantity) return "qty is not a positive integer";

    auto& flow = into_.flow;
    if (!flow.rows.empty() && *at < flow.rows.back().at_ms) return "t_ms_utc goes back";
    auto known = index_of_.find(*order);
    if (*kind == flow_kind::submit) {
      if (known != index_of_.end()) return "a second SUBMIT of this order";
      known = index_of_.emplace(*order, flow.orders++).first;
      flow.quantity_max = std::max(flow.quantity_max, *quantity);
    } else if (known == index_of_.end()) {
      return std::string{fields[2]} + " of an order without a SUBMIT";
    }
    flow.rows.push_back({*at, *kind, *order, known->second, *direction, price.value, *quantity});
    return {};
  }

  parsed_flow& into_;
  std::unordered_map<std::int64_t, std::size_t> index_of_;
};

money median_price(const order_flow& flow) {
  std::vector<money> prices;
  prices.reserve(flow.orders);
  for (const auto& row : flow.rows) {
    if (row.kind == flow_kind::submit) prices.push_back(row.price);
  }
  if (prices.empty()) return {};
  const auto middle = prices.begin() + static_cast<std::ptrdiff_t>(prices.size() / 2);
  std::nth_element(prices.begin(), middle, prices.end());
  return *middle;
}

money floor_to_tick(const instrument& what, money price) {
  return {std::max(price.ticks / what.tick.ticks, std::int64_t{1}) * what.tick.ticks};
}
money ceil_to_tick(const instrument& what, money price) {
  return {std::max((price.ticks + what.tick.ticks - 1) / what.tick.ticks, std::int64_t{1}) * what.tick.ticks};
}

}  // namespace

std::string_view word(flow_kind kind) { return kind_words[static_cast<std::size_t>(kind)]; }

parsed_flow parse_order_flow(std::string_view csv, std::size_t rows_max) {
  parsed_flow parsed;
  if (next_line(csv) != header) {
    parsed.mistakes.push_back("line 1: the header is not \"" + std::string{header} + '"');
    return parsed;
  }
  flow_reader reader{parsed};
  for (std::size_t number = 2; !csv.empty(); ++number) {
    if (rows_max != 0 && parsed.flow.rows.size() == rows_max) break;
    const auto line = next_line(csv);
    if (!line.empty()) reader.read(line, number);
  }
  if (parsed.flow.rows.empty() && parsed.mistakes.empty()) parsed.mistakes.emplace_back("line 1: no rows follow");
  parsed.flow.price_median = median_price(parsed.flow);
  return parsed;
}

std::string client_order_id(std::string_view run, std::int64_t order) {
  return std::string{run} + '-' + std::to_string(order);
}

bool is_run_name(std::string_view run) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  return !run.empty() && run.size() <= 40 && run.find_first_not_of(allowed) == std::string_view::npos;
}

order_mapping::order_mapping(const order_flow& flow, std::vector<instrument> instruments, std::size_t accounts,
                             money value_max)
    : accounts_{accounts}, price_median_{flow.price_median} {
  if (instruments.empty() || accounts == 0 || flow.price_median <= money{})
    throw std::invalid_argument{"a replay needs instruments, accounts and rows"};
  for (auto& what : instruments) {
    if (what.reference_price <= money{} || what.tick <= money{} || what.lot <= 0)
      throw std::invalid_argument{what.symbol + " has no reference price, tick or lot"};
    const auto lot_value = saturating_mul(what.reference_price, what.lot);
    auto lots_max = std::max(value_max.ticks / lot_value.ticks, std::int64_t{1});
    if (what.freeze_quantity > 0) lots_max = std::clamp(what.freeze_quantity / what.lot, std::int64_t{1}, lots_max);
    traded item;
    item.units_per_lot = std::max(units_per_lot_min, flow.quantity_max / lots_max + 1);
    item.lowest = what.tick;
    item.highest = money{money::ticks_max};
    if (what.price_band_percent > 0) {
      const auto band = scale_nearest(what.reference_price, what.price_band_percent, 100);
      item.lowest = ceil_to_tick(what, {what.reference_price.ticks - band.ticks});
      item.highest = floor_to_tick(what, {what.reference_price.ticks + band.ticks});
    }
    item.what = std::move(what);
    instruments_.push_back(std::move(item));
  }
}

std::size_t order_mapping::account_of(std::int64_t order) const { return static_cast<std::size_t>(order) % accounts_; }

const order_mapping::traded& order_mapping::traded_of(std::int64_t order) const {
  return instruments_[static_cast<std::size_t>(order) / accounts_ % instruments_.size()];
}

const instrument& order_mapping::instrument_of(std::int64_t order) const { return traded_of(order).what; }

money order_mapping::price_of(const flow_row& row) const {
  const auto& item = traded_of(row.order);
  const auto scaled = scale_nearest(item.what.reference_price, row.price.ticks, price_median_.ticks);
  return std::clamp(round_to_tick(item.what, scaled), item.lowest, item.highest);
}

std::int64_t order_mapping::quantity_of(const flow_row& row) const {
  const auto& item = traded_of(row.order);
  return std::max(row.quantity / item.units_per_lot, std::int64_t{1}) * item.what.lot;
}

}  // namespace sb::replay
