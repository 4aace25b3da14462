#include "app/progress.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace sb {
namespace {

constexpr std::chrono::milliseconds terminal_interval{200};
constexpr std::chrono::milliseconds line_interval{5'000};
constexpr std::size_t bar_width = 30;

/// How much of the bar is full; a total may turn out too small.
std::size_t full_part(std::size_t done, std::size_t total) {
  if (done >= total) return bar_width;
  return static_cast<std::size_t>(static_cast<double>(done) / static_cast<double>(total) * bar_width);
}

}  // namespace

progress::progress(std::ostream& out, bool terminal) : out_{out}, terminal_{terminal}, drawn_at_{clock::now()} {}

void progress::show(std::size_t done, std::size_t total, const remark& more) {
  const auto at = clock::now();
  if (at - drawn_at_ < (terminal_ ? terminal_interval : line_interval)) return;
  draw(done, total, more, at);
}

void progress::close(std::size_t done, std::size_t total, const remark& more) {
  draw(done, total, more, clock::now());
  if (terminal_) out_ << '\n' << std::flush;
}

void progress::draw(std::size_t done, std::size_t total, const remark& more, clock::time_point at) {
  const std::chrono::duration<double> since = at - drawn_at_;
  const double rate = since.count() > 0 ? static_cast<double>(done - drawn_done_) / since.count() : 0;
  drawn_at_ = at;
  drawn_done_ = done;
  std::ostringstream text;
  if (terminal_) {
    const auto full = full_part(done, total);
    text << "\r[" << std::string(full, '#') << std::string(bar_width - full, '.') << "] ";
  }
  text << done << '/' << total << "  " << std::fixed << std::setprecision(0) << rate << "/s  " << more()
       << (terminal_ ? "   " : "\n");
  out_ << text.str() << std::flush;
}

}  // namespace sb
