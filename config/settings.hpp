#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sb {

/// Every setting of a node, with its default. Units are in the names: ms, s, minutes, bytes, kib, pct. `load_settings`
/// hands these out checked; nothing deeper in the product reads a file, an environment variable or a flag.
/// config/stocksblitz.yaml documents each key; tests keep that file and these defaults equal.

enum class node_role : std::uint8_t { user, trade, alerts, web };

struct node_settings {
  std::string name = "n1";       ///< [a-z0-9-], at most 32; part of PostgreSQL's application_name
  std::string data_dir = "var";  ///< the broker's book, keys and logs live here
  std::vector<node_role> roles{node_role::user, node_role::trade, node_role::alerts, node_role::web};
  bool operator==(const node_settings&) const = default;
};

struct database_settings {
  /// libpq's connection string. A secret: it comes from STOCKSBLITZ_DATABASE or from `conninfo_file`, never from the
  /// YAML file. Empty when neither is given; who needs a database refuses that.
  std::string conninfo;
  std::string conninfo_file;  ///< a file with that string and nothing else, for its owner only; empty: none
  std::int32_t connect_deadline_ms = 3'000;
  std::int32_t statement_deadline_ms = 5'000;
  std::int32_t lock_wait_ms = 1'000;  ///< how long a claim of shards waits for a row lock
  std::int32_t batch_rows_max = 500;  ///< journal rows in one append statement
  std::int32_t lazy_append_ms = 5;    ///< how long an append that no answer waits for alone may wait for company
  bool operator==(const database_settings&) const = default;
};

struct web_settings {
  std::string address = "127.0.0.1";  ///< numeric IPv4 or IPv6
  /// Gateway; user API, trade API and metrics listen on port + 2, + 4 and + 6. 0: the system chooses all four.
  std::int32_t port = 8'000;
  std::int32_t body_bytes_max = 65'536;
  std::int32_t order_body_bytes_max = 8'192;
  std::int32_t header_bytes_max = 8'192;
  std::int32_t header_fields_max = 64;
  std::int32_t target_bytes_max = 2'048;
  std::int32_t header_deadline_ms = 5'000;
  std::int32_t body_deadline_ms = 10'000;
  std::int32_t body_bytes_per_s_min = 1'024;
  std::int32_t write_deadline_ms = 10'000;
  std::int32_t idle_ms = 30'000;
  std::int32_t connections_max = 10'000;
  std::int32_t connections_per_address_max = 100'000;
  bool operator==(const web_settings&) const = default;
};

struct auth_settings {
  std::string issuer = "stocksblitz";
  std::string audience = "stocksblitz";
  std::int32_t token_lifetime_s = 3'600;
  std::string key_file = "token-key.pem";  ///< relative to node.data_dir; made at first start
  std::int32_t argon2_memory_kib = 19'456;
  std::int32_t argon2_iterations = 2;
  std::int32_t verified_tokens_max = 100'000;
  bool operator==(const auth_settings&) const = default;
};

struct order_settings {
  std::int32_t reserve_deadline_ms = 1'500;
  std::int32_t send_window_ms = 3'000;
  std::int32_t client_wait_ms = 2'000;
  std::int32_t grace_ms = 120'000;
  std::vector<std::int32_t> unknown_retry_ms{1'000,  2'000,  4'000, 8'000,
                                             15'000, 30'000, 60'000};  ///< the last one repeats
  std::int32_t market_protection = 500;  ///< hundredths of a percent; the key market_protection_pct is in percent
  std::int32_t reference_price_age_ms = 60'000;
  bool operator==(const order_settings&) const = default;
};

struct cluster_settings {
  std::int32_t heartbeat_ms = 1'000;
  std::int32_t ttl_ms = 6'000;
  std::int32_t lease_margin_ms = 1'000;
  bool operator==(const cluster_settings&) const = default;
};

/// Requests in flight; beyond them 429. A restart forgets nothing here: credits return when a shard answers or drops.
/// Of those in flight, the core works on as many as it answers within `core_ms`; the others wait in fair turns.
struct admission_settings {
  std::int32_t per_user = 64;
  std::int32_t per_organization = 1'024;
  std::int32_t per_shard = 4'096;
  std::int32_t core_ms = 25;
  std::int32_t line_ms = 1'500;
  std::int32_t user_share = 1;
  std::int32_t entity_queue = 64;  ///< messages held for an entity that retires or restarts
  bool operator==(const admission_settings&) const = default;
};

struct trading_settings {
  std::int32_t utc_offset_minutes = 330;
  std::int32_t open_minute = 0;       ///< minute of the exchange's day, inclusive; the key `open` is "HH:MM"
  std::int32_t close_minute = 1'440;  ///< exclusive; the key `close` is "HH:MM", up to "24:00"
  std::array<bool, 7> days{true, true, true, true, true, true, true};  ///< Monday first
  std::string currency = "INR";                                        ///< three capital letters
  bool operator==(const trading_settings&) const = default;
};

enum class broker_kind : std::uint8_t { paper };
enum class feed_kind : std::uint8_t { random, external, file };
enum class broker_id_mode : std::uint8_t { unique, tag_only };

/// Chances in hundredths of a percent (keys *_pct are in percent). The first five exclude each other and add up to at
/// most 100 %.
struct broker_fault_settings {
  std::int32_t reject = 0;
  std::int32_t slow = 0;
  std::int32_t accept_then_hang = 0;
  std::int32_t drop_before_accept = 0;
  std::int32_t late_accept = 0;
  std::int32_t duplicate_fill = 0;
  std::int32_t slow_ms = 500;
  std::int32_t late_accept_ms = 1'500;
  bool operator==(const broker_fault_settings&) const = default;
};

struct broker_settings {
  broker_kind kind = broker_kind::paper;
  feed_kind feed = feed_kind::random;
  std::string feed_file;        ///< only with feed file
  std::int32_t feed_speed = 1;  ///< times real time
  std::int64_t seed = 1;
  broker_id_mode id_mode = broker_id_mode::unique;
  std::string instruments_file = "config/instruments.csv";
  broker_fault_settings faults;  ///< the section broker_faults
  bool operator==(const broker_settings&) const = default;
};

enum class scheduler_policy : std::uint8_t { sharing, stealing };

struct scheduler_settings {
  std::int32_t threads = 1;
  scheduler_policy policy = scheduler_policy::sharing;
  bool operator==(const scheduler_settings&) const = default;
};

enum class log_level : std::uint8_t { trace, debug, info, warning, error, off };
enum class log_format : std::uint8_t { text, json };

struct log_settings {
  log_level level = log_level::info;
  log_format format = log_format::text;
  bool operator==(const log_settings&) const = default;
};

/// More than `restarts` within `window_ms` and a supervisor gives up to its parent; `entity_crashes` within
/// `entity_window_ms` park an entity until an operator restarts it.
struct supervision_settings {
  std::int32_t restarts = 5;
  std::int32_t window_ms = 60'000;
  std::int32_t entity_crashes = 3;
  std::int32_t entity_window_ms = 60'000;
  bool operator==(const supervision_settings&) const = default;
};

struct settings {
  node_settings node;
  database_settings database;
  web_settings web;
  auth_settings auth;
  order_settings orders;
  cluster_settings cluster;
  admission_settings admission;
  trading_settings trading;
  broker_settings broker;
  scheduler_settings scheduler;
  log_settings log;
  supervision_settings supervision;
  bool operator==(const settings&) const = default;
};

/// One thing that is wrong. `file` is "environment" (and `line` 0) for an environment variable, whose name is the key
/// then; line 0 of a file is the file as a whole, e.g. when it cannot be read. `what` never repeats a secret.
struct settings_mistake {
  std::string file;
  std::int32_t line = 0;
  std::string key;  ///< "section.key"
  std::string what;
};
/// "file:line: key: what"; without a line "file: key: what".
std::string text(const settings_mistake& mistake);

using environment = std::map<std::string, std::string, std::less<>>;
using settings_or_mistakes = std::variant<settings, std::vector<settings_mistake>>;

/// Defaults, over them the YAML file (if a path is given), over that STOCKSBLITZ_<SECTION>_<KEY> variables, e.g.
/// STOCKSBLITZ_WEB_PORT=9000; lists are separated by commas there. Either all is well or every mistake comes back,
/// sorted by line. Reads `path` and database.conninfo_file, nothing else; never throws over their contents.
settings_or_mistakes load_settings(const std::optional<std::filesystem::path>& path, const environment& variables);

/// The same for YAML text in hand; `file` names it in mistakes.
settings_or_mistakes parse_settings(const std::string& yaml, const std::string& file, const environment& variables);

/// Every "section.key" that a settings file may have, in the order of the sections.
std::vector<std::string> setting_names();

/// The words that the YAML file uses.
std::string_view word(node_role value);
std::string_view word(feed_kind value);
std::string_view word(broker_id_mode value);
std::string_view word(log_level value);

}  // namespace sb
