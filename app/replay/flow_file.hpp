#pragma once
#include <cstddef>
#include <filesystem>
#include <string>

namespace sb::replay {

/// Larger files, unpacked, are refused: a recording is held in memory.
constexpr std::size_t flow_bytes_max = std::size_t{1} << 30;

/// The whole file as text; one whose name ends in ".xz" is unpacked. Throws std::runtime_error that names the file.
std::string read_flow_file(const std::filesystem::path& path);

}  // namespace sb::replay
