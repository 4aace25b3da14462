#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "app/replay/demo_file.hpp"
#include "app/replay/tally.hpp"

using namespace sb;
using namespace sb::replay;
using std::chrono::microseconds;

TEST_CASE("percentiles are exact below 128 us and at most 1.6 % too high above") {
  latency_histogram times;
  CHECK(times.percentile(0.5) == microseconds{0});
  for (std::int64_t i = 1; i <= 100; ++i) times.add(microseconds{i});
  CHECK(times.percentile(0.5) == microseconds{50});
  CHECK(times.percentile(0.99) == microseconds{99});
  CHECK(times.percentile(1.0) == microseconds{100});
  CHECK(times.percentile(0.0) == microseconds{1});
  CHECK(times.largest() == microseconds{100});

  const auto value =
      GENERATE(values<std::int64_t>({127, 128, 129, 1'000, 12'345, 999'999, 1'000'000, 123'456'789, 3'600'000'000}));
  latency_histogram one;
  one.add(microseconds{value});
  one.add(microseconds{value * 4});
  const auto found = one.percentile(0.5).count();
  INFO(value << ' ' << found);
  CHECK(found >= value);
  CHECK(static_cast<double>(found) <= static_cast<double>(value) * 1.016);
  CHECK(one.percentile(1.0).count() == value * 4);
  CHECK(one.count() == 2);
}

TEST_CASE("a duration out of any range is counted, not lost") {
  latency_histogram times;
  times.add(microseconds{-5});
  times.add(microseconds::max());
  CHECK(times.count() == 2);
  CHECK(times.percentile(0.5) == microseconds{0});
  CHECK(times.largest() == microseconds::max());
}

TEST_CASE("each kind of request has its answers") {
  struct row {
    flow_kind kind;
    int status;
    bool expected;
  };
  using k = flow_kind;
  const auto r = GENERATE(values<row>({
      {k::submit, 201, true},   {k::submit, 202, true},   {k::submit, 403, true},   {k::submit, 200, false},
      {k::submit, 409, false},  {k::submit, 422, false},  {k::submit, 503, false},  {k::submit, 0, false},
      {k::cancel, 200, true},   {k::cancel, 202, true},   {k::cancel, 409, true},   {k::cancel, 404, false},
      {k::cancel, 403, false},  {k::cancel, 500, false},  {k::execute, 200, true},  {k::execute, 409, true},
      {k::execute, 202, false}, {k::execute, 404, false}, {k::execute, 400, false}, {k::execute, 0, false},
  }));
  INFO(word(r.kind) << ' ' << r.status);
  CHECK(is_expected(r.kind, r.status) == r.expected);
  tally counts;
  counts.of(r.kind).statuses[r.status] = 1;
  CHECK(is_green(counts, false) == r.expected);
}

TEST_CASE("a run is green only without faults on the way") {
  tally counts;
  counts.of(flow_kind::submit).statuses[201] = 10;
  counts.retries_429 = 5;
  counts.logins = 1;
  REQUIRE(is_green(counts, false));
  SECTION("a 503 that a retry made good is one, unless an outage was foreseen") {
    counts.retries_503 = counts.answers_5xx = 1;
    CHECK_FALSE(is_green(counts, false));
    CHECK(is_green(counts, true));
  }
  SECTION("so is a lost connection") {
    counts.retries_lost = 1;
    CHECK_FALSE(is_green(counts, false));
    CHECK(is_green(counts, true));
  }
  SECTION("any other 5xx always is") {
    counts.retries_503 = 1;
    counts.answers_5xx = 2;
    CHECK_FALSE(is_green(counts, true));
  }
  SECTION("a row that could not be sent is one") {
    counts.of(flow_kind::cancel).skipped = 1;
    CHECK_FALSE(is_green(counts, true));
  }
  SECTION("an answer that made no sense is one") {
    counts.note_unexpected("SUBMIT x: no order_id");
    CHECK_FALSE(is_green(counts, true));
  }
}

TEST_CASE("the table names every figure") {
  tally counts;
  counts.of(flow_kind::submit).statuses = {{201, 3}, {403, 2}};
  counts.of(flow_kind::submit).latency.add(microseconds{1'500});
  counts.of(flow_kind::execute).skipped = 4;
  counts.accepted = 3;
  counts.denied["LIMIT_OPEN_ORDERS_EXCEEDED"] = 2;
  counts.filled_in_part = 1;
  counts.took = std::chrono::milliseconds{2'000};
  const auto table = format_table(counts);
  using Catch::Matchers::Contains;
  CHECK_THAT(table, Contains("submitted                            5\n"));
  CHECK_THAT(table, Contains("LIMIT_OPEN_ORDERS_EXCEEDED           2\n"));
  CHECK_THAT(table, Contains("filled in part                       1\n"));
  CHECK_THAT(table, Contains("1.50"));
  CHECK_THAT(table, Contains(" 201:3 403:2\n"));
  CHECK_THAT(table, Contains("skipped:4"));
  CHECK_THAT(table, Contains("2.0 s, 2.5 orders/s, 2.5 requests/s"));
}

TEST_CASE("a demo's file holds what was written") {
  demo_tenants demo;
  demo.base_url = "http://127.0.0.1:8000";
  demo.users = {{"a@x.example", "p\"w\\1", "platform_admin", {1}, {2}}, {"t@x.example", "secret", "trader", {3}, {2}}};
  demo.accounts = {{{4}, {2}}, {{5}, {6}}};
  demo.symbols = {"NSE:SBIN"};
  std::string why;
  const auto read = parse_demo(format_demo(demo), why);
  REQUIRE(read);
  CHECK(*read == demo);
  REQUIRE(read->find("trader") != nullptr);
  CHECK(read->find("trader")->email == "t@x.example");
  CHECK(read->find("viewer") == nullptr);
}

TEST_CASE("a demo's file that lacks something is refused") {
  const std::string good_user = R"({"email":"a","password":"b","role":"c","user_id":1,"organization_id":2})";
  struct row {
    const char* what;
    std::string text;
    const char* why;
  };
  const auto r = GENERATE_COPY(values<row>({
      {"no JSON", "{", "not JSON"},
      {"no users", R"({"accounts":[]})", "missing"},
      {"no accounts", R"({"users":[]})", "missing"},
      {"no password", R"({"users":[{"email":"a","role":"c","user_id":1,"organization_id":2}],"accounts":[]})",
       "a user lacks"},
      {"id as text",
       R"({"users":[{"email":"a","password":"b","role":"c","user_id":"1","organization_id":2}],"accounts":[]})",
       "a user lacks"},
      {"account without organization", R"({"users":[)" + good_user + R"(],"accounts":[{"trading_account_id":1}]})",
       "an account lacks"},
  }));
  INFO(r.what);
  std::string why;
  CHECK_FALSE(parse_demo(r.text, why));
  CHECK_THAT(why, Catch::Matchers::Contains(r.why));
}
