#pragma once
#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/trade/brokers/broker.hpp"
#include "actors/trade/brokers/dice.hpp"
#include "domain/instruments/instrument.hpp"

/// Where prices come from. A feed has no clock: its owner asks it for what is due. An external market has no feed.
namespace sb {

class price_feed {
 public:
  price_feed() = default;
  price_feed(const price_feed&) = delete;
  price_feed& operator=(const price_feed&) = delete;
  virtual ~price_feed() = default;

  /// Appends the ticks that are due, oldest first, at most `ticks_max`; what is left comes with the next call. The
  /// first call starts the feed: its first tick is due at once. `now` never runs backwards.
  virtual void poll(broker::moment now, std::size_t ticks_max, std::vector<broker::price_tick>& out) = 0;
  /// When the next tick is due. nullopt: not started, or at its end.
  virtual std::optional<boot_ms> next_due() const = 0;
};

/// The layouts of the exchange's and vendors' files that can be played, all times Indian Standard Time.
enum class price_file_format : std::uint8_t {
  daily_ohlcv,    ///< symbol,timestamp,open,high,low,close,volume with that header; "2020-10-01 00:00:00+05:30"
  cash_bhavcopy,  ///< NSE's end-of-day file of the cash market; series EQ is played
  index_minutes,  ///< no header: symbol,yyyymmdd,HH:MM,open,high,low,close,volume,open interest
};

/// A symbol of the file played as another: an index as its future.
struct feed_alias {
  std::string file_symbol;
  std::string exchange;
  std::string symbol;
};

struct file_feed_options {
  price_file_format format = price_file_format::daily_ohlcv;
  std::int64_t speed_permille = 1000;     ///< 1000: as fast as it happened; > 0
  std::int64_t gap_ms_max = 0;            ///< recorded pauses (nights, holidays) are cut to this; 0: as they were
  bool repeat = false;                    ///< from the beginning again after the last tick
  std::int64_t lots_where_no_volume = 0;  ///< volume of a tick in a row without one (indexes have none), in lots
  std::string exchange = "NSE";
  std::vector<feed_alias> aliases{};  ///< looked at before the file's own symbol
};

struct feed_mistake {
  std::size_t line = 0;
  std::string text;
};

/// `feed` is null when nothing can be played. Rows of unlisted symbols and other series are skipped silently,
/// unreadable or impossible rows (high below low) with a mistake each; the first `mistakes_kept_max` are kept, all are
/// counted.
struct loaded_price_file {
  static constexpr std::size_t mistakes_kept_max = 20;
  static constexpr std::size_t rows_max = 2'000'000;  ///< rows played; reading stops there with a mistake
  std::unique_ptr<price_feed> feed;
  std::size_t rows = 0;
  std::size_t rows_not_listed = 0;
  std::size_t rows_wrong = 0;
  std::vector<feed_mistake> mistakes;
};

/// Reads the whole file (decompressed by the caller). Each row becomes four ticks spread over its span: open, the
/// nearer extreme, the other, close, each with a quarter of the volume; prices are rounded to the instrument's tick.
/// Rows are played by their time, whatever their order in the file.
loaded_price_file load_price_file(std::istream& file, std::shared_ptr<const instrument_master> instruments,
                                  const file_feed_options& options);

struct random_walk_options {
  std::uint64_t seed = 1;
  std::int64_t interval_ms = 1000;     ///< between two ticks of one instrument; > 0
  std::int64_t step_ticks_max = 4;     ///< largest move at once, in the instrument's tick
  std::int64_t volume_lots_max = 200;  ///< each tick has 1 to this many lots
  std::int32_t range_percent = 10;     ///< stays this close to the reference price, and inside the instrument's band
};

/// A walk over every listed instrument that has a reference price. After a pause of its owner it goes on from now
/// instead of catching up.
class random_walk_feed final : public price_feed {
 public:
  random_walk_feed(std::shared_ptr<const instrument_master> instruments, const random_walk_options& options);

  void poll(broker::moment now, std::size_t ticks_max, std::vector<broker::price_tick>& out) override;
  std::optional<boot_ms> next_due() const override { return next_due_; }

 private:
  struct walker {
    const instrument* listed = nullptr;
    std::int64_t price = 0;  ///< in the instrument's tick
    std::int64_t min = 0;
    std::int64_t max = 0;
  };

  std::shared_ptr<const instrument_master> instruments_;
  random_walk_options options_;
  dice dice_;
  std::vector<walker> walkers_;
  std::size_t next_walker_ = 0;
  std::optional<boot_ms> next_due_;
};

}  // namespace sb
