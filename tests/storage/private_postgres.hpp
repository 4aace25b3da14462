#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace sb::test {

/// One PostgreSQL for the whole test program: a directory of its own, a unix socket, durable commits, started at first
/// use. A guardian process stops the server and removes the directory when the program ends, however it ends.
class private_postgres {
 public:
  /// nullptr when PostgreSQL is not installed; then the test has warned (and failed if CI=true) and should return.
  static private_postgres* instance();

  private_postgres(const private_postgres&) = delete;
  private_postgres& operator=(const private_postgres&) = delete;
  ~private_postgres();

  /// conninfo of a new, migrated database.
  std::string migrated_database();
  /// conninfo of a new, empty database.
  std::string empty_database();
  /// Takes a conninfo from above; ends its connections.
  void drop(const std::string& database) noexcept;
  /// As after a power cut: no checkpoint, every client is thrown out, recovery at the start. Returns when it answers
  /// again.
  void restart_immediately();
  /// Where the server listens: host=<this>.
  const std::string& socket_directory() const { return directory_; }

 private:
  explicit private_postgres(std::string bin);
  void start_guardian();
  void admin(const std::string& sql);
  std::string conninfo(const std::string& database) const;

  std::string bin_;
  std::string directory_;
  int lifeline_ = -1;
  pid_t guardian_ = -1;
  int databases_ = 0;
};

}  // namespace sb::test
