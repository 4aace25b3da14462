#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace sb::paper {

struct closed_store_settings {
  std::filesystem::path directory{};                   ///< of the scratch file; empty: all stays in memory
  std::size_t block = std::size_t{1} << 18;            ///< bytes that are written at a time
  std::uintmax_t left_free = std::uintmax_t{1} << 26;  ///< bytes of the disk that are left to others
};

/// Records that are kept for as long as this object lives, most of them out of memory: blocks that are full go to a
/// scratch file which has no name, so that it ends with the process. What the disk refuses, or would have no room for
/// beside what is left free, stays in memory until a later block can be written as well: the book that lies beside the
/// file needs that room more. One thread at a time.
class closed_store {
 public:
  using place = std::uint64_t;

  /// The scratch file is made when the first block is full.
  explicit closed_store(closed_store_settings settings) : settings_{std::move(settings)} {}
  ~closed_store();
  closed_store(closed_store&& other) noexcept;
  closed_store& operator=(closed_store&&) = delete;

  place keep(std::string_view kept);
  /// What keep() was given. Throws std::system_error when it cannot be read, or is not what was kept.
  std::string at(place where) const;

  std::uint64_t bytes_in_file() const { return in_file_; }
  std::size_t bytes_in_memory() const { return newest_.size(); }

 private:
  bool write_out();
  bool has_room() const;
  std::string read_from_file(place from, std::size_t size) const;

  closed_store_settings settings_;
  std::string newest_;            ///< what is not in the file yet
  place in_file_ = 0;             ///< bytes there; `newest_` begins at this place
  std::size_t refused_size_ = 0;  ///< of `newest_` when it could not be written last; 0: it could
  int file_ = -1;
};

}  // namespace sb::paper
