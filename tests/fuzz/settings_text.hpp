#pragma once
#include <string>
#include <utility>
#include <vector>

#include "config/settings.hpp"

namespace sb::fuzz {

/// Every setting as "section.key" and what to write behind it; a list has several items.
struct written_setting {
  std::string name;
  std::vector<std::string> items;
  bool list = false;
  bool quoted = false;
};
std::vector<written_setting> written(const settings& all);

/// As a settings file, and as variables. The connection string is in neither.
std::string yaml_of(const settings& all);
environment variables_of(const settings& all);

}  // namespace sb::fuzz
