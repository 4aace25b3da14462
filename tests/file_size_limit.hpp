#pragma once
#include <signal.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstdint>

namespace sb::test {

/// A disk that is full: no file of this process can grow beyond what is set, until the limit is lifted or this object
/// ends. For one thread.
class file_size_limit {
 public:
  file_size_limit() {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  explicit file_size_limit(std::uintmax_t bytes) : file_size_limit() { set(bytes); }
  ~file_size_limit() {
    lift();
    ::signal(SIGXFSZ, handler_);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

  void set(std::uintmax_t bytes) const {
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(bytes);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  void lift() const { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace sb::test
