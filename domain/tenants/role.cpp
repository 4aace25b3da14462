#include "domain/tenants/role.hpp"

#include <array>

namespace sb {
namespace {

constexpr std::array<std::string_view, role_count> role_words{"platform_admin", "admin", "trader", "viewer", "service"};

}  // namespace

std::string_view word(role value) { return role_words[static_cast<std::size_t>(value)]; }

std::optional<role> role_from(std::string_view text) {
  for (std::size_t i = 0; i < role_count; ++i) {
    if (role_words[i] == text) return static_cast<role>(i);
  }
  return std::nullopt;
}

std::vector<std::string_view> words(role_set set) {
  std::vector<std::string_view> result;
  for (std::size_t i = 0; i < role_count; ++i) {
    if (set.has(static_cast<role>(i))) result.push_back(role_words[i]);
  }
  return result;
}

}  // namespace sb
