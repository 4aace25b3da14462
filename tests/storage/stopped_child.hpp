#pragma once
#include <sys/types.h>

#include <functional>

namespace sb::test {

/// A second process of a node that can be frozen, as a virtual machine or an overloaded host freezes it. Forked from
/// the test, so its body must open its own journal. Fork before starting threads. Killed in the destructor.
class stopped_child {
 public:
  /// `body` runs in the child; what it returns (0..127) is the exit code.
  explicit stopped_child(const std::function<int()>& body);
  stopped_child(const stopped_child&) = delete;
  stopped_child& operator=(const stopped_child&) = delete;
  ~stopped_child();

  /// In the child: freeze here, until wake().
  static void freeze_here();
  /// Waits until the child has frozen itself. False when it ended instead.
  bool wait_frozen();
  /// Freezes it from outside, wherever it is.
  void freeze();
  void wake();
  /// Waits for the end; -1 when it did not end by itself.
  int exit_code();

 private:
  pid_t child_ = -1;
};

}  // namespace sb::test
