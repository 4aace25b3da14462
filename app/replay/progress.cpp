#include "app/replay/progress.hpp"

#include <iomanip>
#include <sstream>

namespace sb::replay {
namespace {

constexpr std::chrono::milliseconds terminal_interval{200};
constexpr std::chrono::milliseconds line_interval{5'000};
constexpr std::size_t bar_width = 30;

}  // namespace

progress::progress(std::ostream& out, bool terminal) : out_{out}, terminal_{terminal}, drawn_at_{clock::now()} {}

void progress::show(const figures& now) {
  const auto at = clock::now();
  if (at - drawn_at_ < (terminal_ ? terminal_interval : line_interval)) return;
  draw(now, at);
}

void progress::close(const figures& now) {
  draw(now, clock::now());
  if (terminal_) out_ << '\n' << std::flush;
}

void progress::draw(const figures& now, clock::time_point at) {
  const std::chrono::duration<double> since = at - drawn_at_;
  const double rate = since.count() > 0 ? static_cast<double>(now.done - drawn_done_) / since.count() : 0;
  drawn_at_ = at;
  drawn_done_ = now.done;
  std::ostringstream text;
  if (terminal_) {
    const std::size_t full = now.total == 0 ? bar_width : bar_width * now.done / now.total;
    text << "\r[" << std::string(full, '#') << std::string(bar_width - full, '.') << "] ";
  }
  text << now.done << '/' << now.total << "  " << std::fixed << std::setprecision(0) << rate << "/s  in flight "
       << now.in_flight << "  429: " << now.retries_429;
  if (now.other_retries != 0) text << "  503 or no answer: " << now.other_retries;
  text << (terminal_ ? "   " : "\n");
  out_ << text.str() << std::flush;
}

}  // namespace sb::replay
