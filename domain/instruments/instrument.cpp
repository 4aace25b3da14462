#include "domain/instruments/instrument.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace sb {
namespace {

constexpr std::string_view header = "exchange,symbol,lot,tick,freeze_quantity,price_band_percent,reference_price";
constexpr std::size_t column_count = 7;
constexpr std::size_t name_length_max = 64;
constexpr std::int64_t quantity_max = 1'000'000'000'000;

auto key_of(const instrument& listed) {
  return std::pair<std::string_view, std::string_view>{listed.exchange, listed.symbol};
}

std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// nullopt unless there are exactly as many columns as the header has.
std::optional<std::array<std::string_view, column_count>> columns_of(std::string_view line) {
  std::array<std::string_view, column_count> columns;
  for (std::size_t i = 0; i < column_count; ++i) {
    const std::size_t comma = line.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == column_count)) return std::nullopt;
    columns[i] = line.substr(0, comma);
    line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  }
  return columns;
}

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) return std::nullopt;
  return value;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_length_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Reads one row; what is wrong with it goes to `mistakes`.
class row_reader {
 public:
  row_reader(std::size_t line, std::vector<instrument_file_mistake>& mistakes) : line_{line}, mistakes_{mistakes} {}

  std::optional<instrument> read(std::string_view text) {
    const auto columns = columns_of(text);
    if (!columns) {
      wrong("needs exactly " + std::to_string(column_count) + " columns");
      return std::nullopt;
    }
    const auto& [exchange, symbol, lot, tick, freeze, band, reference] = *columns;
    instrument listed;
    listed.exchange = name("exchange", exchange);
    listed.symbol = name("symbol", symbol);
    listed.lot = number("lot", lot, 1, quantity_max);
    listed.tick = price("tick", tick, true);
    listed.freeze_quantity = number("freeze_quantity", freeze, 0, quantity_max);
    listed.price_band_percent = static_cast<std::int32_t>(number("price_band_percent", band, 0, 100));
    listed.reference_price = price("reference_price", reference, false);
    if (good_ && listed.freeze_quantity != 0 && listed.freeze_quantity < listed.lot)
      wrong("freeze_quantity is below one lot: nothing could be traded");
    if (good_ && listed.reference_price.ticks % listed.tick.ticks != 0)
      wrong("reference_price is not a multiple of the tick");
    if (!good_) return std::nullopt;
    return listed;
  }

  void wrong(std::string text) {
    good_ = false;
    mistakes_.push_back({line_, std::move(text)});
  }

 private:
  std::string name(std::string_view column, std::string_view text) {
    if (!is_name(text)) wrong(std::string{column} + " must be 1 to 64 visible ASCII characters");
    return std::string{text};
  }
  std::int64_t number(std::string_view column, std::string_view text, std::int64_t min, std::int64_t max) {
    const auto value = whole_number(text, min, max);
    if (!value)
      wrong(std::string{column} + " must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return value.value_or(min);
  }
  money price(std::string_view column, std::string_view text, bool positive) {
    const parsed_money parsed = parse_money(text);
    const bool in_range = positive ? parsed.value > money{} : parsed.value >= money{};
    if (parsed.error == number_error::none && in_range) return parsed.value;
    wrong(std::string{column} + (positive ? " must be a decimal above 0" : " must be a decimal, 0 or above") +
          ", at most four decimals");
    return {};
  }

  std::size_t line_;
  std::vector<instrument_file_mistake>& mistakes_;
  bool good_ = true;
};

}  // namespace

instrument_refusal check_quantity(const instrument& traded, std::int64_t quantity) {
  if (quantity <= 0) return instrument_refusal::quantity_not_positive;
  if (quantity % traded.lot != 0) return instrument_refusal::quantity_not_lot_multiple;
  if (traded.freeze_quantity != 0 && quantity > traded.freeze_quantity) {
    return instrument_refusal::quantity_above_freeze;
  }
  return instrument_refusal::none;
}

instrument_refusal check_price(const instrument& traded, money price) {
  if (price.ticks <= 0) return instrument_refusal::price_not_positive;
  if (price.ticks % traded.tick.ticks != 0) return instrument_refusal::price_off_tick;
  return instrument_refusal::none;
}

instrument_refusal check_band(const instrument& traded, money price, money reference) {
  if (traded.price_band_percent == 0 || reference.ticks <= 0) return instrument_refusal::none;
  // reference * percent / 100, split so that it cannot overflow: percent <= 100
  const std::int64_t percent = traded.price_band_percent;
  const std::int64_t width = reference.ticks / 100 * percent + reference.ticks % 100 * percent / 100;
  const bool inside = price.ticks >= reference.ticks - width && price.ticks <= reference.ticks + width;
  return inside ? instrument_refusal::none : instrument_refusal::price_outside_band;
}

money round_to_tick(const instrument& traded, money price) {
  const std::int64_t tick = traded.tick.ticks;
  if (price.ticks <= tick) return traded.tick;
  const std::int64_t over = price.ticks % tick;
  const std::int64_t below = price.ticks - over;
  return {over >= tick - over ? below + tick : below};
}

instrument_master::instrument_master(std::vector<instrument> instruments) : instruments_{std::move(instruments)} {
  std::ranges::stable_sort(instruments_, {}, key_of);
  const auto same = [](const instrument& a, const instrument& b) { return key_of(a) == key_of(b); };
  instruments_.erase(std::unique(instruments_.begin(), instruments_.end(), same), instruments_.end());
}

const instrument* instrument_master::find(std::string_view exchange, std::string_view symbol) const {
  const std::pair key{exchange, symbol};
  const auto found = std::ranges::lower_bound(instruments_, key, {}, key_of);
  return found != instruments_.end() && key_of(*found) == key ? &*found : nullptr;
}

parsed_instruments parse_instruments(std::string_view csv) {
  parsed_instruments parsed;
  std::vector<instrument> listed;
  std::map<std::pair<std::string, std::string>, std::size_t> line_of;
  bool header_seen = false;
  for (std::size_t line_number = 1; !csv.empty(); ++line_number) {
    const std::size_t newline = csv.find('\n');
    const std::string_view line = without_carriage_return(csv.substr(0, newline));
    csv.remove_prefix(newline == std::string_view::npos ? csv.size() : newline + 1);
    if (line.empty() || line.front() == '#') continue;
    row_reader reader{line_number, parsed.mistakes};
    if (!header_seen) {
      header_seen = true;
      if (line == header) continue;
      // Reading on would blame every row for what one wrong header did.
      reader.wrong("the first line must be " + std::string{header});
      return parsed;
    }
    auto row = reader.read(line);
    if (!row) continue;
    const auto [twin, is_new] = line_of.try_emplace({row->exchange, row->symbol}, line_number);
    if (!is_new) {
      reader.wrong(row->exchange + " " + row->symbol + " is already in line " + std::to_string(twin->second));
      continue;
    }
    listed.push_back(std::move(*row));
  }
  if (!header_seen) parsed.mistakes.push_back({0, "the file is empty"});
  if (header_seen && listed.empty() && parsed.mistakes.empty())
    parsed.mistakes.push_back({0, "no instrument is listed"});
  if (parsed.mistakes.empty()) parsed.master = instrument_master{std::move(listed)};
  return parsed;
}

}  // namespace sb
