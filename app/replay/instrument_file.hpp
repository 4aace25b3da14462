#pragma once
#include <filesystem>
#include <vector>

#include "domain/instruments/instrument.hpp"

namespace sb::replay {

/// The file's instruments of exchange NSE that have a reference price; at least one. Throws std::runtime_error that
/// names the file.
std::vector<instrument> read_priced_instruments(const std::filesystem::path& path);

}  // namespace sb::replay
