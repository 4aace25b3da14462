#include "actors/trade/brokers/closed_store.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "actors/trade/brokers/paper_record.hpp"

namespace sb::paper {
namespace {

/// Stands before each record. The file is not synced, and a disk may forget without a word what it had taken.
struct head {
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
};

/// Inverted, because the checksum of nothing is 0: zeros are no record.
head head_of(std::string_view kept) { return {static_cast<std::uint32_t>(kept.size()), ~checksum_of(kept)}; }

[[noreturn]] void fail(const std::filesystem::path& directory, const char* what, int why) {
  throw std::system_error{why, std::generic_category(), "closed orders in " + directory.string() + " " + what};
}

/// A file that nobody else sees and that is gone with its descriptor; -1 when there cannot be one.
int scratch_file(const std::filesystem::path& directory) {
  const int unnamed = ::open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (unnamed >= 0) return unnamed;
  std::string name = (directory / ".closed-orders-XXXXXX").string();  // a file system that knows only names
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0 || ::unlink(name.c_str()) == 0) return file;
  ::close(file);
  return -1;
}

}  // namespace

closed_store::~closed_store() {
  if (file_ >= 0) ::close(file_);
}

closed_store::closed_store(closed_store&& other) noexcept
    : settings_{std::move(other.settings_)},
      newest_{std::move(other.newest_)},
      in_file_{other.in_file_},
      refused_size_{other.refused_size_},
      file_{std::exchange(other.file_, -1)} {}

closed_store::place closed_store::keep(std::string_view kept) {
  if (!settings_.directory.empty() && newest_.size() >= refused_size_ + settings_.block)
    refused_size_ = write_out() ? 0 : newest_.size();
  const place where = in_file_ + newest_.size();
  const head before = head_of(kept);
  newest_.append(reinterpret_cast<const char*>(&before), sizeof before);
  newest_ += kept;
  return where;
}

/// All of it or nothing: of what was written in part the disk gets its room back.
bool closed_store::write_out() {
  if (file_ < 0) file_ = scratch_file(settings_.directory);
  if (file_ < 0 || !has_room()) return false;
  std::size_t written = 0;
  while (written < newest_.size()) {
    const auto at = static_cast<off_t>(in_file_ + written);
    const ssize_t count = ::pwrite(file_, newest_.data() + written, newest_.size() - written, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      static_cast<void>(::ftruncate(file_, static_cast<off_t>(in_file_)));
      return false;
    }
    written += static_cast<std::size_t>(count);
  }
  in_file_ += newest_.size();
  newest_.clear();
  if (newest_.capacity() > 4 * settings_.block) newest_.shrink_to_fit();  // after a disk that was full
  return true;
}

bool closed_store::has_room() const {
  struct statvfs disk {};
  if (::fstatvfs(file_, &disk) != 0) return false;
  return std::uintmax_t{disk.f_bavail} * disk.f_frsize >= settings_.left_free + newest_.size();
}

std::string closed_store::at(place where) const {
  head before;
  if (where >= in_file_) {
    const char* from = newest_.data() + (where - in_file_);
    std::memcpy(&before, from, sizeof before);
    return {from + sizeof before, before.size};
  }
  // Most are shorter than this.
  constexpr std::size_t first_read = 256;
  auto bytes = read_from_file(where, first_read);
  if (bytes.size() < sizeof before) fail(settings_.directory, "end too early", EIO);
  std::memcpy(&before, bytes.data(), sizeof before);
  const std::uint64_t whole = sizeof before + std::uint64_t{before.size};
  if (whole > in_file_ - where) fail(settings_.directory, "are damaged", EIO);
  if (bytes.size() < whole) bytes = read_from_file(where, whole);
  if (bytes.size() < whole) fail(settings_.directory, "end too early", EIO);
  auto kept = bytes.substr(sizeof before, before.size);
  if (head_of(kept).checksum != before.checksum) fail(settings_.directory, "are damaged", EIO);
  return kept;
}

/// Less only where the file ends.
std::string closed_store::read_from_file(place from, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(file_, bytes.data() + done, size - done, static_cast<off_t>(from + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(settings_.directory, "cannot be read", errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace sb::paper
