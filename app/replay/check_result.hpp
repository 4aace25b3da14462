#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sb::replay {

/// One sentence that must hold, how often it was looked at, and who broke it.
struct check_result {
  static constexpr std::size_t offenders_max = 5;

  std::string sentence;
  std::int64_t checked = 0;
  std::int64_t failed = 0;
  std::vector<std::string> offenders;  ///< the first few

  bool holds() const { return failed == 0; }
  void offend(std::string who) {
    ++failed;
    if (offenders.size() < offenders_max) offenders.push_back(std::move(who));
  }
};

}  // namespace sb::replay
