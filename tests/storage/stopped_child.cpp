#include "stopped_child.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <stdexcept>

namespace sb::test {

stopped_child::stopped_child(const std::function<int()>& body) : child_{fork()} {
  if (child_ < 0) throw std::runtime_error("fork");
  if (child_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int code = 126;
  try {
    code = body();
  } catch (const std::exception&) {
    code = 125;
  }
  _exit(code);  // no destructors: the test program's own (its PostgreSQL!) are the parent's
}

stopped_child::~stopped_child() {
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

void stopped_child::freeze_here() { raise(SIGSTOP); }

bool stopped_child::wait_frozen() {
  int status = 0;
  if (waitpid(child_, &status, WUNTRACED) != child_) return false;
  if (WIFSTOPPED(status)) return true;
  child_ = -1;
  return false;
}

void stopped_child::freeze() {
  kill(child_, SIGSTOP);
  wait_frozen();
}

void stopped_child::wake() { kill(child_, SIGCONT); }

int stopped_child::exit_code() {
  int status = 0;
  const bool ended = waitpid(child_, &status, 0) == child_;
  child_ = -1;
  return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace sb::test
