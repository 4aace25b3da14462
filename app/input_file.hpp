#pragma once
#include <cstddef>
#include <filesystem>
#include <string>

namespace sb {

/// The whole file; one whose name ends in ".xz" is unpacked. Throws std::runtime_error with a line that names the file
/// when it cannot be read, is not a whole .xz file, or holds more than `bytes_max` (unpacked: a small file can hold a
/// great deal). Blocks the calling thread.
std::string read_input_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace sb
