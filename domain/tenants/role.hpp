#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace sb {

/// What a person or program is, across the whole product. Trading permissions are finer and live in the risk book.
enum class role : std::uint8_t { platform_admin = 0, admin = 1, trader = 2, viewer = 3, service = 4 };
constexpr std::size_t role_count = 5;
std::string_view word(role value);  ///< "platform_admin", ...
std::optional<role> role_from(std::string_view text);

/// A set of roles as bits; bit n is the role with value n.
struct role_set {
  std::uint8_t bits = 0;
  constexpr void add(role r) { bits = static_cast<std::uint8_t>(bits | (1u << static_cast<unsigned>(r))); }
  constexpr bool has(role r) const { return (bits >> static_cast<unsigned>(r) & 1u) != 0; }
  constexpr bool any_of(role_set other) const { return (bits & other.bits) != 0; }
  friend constexpr bool operator==(const role_set&, const role_set&) = default;
};
constexpr role_set roles(std::initializer_list<role> list) {
  role_set set;
  for (const auto r : list) set.add(r);
  return set;
}
std::vector<std::string_view> words(role_set set);

}  // namespace sb
