#include "storage/postgres/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace sb::postgres {
namespace {

int poll_ms(instant until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

/// What happened to the socket before `until`; 0 when nothing did.
short wait_socket(int socket, short events, instant until) {
  pollfd entry{socket, events, 0};
  for (;;) {
    const int ready = poll(&entry, 1, poll_ms(until));
    if (ready > 0) return entry.revents;
    if (ready == 0) return 0;
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  }
}

/// libpq's messages end in line breaks and may have several lines.
std::string one_line(const char* message) {
  std::string text{message == nullptr ? "" : message};
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// Guards on the server's side for a client that stops answering: they end what our own deadlines can no longer reach.
/// client_connection_check_interval ends a statement whose client has closed the socket, for example one that still
/// waits for a row lock.
std::string session_guards(plans planning) {
  const auto max_ms = std::chrono::milliseconds{server_statement_max}.count();
  return "set statement_timeout = " + std::to_string(max_ms) +
         "; set idle_in_transaction_session_timeout = 5000"
         "; set client_connection_check_interval = 1000"
         "; set synchronous_commit = on"
         "; set timezone = 'UTC'"
         "; set plan_cache_mode = " +
         (planning == plans::generic ? "force_generic_plan; set enable_seqscan = off" : "force_custom_plan");
}

}  // namespace

statement_error::statement_error(std::string state, const std::string& message)
    : storage_unavailable(state.empty() ? message : state + " " + message), sqlstate(std::move(state)) {}

bool statement_error::is_data_error() const { return sqlstate.starts_with("22") || sqlstate.starts_with("23"); }

std::string application_name(const node_identity& self) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (self.node.empty() || self.node.size() > 31 || !std::all_of(self.node.begin(), self.node.end(), allowed)) {
    throw std::invalid_argument("node name '" + self.node + "': 1 to 31 characters of A-Z a-z 0-9 . _ - are allowed");
  }
  return "stocksblitz/" + self.node + "/" + std::to_string(self.incarnation);
}

connection::connection(std::string conninfo, const node_identity& self, plans planning)
    : conninfo_(std::move(conninfo)), application_name_(postgres::application_name(self)), planning_(planning) {}

void connection::on_notice(void* self, const PGresult* notice) {
  // A canceled wait for the synchronous standby arrives as a warning beside a success. The commit is then local only,
  // and a failover would lose it. The function's name, unlike the message, is not translated.
  const char* where = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (where != nullptr && std::string_view{where} == "SyncRepWaitForLSN") {
    static_cast<connection*>(self)->replication_unconfirmed_ = true;
  }
  // An idle server that is told to go says so before it hangs up.
  const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != nullptr && std::string_view{severity} == "FATAL") static_cast<connection*>(self)->ended_ = true;
}

bool connection::is_open() const noexcept { return handle_ != nullptr && PQstatus(handle_.get()) == CONNECTION_OK; }

int connection::backend() const noexcept { return is_open() ? PQbackendPID(handle_.get()) : 0; }

void connection::close() noexcept {
  answer_.reset();
  handle_.reset();
  prepared_.clear();
  replication_unconfirmed_ = false;
  ended_ = false;
}

void connection::open(instant until) {
  if (is_open() && !lost_while_idle()) return;
  close();
  connect(until);
  try {
    exchange_script(session_guards(planning_), until);
  } catch (const statement_error& failed) {
    close();
    throw connect_error(failed.what());
  }
}

void connection::connect(instant until) {
  const char* keywords[] = {"dbname", "application_name", "client_encoding", nullptr};
  const char* values[] = {conninfo_.c_str(), application_name_.c_str(), "UTF8", nullptr};
  handle_.reset(PQconnectStartParams(keywords, values, /*expand_dbname=*/1));
  if (!handle_) throw std::bad_alloc{};
  PQsetNoticeReceiver(handle_.get(), &connection::on_notice, this);
  auto step = PQstatus(handle_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (step != PGRES_POLLING_OK) {
    if (step == PGRES_POLLING_FAILED) {
      const auto why = one_line(PQerrorMessage(handle_.get()));
      close();
      throw connect_error("cannot connect to PostgreSQL: " + why);
    }
    const short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (wait_socket(PQsocket(handle_.get()), events, until) == 0) {
      close();
      throw connect_error("cannot connect to PostgreSQL: no answer within the deadline");
    }
    step = PQconnectPoll(handle_.get());
  }
  PQsetnonblocking(handle_.get(), 1);
}

/// An idle server sends next to nothing, so bytes mean that it said goodbye. Seeing it before a statement is sent
/// spares the caller an unknown outcome.
bool connection::lost_while_idle() {
  for (int reads = 0; reads < 8; ++reads) {
    if (wait_socket(PQsocket(handle_.get()), POLLIN, std::chrono::steady_clock::now()) == 0) return ended_;
    if (PQconsumeInput(handle_.get()) != 1 || PQstatus(handle_.get()) != CONNECTION_OK) return true;
    PQisBusy(handle_.get());  // parses what was read: notices, changed settings
  }
  return true;
}

void connection::prepare(const statement& what, instant until) {
  open(until);
  if (std::find(prepared_.begin(), prepared_.end(), what.name) != prepared_.end()) return;
  if (PQsendPrepare(handle_.get(), what.name, what.sql, 0, nullptr) != 1) fail_unknown(what.name);
  complete(until);
  prepared_.emplace_back(what.name);
}

void connection::send(const statement& what, const parameters& values) {
  const auto count = values.values_.size();
  std::vector<const char*> data(count);
  std::vector<int> lengths(count);
  const std::vector<int> formats(count, 1);
  for (std::size_t at = 0; at < count; ++at) {
    const auto& value = values.values_[at];
    data[at] = value.is_null ? nullptr : value.bytes.data();
    lengths[at] = static_cast<int>(value.bytes.size());
  }
  answer_.reset();
  replication_unconfirmed_ = false;
  if (PQsendQueryPrepared(handle_.get(), what.name, static_cast<int>(count), data.data(), lengths.data(),
                          formats.data(), /*resultFormat=*/1) != 1) {
    fail_unknown(what.name);
  }
}

bool connection::wait(instant until) {
  if (!handle_) return true;
  for (;;) {
    const int unsent =
        PQflush(handle_.get());  // a failed write shows below, when the server's last words have been read
    // The statement is committed at Sync, after its own result: only the end of all results says that it is durable,
    // and a failure after a result counts.
    while (PQisBusy(handle_.get()) == 0) {
      std::unique_ptr<PGresult, clear> next{PQgetResult(handle_.get())};
      if (!next) return true;
      const bool failed_before = answer_ && PQresultStatus(answer_.get()) == PGRES_FATAL_ERROR;
      if (!failed_before) answer_ = std::move(next);
    }
    const short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
    const short happened = wait_socket(PQsocket(handle_.get()), events, until);
    if (happened == 0) return false;
    if ((happened & ~POLLOUT) == 0) continue;
    // A lost connection shows as a fatal result of PQgetResult, behind whatever the server sent before it went.
    if (PQconsumeInput(handle_.get()) != 1 && is_open()) {
      close();
      return true;
    }
  }
}

result connection::take() {
  const auto answer = std::exchange(answer_, nullptr).release();
  result owned{answer};
  const auto status = answer == nullptr ? PGRES_FATAL_ERROR : PQresultStatus(answer);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
    if (!replication_unconfirmed_) return owned;
    close();
    throw statement_error("", "committed, but the synchronous standby has not confirmed it");
  }
  const char* state = answer == nullptr ? nullptr : PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  const char* primary = answer == nullptr ? nullptr : PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  statement_error failed{state == nullptr ? "" : state,
                         one_line(primary != nullptr  ? primary
                                  : answer != nullptr ? PQresultErrorMessage(answer)
                                                      : "the connection to PostgreSQL is gone")};
  if (failed.sqlstate.empty() || !is_open()) close();
  throw failed;
}

void connection::complete(instant until) {
  if (!wait(until)) fail_unknown("no answer from PostgreSQL within the deadline");
  take();
}

result connection::run(const statement& what, const parameters& values, instant until) {
  prepare(what, until);
  return exchange(what, values, until);
}

result connection::exchange(const statement& what, const parameters& values, instant until) {
  send(what, values);
  if (!wait(until)) fail_unknown(std::string{what.name} + ": no answer from PostgreSQL within the deadline");
  return take();
}

void connection::exchange_script(const std::string& sql, instant until) {
  answer_.reset();
  replication_unconfirmed_ = false;
  if (PQsendQuery(handle_.get(), sql.c_str()) != 1) fail_unknown("script");
  complete(until);
}

void connection::script(const std::string& sql, instant until) {
  open(until);
  exchange_script(sql, until);
}

void connection::fail_unknown(const std::string& what) {
  const auto why = handle_ ? one_line(PQerrorMessage(handle_.get())) : std::string{};
  close();
  throw statement_error("", why.empty() ? what : what + ": " + why);
}

}  // namespace sb::postgres
