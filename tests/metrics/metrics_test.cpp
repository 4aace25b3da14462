#include "metrics/metrics.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <sstream>
#include <thread>
#include <vector>

namespace sb {
namespace {

/// The value that stands behind a series in the exposed text, or "absent".
std::string value_of(const metrics& all, const std::string& series) {
  std::istringstream text{all.expose()};
  for (std::string line; std::getline(text, line);)
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  return "absent";
}

std::size_t series_of(const metrics& all, const std::string& family) {
  std::istringstream text{all.expose()};
  std::size_t count = 0;
  for (std::string line; std::getline(text, line);) count += line.starts_with(family + "{") ? 1U : 0U;
  return count;
}

}  // namespace

TEST_CASE("each family counts under its name and labels") {
  metrics all;
  all.inter_service_calls("trade", "user", "reserve", "ok").add();
  all.inter_service_calls("trade", "user", "reserve", "ok").add(2);
  all.limit_validations("denied", "daily_trading_limit").add();
  all.trade_executions("filled", "trader").add();
  all.http_refused("header_too_large").add();
  all.admission_refused("user").add();
  all.journal_append_failures("fenced").add();
  all.actor_restarts("journal").add();
  all.requests_in_flight().add(3);
  all.requests_in_flight().add(-1);
  all.requests_waiting().set(4);
  all.core_limit().set(5);
  all.entities("order").set(7);
  all.projection_lag_rows("orders").set(12);
  all.place_order_seconds().observe(0.003);
  all.journal_append_seconds().observe(0.001);
  all.journal_batch_rows().observe(40);

  // prometheus-cpp writes labels in the order of their names.
  CHECK(value_of(all, R"(inter_service_calls_total{endpoint="reserve",source="trade",status="ok",target="user"})") ==
        "3");
  CHECK(value_of(all, R"(limit_validations_total{limit_type="daily_trading_limit",result="denied"})") == "1");
  CHECK(value_of(all, R"(trade_executions_total{status="filled",user_type="trader"})") == "1");
  CHECK(value_of(all, R"(http_refused_total{reason="header_too_large"})") == "1");
  CHECK(value_of(all, R"(admission_refused_total{scope="user"})") == "1");
  CHECK(value_of(all, R"(journal_append_failures_total{outcome="fenced"})") == "1");
  CHECK(value_of(all, R"(actor_restarts_total{child="journal"})") == "1");
  CHECK(value_of(all, "requests_in_flight") == "2");
  CHECK(value_of(all, "requests_waiting") == "4");
  CHECK(value_of(all, "core_limit") == "5");
  CHECK(value_of(all, R"(entities{kind="order"})") == "7");
  CHECK(value_of(all, R"(projection_lag_rows{projection="orders"})") == "12");
  CHECK(value_of(all, "place_order_seconds_count") == "1");
  CHECK(value_of(all, R"(place_order_seconds_bucket{le="0.0025"})") == "0");
  CHECK(value_of(all, R"(place_order_seconds_bucket{le="0.005"})") == "1");
  CHECK(value_of(all, "journal_append_seconds_count") == "1");
  CHECK(value_of(all, R"(journal_batch_rows_bucket{le="32"})") == "0");
  CHECK(value_of(all, R"(journal_batch_rows_bucket{le="64"})") == "1");
}

TEST_CASE("a route counts its answers by status") {
  metrics all;
  auto& route = all.route("GET", "/trades/{id}");
  CHECK(&route == &all.route("GET", "/trades/{id}"));
  CHECK(&route != &all.route("DELETE", "/trades/{id}"));
  route.answered(200, 0.001);
  route.answered(200, 0.2);
  route.answered(404, 0.001);
  route.answered(99, 0.001);
  route.answered(600, 0.001);
  route.answered(100, 0.001);
  route.answered(599, 0.001);
  const std::string labels = R"({method="GET",route="/trades/{id}",status=)";
  CHECK(value_of(all, "http_requests_total" + labels + "\"200\"}") == "2");
  CHECK(value_of(all, "http_requests_total" + labels + "\"404\"}") == "1");
  CHECK(value_of(all, "http_requests_total" + labels + "\"500\"}") == "2");
  CHECK(value_of(all, "http_requests_total" + labels + "\"100\"}") == "1");
  CHECK(value_of(all, "http_requests_total" + labels + "\"599\"}") == "1");
  CHECK(value_of(all, R"(http_request_seconds_count{method="GET",route="/trades/{id}"})") == "7");
}

TEST_CASE("a handle made by default counts nothing and harms nothing") {
  counter{}.add();
  gauge{}.set(1);
  gauge{}.add(1);
  histogram{}.observe(1);
  CHECK(value_of(metrics{}, "requests_in_flight") == "0");
}

TEST_CASE("a family stops growing and loses no count") {
  metrics all;
  const auto beyond = metrics::series_max + 50;
  for (std::size_t i = 0; i < beyond; ++i) all.entities(std::to_string(i)).add(1);
  CHECK(series_of(all, "entities") == metrics::series_max + 1);
  CHECK(value_of(all, R"(entities{kind="other"})") == "50");
  all.entities("0").add(1);  // who was in stays in
  CHECK(value_of(all, R"(entities{kind="0"})") == "2");
}

TEST_CASE("label values are escaped") {
  metrics all;
  all.actor_restarts("a\"b\\c\nd").add();
  CHECK(value_of(all, R"(actor_restarts_total{child="a\"b\\c\nd"})") == "1");
}

TEST_CASE("nothing is lost when threads count at once") {
  metrics all;
  constexpr int threads = 4;
  constexpr int rounds = 5'000;
  std::atomic<std::size_t> scraped = 0;
  std::vector<std::thread> crowd;
  for (int t = 0; t < threads; ++t)
    crowd.emplace_back([&, t] {
      auto& route = all.route("POST", "/trades/place-order");
      for (int i = 0; i < rounds; ++i) {
        route.answered(200 + (i + t) % 5, 0.001);
        all.requests_in_flight().add(i % 2 == 0 ? 1 : -1);
        all.journal_batch_rows().observe(i);
        if (i % 1'000 == 0) scraped += all.expose().size();
      }
    });
  for (auto& thread : crowd) thread.join();
  CHECK(scraped > 0);
  for (int status = 200; status < 205; ++status)
    CHECK(value_of(all, R"(http_requests_total{method="POST",route="/trades/place-order",status=")" +
                            std::to_string(status) + "\"}") == std::to_string(threads * rounds / 5));
  CHECK(value_of(all, "requests_in_flight") == "0");
  CHECK(value_of(all, "journal_batch_rows_count") == std::to_string(threads * rounds));
}

}  // namespace sb
