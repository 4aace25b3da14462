#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/money.hpp"

/// What can be traded and in which steps. Pure values: the caller reads the file.
namespace sb {

struct instrument {
  std::string exchange;                 ///< "NSE"; derivatives too are listed under their exchange
  std::string symbol;                   ///< broker-independent: "SBIN", "NIFTY_31-DEC-2026_FUT"
  std::int64_t lot = 1;                 ///< a quantity is a multiple of it; > 0
  money tick;                           ///< a price is a multiple of it; > 0
  std::int64_t freeze_quantity = 0;     ///< the largest quantity of one order; 0: the exchange sets none
  std::int32_t price_band_percent = 0;  ///< how far a price may be from the reference; 0: no band
  money reference_price;                ///< last known price when the file was written; zero: none
  friend bool operator==(const instrument&, const instrument&) = default;
};

/// Why an instrument does not take a quantity or a price. Stored and published: append, keep, never reuse.
enum class instrument_refusal : std::uint8_t {
  none = 0,
  quantity_not_positive = 1,
  quantity_not_lot_multiple = 2,
  quantity_above_freeze = 3,  ///< a limit of the exchange, not a malformed order
  price_not_positive = 4,
  price_off_tick = 5,
  price_outside_band = 6,
};

/// none, or the first of quantity_not_positive, quantity_not_lot_multiple, quantity_above_freeze.
instrument_refusal check_quantity(const instrument& traded, std::int64_t quantity);
/// none, price_not_positive or price_off_tick. The band is a check of its own, as its reference moves.
instrument_refusal check_price(const instrument& traded, money price);
/// none or price_outside_band: |price - reference| beyond the band's percentage of the reference. Without a band, or
/// with a reference that is not positive, nothing is outside.
instrument_refusal check_band(const instrument& traded, money price, money reference);
/// The multiple of the tick nearest to `price`, half up, at least one tick.
money round_to_tick(const instrument& traded, money price);

/// Immutable after load, so any thread may read it. Sorted by exchange and symbol.
class instrument_master {
 public:
  instrument_master() = default;
  /// Of instruments with the same exchange and symbol the first counts.
  explicit instrument_master(std::vector<instrument> instruments);

  /// nullptr when unknown. The pointer lives as long as this object stays where it is.
  const instrument* find(std::string_view exchange, std::string_view symbol) const;
  std::span<const instrument> all() const { return instruments_; }
  std::size_t size() const { return instruments_.size(); }

 private:
  std::vector<instrument> instruments_;
};

struct instrument_file_mistake {
  std::size_t line = 0;  ///< from 1; 0 concerns the whole file
  std::string text;      ///< for people
};

/// `master` is to be used only when there are no mistakes.
struct parsed_instruments {
  instrument_master master;
  std::vector<instrument_file_mistake> mistakes;
};

/// CSV with the header "exchange,symbol,lot,tick,freeze_quantity,price_band_percent,reference_price"; empty lines and
/// lines that start with '#' are skipped; no quoting. Reports every mistake, not only the first.
parsed_instruments parse_instruments(std::string_view csv);

}  // namespace sb
