#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>

#include "actors/trade/brokers/paper_record.hpp"

namespace sb {

/// The file cannot be trusted or not be written. `what()` names the file and, where there is one, the line.
class paper_book_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The paper broker's own durable book: an append-only text file. What append() returned from survives the end of the
/// process in any way (kill -9), not a power cut: it is written, not synced. One owner: the file is locked, and one
/// thread at a time calls it.
class paper_book {
 public:
  /// Takes the record; an empty text when it was right, else what is wrong with it.
  using take_record = std::function<std::string(const paper::record&)>;

  /// Opens or makes the file, hands every record in it to `take`, and cuts off a last line that has no newline: its
  /// write was torn, so its answer never left. Throws paper_book_error when another process holds the file, and with
  /// the line number for anything else that is wrong in it; the file is then left as it is.
  paper_book(std::filesystem::path path, const take_record& take);
  ~paper_book();
  paper_book(const paper_book&) = delete;
  paper_book& operator=(const paper_book&) = delete;

  /// One write for all records; call it before any answer leaves. Throws paper_book_error when the disk refuses; the
  /// book then refuses every further append, because what the file holds is only known after it is opened again.
  void append(std::span<const paper::record> facts);

  std::int64_t lines() const { return lines_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void reload(const take_record& take);
  void write_all(const std::string& bytes);
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  std::string batch_;
  std::int64_t lines_ = 0;  ///< header included
  int file_ = -1;
  bool broken_ = false;
};

}  // namespace sb
