#include "tests/fuzz/settings_text.hpp"

#include <array>
#include <string_view>

namespace sb::fuzz {
namespace {

std::string percent(std::int32_t hundredths) {
  const auto rest = hundredths % 100;
  return std::to_string(hundredths / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest);
}

std::string time_of_day(std::int32_t minute) {
  const auto two = [](std::int32_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  return two(minute / 60) + ':' + two(minute % 60);
}

std::string in_quotes(std::string_view text) {
  std::string out{'"'};
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// Gathers the rows of one section after the other.
class settings_sheet {
 public:
  settings_sheet& section(std::string name) {
    section_ = std::move(name);
    return *this;
  }
  settings_sheet& number(const char* key, std::int64_t value) {
    return row(key, {std::to_string(value)}, false, false);
  }
  settings_sheet& plain(const char* key, std::string_view word) { return row(key, {std::string{word}}, false, false); }
  settings_sheet& text(const char* key, const std::string& value) { return row(key, {value}, false, true); }
  settings_sheet& list(const char* key, std::vector<std::string> items) {
    return row(key, std::move(items), true, false);
  }
  std::vector<written_setting> take() && { return std::move(rows_); }

 private:
  settings_sheet& row(const char* key, std::vector<std::string> items, bool list, bool is_quoted) {
    rows_.push_back({section_ + '.' + key, std::move(items), list, is_quoted});
    return *this;
  }
  std::string section_;
  std::vector<written_setting> rows_;
};

void write_web(settings_sheet& sheet, const web_settings& web) {
  sheet.section("web").text("address", web.address).number("port", web.port);
  sheet.number("body_bytes_max", web.body_bytes_max).number("order_body_bytes_max", web.order_body_bytes_max);
  sheet.number("header_bytes_max", web.header_bytes_max).number("header_fields_max", web.header_fields_max);
  sheet.number("target_bytes_max", web.target_bytes_max).number("header_deadline_ms", web.header_deadline_ms);
  sheet.number("body_deadline_ms", web.body_deadline_ms).number("body_bytes_per_s_min", web.body_bytes_per_s_min);
  sheet.number("write_deadline_ms", web.write_deadline_ms).number("idle_ms", web.idle_ms);
  sheet.number("connections_max", web.connections_max);
  sheet.number("connections_per_address_max", web.connections_per_address_max);
}

void write_orders(settings_sheet& sheet, const order_settings& orders) {
  std::vector<std::string> retries;
  for (const auto wait : orders.unknown_retry_ms) retries.push_back(std::to_string(wait));
  sheet.section("orders").number("reserve_deadline_ms", orders.reserve_deadline_ms);
  sheet.number("send_window_ms", orders.send_window_ms).number("client_wait_ms", orders.client_wait_ms);
  sheet.number("grace_ms", orders.grace_ms).list("unknown_retry_ms", std::move(retries));
  sheet.plain("market_protection_pct", percent(orders.market_protection));
  sheet.number("reference_price_age_ms", orders.reference_price_age_ms);
}

void write_trading(settings_sheet& sheet, const trading_settings& trading) {
  constexpr std::array<std::string_view, 7> names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  std::vector<std::string> days;
  for (std::size_t day = 0; day < names.size(); ++day)
    if (trading.days.at(day)) days.emplace_back(names.at(day));
  sheet.section("trading").number("utc_offset_minutes", trading.utc_offset_minutes);
  sheet.text("open", time_of_day(trading.open_minute)).text("close", time_of_day(trading.close_minute));
  sheet.list("days", std::move(days)).text("currency", trading.currency);
}

void write_broker(settings_sheet& sheet, const broker_settings& broker) {
  sheet.section("broker").plain("kind", "paper").plain("feed", word(broker.feed));
  sheet.text("feed_file", broker.feed_file).number("feed_speed", broker.feed_speed).number("seed", broker.seed);
  sheet.plain("id_mode", word(broker.id_mode)).text("instruments_file", broker.instruments_file);
  const auto& faults = broker.faults;
  sheet.section("broker_faults").plain("reject_pct", percent(faults.reject)).plain("slow_pct", percent(faults.slow));
  sheet.plain("accept_then_hang_pct", percent(faults.accept_then_hang));
  sheet.plain("drop_before_accept_pct", percent(faults.drop_before_accept));
  sheet.plain("late_accept_pct", percent(faults.late_accept));
  sheet.plain("duplicate_fill_pct", percent(faults.duplicate_fill));
  sheet.number("slow_ms", faults.slow_ms).number("late_accept_ms", faults.late_accept_ms);
}

}  // namespace

std::vector<written_setting> written(const settings& all) {
  settings_sheet sheet;
  std::vector<std::string> node_roles;
  for (const auto each : all.node.roles) node_roles.emplace_back(word(each));
  sheet.section("node")
      .text("name", all.node.name)
      .text("data_dir", all.node.data_dir)
      .list("roles", std::move(node_roles));
  const auto& database = all.database;
  sheet.section("database").text("conninfo_file", database.conninfo_file);
  sheet.number("connect_deadline_ms", database.connect_deadline_ms);
  sheet.number("statement_deadline_ms", database.statement_deadline_ms).number("lock_wait_ms", database.lock_wait_ms);
  sheet.number("batch_rows_max", database.batch_rows_max).number("lazy_append_ms", database.lazy_append_ms);
  write_web(sheet, all.web);
  const auto& auth = all.auth;
  sheet.section("auth").text("issuer", auth.issuer).text("audience", auth.audience);
  sheet.number("token_lifetime_s", auth.token_lifetime_s).text("key_file", auth.key_file);
  sheet.number("argon2_memory_kib", auth.argon2_memory_kib).number("argon2_iterations", auth.argon2_iterations);
  sheet.number("verified_tokens_max", auth.verified_tokens_max);
  write_orders(sheet, all.orders);
  sheet.section("cluster").number("heartbeat_ms", all.cluster.heartbeat_ms).number("ttl_ms", all.cluster.ttl_ms);
  sheet.number("lease_margin_ms", all.cluster.lease_margin_ms);
  const auto& admission = all.admission;
  sheet.section("admission").number("per_user", admission.per_user);
  sheet.number("per_organization", admission.per_organization).number("per_shard", admission.per_shard);
  sheet.number("core_ms", admission.core_ms);
  sheet.number("line_ms", admission.line_ms);
  sheet.number("user_share", admission.user_share);
  sheet.number("entity_queue", admission.entity_queue);
  write_trading(sheet, all.trading);
  write_broker(sheet, all.broker);
  sheet.section("scheduler").number("threads", all.scheduler.threads);
  sheet.plain("policy", all.scheduler.policy == scheduler_policy::sharing ? "sharing" : "stealing");
  sheet.section("log").plain("level", word(all.log.level));
  sheet.plain("format", all.log.format == log_format::text ? "text" : "json");
  const auto& supervision = all.supervision;
  sheet.section("supervision").number("restarts", supervision.restarts).number("window_ms", supervision.window_ms);
  sheet.number("entity_crashes", supervision.entity_crashes).number("entity_window_ms", supervision.entity_window_ms);
  return std::move(sheet).take();
}

std::string yaml_of(const settings& all) {
  std::string out;
  std::string section;
  for (const auto& row : written(all)) {
    const auto dot = row.name.find('.');
    if (row.name.compare(0, dot, section) != 0) {
      section = row.name.substr(0, dot);
      out += section + ":\n";
    }
    out += "  " + row.name.substr(dot + 1) + ": ";
    if (row.list) out += '[';
    for (std::size_t at = 0; at < row.items.size(); ++at)
      out += (at > 0 ? ", " : "") + (row.quoted ? in_quotes(row.items[at]) : row.items[at]);
    out += row.list ? "]\n" : "\n";
  }
  return out;
}

environment variables_of(const settings& all) {
  environment out;
  for (const auto& row : written(all)) {
    std::string name = "STOCKSBLITZ_";
    for (const char c : row.name) name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    auto& value = out[name];
    for (std::size_t at = 0; at < row.items.size(); ++at) value += (at > 0 ? "," : "") + row.items[at];
  }
  return out;
}

}  // namespace sb::fuzz
