#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sb {

/// An amount or a price in 1/10000 of the currency unit. Never a double: text in, integer inside, text out.
/// Arithmetic that can leave the range answers nullopt; comparisons and negation of a valid amount cannot.
struct money {
  static constexpr std::int64_t unit = 10'000;                        ///< minor units in one currency unit
  static constexpr std::int64_t ticks_max = 900'000'000'000'000'000;  ///< 90 trillion currency units

  std::int64_t ticks = 0;

  friend constexpr auto operator<=>(const money&, const money&) = default;
};

/// Sum and difference; nullopt beyond +-ticks_max.
std::optional<money> checked_add(money a, money b);
std::optional<money> checked_sub(money a, money b);
/// price x count; nullopt beyond +-ticks_max.
std::optional<money> checked_mul(money price, std::int64_t count);
/// Sum that stops at +-ticks_max: for facts (fills), which must be counted and cannot be refused.
money saturating_add(money a, money b);
money saturating_mul(money price, std::int64_t count);
/// The same for counts and quantities; stops at +-INT64_MAX, so that the result can always be negated.
std::int64_t saturating_add(std::int64_t a, std::int64_t b);
/// value x numerator / denominator rounded away from zero, saturating. denominator > 0.
money scale_up(money value, std::int64_t numerator, std::int64_t denominator);
/// value x numerator / denominator rounded half away from zero, saturating. denominator > 0.
money scale_nearest(money value, std::int64_t numerator, std::int64_t denominator);
/// total / count rounded half away from zero; count > 0. Used for average prices.
money average(money total, std::int64_t count);

enum class number_error : std::uint8_t { none, not_a_number, too_precise, out_of_range };

struct parsed_money {
  money value{};
  number_error error = number_error::none;
};
/// Decimal text as JSON writes it (optional '-', no leading '+' or zeros, optional fraction and exponent), taken
/// exactly: "50000", "50000.00", "5e4". More than four significant decimals is `too_precise`; trailing zeros are not.
parsed_money parse_money(std::string_view text);
/// At least two and at most four decimals: 50000.00, 0.05, 12.3456.
std::string format(money value);

}  // namespace sb
