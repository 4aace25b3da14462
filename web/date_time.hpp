#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "domain/ids.hpp"

namespace sb::web {

inline constexpr std::size_t date_time_bytes = 24;
/// Writes "2024-01-15T14:30:00.000Z", date_time_bytes characters, and returns their end. A time before the year 0 or
/// after 9999 is written as the first or last of these years.
char* write_date_time(char* to, wall_ms at);
/// "2024-01-15"; the same of years.
std::string format_date(trading_day day);

/// RFC 3339 with 'T', whole seconds or up to nine decimals (beyond milliseconds they are cut off), and 'Z' or a
/// "+05:30" offset; years 1970 to 9999. No leap second, no lower case, no blanks. nullopt for anything else.
std::optional<wall_ms> parse_date_time(std::string_view text);
/// "YYYY-MM-DD", a day that exists.
std::optional<trading_day> parse_date(std::string_view text);

}  // namespace sb::web
