#include "domain/money.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "domain/ids.hpp"

using namespace sb;

namespace {
constexpr auto max = money::ticks_max;
constexpr auto int_max = std::numeric_limits<std::int64_t>::max();
constexpr auto int_min = std::numeric_limits<std::int64_t>::min();
}  // namespace

TEST_CASE("money is parsed exactly from JSON's decimal text") {
  struct row {
    std::string text;
    number_error error;
    std::int64_t ticks;
  };
  const auto ok = number_error::none;
  const auto bad = number_error::not_a_number;
  const auto precise = number_error::too_precise;
  const auto range = number_error::out_of_range;
  const std::vector<row> rows{
      {"0", ok, 0},
      {"-0", ok, 0},
      {"-0.00", ok, 0},
      {"0e5", ok, 0},
      {"0e-99999999999999999999", ok, 0},
      {"1", ok, 10'000},
      {"50000", ok, 500'000'000},
      {"50000.00", ok, 500'000'000},
      {"5e4", ok, 500'000'000},
      {"5E+4", ok, 500'000'000},
      {"0.5e5", ok, 500'000'000},
      {"-12.3456", ok, -123'456},
      {"0.0001", ok, 1},
      {"1e-4", ok, 1},
      {"10e-5", ok, 1},
      {"0.00010", ok, 1},
      {"1.230000000000000000000000000", ok, 12'300},
      {"1000000000000000000000e-20", ok, 100'000},
      {"1.05", ok, 10'500},
      {"90000000000000", ok, max},
      {"-90000000000000", ok, -max},
      {"90000000000000.0001", range, 0},
      {"-90000000000000.0001", range, 0},
      {"922337203685477.5807", range, 0},
      {"922337203685477.5808", range, 0},
      {"1844674407370955.1616", range, 0},                     // 2^64 ticks
      {"34028236692093846346337460743176821.1456", range, 0},  // 2^128 ticks
      {"99999999999999999999", range, 0},
      {"1e15", range, 0},
      {"1e999999999999999999999999", range, 0},
      {"0.00001", precise, 0},
      {"1.23456", precise, 0},
      {"1e-5", precise, 0},
      {"1e-999999999999999999999999", precise, 0},
      {"", bad, 0},
      {"-", bad, 0},
      {"+1", bad, 0},
      {"01", bad, 0},
      {"-01", bad, 0},
      {"00", bad, 0},
      {".5", bad, 0},
      {"5.", bad, 0},
      {"1.e5", bad, 0},
      {"1e", bad, 0},
      {"1e+", bad, 0},
      {"1e5.0", bad, 0},
      {"1.2.3", bad, 0},
      {"--1", bad, 0},
      {" 1", bad, 0},
      {"1 ", bad, 0},
      {"1,000", bad, 0},
      {"0x10", bad, 0},
      {"NaN", bad, 0},
      {"Infinity", bad, 0},
      {std::string{"1\0", 2}, bad, 0},
      {"\xd9\xa1", bad, 0},
  };
  for (const auto& r : rows) {
    CAPTURE(r.text);
    const auto parsed = parse_money(r.text);
    CHECK(parsed.error == r.error);
    CHECK(parsed.value.ticks == r.ticks);
  }
}

TEST_CASE("money is written with two to four decimals and reads back as itself") {
  struct row {
    std::int64_t ticks;
    std::string text;
  };
  const std::vector<row> rows{
      {0, "0.00"},
      {1, "0.0001"},
      {10, "0.001"},
      {500, "0.05"},
      {100, "0.01"},
      {123'456, "12.3456"},
      {-1, "-0.0001"},
      {500'000'000, "50000.00"},
      {-12'300, "-1.23"},
      {10'010, "1.001"},
      {9'999, "0.9999"},
      {max, "90000000000000.00"},
      {-max, "-90000000000000.00"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.ticks);
    CHECK(format(money{r.ticks}) == r.text);
    CHECK(parse_money(r.text).value.ticks == r.ticks);
  }
  CHECK(format(money{int_min}) == "-922337203685477.5808");
}

TEST_CASE("checked arithmetic answers nothing beyond the range") {
  CHECK(checked_add({max - 1}, {1}) == money{max});
  CHECK_FALSE(checked_add({max}, {1}));
  CHECK_FALSE(checked_add({-max}, {-1}));
  CHECK(checked_sub({-max + 1}, {1}) == money{-max});
  CHECK_FALSE(checked_sub({-max}, {1}));
  CHECK(checked_mul({15'000'000}, 100) == money{1'500'000'000});
  CHECK(checked_mul({1}, max) == money{max});
  CHECK_FALSE(checked_mul({2}, max));
  CHECK_FALSE(checked_mul({max}, int_max));
  CHECK_FALSE(checked_mul({-max}, int_max));
  CHECK(checked_mul({max}, 0) == money{0});
}

TEST_CASE("saturating arithmetic stops at the ends of the range") {
  CHECK(saturating_add(money{max}, money{max}) == money{max});
  CHECK(saturating_add(money{-max}, money{-max}) == money{-max});
  CHECK(saturating_add(money{max}, money{-1}) == money{max - 1});
  CHECK(saturating_mul({max}, int_max) == money{max});
  CHECK(saturating_mul({max}, int_min) == money{-max});
  CHECK(saturating_mul({7}, -3) == money{-21});
  CHECK(saturating_add(int_max, std::int64_t{1}) == int_max);
  CHECK(saturating_add(int_min, std::int64_t{-1}) == -int_max);
  CHECK(saturating_add(std::int64_t{2}, std::int64_t{-5}) == -3);
}

TEST_CASE("divisions round as they say") {
  struct row {
    std::int64_t value, numerator, denominator, up, nearest;
  };
  const std::vector<row> rows{
      {100, 105, 100, 105, 105},
      {101, 105, 100, 107, 106},  // 106.05
      {-101, 105, 100, -107, -106},
      {10, 1, 4, 3, 3},  // 2.5
      {-10, 1, 4, -3, -3},
      {9, 1, 4, 3, 2},  // 2.25
      {-9, 1, 4, -3, -2},
      {0, 5, 7, 0, 0},
      {max, int_max, 1, max, max},
      {-max, int_max, 1, -max, -max},
      {max, int_max, int_max, max, max},
  };
  for (const auto& r : rows) {
    CAPTURE(r.value, r.numerator, r.denominator);
    CHECK(scale_up({r.value}, r.numerator, r.denominator).ticks == r.up);
    CHECK(scale_nearest({r.value}, r.numerator, r.denominator).ticks == r.nearest);
  }
  CHECK(average({10}, 4) == money{3});
  CHECK(average({-10}, 4) == money{-3});
  CHECK(average({9}, 4) == money{2});
  CHECK(average({max}, 1) == money{max});
}

TEST_CASE("the trading day turns at the exchange's midnight") {
  struct row {
    std::int64_t at;
    std::int32_t offset, day;
  };
  const std::vector<row> rows{
      {0, 0, 0},
      {-1, 0, -1},
      {86'399'999, 0, 0},
      {86'400'000, 0, 1},
      {-86'400'000, 0, -1},
      {-86'400'001, 0, -2},
      {66'599'999, 330, 0},  // 23:59:59.999 in Kolkata
      {66'600'000, 330, 1},
  };
  for (const auto& r : rows) {
    CAPTURE(r.at, r.offset);
    CHECK(day_of({r.at}, r.offset).value == r.day);
  }
}
