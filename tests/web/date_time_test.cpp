#include "web/date_time.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace {
using namespace sb;
using namespace sb::web;

std::string written(std::int64_t at) {
  std::array<char, date_time_bytes> text{};
  REQUIRE(write_date_time(text.data(), wall_ms{at}) == text.data() + text.size());
  return {text.data(), text.size()};
}
}  // namespace

TEST_CASE("RFC 3339 is read strictly") {
  struct row {
    std::string text;
    std::optional<std::int64_t> at_ms;
  };
  const auto r = GENERATE(values<row>({
      {"1970-01-01T00:00:00Z", 0},
      {"2024-01-15T14:30:00Z", 1'705'329'000'000},
      {"2024-01-15T14:30:00.5Z", 1'705'329'000'500},
      {"2024-01-15T14:30:00.007Z", 1'705'329'000'007},
      {"2024-01-15T14:30:00.007999999Z", 1'705'329'000'007},
      {"2024-01-15T20:00:00+05:30", 1'705'329'000'000},
      {"2024-01-15T09:30:00-05:00", 1'705'329'000'000},
      {"2024-02-29T00:00:00Z", 1'709'164'800'000},
      {"9999-12-31T23:59:59Z", 253'402'300'799'000},
      {"", std::nullopt},
      {"2024-01-15", std::nullopt},
      {"2024-01-15T14:30:00", std::nullopt},
      {"2024-01-15 14:30:00Z", std::nullopt},
      {"2024-01-15t14:30:00z", std::nullopt},
      {"2024-01-15T14:30Z", std::nullopt},
      {"2024-01-15T24:00:00Z", std::nullopt},
      {"2024-01-15T14:60:00Z", std::nullopt},
      {"2024-01-15T14:30:60Z", std::nullopt},
      {"2024-01-15T14:30:00.Z", std::nullopt},
      {"2024-01-15T14:30:00.0000000001Z", std::nullopt},
      {"2024-01-15T14:30:00ZZ", std::nullopt},
      {"2024-01-15T14:30:00+0530", std::nullopt},
      {"2024-01-15T14:30:00+24:00", std::nullopt},
      {"2023-02-29T00:00:00Z", std::nullopt},
      {"2024-13-01T00:00:00Z", std::nullopt},
      {"2024-00-01T00:00:00Z", std::nullopt},
      {"1969-12-31T23:59:59Z", std::nullopt},
      {"1970-01-01T00:00:00+00:01", std::nullopt},
      {"+024-01-15T14:30:00Z", std::nullopt},
  }));
  CAPTURE(r.text);
  const auto at = parse_date_time(r.text);
  REQUIRE(at.has_value() == r.at_ms.has_value());
  if (r.at_ms) CHECK(at->value == *r.at_ms);
}

TEST_CASE("a time is written as it is read") {
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{1}, std::int64_t{951'782'400'000},
                                std::int64_t{1'705'329'000'007}, std::int64_t{253'402'300'799'999}}) {
    CAPTURE(at);
    const auto text = written(at);
    REQUIRE(parse_date_time(text).has_value());
    CHECK(parse_date_time(text)->value == at);
  }
  CHECK(written(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(written(-62'167'219'200'000) == "0000-01-01T00:00:00.000Z");
}

TEST_CASE("a time that no four digits can tell is the nearest that they can") {
  using ms = std::numeric_limits<std::int64_t>;
  using days = std::numeric_limits<std::int32_t>;
  for (const auto at : {std::int64_t{253'402'300'800'000}, std::int64_t{1} << 58, ms::max()})
    CHECK(written(at) == "9999-12-31T23:59:59.999Z");
  for (const auto at : {std::int64_t{-62'167'219'200'001}, -(std::int64_t{1} << 58), ms::min()})
    CHECK(written(at) == "0000-01-01T00:00:00.000Z");
  CHECK(format_date({days::max()}) == "9999-12-31");
  CHECK(format_date({days::min()}) == "0000-01-01");
}

TEST_CASE("a date is a day that exists") {
  CHECK(parse_date("1970-01-02")->value == 1);
  CHECK(format_date(*parse_date("2024-02-29")) == "2024-02-29");
  for (const auto* wrong : {"", "2024-2-9", "2024-02-30", "2024-02-29Z", "today", "24-02-29", "2024/02/29"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_date(wrong).has_value());
  }
}
