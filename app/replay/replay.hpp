#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace sb {

struct replay_options {
  std::filesystem::path file;                      ///< recorded order flow: .csv or .csv.xz; not read with only_checks
  std::string base_url = "http://127.0.0.1:8000";  ///< of the running node; a trailing slash is dropped
  std::filesystem::path demo_file = "var/demo.json";
  std::filesystem::path data_dir = "var";  ///< of the node: the paper broker's log is there
  std::filesystem::path instruments_file = "config/instruments.csv";
  std::string conninfo;           ///< of the node's database, for the checks
  std::string run;                ///< 1 to 40 of [A-Za-z0-9._:-]; empty: made from the time of day
  std::size_t accounts = 0;       ///< 0: as many as the demo has
  std::size_t organizations = 0;  ///< likewise
  std::optional<double> speed;    ///< times real time; nullopt: as fast as answers come
  std::size_t connections = 64;
  std::size_t rows_max = 0;               ///< of the file; 0: all
  std::chrono::seconds patience{60};      ///< how long a request is repeated after 503 or a lost connection
  std::chrono::seconds quiet_within{60};  ///< how long orders and projections may take to come to rest at the end
  bool outage_allowed = false;  ///< 503s and lost connections that repeating made good do not spoil the result
  bool only_checks = false;     ///< sends nothing; checks the whole journal as it is
};

/// Replays recorded order flow through REST against a running node whose paper broker takes external fills, and checks
/// journal, broker and projections afterwards. Prints a table and the checks to stdout, progress and mistakes to
/// stderr. 0: all green. 1: an answer or a check is wrong. 2: it could not start (file, options, demo, login).
int run_replay(const replay_options& options);

}  // namespace sb
