#include "web/date_time.hpp"

#include <array>
#include <charconv>
#include <chrono>

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

/// At least `count` digits, zeros before them; `value` >= 0.
void append_digits(std::string& text, std::int64_t value, std::size_t count) {
  std::array<char, 24> digits{};
  const auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (length < count) text.append(count - length, '0');
  text.append(digits.data(), length);
}

void append_date(std::string& text, trading_day day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day.value}}};
  append_digits(text, static_cast<int>(date.year()), 4);
  append_digits(text += '-', static_cast<unsigned>(date.month()), 2);
  append_digits(text += '-', static_cast<unsigned>(date.day()), 2);
}

}  // namespace

std::string format_date(trading_day day) {
  std::string text;
  append_date(text, day);
  return text;
}

std::string format_date_time(wall_ms at) {
  const trading_day day = day_of(at, 0);
  const std::int64_t of_day = at.value - std::int64_t{day.value} * day_ms;
  std::string text;
  text.reserve(sizeof "2026-01-01T00:00:00.000Z");
  append_date(text, day);
  append_digits(text += 'T', of_day / 3'600'000, 2);
  append_digits(text += ':', of_day / 60'000 % 60, 2);
  append_digits(text += ':', of_day / 1'000 % 60, 2);
  append_digits(text += '.', of_day % 1'000, 3);
  text += 'Z';
  return text;
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
