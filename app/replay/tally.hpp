#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/replay/order_flow.hpp"

namespace sb::replay {

/// Counts durations in buckets of at most 1/64 of their size, so that a percentile is at most 1.6 % too high, whatever
/// the range. Constant memory.
class latency_histogram {
 public:
  void add(std::chrono::microseconds took);
  /// The smallest duration that at least this share (0 to 1) of all do not exceed, rounded up to its bucket's end but
  /// never beyond the largest; zero when there is none.
  std::chrono::microseconds percentile(double share) const;
  std::chrono::microseconds largest() const { return largest_; }
  std::int64_t count() const { return count_; }

 private:
  static constexpr std::size_t steps = 64;  ///< buckets for each doubling
  static std::size_t bucket_of(std::uint64_t micros);
  static std::uint64_t end_of(std::size_t bucket);

  std::array<std::int64_t, steps * 40> counts_{};
  std::int64_t count_ = 0;
  std::chrono::microseconds largest_{};
};

/// What became of a run's requests, as their answers said.
struct tally {
  struct by_kind {
    std::map<int, std::int64_t> statuses;  ///< final answers; 0 where none came within the caller's patience
    latency_histogram latency;             ///< of the final answers, without the waits and attempts before
    std::int64_t skipped = 0;              ///< not sent, because their order was never acknowledged
  };
  std::array<by_kind, flow_kind_count> kinds;

  std::int64_t accepted = 0;                   ///< SUBMIT answered 201 and not rejected by the broker
  std::int64_t pending = 0;                    ///< SUBMIT answered 202
  std::int64_t rejected = 0;                   ///< SUBMIT answered 201, rejected by the broker
  std::map<std::string, std::int64_t> denied;  ///< SUBMIT answered 403, by code
  std::int64_t filled = 0;                     ///< orders whose acknowledged fills make up their quantity
  std::int64_t filled_in_part = 0;             ///< orders with acknowledged fills for less
  std::int64_t canceled = 0;                   ///< CANCEL answered 200
  std::int64_t cancel_pending = 0;             ///< CANCEL answered 202

  std::int64_t retries_429 = 0;
  std::int64_t retries_503 = 0;
  std::int64_t retries_lost = 0;        ///< no answer came: connection refused, reset or timed out
  std::int64_t logins = 0;              ///< beyond the first of each user
  std::int64_t answers_5xx = 0;         ///< retried or not
  std::vector<std::string> unexpected;  ///< the first answers that a green run does not have
  std::chrono::milliseconds took{};

  const by_kind& of(flow_kind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  by_kind& of(flow_kind kind) { return kinds[static_cast<std::size_t>(kind)]; }
  /// Keeps the first twenty.
  void note_unexpected(std::string what);
};

/// Each SUBMIT 201, 202 or 403, each CANCEL 200, 202 or 409, each EXECUTE 200 or 409.
bool is_expected(flow_kind kind, int status);
/// Every final answer is an expected one, and nothing was skipped or answered 5xx on the way. `outage_allowed`: a 503
/// or a lost connection that a retry made good is no fault.
bool is_green(const tally& counts, bool outage_allowed);

/// The table for people, with a newline after each line.
std::string format_table(const tally& counts);

}  // namespace sb::replay
