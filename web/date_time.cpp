#include "web/date_time.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace sb::web {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

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

}  // namespace

std::string format_date(trading_day day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day.value}}};
  std::array<char, 48> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string format_date_time(wall_ms at) {
  const trading_day day = day_of(at, 0);
  const std::int64_t of_day = at.value - std::int64_t{day.value} * day_ms;
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%sT%02d:%02d:%02d.%03dZ", format_date(day).c_str(),
                                   static_cast<int>(of_day / 3'600'000), static_cast<int>(of_day / 60'000 % 60),
                                   static_cast<int>(of_day / 1'000 % 60), static_cast<int>(of_day % 1'000));
  return {text.data(), static_cast<std::size_t>(length)};
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
