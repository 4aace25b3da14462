#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace sb::paper {

/// Records that are kept for as long as this object lives, most of them out of memory: blocks that are full go to a
/// scratch file which has no name, so that it ends with the process. One thread at a time.
class closed_store {
 public:
  using place = std::uint64_t;

  /// The scratch file is made in `directory` when the first block is full. Without a directory all stays in memory, and
  /// so does what the disk refuses, until a later block can be written as well.
  explicit closed_store(std::filesystem::path directory) : directory_{std::move(directory)} {}
  ~closed_store();
  closed_store(closed_store&& other) noexcept;
  closed_store& operator=(closed_store&&) = delete;

  place keep(std::string_view record);
  /// What keep() was given. Throws std::system_error when it cannot be read.
  std::string at(place where) const;

 private:
  static constexpr std::size_t block_size = std::size_t{1} << 18;

  bool write_out();
  std::string read_from_file(place from, std::size_t size) const;

  std::filesystem::path directory_;
  std::string newest_;                   ///< what is not in the file yet
  place in_file_ = 0;                    ///< bytes there; `newest_` begins at this place
  std::size_t write_from_ = block_size;  ///< of `newest_`
  int file_ = -1;
};

}  // namespace sb::paper
