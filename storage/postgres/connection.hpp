#pragma once
#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/journal.hpp"
#include "storage/postgres/values.hpp"

namespace sb::postgres {

/// A moment on the steady clock until which a call may take.
using instant = std::chrono::steady_clock::time_point;
inline instant from_now(deadline within) { return std::chrono::steady_clock::now() + within; }

/// No connection within the deadline. Nothing of the caller's statement was sent.
struct connect_error : storage_unavailable {
  using storage_unavailable::storage_unavailable;
};

/// A statement that did not succeed. Without an SQLSTATE nobody knows whether it took effect: connection lost, deadline
/// passed, or committed here but not confirmed by the synchronous standby.
struct statement_error : storage_unavailable {
  statement_error(std::string state, const std::string& message);
  /// 22xxx and 23xxx: PostgreSQL refuses the data, and the statement was rolled back.
  bool is_data_error() const;
  std::string sqlstate;  ///< five characters, or empty
};

/// A named SQL text with $1.. parameters; the name is unique in the program. Prepared once per connection, at first
/// use.
struct statement {
  const char* name;
  const char* sql;
};

/// What the planner does with prepared statements. `generic` for fixed shapes, where planning each time costs more than
/// it can gain; tables are read by their indexes there, because a plan lasts that was made for an empty table. `custom`
/// for lists with optional filters, where only the values tell which index to use.
enum class plans { generic, custom };

/// "stocksblitz/<node>/<incarnation>". Take-over recognizes an owner's connections by it, so it must arrive whole:
/// throws std::invalid_argument unless the node's name is 1 to 31 characters of [A-Za-z0-9._-] (PostgreSQL cuts
/// application names at 63 bytes).
std::string application_name(const node_identity& self);

/// One connection to PostgreSQL: non-blocking libpq under a deadline, never pipeline mode (Execute and Sync must leave
/// together: a client stopped between the two would hold its row locks for as long as it sleeps). Opens by itself at
/// the next statement after a loss. After an error without SQLSTATE and after a deadline the connection is closed, and
/// a later statement runs on a new one. Used by one thread at a time. Only a host *name* can take longer than the
/// deadline to open: libpq resolves it without one; give addresses or socket directories.
class connection {
 public:
  /// Does not connect yet. `conninfo` is a libpq connection string or URI.
  connection(std::string conninfo, const node_identity& self, plans planning);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() = default;

  /// Opens unless already open and not known to be dead. Throws connect_error.
  void open(instant until);
  void close() noexcept;
  bool is_open() const noexcept;
  /// Server process of the open connection; 0 when closed.
  int backend() const noexcept;

  /// Opens, prepares when needed, runs. Throws connect_error, statement_error.
  result run(const statement& what, const parameters& values, instant until);

  /// Opens and prepares, so that a following send is the first that can have an effect. Throws connect_error,
  /// statement_error; in both cases nothing took effect.
  void prepare(const statement& what, instant until);
  /// Runs a statement that prepare() has just prepared: send, wait, take. Throws statement_error only.
  result exchange(const statement& what, const parameters& values, instant until);

  /// Sends a prepared statement. Throws statement_error without SQLSTATE when the connection breaks: it may have
  /// arrived.
  void send(const statement& what, const parameters& values);
  /// True when the answer (or the loss of the connection) is there, false when `until` passed and it is still out.
  bool wait(instant until);
  /// The answer after wait() said true. Throws statement_error.
  result take();

  /// One or more statements without parameters in one message; results are ignored. Throws connect_error,
  /// statement_error.
  void script(const std::string& sql, instant until);

 private:
  struct finish {
    void operator()(PGconn* handle) const noexcept { PQfinish(handle); }
  };
  struct clear {
    void operator()(PGresult* answer) const noexcept { PQclear(answer); }
  };
  static void on_notice(void* self, const PGresult* notice);

  void connect(instant until);
  bool lost_while_idle();
  void complete(instant until);
  void exchange_script(const std::string& sql, instant until);
  [[noreturn]] void fail_unknown(const std::string& what);

  std::string conninfo_;
  std::string application_name_;
  plans planning_;
  std::unique_ptr<PGconn, finish> handle_;
  std::vector<std::string_view> prepared_;
  std::unique_ptr<PGresult, clear>
      answer_;  ///< of the statement that is out: the first failure, or else the last result
  bool replication_unconfirmed_ = false;
  bool ended_ = false;  ///< the server said goodbye while nothing was asked
};

/// How long a statement may run on the server, whatever became of its client.
constexpr std::chrono::seconds server_statement_max{30};

}  // namespace sb::postgres
