#include "app/replay/tally.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <string_view>
#include <utility>

namespace sb::replay {
namespace {

constexpr std::size_t unexpected_max = 20;

std::string milliseconds_text(std::chrono::microseconds took) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2) << static_cast<double>(took.count()) / 1000.0;
  return out.str();
}

void line(std::ostringstream& out, std::string_view name, const std::string& value) {
  out << "  " << std::left << std::setw(26) << name << std::right << std::setw(12) << value << '\n';
}
void line(std::ostringstream& out, std::string_view name, std::int64_t value) {
  line(out, name, std::to_string(value));
}

std::int64_t sum(const std::map<int, std::int64_t>& statuses) {
  std::int64_t all = 0;
  for (const auto& [status, count] : statuses) all += count;
  return all;
}

}  // namespace

// Durations below `steps` microseconds have a bucket each; after that every doubling is cut into `steps` equal parts.
std::size_t latency_histogram::bucket_of(std::uint64_t micros) {
  if (micros < steps) return static_cast<std::size_t>(micros);
  const auto doubling =
      static_cast<std::size_t>(std::bit_width(micros)) - static_cast<std::size_t>(std::bit_width(steps));
  const auto part = static_cast<std::size_t>(micros >> doubling) - steps;
  return std::min(steps * (doubling + 1) + part, std::tuple_size_v<decltype(counts_)> - 1);
}

std::uint64_t latency_histogram::end_of(std::size_t bucket) {
  if (bucket < steps) return bucket;
  const auto doubling = bucket / steps - 1;
  const auto part = static_cast<std::uint64_t>(bucket % steps + steps);
  return ((part + 1) << doubling) - 1;
}

void latency_histogram::add(std::chrono::microseconds took) {
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
  ++counts_[bucket_of(micros)];
  ++count_;
  largest_ = std::max(largest_, took);
}

std::chrono::microseconds latency_histogram::percentile(double share) const {
  if (count_ == 0) return {};
  const auto wanted =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(share * static_cast<double>(count_))));
  std::int64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(largest_, std::chrono::microseconds{static_cast<std::int64_t>(end_of(bucket))});
  }
  return largest_;
}

void tally::note_unexpected(std::string what) {
  if (unexpected.size() < unexpected_max) unexpected.push_back(std::move(what));
}

bool is_expected(flow_kind kind, int status) {
  switch (kind) {
    case flow_kind::submit:
      return status == 201 || status == 202 || status == 403;
    case flow_kind::cancel:
      return status == 200 || status == 202 || status == 409;
    case flow_kind::execute:
      return status == 200 || status == 409;
  }
  return false;
}

bool is_green(const tally& counts, bool outage_allowed) {
  for (const auto kind : {flow_kind::submit, flow_kind::cancel, flow_kind::execute}) {
    const auto& of_kind = counts.of(kind);
    if (of_kind.skipped != 0) return false;
    for (const auto& [status, count] : of_kind.statuses) {
      if (count != 0 && !is_expected(kind, status)) return false;
    }
  }
  if (!counts.unexpected.empty()) return false;
  if (counts.answers_5xx != counts.retries_503) return false;
  return outage_allowed || (counts.retries_503 == 0 && counts.retries_lost == 0);
}

std::string format_table(const tally& counts) {
  std::ostringstream out;
  const auto submitted = sum(counts.of(flow_kind::submit).statuses);
  line(out, "submitted", submitted);
  line(out, "  accepted", counts.accepted);
  line(out, "  pending (202)", counts.pending);
  line(out, "  rejected by the broker", counts.rejected);
  std::int64_t denied = 0;
  for (const auto& [code, count] : counts.denied) denied += count;
  line(out, "  denied", denied);
  for (const auto& [code, count] : counts.denied) line(out, "    " + code, count);
  line(out, "filled", counts.filled);
  line(out, "filled in part", counts.filled_in_part);
  line(out, "canceled", counts.canceled);
  line(out, "cancel pending (202)", counts.cancel_pending);
  line(out, "retries after 429", counts.retries_429);
  line(out, "retries after 503", counts.retries_503);
  line(out, "retries after no answer", counts.retries_lost);
  line(out, "logins again", counts.logins);
  out << "\n            answers    p50 ms    p99 ms    max ms   statuses\n";
  for (const auto kind : {flow_kind::submit, flow_kind::cancel, flow_kind::execute}) {
    const auto& of_kind = counts.of(kind);
    const auto& latency = of_kind.latency;
    out << "  " << std::left << std::setw(8) << word(kind) << std::right << std::setw(9) << sum(of_kind.statuses)
        << std::setw(10) << milliseconds_text(latency.percentile(0.5)) << std::setw(10)
        << milliseconds_text(latency.percentile(0.99)) << std::setw(10) << milliseconds_text(latency.largest()) << "  ";
    for (const auto& [status, count] : of_kind.statuses) out << ' ' << status << ':' << count;
    if (of_kind.skipped != 0) out << " skipped:" << of_kind.skipped;
    out << '\n';
  }
  const auto seconds = static_cast<double>(counts.took.count()) / 1000.0;
  std::int64_t requests = 0;
  for (const auto& of_kind : counts.kinds) requests += sum(of_kind.statuses);
  out << std::fixed << std::setprecision(1) << "\n  " << seconds << " s";
  if (seconds > 0) {
    out << ", " << static_cast<double>(submitted) / seconds << " orders/s, " << static_cast<double>(requests) / seconds
        << " requests/s";
  }
  out << '\n';
  return out.str();
}

}  // namespace sb::replay
