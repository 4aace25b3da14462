#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "actors/trade/brokers/feeds.hpp"

namespace sb {
namespace {

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t ist_offset_minutes = 330;
constexpr std::int64_t session_open_minute = 9 * 60 + 15;  // NSE trades from 09:15 to 15:30
constexpr std::int64_t session_ms = 375 * minute_ms;
constexpr std::size_t columns_max = 16;
constexpr std::string_view daily_header = "symbol,timestamp,open,high,low,close,volume";
constexpr std::string_view bhavcopy_header =
    "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,";

/// One row: what was traded in the span that begins at `begin`.
struct bar {
  std::string_view symbol;
  wall_ms begin;
  std::int64_t span_ms = 0;
  money open;
  money high;
  money low;
  money close;
  std::int64_t volume = 0;
};
enum class row_kind : std::uint8_t { played, skipped, wrong };

struct recorded_tick {
  std::int64_t at = 0;  ///< while loading: wall time in ms; afterwards: ms after the first tick
  const instrument* listed = nullptr;
  money price;
  std::int64_t volume = 0;
};

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `minutes`: of the day, Indian Standard Time.
std::optional<wall_ms> stamp(std::optional<std::int64_t> year, std::optional<std::int64_t> month,
                             std::optional<std::int64_t> day, std::int64_t minutes) {
  if (!year || !month || !day || *year < 1970 || *year > 9999 || *month < 1 || *month > 12 || *day < 1 || *day > 31)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  return wall_ms{(days * 24 * 60 + minutes - ist_offset_minutes) * minute_ms};
}

/// "2020-10-01 00:00:00+05:30"
std::optional<wall_ms> daily_stamp(std::string_view text) {
  if (text.size() != 25 || text[4] != '-' || text[7] != '-' || text.substr(10) != " 00:00:00+05:30")
    return std::nullopt;
  return stamp(number(text.substr(0, 4)), number(text.substr(5, 2)), number(text.substr(8, 2)), session_open_minute);
}

/// "01-JAN-2020"
std::optional<wall_ms> bhavcopy_stamp(std::string_view text) {
  constexpr std::string_view months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
  if (text.size() != 11 || text[2] != '-' || text[6] != '-') return std::nullopt;
  const std::size_t month = months.find(text.substr(3, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  return stamp(number(text.substr(7)), static_cast<std::int64_t>(month / 3) + 1, number(text.substr(0, 2)),
               session_open_minute);
}

/// "20221003", "09:16"
std::optional<wall_ms> minute_stamp(std::string_view day, std::string_view time) {
  if (day.size() != 8 || time.size() != 5 || time[2] != ':') return std::nullopt;
  const auto hour = number(time.substr(0, 2));
  const auto minute = number(time.substr(3));
  if (!hour || !minute || *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59) return std::nullopt;
  return stamp(number(day.substr(0, 4)), number(day.substr(4, 2)), number(day.substr(6)), *hour * 60 + *minute);
}

bool read_prices(std::span<const std::string_view> columns, bar& row) {
  const std::array<money*, 4> prices{&row.open, &row.high, &row.low, &row.close};
  for (std::size_t i = 0; i < prices.size(); ++i) {
    const parsed_money parsed = parse_money(columns[i]);
    if (parsed.error != number_error::none || parsed.value.ticks <= 0) return false;
    *prices[i] = parsed.value;
  }
  return row.low <= row.open && row.low <= row.close && row.high >= row.open && row.high >= row.close;
}

bool read_volume(std::string_view column, bar& row) {
  const auto volume = number(column);
  row.volume = volume.value_or(-1);
  return row.volume >= 0;
}

class price_file {
 public:
  price_file(std::shared_ptr<const instrument_master> instruments, const file_feed_options& options,
             loaded_price_file& loaded)
      : instruments_{std::move(instruments)}, options_{options}, loaded_{loaded} {}

  /// False when the file is not of this format.
  bool read(std::istream& file) {
    const std::string_view header = options_.format == price_file_format::daily_ohlcv     ? daily_header
                                    : options_.format == price_file_format::cash_bhavcopy ? bhavcopy_header
                                                                                          : std::string_view{};
    std::string line;
    for (std::size_t line_number = 1; std::getline(file, line); ++line_number) {
      if (line.ends_with('\r')) line.pop_back();
      if (line_number == 1 && !header.empty()) {
        if (line == header) continue;
        mistake(1, "the first line must be " + std::string{header});
        return false;
      }
      if (line.empty()) continue;
      if (loaded_.rows == loaded_price_file::rows_max) {
        mistake(line_number, "more rows than are played; the rest is not read");
        break;
      }
      bar row;
      switch (read_row(line, row)) {
        case row_kind::played:
          play(row);
          break;
        case row_kind::skipped:
          ++loaded_.rows_not_listed;
          break;
        case row_kind::wrong:
          ++loaded_.rows_wrong;
          mistake(line_number, "not a row of this format, or prices that cannot be");
          break;
      }
    }
    return true;
  }

  std::vector<recorded_tick> take_ticks() {
    std::ranges::stable_sort(ticks_, {}, &recorded_tick::at);
    return std::move(ticks_);
  }

 private:
  void mistake(std::size_t line, std::string text) {
    if (loaded_.mistakes.size() < loaded_price_file::mistakes_kept_max)
      loaded_.mistakes.push_back({line, std::move(text)});
  }

  row_kind read_row(std::string_view line, bar& row) const {
    std::array<std::string_view, columns_max> cells;
    std::size_t count = 0;
    for (bool more = true; more && count < columns_max; ++count) {
      const std::size_t comma = line.find(',');
      cells[count] = line.substr(0, comma);
      more = comma != std::string_view::npos;
      if (more) line.remove_prefix(comma + 1);
    }
    const std::span columns{cells};
    std::optional<wall_ms> begin;
    row.symbol = cells[0];
    switch (options_.format) {
      case price_file_format::daily_ohlcv:
        if (count != 7 || !read_prices(columns.subspan(2), row) || !read_volume(cells[6], row)) return row_kind::wrong;
        begin = daily_stamp(cells[1]);
        row.span_ms = session_ms;
        break;
      case price_file_format::cash_bhavcopy:
        if (count != 14) return row_kind::wrong;
        if (cells[1] != "EQ") return row_kind::skipped;
        if (!read_prices(columns.subspan(2), row) || !read_volume(cells[8], row)) return row_kind::wrong;
        begin = bhavcopy_stamp(cells[10]);
        row.span_ms = session_ms;
        break;
      case price_file_format::index_minutes:
        if (count != 9 || !read_prices(columns.subspan(3), row) || !read_volume(cells[7], row)) return row_kind::wrong;
        begin = minute_stamp(cells[1], cells[2]);
        row.span_ms = minute_ms;
        break;
    }
    if (!begin) return row_kind::wrong;
    row.begin = *begin;
    return row_kind::played;
  }

  const instrument* listed_as(std::string_view file_symbol) const {
    for (const feed_alias& alias : options_.aliases) {
      if (alias.file_symbol == file_symbol) return instruments_->find(alias.exchange, alias.symbol);
    }
    return instruments_->find(options_.exchange, file_symbol);
  }

  void play(const bar& row) {
    const instrument* listed = listed_as(row.symbol);
    if (listed == nullptr) {
      ++loaded_.rows_not_listed;
      return;
    }
    ++loaded_.rows;
    // A day that closed higher is taken to have seen its low first.
    const bool rose = row.close >= row.open;
    const std::array<money, 4> path{row.open, rose ? row.low : row.high, rose ? row.high : row.low, row.close};
    const std::int64_t volume = row.volume == 0 ? options_.lots_where_no_volume * listed->lot : row.volume / 4;
    for (std::size_t i = 0; i < path.size(); ++i) {
      // In quarters of the span: the close comes before the next row's open.
      const std::int64_t at = row.begin.value + row.span_ms / 4 * static_cast<std::int64_t>(i);
      ticks_.push_back({at, listed, round_to_tick(*listed, path[i]), volume});
    }
  }

  std::shared_ptr<const instrument_master> instruments_;
  const file_feed_options& options_;
  loaded_price_file& loaded_;
  std::vector<recorded_tick> ticks_;
};

class file_feed final : public price_feed {
 public:
  file_feed(std::shared_ptr<const instrument_master> instruments, std::vector<recorded_tick> ticks,
            const file_feed_options& options)
      : instruments_{std::move(instruments)},
        ticks_{std::move(ticks)},
        speed_permille_{std::max<std::int64_t>(options.speed_permille, 1)},
        repeat_{options.repeat} {
    std::int64_t recorded_before = ticks_.front().at;
    std::int64_t offset = 0;
    for (recorded_tick& tick : ticks_) {
      const std::int64_t gap = tick.at - std::exchange(recorded_before, tick.at);
      offset += options.gap_ms_max > 0 ? std::min(gap, options.gap_ms_max) : gap;
      tick.at = offset;
    }
  }

  void poll(broker::moment now, std::size_t ticks_max, std::vector<broker::price_tick>& out) override {
    if (!start_) start_ = now;
    for (std::size_t count = 0; count < ticks_max && next_ < ticks_.size(); ++count) {
      const recorded_tick& tick = ticks_[next_];
      const std::int64_t after_start = scaled(tick.at);
      if (start_->boot.value + after_start > now.boot.value) return;
      const instrument& listed = *tick.listed;
      out.push_back({listed.exchange, listed.symbol, tick.price, tick.volume, {start_->wall.value + after_start}});
      if (++next_ == ticks_.size() && repeat_) begin_again(after_start);
    }
  }

  std::optional<boot_ms> next_due() const override {
    if (!start_ || next_ == ticks_.size()) return std::nullopt;
    return boot_ms{start_->boot.value + scaled(ticks_[next_].at)};
  }

 private:
  std::int64_t scaled(std::int64_t recorded_ms) const {
    return recorded_ms / speed_permille_ * 1000 + recorded_ms % speed_permille_ * 1000 / speed_permille_;
  }
  void begin_again(std::int64_t played_ms) {
    next_ = 0;
    start_->boot.value += played_ms + 1;  // at least 1 ms, or a file of a single instant would never end a poll's time
    start_->wall.value += played_ms + 1;
  }

  std::shared_ptr<const instrument_master> instruments_;  ///< keeps the instruments of the ticks alive
  std::vector<recorded_tick> ticks_;
  std::int64_t speed_permille_;
  bool repeat_;
  std::size_t next_ = 0;
  std::optional<broker::moment> start_;
};

}  // namespace

loaded_price_file load_price_file(std::istream& file, std::shared_ptr<const instrument_master> instruments,
                                  const file_feed_options& options) {
  loaded_price_file loaded;
  price_file reading{instruments, options, loaded};
  if (!reading.read(file)) return loaded;
  auto ticks = reading.take_ticks();
  if (ticks.empty()) {
    loaded.mistakes.push_back({0, "no row of a listed instrument"});
    return loaded;
  }
  loaded.feed = std::make_unique<file_feed>(std::move(instruments), std::move(ticks), options);
  return loaded;
}

}  // namespace sb
