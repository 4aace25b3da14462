#pragma once
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

/// What the environment chooses of a campaign: SEEDS, FROM, JOBS, or SEED of one run, and more.
namespace sb::simulation {

/// Empty when it is absent.
inline std::string text_from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return {};
  return text;
}
/// nullopt when it is absent or empty.
inline std::optional<std::uint64_t> number_from_environment(const char* name) {
  const auto text = text_from_environment(name);
  if (text.empty()) return std::nullopt;
  return std::strtoull(text.c_str(), nullptr, 10);
}

}  // namespace sb::simulation
