#include "actors/trade/brokers/closed_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace sb::paper {
namespace {

using length = std::uint32_t;  ///< stands before each record

[[noreturn]] void fail(const std::filesystem::path& directory, const char* what, int why) {
  throw std::system_error{why, std::generic_category(), "closed orders in " + directory.string() + " " + what};
}

/// A file that nobody else sees and that is gone with its descriptor; -1 when there cannot be one.
int scratch_file(const std::filesystem::path& directory) {
  std::string name = (directory / ".closed-orders-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) ::unlink(name.c_str());
  return file;
}

}  // namespace

closed_store::~closed_store() {
  if (file_ >= 0) ::close(file_);
}

closed_store::closed_store(closed_store&& other) noexcept
    : directory_{std::move(other.directory_)},
      newest_{std::move(other.newest_)},
      in_file_{other.in_file_},
      write_from_{other.write_from_},
      file_{std::exchange(other.file_, -1)} {}

closed_store::place closed_store::keep(std::string_view record) {
  if (!directory_.empty() && newest_.size() >= write_from_)
    write_from_ = write_out() ? block_size : newest_.size() + block_size;
  const place where = in_file_ + newest_.size();
  const auto size = static_cast<length>(record.size());
  newest_.append(reinterpret_cast<const char*>(&size), sizeof size);
  newest_ += record;
  return where;
}

/// All of it or nothing: what was written in part is written again.
bool closed_store::write_out() {
  if (file_ < 0) file_ = scratch_file(directory_);
  if (file_ < 0) return false;
  std::size_t written = 0;
  while (written < newest_.size()) {
    const auto at = static_cast<off_t>(in_file_ + written);
    const ssize_t count = ::pwrite(file_, newest_.data() + written, newest_.size() - written, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    written += static_cast<std::size_t>(count);
  }
  in_file_ += newest_.size();
  newest_.clear();
  newest_.shrink_to_fit();
  return true;
}

std::string closed_store::at(place where) const {
  length size = 0;
  if (where >= in_file_) {
    const char* from = newest_.data() + (where - in_file_);
    std::memcpy(&size, from, sizeof size);
    return {from + sizeof size, size};
  }
  // Most are shorter than this.
  constexpr std::size_t first_read = 256;
  auto bytes = read_from_file(where, first_read);
  if (bytes.size() < sizeof size) fail(directory_, "end too early", EIO);
  std::memcpy(&size, bytes.data(), sizeof size);
  if (bytes.size() < sizeof size + size) bytes = read_from_file(where, sizeof size + size);
  if (bytes.size() < sizeof size + size) fail(directory_, "end too early", EIO);
  return bytes.substr(sizeof size, size);
}

/// Less only where the file ends.
std::string closed_store::read_from_file(place from, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(file_, bytes.data() + done, size - done, static_cast<off_t>(from + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(directory_, "cannot be read", errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace sb::paper
