#include "web/date_time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sb::web {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int32_t first_day = -719'528;  // 0000-01-01
constexpr std::int32_t last_day = 2'932'896;  // 9999-12-31
constexpr std::size_t date_bytes = 10;

/// `count` digits at the start, taken off; nullopt when there are fewer.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || *year < 1970 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

/// "hh:mm" with hours up to 23, as minutes.
std::optional<int> take_clock(std::string_view& text) {
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return *hours * 60 + *minutes;
}

/// 0 to 99.
char* put_two(char* to, unsigned value) {
  *to++ = static_cast<char>('0' + value / 10);
  *to++ = static_cast<char>('0' + value % 10);
  return to;
}

char* put_date(char* to, trading_day day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day.value}}};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  to = put_two(put_two(to, year / 100), year % 100);
  *to++ = '-';
  to = put_two(to, static_cast<unsigned>(date.month()));
  *to++ = '-';
  return put_two(to, static_cast<unsigned>(date.day()));
}

}  // namespace

std::string format_date(trading_day day) {
  std::array<char, date_bytes> text{};
  put_date(text.data(), {std::clamp(day.value, first_day, last_day)});
  return {text.data(), text.size()};
}

char* write_date_time(char* to, wall_ms at) {
  at.value = std::clamp(at.value, first_day * day_ms, last_day * day_ms + day_ms - 1);
  const trading_day day = day_of(at, 0);
  const auto of_day = static_cast<unsigned>(at.value - day.value * day_ms);
  to = put_date(to, day);
  *to++ = 'T';
  to = put_two(to, of_day / 3'600'000);
  *to++ = ':';
  to = put_two(to, of_day / 60'000 % 60);
  *to++ = ':';
  to = put_two(to, of_day / 1'000 % 60);
  *to++ = '.';
  *to++ = static_cast<char>('0' + of_day / 100 % 10);
  to = put_two(to, of_day % 100);
  *to++ = 'Z';
  return to;
}

std::optional<wall_ms> parse_date_time(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !take(text, 'T')) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock || !take(text, ':')) return std::nullopt;
  const auto seconds = take_digits(text, 2);
  if (!seconds || *seconds > 59) return std::nullopt;
  std::int64_t at = std::int64_t{date->time_since_epoch().count()} * day_ms + std::int64_t{*clock} * 60'000 +
                    std::int64_t{*seconds} * 1'000;
  if (take(text, '.')) {
    std::size_t decimals = 0;
    for (std::int64_t weight = 100; !text.empty() && text.front() >= '0' && text.front() <= '9'; weight /= 10) {
      at += (text.front() - '0') * weight;  // the weight is 0 from the fourth decimal on
      text.remove_prefix(1);
      if (++decimals > 9) return std::nullopt;
    }
    if (decimals == 0) return std::nullopt;
  }
  if (take(text, 'Z')) {
    if (!text.empty()) return std::nullopt;
    return wall_ms{at};
  }
  const bool east = take(text, '+');
  if (!east && !take(text, '-')) return std::nullopt;
  const auto offset = take_clock(text);
  if (!offset || !text.empty()) return std::nullopt;
  at -= (east ? 1 : -1) * std::int64_t{*offset} * 60'000;
  if (at < 0) return std::nullopt;
  return wall_ms{at};
}

std::optional<trading_day> parse_date(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !text.empty()) return std::nullopt;
  return trading_day{static_cast<std::int32_t>(date->time_since_epoch().count())};
}

}  // namespace sb::web
