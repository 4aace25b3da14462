#pragma once
#include <chrono>
#include <string>
#include <thread>

#include "storage/postgres/connection.hpp"

namespace sb::test {

/// A look from outside at the test's database, under a name that is no node's of the test.
class database_view {
 public:
  explicit database_view(const std::string& conninfo)
      : connection_{conninfo, node_identity{"onlooker", 1}, postgres::plans::custom} {}

  void run(const std::string& sql) { connection_.script(sql, postgres::from_now(std::chrono::seconds{60})); }

  /// `sql` selects one bigint. The statement's name must not repeat within the test for another text.
  std::int64_t number(const char* name, const std::string& sql) {
    return connection_.run({name, sql.c_str()}, {}, postgres::from_now(std::chrono::seconds{60})).int8(0, 0);
  }
  std::string text(const char* name, const std::string& sql) {
    return connection_.run({name, sql.c_str()}, {}, postgres::from_now(std::chrono::seconds{60})).text(0, 0);
  }

  /// Asks until the number is `wanted`; false after a minute.
  bool becomes(const char* name, const std::string& sql, std::int64_t wanted) {
    for (int tries = 0; tries < 6000; ++tries) {
      if (number(name, sql) == wanted) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }

  /// Waits until a connection of this application name waits for a lock.
  bool sees_waiting(const std::string& application) {
    return becomes("view_waiting",
                   "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = '" +
                       application + "'",
                   1);
  }

 private:
  postgres::connection connection_;
};

}  // namespace sb::test
