#include "private_postgres.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "storage/postgres/migrations.hpp"

namespace sb::test {
namespace {

using namespace std::chrono_literals;

const node_identity admin_identity{"test-admin", 1};

/// PostgreSQL refuses to run as root.
std::vector<std::string> as_postgres(std::vector<std::string> command) {
  if (geteuid() == 0) command.insert(command.begin(), {"runuser", "-u", "postgres", "--"});
  return command;
}

pid_t spawn(const std::vector<std::string>& command, int input, int output) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child > 0) return child;
  setsid();  // a Ctrl-C at the tests must not reach the server before its guardian
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  std::vector<char*> arguments;
  for (const auto& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

void run(const std::vector<std::string>& command) {
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t child = spawn(command, nowhere, nowhere);
  close(nowhere);
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::string text;
    for (const auto& one : command) text += one + " ";
    throw std::runtime_error("failed: " + text);
  }
}

/// In memory where there is room: the tests are about processes that die, not about disks, and a busy disk makes every
/// durable commit slow. SB_POSTGRES_DIR says otherwise, for measurements.
std::string parent_directory() {
  if (const char* set = std::getenv("SB_POSTGRES_DIR")) return set;
  std::error_code none;
  const auto room = std::filesystem::space("/dev/shm", none);
  const bool usable = !none && room.available > 2'000'000'000 && access("/dev/shm", W_OK) == 0;
  return usable ? "/dev/shm" : "/tmp";
}

}  // namespace

private_postgres* private_postgres::instance() {
  const char* set = std::getenv("SB_POSTGRES_BIN");
  const std::string bin = set != nullptr ? set : "/usr/lib/postgresql/15/bin";
  if (access((bin + "/postgres").c_str(), X_OK) != 0) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view{ci} == "true") FAIL("no PostgreSQL in " << bin);
    WARN("SKIPPED: no PostgreSQL in " << bin << " (set SB_POSTGRES_BIN)");
    return nullptr;
  }
  static const std::unique_ptr<private_postgres> server{new private_postgres{bin}};
  return server.get();
}

private_postgres::private_postgres(std::string bin) : bin_{std::move(bin)} {
  std::string name = parent_directory() + "/sb-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = name;
  if (geteuid() == 0) run({"chown", "postgres", directory_});
  start_guardian();
  run(as_postgres({bin_ + "/initdb", "-D", directory_ + "/data", "-A", "trust", "-U", "stocksblitz", "-E", "UTF8",
                   "--locale=C.UTF-8", "--no-sync"}));
  run(as_postgres({bin_ + "/pg_ctl", "-D", directory_ + "/data", "-l", directory_ + "/log", "-w", "-t", "600", "-o",
                   "-c listen_addresses= -c unix_socket_directories=" + directory_ +
                       " -c shared_buffers=64MB -c max_connections=60 -c max_wal_size=256MB -c fsync=on",
                   "start"}));
  admin("create database migrated");
  postgres::connection template_database{conninfo("migrated"), admin_identity, postgres::plans::custom};
  postgres::migrate(template_database, postgres::from_now(60s));
}

private_postgres::~private_postgres() {
  close(lifeline_);
  waitpid(guardian_, nullptr, 0);
}

void private_postgres::start_guardian() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  lifeline_ = ends[1];
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  // `read` returns when the last writer of the pipe, this program, is gone.
  const std::string script =
      "read -r _; '" + bin_ + "/pg_ctl' -D '" + directory_ + "/data' -m immediate -w stop; rm -rf '" + directory_ + "'";
  guardian_ = spawn(as_postgres({"sh", "-c", script}), ends[0], nowhere);
  close(ends[0]);
  close(nowhere);
}

std::string private_postgres::conninfo(const std::string& database) const {
  return "host=" + directory_ + " user=stocksblitz dbname=" + database;
}

void private_postgres::admin(const std::string& sql) {
  postgres::connection server{conninfo("postgres"), admin_identity, postgres::plans::custom};
  server.script(sql, postgres::from_now(60s));
}

std::string private_postgres::migrated_database() {
  const auto name = "test_" + std::to_string(++databases_);
  admin("create database " + name + " template migrated");
  return conninfo(name);
}

std::string private_postgres::empty_database() {
  const auto name = "test_" + std::to_string(++databases_);
  admin("create database " + name);
  return conninfo(name);
}

void private_postgres::drop(const std::string& database) noexcept {
  try {
    admin("drop database if exists " + database.substr(database.rfind('=') + 1) + " with (force)");
  } catch (const std::exception&) {  // it goes with the directory
  }
}

void private_postgres::restart_immediately() {
  run(as_postgres({bin_ + "/pg_ctl", "-D", directory_ + "/data", "-l", directory_ + "/log", "-m", "immediate", "-w",
                   "-t", "600", "restart"}));
}

}  // namespace sb::test
