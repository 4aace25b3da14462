#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sb::test {

/// Stands between libpq and PostgreSQL on a unix socket and does to one statement what networks do.
class cut_proxy {
 public:
  enum class fault {
    lose_statement,   ///< cut both sides before the statement has been forwarded
    lose_answer,      ///< forward the statement, wait for PostgreSQL's answer, then cut without forwarding it
    swallow_answer,   ///< forward the statement and keep the connection open, but never answer
    delay_statement,  ///< hold the statement back, also when the client has gone, until deliver_delayed()
  };

  /// `server` is the socket directory of the real server.
  explicit cut_proxy(std::string server);
  cut_proxy(const cut_proxy&) = delete;
  cut_proxy& operator=(const cut_proxy&) = delete;
  ~cut_proxy();

  /// `conninfo` of the real server, with the proxy in the server's place.
  std::string through(const std::string& conninfo) const;
  /// The next execution of the prepared statement of this name meets `what`; once.
  void arm(const std::string& statement, fault what);
  /// True once the armed fault has happened.
  bool struck() const;
  /// Forwards what delay_statement held back and returns when PostgreSQL has answered or hung up.
  void deliver_delayed();

 private:
  struct link;
  void accept_loop();
  void forward(link& one);
  bool take_fault(const std::string& bytes, fault& what);

  std::string server_;
  std::string directory_;
  int listener_ = -1;
  int stop_read_ = -1;
  int stop_write_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string armed_statement_;
  fault armed_ = fault::lose_statement;
  bool is_armed_ = false;
  bool struck_ = false;
  bool deliver_ = false;
  bool delivered_ = false;
  std::thread acceptor_;
  std::vector<std::thread> forwarders_;  ///< of the acceptor thread until it is joined
};

}  // namespace sb::test
