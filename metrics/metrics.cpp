#include "metrics/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <set>
#include <sstream>
#include <type_traits>
#include <vector>

namespace sb {
namespace {

using prometheus::Histogram;
using prometheus::Labels;
using prometheus::Registry;

// Fine where the design promises something (2 s for an order, 5 s for a statement), coarse elsewhere.
const Histogram::BucketBoundaries request_seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1,     2,    5,     10};
const Histogram::BucketBoundaries append_seconds{0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032,
                                                 0.064,   0.125,  0.25,  0.5,   1,     2.5,   5};
const Histogram::BucketBoundaries batch_rows{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1'024};

template <class Series>
auto build() {
  if constexpr (std::is_same_v<Series, prometheus::Counter>) {
    return prometheus::BuildCounter();
  } else if constexpr (std::is_same_v<Series, prometheus::Gauge>) {
    return prometheus::BuildGauge();
  } else {
    return prometheus::BuildHistogram();
  }
}

/// A family whose number of series is bounded. Creation is rare, so a lock of its own around it costs nothing.
template <class Series>
class bounded_family {
 public:
  bounded_family(Registry& registry, const char* name, const char* help)
      : family_{build<Series>().Name(name).Help(help).Register(registry)} {}

  template <class... Arguments>
  Series& series(Labels labels, const Arguments&... arguments) {
    const std::lock_guard lock{mutex_};
    if (!seen_.contains(labels)) {
      if (seen_.size() < metrics::series_max) {
        seen_.insert(labels);
      } else {
        for (auto& [name, value] : labels) value = "other";
      }
    }
    return family_.Add(labels, arguments...);
  }

 private:
  prometheus::Family<Series>& family_;
  std::mutex mutex_;
  std::set<Labels> seen_;
};

}  // namespace

struct metrics::families {
  Registry registry;
  bounded_family<prometheus::Counter> inter_service_calls{registry, "inter_service_calls_total",
                                                          "Calls between the user side and the trade side."};
  bounded_family<prometheus::Counter> limit_validations{registry, "limit_validations_total",
                                                        "Checks of a trading limit, by result and limit."};
  bounded_family<prometheus::Counter> trade_executions{registry, "trade_executions_total",
                                                       "Orders that reached a state, by state and role of the user."};
  bounded_family<prometheus::Counter> http_requests{registry, "http_requests_total", "Answered requests."};
  bounded_family<prometheus::Counter> http_refused{registry, "http_refused_total",
                                                   "Requests that the server refused before any route saw them."};
  bounded_family<prometheus::Counter> admission_refused{
      registry, "admission_refused_total",
      "Requests refused because too many were in flight, or it was not their turn in time."};
  bounded_family<prometheus::Counter> append_failures{
      registry, "journal_append_failures_total",
      "Shards' parts of appends that were not told to be stored, by outcome."};
  bounded_family<prometheus::Counter> actor_restarts{registry, "actor_restarts_total",
                                                     "Ends of children that their supervisors started again."};
  bounded_family<Histogram> http_request_seconds{registry, "http_request_seconds",
                                                 "From a request's last byte to its answer."};
  bounded_family<Histogram> place_order{registry, "place_order_seconds", "From an order's arrival to its answer."};
  bounded_family<Histogram> append_time{registry, "journal_append_seconds", "One append statement."};
  bounded_family<Histogram> append_rows{registry, "journal_batch_rows", "Rows in one append statement."};
  bounded_family<prometheus::Gauge> in_flight{registry, "requests_in_flight",
                                              "Admitted and not yet answered or dropped."};
  bounded_family<prometheus::Gauge> waiting{registry, "requests_waiting",
                                            "Requests in flight that wait for their turn before the actors."};
  bounded_family<prometheus::Gauge> core_limit{registry, "core_limit",
                                               "How many requests may be with the actors at a time."};
  bounded_family<prometheus::Gauge> entities{registry, "entities", "Entities in memory."};
  bounded_family<prometheus::Gauge> projection_lag{registry, "projection_lag_rows",
                                                   "Committed journal rows that the projection has not applied."};
};

void counter::add(std::int64_t count) const {
  if (series_) series_->Increment(static_cast<double>(count));
}

void gauge::set(std::int64_t value) const {
  if (series_) series_->Set(static_cast<double>(value));
}

void gauge::add(std::int64_t difference) const {
  if (series_) series_->Increment(static_cast<double>(difference));
}

void histogram::observe(double value) const {
  if (series_) series_->Observe(value);
}

route_series::route_series(metrics& owner, std::string method, std::string route)
    : owner_{owner},
      method_{std::move(method)},
      route_{std::move(route)},
      seconds_{owner.http_request_seconds(method_, route_)} {}

void route_series::answered(int status, double seconds) {
  if (status < status_first || status > status_last) status = 500;
  auto& cell = by_status_[static_cast<std::size_t>(status - status_first)];
  auto* series = cell.load(std::memory_order_acquire);
  if (!series) {
    series = &owner_.http_requests(method_, route_, status);
    cell.store(series, std::memory_order_release);  // a race stores the same pointer twice
  }
  series->Increment();
  seconds_.observe(seconds);
}

metrics::metrics()
    : families_{std::make_unique<families>()},
      requests_in_flight_{families_->in_flight.series({})},
      requests_waiting_{families_->waiting.series({})},
      core_limit_{families_->core_limit.series({})},
      place_order_seconds_{families_->place_order.series({}, request_seconds)},
      journal_append_seconds_{families_->append_time.series({}, append_seconds)},
      journal_batch_rows_{families_->append_rows.series({}, batch_rows)} {}

metrics::~metrics() = default;

counter metrics::inter_service_calls(std::string_view source, std::string_view target, std::string_view endpoint,
                                     std::string_view status) {
  return counter{families_->inter_service_calls.series({{"source", std::string{source}},
                                                        {"target", std::string{target}},
                                                        {"endpoint", std::string{endpoint}},
                                                        {"status", std::string{status}}})};
}

counter metrics::limit_validations(std::string_view result, std::string_view limit_type) {
  return counter{
      families_->limit_validations.series({{"result", std::string{result}}, {"limit_type", std::string{limit_type}}})};
}

counter metrics::trade_executions(std::string_view status, std::string_view user_type) {
  return counter{
      families_->trade_executions.series({{"status", std::string{status}}, {"user_type", std::string{user_type}}})};
}

prometheus::Counter& metrics::http_requests(std::string_view method, std::string_view route, int status) {
  return families_->http_requests.series(
      {{"method", std::string{method}}, {"route", std::string{route}}, {"status", std::to_string(status)}});
}

histogram metrics::http_request_seconds(std::string_view method, std::string_view route) {
  return histogram{families_->http_request_seconds.series(
      {{"method", std::string{method}}, {"route", std::string{route}}}, request_seconds)};
}

route_series& metrics::route(std::string_view method, std::string_view route) {
  const std::lock_guard lock{routes_mutex_};
  auto& slot = routes_[{std::string{method}, std::string{route}}];
  if (!slot) slot = std::make_unique<route_series>(*this, std::string{method}, std::string{route});
  return *slot;
}

counter metrics::http_refused(std::string_view reason) {
  return counter{families_->http_refused.series({{"reason", std::string{reason}}})};
}

counter metrics::admission_refused(std::string_view scope) {
  return counter{families_->admission_refused.series({{"scope", std::string{scope}}})};
}

counter metrics::journal_append_failures(std::string_view outcome) {
  return counter{families_->append_failures.series({{"outcome", std::string{outcome}}})};
}

gauge metrics::entities(std::string_view kind) {
  return gauge{families_->entities.series({{"kind", std::string{kind}}})};
}

counter metrics::actor_restarts(std::string_view child) {
  return counter{families_->actor_restarts.series({{"child", std::string{child}}})};
}

gauge metrics::projection_lag_rows(std::string_view projection) {
  return gauge{families_->projection_lag.series({{"projection", std::string{projection}}})};
}

std::string metrics::expose() const {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, families_->registry.Collect());
  return std::move(out).str();
}

}  // namespace sb
