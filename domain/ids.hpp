#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sb {

/// An integer identity that cannot be mistaken for another kind. 0 is "none".
template <class Tag>
struct integer_id {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(const integer_id&, const integer_id&) = default;
  explicit constexpr operator bool() const { return value != 0; }
};
using organization_id = integer_id<struct organization_tag>;
using user_id = integer_id<struct user_tag>;
using account_id = integer_id<struct account_tag>;

/// "ORD" and 29 characters of [A-Z2-7]; derived from organization, account and client order id, so the same order
/// always has the same id (see actors/protocol/order_key.hpp). 32 characters: the widest id that AutoTrader carries.
using order_id = std::string;

/// A time stamp of the wall clock: milliseconds since 1970-01-01T00:00Z. Stamps events; decides nothing about
/// ownership.
struct wall_ms {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(const wall_ms&, const wall_ms&) = default;
};
/// A reading of the steady clock that also runs in suspend (CLOCK_BOOTTIME), milliseconds. Deadlines and windows use
/// it; it means nothing on another machine.
struct boot_ms {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(const boot_ms&, const boot_ms&) = default;
};

/// The exchange's trading day as days since 1970-01-01 in its own time zone.
struct trading_day {
  std::int32_t value = 0;
  friend constexpr auto operator<=>(const trading_day&, const trading_day&) = default;
};
/// `utc_offset_minutes`: 330 for Asia/Kolkata, which has had no daylight saving time since 1945.
constexpr trading_day day_of(wall_ms at, std::int32_t utc_offset_minutes) {
  const std::int64_t local = at.value + std::int64_t{utc_offset_minutes} * 60'000;
  const std::int64_t day = local >= 0 ? local / 86'400'000 : -((-local + 86'399'999) / 86'400'000);
  return {static_cast<std::int32_t>(day)};
}

}  // namespace sb

template <class Tag>
struct std::hash<sb::integer_id<Tag>> {
  std::size_t operator()(const sb::integer_id<Tag>& id) const noexcept { return std::hash<std::int64_t>{}(id.value); }
};
