#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/instruments/instrument.hpp"
#include "domain/money.hpp"
#include "domain/orders/order.hpp"

/// Recorded order flow of another market, and how it becomes orders here. Pure: text in, values out.
namespace sb::replay {

enum class flow_kind : std::uint8_t { submit, cancel, execute };
constexpr std::size_t flow_kind_count = 3;
std::string_view word(flow_kind kind);  ///< "SUBMIT", "CANCEL", "EXECUTE": the file's words

struct flow_row {
  std::int64_t at_ms = 0;  ///< UTC; never goes back within a file
  flow_kind kind = flow_kind::submit;
  std::int64_t order = 0;       ///< the recording's order id
  std::size_t order_index = 0;  ///< 0, 1, ... in the order of the SUBMITs
  side direction = side::buy;
  money price;                ///< in the recording's currency, > 0
  std::int64_t quantity = 0;  ///< in the recording's smallest unit, > 0
};

struct order_flow {
  std::vector<flow_row> rows;
  std::size_t orders = 0;
  std::int64_t quantity_max = 0;  ///< of one SUBMIT
  money price_median;             ///< of the SUBMITs
};

/// `flow` is to be used only when there are no mistakes. Each mistake names its line; the first 20 are kept.
struct parsed_flow {
  order_flow flow;
  std::vector<std::string> mistakes;
};
/// CSV with the header "seq,t_ms_utc,event,order_id,side,price,qty". Each order begins with its only SUBMIT, and time
/// does not go back. At most `rows_max` rows are read; 0 reads all.
parsed_flow parse_order_flow(std::string_view csv, std::size_t rows_max);

/// A run's orders are found again by their client ids: "<run>-<order>".
std::string client_order_id(std::string_view run, std::int64_t order);
/// What such a name may look like: 1 to 40 of [A-Za-z0-9._:-].
bool is_run_name(std::string_view run);

/// How a recorded order becomes one of ours. Two runs over the same file and the same instruments give the same orders.
class order_mapping {
 public:
  /// `instruments` not empty, each with a reference price; `accounts` > 0. Throws std::invalid_argument otherwise.
  /// `value_max` bounds the value of an order at the reference price as far as a single lot allows.
  order_mapping(const order_flow& flow, std::vector<instrument> instruments, std::size_t accounts, money value_max);

  /// order modulo the number of accounts.
  std::size_t account_of(std::int64_t order) const;
  /// By the part of the order's number that account_of leaves, so that every account meets every instrument.
  const instrument& instrument_of(std::int64_t order) const;
  /// The recorded price relative to the recording's median, as a price around the instrument's reference: on a tick,
  /// and inside the band, where an exchange would have kept it.
  money price_of(const flow_row& row) const;
  /// Scaled down to lots, at least one. SUBMIT and EXECUTE of an order have the same scale.
  std::int64_t quantity_of(const flow_row& row) const;

 private:
  struct traded {
    instrument what;
    std::int64_t units_per_lot = 1;  ///< of the recording
    money lowest;
    money highest;
  };
  const traded& traded_of(std::int64_t order) const;

  std::vector<traded> instruments_;
  std::size_t accounts_;
  money price_median_;
};

}  // namespace sb::replay
