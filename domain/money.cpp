#include "domain/money.hpp"

#include <algorithm>
#include <limits>

namespace sb {
namespace {

__extension__ using int128 = __int128;

std::optional<money> in_range(int128 ticks) {
  if (ticks > money::ticks_max || ticks < -money::ticks_max) return std::nullopt;
  return money{static_cast<std::int64_t>(ticks)};
}

money clamped(int128 ticks) {
  constexpr int128 max = money::ticks_max;
  return money{static_cast<std::int64_t>(std::clamp(ticks, -max, max))};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<money> checked_add(money a, money b) { return in_range(int128{a.ticks} + b.ticks); }
std::optional<money> checked_sub(money a, money b) { return in_range(int128{a.ticks} - b.ticks); }
std::optional<money> checked_mul(money price, std::int64_t count) { return in_range(int128{price.ticks} * count); }
money saturating_add(money a, money b) { return clamped(int128{a.ticks} + b.ticks); }
money saturating_mul(money price, std::int64_t count) { return clamped(int128{price.ticks} * count); }

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  constexpr int128 max = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(int128{a} + b, -max, max));
}

money scale_up(money value, std::int64_t numerator, std::int64_t denominator) {
  const int128 product = int128{value.ticks} * numerator;
  const int128 away = product >= 0 ? int128{denominator} - 1 : 1 - int128{denominator};
  return clamped((product + away) / denominator);
}

money scale_nearest(money value, std::int64_t numerator, std::int64_t denominator) {
  const int128 doubled = int128{value.ticks} * numerator * 2;
  const int128 half = doubled >= 0 ? int128{denominator} : -int128{denominator};
  return clamped((doubled + half) / (int128{denominator} * 2));
}

money average(money total, std::int64_t count) { return scale_nearest(total, 1, count); }

parsed_money parse_money(std::string_view text) {
  const parsed_money malformed{{}, number_error::not_a_number};
  std::size_t i = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) ++i;
  std::string digits;  // all digits without the point
  const std::size_t whole_from = i;
  while (i < text.size() && is_digit(text[i])) digits += text[i++];
  const std::size_t whole = i - whole_from;
  if (whole == 0 || (whole > 1 && text[whole_from] == '0')) return malformed;
  std::int64_t fraction = 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    while (i < text.size() && is_digit(text[i])) {
      digits += text[i++];
      ++fraction;
    }
    if (fraction == 0) return malformed;
  }
  std::int64_t exponent = 0;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    bool minus = false;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) minus = text[i++] == '-';
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) {
      exponent = std::min<std::int64_t>(exponent * 10 + (text[i++] - '0'), 1'000'000);
    }
    if (i == from) return malformed;
    if (minus) exponent = -exponent;
  }
  if (i != text.size()) return malformed;

  // value = digits x 10^(exponent - fraction); ticks = value x 10^4
  const auto first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  digits.erase(0, first);
  std::int64_t power = exponent - fraction + 4;
  while (power < 0 && digits.back() == '0') {
    digits.pop_back();
    ++power;
  }
  if (power < 0) return {{}, number_error::too_precise};
  if (static_cast<std::int64_t>(digits.size()) + power > 19) return {{}, number_error::out_of_range};
  int128 ticks = 0;
  for (const char c : digits) ticks = ticks * 10 + (c - '0');
  for (; power > 0; --power) ticks *= 10;
  const auto value = in_range(negative ? -ticks : ticks);
  if (!value) return {{}, number_error::out_of_range};
  return {*value, number_error::none};
}

std::string format(money value) {
  const bool negative = value.ticks < 0;
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value.ticks) : static_cast<std::uint64_t>(value.ticks);
  std::string out = negative ? "-" : "";
  out += std::to_string(magnitude / money::unit);
  const auto fraction = static_cast<std::uint32_t>(magnitude % money::unit);
  char decimals[4] = {static_cast<char>('0' + fraction / 1000), static_cast<char>('0' + fraction / 100 % 10),
                      static_cast<char>('0' + fraction / 10 % 10), static_cast<char>('0' + fraction % 10)};
  std::size_t count = 4;
  while (count > 2 && decimals[count - 1] == '0') --count;
  out += '.';
  out.append(decimals, count);
  return out;
}

}  // namespace sb
