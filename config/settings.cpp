#include "config/settings.hpp"

#include <sys/stat.h>

#include <arpa/inet.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>

#include "config/settings_reader.hpp"

namespace sb {
namespace {

constexpr std::string_view database_variable = "STOCKSBLITZ_DATABASE";
constexpr std::int32_t minute_ms = 60'000;
constexpr std::int32_t hour_ms = 60 * minute_ms;
constexpr std::int32_t whole_percent = 10'000;  // in hundredths of a percent
constexpr std::size_t path_max = 1'024;

constexpr std::array<std::string_view, 4> node_roles{"user", "trade", "alerts", "web"};
constexpr std::array<std::string_view, 7> weekdays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::array<std::string_view, 1> broker_kinds{"paper"};
constexpr std::array<std::string_view, 3> feed_kinds{"random", "external", "file"};
constexpr std::array<std::string_view, 2> broker_id_modes{"unique", "tag_only"};
constexpr std::array<std::string_view, 2> scheduler_policies{"sharing", "stealing"};
constexpr std::array<std::string_view, 6> log_levels{"trace", "debug", "info", "warning", "error", "off"};
constexpr std::array<std::string_view, 2> log_formats{"text", "json"};

template <class Enum, std::size_t N>
std::string_view word_in(const std::array<std::string_view, N>& words, Enum value) {
  return words.at(static_cast<std::size_t>(value));
}

std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  std::ifstream in{path, std::ios::binary};
  std::string content(bytes_max + 1, '\0');
  if (!in) return std::nullopt;
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(in.gcount()));
  return in.bad() ? std::nullopt : std::optional{std::move(content)};
}

struct secret_or_reason {
  std::string secret;
  std::string_view reason;  ///< empty when there is a secret; never holds a piece of it
};

secret_or_reason read_secret(const std::string& path) {
  constexpr std::size_t bytes_max = 4'096;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {{}, "cannot be read"};
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return {{}, "is open to others than its owner: chmod 600"};
  auto content = read_file(path, bytes_max);
  if (!content) return {{}, "cannot be read"};
  const bool whole = content->size() <= bytes_max;
  while (content->ends_with('\n') || content->ends_with('\r')) content->pop_back();
  if (!whole || content->empty() || content->find_first_of(std::string_view{"\n\0", 2}) != content->npos)
    return {{}, "must hold one line of at most 4096 bytes"};
  return {std::move(*content), {}};
}

bool is_address(const std::string& text) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1 || ::inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

// One function a section: the keys in the order of the YAML file, each with its bounds, then what must hold between
// them.

void read_node(settings_reader& reader, node_settings& node) {
  reader.section("node");
  reader.text("name", node.name, 1, 32, "abcdefghijklmnopqrstuvwxyz0123456789-");
  reader.text("data_dir", node.data_dir, 1, path_max);
  reader.words("roles", node.roles, node_roles);
}

void read_database(settings_reader& reader, database_settings& database) {
  reader.section("database");
  reader.secret("conninfo", "STOCKSBLITZ_DATABASE or database.conninfo_file");
  reader.text("conninfo_file", database.conninfo_file, 0, path_max);
  reader.integer("connect_deadline_ms", database.connect_deadline_ms, 100, minute_ms);
  reader.integer("statement_deadline_ms", database.statement_deadline_ms, 100, minute_ms);
  reader.integer("lock_wait_ms", database.lock_wait_ms, 10, minute_ms);
  reader.integer("batch_rows_max", database.batch_rows_max, 1, 10'000);
  reader.integer("lazy_append_ms", database.lazy_append_ms, 0, 20);
  if (database.lock_wait_ms >= database.statement_deadline_ms)
    reader.refuse({"database.lock_wait_ms", "database.statement_deadline_ms"},
                  "lock_wait_ms must be less than statement_deadline_ms: a claim waits inside of its statement");
}

void read_web(settings_reader& reader, web_settings& web) {
  reader.section("web");
  reader.text("address", web.address, 1, 64);
  reader.integer("port", web.port, 0, 65'535 - 6);
  reader.integer("body_bytes_max", web.body_bytes_max, 1'024, 16'777'216);
  reader.integer("order_body_bytes_max", web.order_body_bytes_max, 1'024, 65'536);
  reader.integer("header_bytes_max", web.header_bytes_max, 1'024, 65'536);
  reader.integer("header_fields_max", web.header_fields_max, 8, 1'000);
  reader.integer("target_bytes_max", web.target_bytes_max, 128, 16'384);
  reader.integer("header_deadline_ms", web.header_deadline_ms, 100, hour_ms);
  reader.integer("body_deadline_ms", web.body_deadline_ms, 100, hour_ms);
  reader.integer("body_bytes_per_s_min", web.body_bytes_per_s_min, 0, 1'048'576);
  reader.integer("write_deadline_ms", web.write_deadline_ms, 100, hour_ms);
  reader.integer("idle_ms", web.idle_ms, 100, hour_ms);
  reader.integer("connections_max", web.connections_max, 1, 1'000'000);
  reader.integer("connections_per_address_max", web.connections_per_address_max, 1, 1'000'000);
  if (!is_address(web.address)) reader.refuse({"web.address"}, "must be a numeric IPv4 or IPv6 address");
  if (web.order_body_bytes_max > web.body_bytes_max)
    reader.refuse({"web.order_body_bytes_max", "web.body_bytes_max"},
                  "order_body_bytes_max must not be more than body_bytes_max");
  if (web.target_bytes_max >= web.header_bytes_max)
    reader.refuse({"web.target_bytes_max", "web.header_bytes_max"},
                  "target_bytes_max must be less than header_bytes_max, which counts the target too");
}

void read_auth(settings_reader& reader, auth_settings& auth) {
  reader.section("auth");
  reader.text("issuer", auth.issuer, 1, 255);
  reader.text("audience", auth.audience, 1, 255);
  reader.integer("token_lifetime_s", auth.token_lifetime_s, 60, 3'600);
  reader.text("key_file", auth.key_file, 1, path_max);
  reader.integer("argon2_memory_kib", auth.argon2_memory_kib, 8'192, 1'048'576);
  reader.integer("argon2_iterations", auth.argon2_iterations, 1, 20);
  reader.integer("verified_tokens_max", auth.verified_tokens_max, 100, 10'000'000);
}

void read_orders(settings_reader& reader, order_settings& orders) {
  reader.section("orders");
  reader.integer("reserve_deadline_ms", orders.reserve_deadline_ms, 50, minute_ms);
  reader.integer("send_window_ms", orders.send_window_ms, 50, minute_ms);
  reader.integer("client_wait_ms", orders.client_wait_ms, 0, minute_ms);
  reader.integer("grace_ms", orders.grace_ms, 0, hour_ms);
  reader.integers("unknown_retry_ms", orders.unknown_retry_ms, 10, hour_ms, 32);
  reader.percent("market_protection_pct", orders.market_protection, whole_percent);
  reader.integer("reference_price_age_ms", orders.reference_price_age_ms, 100, 24 * hour_ms);
  if (orders.reserve_deadline_ms >= orders.send_window_ms)
    reader.refuse(
        {"orders.reserve_deadline_ms", "orders.send_window_ms"},
        "reserve_deadline_ms must be less than send_window_ms: a reservation is of use only while the order may "
        "still be sent");
  if (!std::is_sorted(orders.unknown_retry_ms.begin(), orders.unknown_retry_ms.end()))
    reader.refuse({"orders.unknown_retry_ms"}, "each wait must be at least as long as the one before it");
}

void read_cluster(settings_reader& reader, cluster_settings& cluster, const order_settings& orders) {
  reader.section("cluster");
  reader.integer("heartbeat_ms", cluster.heartbeat_ms, 50, minute_ms);
  reader.integer("ttl_ms", cluster.ttl_ms, 200, 10 * minute_ms);
  reader.integer("lease_margin_ms", cluster.lease_margin_ms, 10, minute_ms);
  const auto lease_ms = cluster.ttl_ms - cluster.lease_margin_ms;
  if (orders.send_window_ms >= lease_ms)
    reader.refuse(
        {"orders.send_window_ms", "cluster.ttl_ms", "cluster.lease_margin_ms"},
        "orders.send_window_ms must be less than ttl_ms - lease_margin_ms: an order must not be sent after another "
        "node may own it");
  if (cluster.heartbeat_ms >= lease_ms / 2)
    reader.refuse(
        {"cluster.heartbeat_ms", "cluster.ttl_ms", "cluster.lease_margin_ms"},
        "heartbeat_ms must be less than half of ttl_ms - lease_margin_ms: one late heartbeat must not cost the lease");
}

void read_admission(settings_reader& reader, admission_settings& admission) {
  reader.section("admission");
  reader.integer("per_user", admission.per_user, 1, 1'000'000);
  reader.integer("per_organization", admission.per_organization, 1, 1'000'000);
  reader.integer("per_shard", admission.per_shard, 1, 1'000'000);
  reader.integer("core_ms", admission.core_ms, 1, 100);
  reader.integer("line_ms", admission.line_ms, 1, minute_ms);
  reader.integer("user_share", admission.user_share, 1, 1'000'000);
  reader.integer("entity_queue", admission.entity_queue, 1, 10'000);
  if (admission.per_user > admission.per_organization)
    reader.refuse({"admission.per_user", "admission.per_organization"},
                  "per_user must not be more than per_organization");
  if (admission.per_organization > admission.per_shard)
    reader.refuse({"admission.per_organization", "admission.per_shard"},
                  "per_organization must not be more than per_shard");
}

void read_trading(settings_reader& reader, trading_settings& trading) {
  reader.section("trading");
  reader.integer("utc_offset_minutes", trading.utc_offset_minutes, -14 * 60, 14 * 60);
  reader.time_of_day("open", trading.open_minute);
  reader.time_of_day("close", trading.close_minute);
  reader.flags("days", trading.days, weekdays);
  reader.text("currency", trading.currency, 3, 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  if (trading.open_minute >= trading.close_minute)
    reader.refuse({"trading.open", "trading.close"}, "open must be before close; a session does not span midnight");
}

void read_broker(settings_reader& reader, broker_settings& broker) {
  reader.section("broker");
  reader.word("kind", broker.kind, broker_kinds);
  reader.word("feed", broker.feed, feed_kinds);
  reader.text("feed_file", broker.feed_file, 0, path_max);
  reader.integer("feed_speed", broker.feed_speed, 1, 1'000'000);
  reader.integer("seed", broker.seed, 0, std::int64_t{1} << 53);
  reader.word("id_mode", broker.id_mode, broker_id_modes);
  reader.text("instruments_file", broker.instruments_file, 1, path_max);
  if (broker.feed == feed_kind::file && broker.feed_file.empty())
    reader.refuse({"broker.feed", "broker.feed_file"}, "feed \"file\" needs a feed_file");

  auto& faults = broker.faults;
  reader.section("broker_faults");
  reader.percent("reject_pct", faults.reject, whole_percent);
  reader.percent("slow_pct", faults.slow, whole_percent);
  reader.percent("accept_then_hang_pct", faults.accept_then_hang, whole_percent);
  reader.percent("drop_before_accept_pct", faults.drop_before_accept, whole_percent);
  reader.percent("late_accept_pct", faults.late_accept, whole_percent);
  reader.percent("duplicate_fill_pct", faults.duplicate_fill, whole_percent);
  reader.integer("slow_ms", faults.slow_ms, 0, hour_ms);
  reader.integer("late_accept_ms", faults.late_accept_ms, 0, hour_ms);
  if (faults.reject + faults.slow + faults.accept_then_hang + faults.drop_before_accept + faults.late_accept >
      whole_percent)
    reader.refuse(
        {"broker_faults.reject_pct", "broker_faults.slow_pct", "broker_faults.accept_then_hang_pct",
         "broker_faults.drop_before_accept_pct", "broker_faults.late_accept_pct"},
        "reject, slow, accept_then_hang, drop_before_accept and late_accept exclude each other and must add up to "
        "at most 100");
}

void read_scheduler(settings_reader& reader, scheduler_settings& scheduler) {
  reader.section("scheduler");
  reader.integer("threads", scheduler.threads, 1, 256);
  reader.word("policy", scheduler.policy, scheduler_policies);
}

void read_log(settings_reader& reader, log_settings& log) {
  reader.section("log");
  reader.word("level", log.level, log_levels);
  reader.word("format", log.format, log_formats);
}

void read_supervision(settings_reader& reader, supervision_settings& supervision) {
  reader.section("supervision");
  reader.integer("restarts", supervision.restarts, 0, 1'000);
  reader.integer("window_ms", supervision.window_ms, 100, 24 * hour_ms);
  reader.integer("entity_crashes", supervision.entity_crashes, 1, 1'000);
  reader.integer("entity_window_ms", supervision.entity_window_ms, 100, 24 * hour_ms);
}

void read_all(settings_reader& reader, settings& result) {
  read_node(reader, result.node);
  read_database(reader, result.database);
  read_web(reader, result.web);
  read_auth(reader, result.auth);
  read_orders(reader, result.orders);
  read_cluster(reader, result.cluster, result.orders);
  read_admission(reader, result.admission);
  read_trading(reader, result.trading);
  read_broker(reader, result.broker);
  read_scheduler(reader, result.scheduler);
  read_log(reader, result.log);
  read_supervision(reader, result.supervision);
}

}  // namespace

settings_or_mistakes parse_settings(const std::string& yaml, const std::string& file, const environment& variables) {
  settings result;
  settings_reader reader{file, variables};
  reader.take(yaml);
  read_all(reader, result);
  if (const auto given = variables.find(database_variable); given != variables.end() && !given->second.empty()) {
    result.database.conninfo = given->second;
  } else if (!result.database.conninfo_file.empty()) {
    auto [secret, reason] = read_secret(result.database.conninfo_file);
    if (!reason.empty())
      reader.refuse({"database.conninfo_file"}, result.database.conninfo_file + " " + std::string{reason});
    result.database.conninfo = std::move(secret);
  }
  if (auto mistakes = reader.finish(); !mistakes.empty()) return mistakes;
  return result;
}

settings_or_mistakes load_settings(const std::optional<std::filesystem::path>& path, const environment& variables) {
  constexpr std::size_t bytes_max = 1'048'576;
  if (!path) return parse_settings({}, "defaults", variables);
  const auto content = read_file(*path, bytes_max);
  if (!content) return std::vector{settings_mistake{path->string(), 0, "settings", "the file cannot be read"}};
  if (content->size() > bytes_max)
    return std::vector{settings_mistake{path->string(), 0, "settings", "the file is larger than 1 MiB"}};
  return parse_settings(*content, path->string(), variables);
}

std::vector<std::string> setting_names() {
  const environment none;
  settings defaults;
  settings_reader reader{"defaults", none};
  read_all(reader, defaults);
  return reader.names();
}

std::string text(const settings_mistake& mistake) {
  const auto place = mistake.line > 0 ? mistake.file + ":" + std::to_string(mistake.line) : mistake.file;
  return place + ": " + mistake.key + ": " + mistake.what;
}

std::string_view word(node_role value) { return word_in(node_roles, value); }
std::string_view word(feed_kind value) { return word_in(feed_kinds, value); }
std::string_view word(broker_id_mode value) { return word_in(broker_id_modes, value); }
std::string_view word(log_level value) { return word_in(log_levels, value); }

}  // namespace sb
