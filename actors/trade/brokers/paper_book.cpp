#include "actors/trade/brokers/paper_book.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "actors/trade/brokers/paper_log.hpp"

namespace sb {
namespace {

std::string system_message() { return std::generic_category().message(errno); }

}  // namespace

paper_book::paper_book(std::filesystem::path path, const take_record& take) : path_{std::move(path)} {
  file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) fail("cannot be opened: " + system_message());
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) fail("is in use by another process: " + system_message());
    reload(take);
  } catch (...) {
    ::close(file_);
    throw;
  }
}

paper_book::~paper_book() { ::close(file_); }

void paper_book::reload(const take_record& take) {
  std::ifstream stream{path_, std::ios::binary};
  if (!stream) fail("cannot be read");
  paper_log log{stream};
  while (const auto fact = log.next()) {
    if (const std::string wrong = take(*fact); !wrong.empty())
      fail("line " + std::to_string(log.line_number()) + ": " + wrong);
  }
  if (!log.error().empty()) fail(log.error());
  lines_ = log.line_number();
  if (log.torn() && ::ftruncate(file_, log.whole_bytes()) != 0)
    fail("cannot be cut to its last line: " + system_message());
  if (lines_ == 0) {
    write_all(paper::header_line());
    lines_ = 1;
  }
}

void paper_book::append(std::span<const paper::record> facts) {
  if (broken_) fail("is not written any more after a failed write");
  if (facts.empty()) return;
  batch_.clear();
  std::int64_t line = lines_;
  for (const auto& fact : facts) paper::append_line(batch_, ++line, fact);
  write_all(batch_);
  lines_ = line;
}

void paper_book::write_all(const std::string& bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(file_, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      broken_ = true;
      fail("cannot be written: " + system_message());
    }
    written += static_cast<std::size_t>(count);
  }
}

void paper_book::fail(const std::string& what) const {
  throw paper_book_error{"paper book " + path_.string() + (what.starts_with("line") ? ", " : " ") + what};
}

}  // namespace sb
