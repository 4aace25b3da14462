#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace sb {

// Handles to one time series each. They are as cheap to copy as a pointer, may be used by any thread at once, and are
// good as long as the `metrics` that gave them. One that is made by default counts nothing: an actor under test needs
// no metrics.

class counter {
 public:
  counter() = default;
  explicit counter(prometheus::Counter& series) : series_{&series} {}
  void add(std::int64_t count = 1) const;  ///< `count` >= 0

 private:
  prometheus::Counter* series_ = nullptr;
};

class gauge {
 public:
  gauge() = default;
  explicit gauge(prometheus::Gauge& series) : series_{&series} {}
  void set(std::int64_t value) const;
  void add(std::int64_t difference) const;

 private:
  prometheus::Gauge* series_ = nullptr;
};

class histogram {
 public:
  histogram() = default;
  explicit histogram(prometheus::Histogram& series) : series_{&series} {}
  void observe(double value) const;

 private:
  prometheus::Histogram* series_ = nullptr;
};

class metrics;

/// Counts the answers of one route. A status costs a look-up the first time it occurs, later an array access.
class route_series {
 public:
  route_series(metrics& owner, std::string method, std::string route);
  /// `status` is 100 to 599; another counts as 500. `seconds` from the request's last byte to the answer.
  void answered(int status, double seconds);

 private:
  static constexpr int status_first = 100;
  static constexpr int status_last = 599;
  metrics& owner_;
  const std::string method_;
  const std::string route_;
  const histogram seconds_;
  std::array<std::atomic<prometheus::Counter*>, status_last - status_first + 1> by_status_{};
};

/// Every metric family of a node, by name, and its text for a scrape. One object a node; all of it may be used by any
/// thread at once. Asking for a handle costs a lock and a look-up: ask at start or when an entity appears, keep the
/// handle.
///
/// Label values must come from closed sets (routes, states, words of an enum), never from a request. Should they not,
/// a family stops growing at `series_max`: further label values share one series in which each label is "other".
class metrics {
 public:
  static constexpr std::size_t series_max = 2'000;

  metrics();
  ~metrics();
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  /// inter_service_calls_total: calls between the user side and the trade side, whether they cross a network or not.
  counter inter_service_calls(std::string_view source, std::string_view target, std::string_view endpoint,
                              std::string_view status);
  /// limit_validations_total: `result` is "allowed" or "denied"; denied counts once for each limit that failed.
  counter limit_validations(std::string_view result, std::string_view limit_type);
  /// trade_executions_total: `status` is an order's state, `user_type` the role that placed it.
  counter trade_executions(std::string_view status, std::string_view user_type);

  /// http_requests_total and http_request_seconds of a route as the route table writes it ("/trades/{id}"). The same
  /// object comes back for the same route, good as long as this one.
  route_series& route(std::string_view method, std::string_view route);
  /// http_refused_total: requests that no route saw, by the server's reason.
  counter http_refused(std::string_view reason);
  /// requests_in_flight: admitted at the gateway and not answered or dropped yet.
  gauge requests_in_flight() const { return requests_in_flight_; }
  /// requests_waiting: of those, the ones that wait for their turn before the actors.
  gauge requests_waiting() const { return requests_waiting_; }
  /// core_limit: how many requests may be with the actors at a time now.
  gauge core_limit() const { return core_limit_; }
  /// admission_refused_total: by what was exhausted ("user", "organization", "shard", "node", "service"), or "time"
  /// of what waited too long for its turn.
  counter admission_refused(std::string_view scope);

  /// place_order_seconds: from the order's arrival at the gateway to its answer.
  histogram place_order_seconds() const { return place_order_seconds_; }
  /// journal_append_seconds: one append statement, from sending it to its outcome.
  histogram journal_append_seconds() const { return journal_append_seconds_; }
  /// journal_batch_rows: rows in one append statement.
  histogram journal_batch_rows() const { return journal_batch_rows_; }
  /// journal_append_failures_total: parts of an append, a shard's each, that were not told to be stored; by outcome
  /// ("fenced", "data_refused", "unknown_commit", "not_attempted").
  counter journal_append_failures(std::string_view outcome);

  /// entities: places that entities of a kind ("order", "account", "book") have in a shard, also while they are being
  /// begun anew or are parked.
  gauge entities(std::string_view kind);
  /// actor_restarts_total: ends of a supervisor's child, also at an operator's word, after which it was started again;
  /// not those that were stopped with it.
  counter actor_restarts(std::string_view child);
  /// projection_lag_rows: journal rows that are committed and not yet in the projection.
  gauge projection_lag_rows(std::string_view projection);

  /// All families in the Prometheus text format 0.0.4, UTF-8.
  std::string expose() const;
  /// The content type to serve `expose` with.
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  friend class route_series;
  struct families;

  prometheus::Counter& http_requests(std::string_view method, std::string_view route, int status);
  histogram http_request_seconds(std::string_view method, std::string_view route);

  std::unique_ptr<families> families_;
  gauge requests_in_flight_;
  gauge requests_waiting_;
  gauge core_limit_;
  histogram place_order_seconds_;
  histogram journal_append_seconds_;
  histogram journal_batch_rows_;
  std::mutex routes_mutex_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<route_series>, std::less<>> routes_;
};

}  // namespace sb
