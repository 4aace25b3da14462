#include "config/settings.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sb {
namespace {

namespace fs = std::filesystem;

const fs::path shipped_file = fs::path{SB_SOURCE_DIR} / "config/stocksblitz.yaml";
using lines = std::vector<std::string>;

lines mistakes_of(const settings_or_mistakes& outcome) {
  lines result;
  if (const auto* mistakes = std::get_if<std::vector<settings_mistake>>(&outcome))
    for (const auto& mistake : *mistakes) result.push_back(text(mistake));
  return result;
}

settings accepted(const settings_or_mistakes& outcome) {
  INFO([&] {
    std::ostringstream all;
    for (const auto& line : mistakes_of(outcome)) all << line << '\n';
    return all.str();
  }());
  REQUIRE(std::holds_alternative<settings>(outcome));
  return std::get<settings>(outcome);
}

settings_or_mistakes parsed(const std::string& yaml, const environment& variables = {}) {
  return parse_settings(yaml, "s.yaml", variables);
}

bool some_line_contains(const lines& all, const std::string& piece) {
  return std::any_of(all.begin(), all.end(), [&](const auto& line) { return line.find(piece) != line.npos; });
}

/// A directory of its own for a test's files, removed at the end.
struct scratch_directory {
  fs::path path;
  scratch_directory() {
    auto name = (fs::temp_directory_path() / "settings-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string file(const std::string& name, const std::string& content, mode_t mode) const {
    const auto full = path / name;
    std::ofstream{full, std::ios::binary} << content;
    REQUIRE(::chmod(full.c_str(), mode) == 0);
    return full.string();
  }
};

}  // namespace

SCENARIO("the shipped settings file") {
  GIVEN("config/stocksblitz.yaml") {
    const auto loaded = accepted(load_settings(shipped_file, {}));
    THEN("it says the defaults") { CHECK(loaded == settings{}); }

    THEN("it has every setting, each below a comment of its own or of its group") {
      std::map<std::string, int> line_of_key;
      for (const auto& section : YAML::LoadFile(shipped_file.string()))
        for (const auto& field : section.second)
          line_of_key[section.first.Scalar() + "." + field.first.Scalar()] = field.first.Mark().line;
      std::vector<std::string> text_lines;
      std::ifstream in{shipped_file};
      for (std::string line; std::getline(in, line);) text_lines.push_back(line);
      const auto names = setting_names();
      CHECK(names.size() == line_of_key.size());
      for (const auto& name : names) {
        INFO(name);
        REQUIRE(line_of_key.contains(name));
        // Up over the keys of the same group to its comment.
        auto line = static_cast<std::size_t>(line_of_key[name]);
        do --line;
        while (line > 0 && text_lines[line].starts_with("  ") && text_lines[line].find("  #") != 0);
        CHECK(text_lines[line].starts_with("  #"));
      }
    }
  }
  GIVEN("no file at all") {
    THEN("the defaults hold") {
      CHECK(accepted(load_settings(std::nullopt, {})) == settings{});
      CHECK(accepted(parsed("")) == settings{});
      CHECK(accepted(parsed("# nothing\n")) == settings{});
      CHECK(accepted(parsed("web:\n")) == settings{});
    }
  }
}

TEST_CASE("every key is read into its place") {
  const auto s = accepted(parsed(R"(
node: {name: a-2, data_dir: "d x", roles: [web, user]}
database: {connect_deadline_ms: 101, statement_deadline_ms: 102, lock_wait_ms: 11, batch_rows_max: 1, lazy_append_ms: 0}
web:
  address: "::1"
  port: 65529
  body_bytes_max: 2048
  order_body_bytes_max: 1025
  header_bytes_max: 1026
  header_fields_max: 9
  target_bytes_max: 129
  header_deadline_ms: 103
  body_deadline_ms: 104
  body_bytes_per_s_min: 0
  write_deadline_ms: 105
  idle_ms: 106
  connections_max: 2
  connections_per_address_max: 3
auth: {issuer: i, audience: a, token_lifetime_s: 61, key_file: k, argon2_memory_kib: 8193, argon2_iterations: 4, verified_tokens_max: 101}
orders: {reserve_deadline_ms: 51, send_window_ms: 52, client_wait_ms: 53, grace_ms: 54, unknown_retry_ms: [10, 10, 20], market_protection_pct: 2.25, reference_price_age_ms: 107}
cluster: {heartbeat_ms: 60, ttl_ms: 300, lease_margin_ms: 20}
admission: {per_user: 1, per_organization: 2, per_shard: 3, core_ms: 5, line_ms: 6, user_share: 7, entity_queue: 4}
trading: {utc_offset_minutes: -60, open: "09:15", close: 15:30, days: [mon, fri], currency: USD}
broker: {kind: paper, feed: file, feed_file: f, feed_speed: 7, seed: 9007199254740992, id_mode: tag_only, instruments_file: n}
broker_faults: {reject_pct: 1, slow_pct: 2.5, accept_then_hang_pct: 3, drop_before_accept_pct: 0.01, late_accept_pct: 5, duplicate_fill_pct: 100, slow_ms: 8, late_accept_ms: 9}
scheduler: {threads: 2, policy: stealing}
log: {level: "off", format: json}
supervision: {restarts: 0, window_ms: 108, entity_crashes: 2, entity_window_ms: 109}
)"));
  settings expected;
  expected.node = {"a-2", "d x", {node_role::web, node_role::user}};
  expected.database = {"", "", 101, 102, 11, 1, 0};
  expected.web = {"::1", 65'529, 2'048, 1'025, 1'026, 9, 129, 103, 104, 0, 105, 106, 2, 3};
  expected.auth = {"i", "a", 61, "k", 8'193, 4, 101};
  expected.orders = {51, 52, 53, 54, {10, 10, 20}, 225, 107};
  expected.cluster = {60, 300, 20};
  expected.admission = {1, 2, 3, 5, 6, 7, 4};
  expected.trading = {-60, 9 * 60 + 15, 15 * 60 + 30, {true, false, false, false, true, false, false}, "USD"};
  expected.broker = {broker_kind::paper,    feed_kind::file,          "f", 7,
                     9'007'199'254'740'992, broker_id_mode::tag_only, "n", {100, 250, 300, 1, 500, 10'000, 8, 9}};
  expected.scheduler = {2, scheduler_policy::stealing};
  expected.log = {log_level::off, log_format::json};
  expected.supervision = {0, 108, 2, 109};
  CHECK(s == expected);
}

TEST_CASE("a mistake is named with its line") {
  struct row {
    const char* name;
    const char* yaml;
    const char* expected;      ///< the first mistake, or its beginning when it ends in "..."
    std::size_t mistakes = 1;  ///< in all
  };
  const auto r = GENERATE(values<row>({
      {"not YAML", "web:\n  port: [\n", "s.yaml:3: yaml: ..."},
      {"a list of settings", "- web\n", "s.yaml:1: yaml: must be sections with keys"},
      {"one word", "web\n", "s.yaml:1: yaml: must be sections with keys"},
      {"two documents", "log: {level: info}\n---\nlog: {level: info}\n",
       "s.yaml:3: yaml: a second document begins here..."},
      {"a comma behind the document", "{log: {level: info}},\n", "s.yaml:1: yaml: a second document begins here..."},
      {"a comma that is a document", "log: {level: info}\n---\n,\n",
       "s.yaml:3: yaml: a second document begins here..."},
      {"unknown section", "log: {level: info}\nwbe:\n  port: 1\n", "s.yaml:2: wbe: there is no such section"},
      {"unknown key", "web:\n  port: 1\n  prot: 2\n", "s.yaml:3: web.prot: there is no such key"},
      {"key of another section", "web:\n  ttl_ms: 6000\n", "s.yaml:2: web.ttl_ms: there is no such key"},
      {"merge key", "web:\n  <<: 1\n", "s.yaml:2: web.<<: there is no such key"},
      {"section twice", "web: {port: 1}\nlog: {level: info}\nweb: {port: 2}\n",
       "s.yaml:3: web: this section is already in line 1"},
      {"key twice", "web:\n  port: 1\n  port: 2\n", "s.yaml:3: web.port: is already in line 2"},
      {"section is a value", "web: 8000\n", "s.yaml:1: web: must have keys below it"},
      {"key without value", "web:\n  port:\n", "s.yaml:2: web.port: has no value"},
      {"map as value", "web:\n  port: {a: 1}\n", "s.yaml:2: web.port: must be a value, not a map"},
      {"list as value", "web:\n  port: [1]\n",
       "s.yaml:2: web.port: must be a whole number from 0 to 65529, not a list"},
      {"map in a list", "node:\n  roles: [web, {a: b}]\n",
       "s.yaml:2: node.roles: each item of this list must be one value"},
      {"words as number", "web:\n  port: http\n",
       "s.yaml:2: web.port: must be a whole number from 0 to 65529, not \"http\""},
      {"quoted number", "web:\n  port: \"80\"\n", "s.yaml:2: web.port: must be a whole number..."},
      {"fraction", "web:\n  port: 80.0\n", "s.yaml:2: web.port: must be a whole number..."},
      {"exponent", "web:\n  port: 8e3\n", "s.yaml:2: web.port: must be a whole number..."},
      {"hexadecimal", "web:\n  port: 0x50\n", "s.yaml:2: web.port: must be a whole number..."},
      {"octal or not", "web:\n  port: 0080\n", "s.yaml:2: web.port: must be a whole number..."},
      {"plus", "web:\n  port: +80\n", "s.yaml:2: web.port: must be a whole number..."},
      {"minus alone", "web:\n  port: \"-\"\n", "s.yaml:2: web.port: must be a whole number..."},
      {"digits in groups", "web:\n  port: 8_000\n", "s.yaml:2: web.port: must be a whole number..."},
      {"too small", "web:\n  port: -1\n", "s.yaml:2: web.port: must be a whole number from 0 to 65529, not \"-1\""},
      {"no room for the other ports", "web:\n  port: 65530\n",
       "s.yaml:2: web.port: must be a whole number from 0 to 65529..."},
      {"beyond 32 bits", "web:\n  port: 4294967376\n", "s.yaml:2: web.port: must be a whole number from 0 to 65529..."},
      {"beyond 64 bits", "web:\n  port: 99999999999999999999\n",
       "s.yaml:2: web.port: must be a whole number from 0 to 65529..."},
      {"seed beyond 2^53", "broker:\n  seed: 9007199254740993\n",
       "s.yaml:2: broker.seed: must be a whole number from 0 to..."},
      {"long text is cut", "web:\n  port: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee\n",
       "s.yaml:2: web.port: must be a whole number from 0 to 65529, not "
       "\"aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd...\""},
      {"host name as address", "web:\n  address: localhost\n",
       "s.yaml:2: web.address: must be a numeric IPv4 or IPv6 address"},
      {"address out of range", "web:\n  address: 127.0.0.256\n",
       "s.yaml:2: web.address: must be a numeric IPv4 or IPv6 address"},
      {"name in capitals", "node:\n  name: N1\n", "s.yaml:2: node.name: must be 1 to 32 characters of..."},
      {"name too long", "node:\n  name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
       "s.yaml:2: node.name: must be 1 to 32 characters of..."},
      {"empty path", "node:\n  data_dir: \"\"\n", "s.yaml:2: node.data_dir: must be 1 to 1024 characters..."},
      {"NUL in a path", "node:\n  data_dir: \"a\\0b\"\n", "s.yaml:2: node.data_dir: must be 1 to 1024 characters..."},
      {"unknown word", "log:\n  level: loud\n",
       "s.yaml:2: log.level: must be trace, debug, info, warning, error or off, not \"loud\""},
      {"word in capitals", "broker:\n  kind: Paper\n", "s.yaml:2: broker.kind: must be paper, not \"Paper\""},
      {"unknown role", "node:\n  roles: [web, trader]\n",
       "s.yaml:2: node.roles: must be a list of user, trade, alerts or web, not \"trader\""},
      {"role twice", "node:\n  roles: [web, web]\n", "s.yaml:2: node.roles: has \"web\" twice"},
      {"no role", "node:\n  roles: []\n", "s.yaml:2: node.roles: must have at least one of user, trade, alerts or web"},
      {"role without list", "node:\n  roles: web\n",
       "s.yaml:2: node.roles: must be a list of user, trade, alerts or web"},
      {"no retry", "orders:\n  unknown_retry_ms: []\n", "s.yaml:2: orders.unknown_retry_ms: must have 1 to 32 items"},
      {"retry in words", "orders:\n  unknown_retry_ms: [10, soon]\n",
       "s.yaml:2: orders.unknown_retry_ms: must be a list, each item a whole number from 10 to 3600000, not \"soon\""},
      {"retry too soon", "orders:\n  unknown_retry_ms: [9, 10]\n",
       "s.yaml:2: orders.unknown_retry_ms: must be a list, each item..."},
      {"retries that fall", "orders:\n  unknown_retry_ms: [20, 10]\n",
       "s.yaml:2: orders.unknown_retry_ms: each wait must be at least as long as the one before it"},
      {"percent sign", "orders:\n  market_protection_pct: 5%\n",
       "s.yaml:2: orders.market_protection_pct: must be a percentage from 0 to 100 with at most two decimals and no % "
       "sign, not \"5%\""},
      {"three decimals", "orders:\n  market_protection_pct: 0.001\n",
       "s.yaml:2: orders.market_protection_pct: must be a percentage..."},
      {"over 100 %", "orders:\n  market_protection_pct: 100.01\n",
       "s.yaml:2: orders.market_protection_pct: must be a percentage..."},
      {"below 0 %", "orders:\n  market_protection_pct: -1\n",
       "s.yaml:2: orders.market_protection_pct: must be a percentage..."},
      {"hour 25", "trading:\n  open: \"25:00\"\n",
       "s.yaml:2: trading.open: must be a time from 00:00 to 24:00, not \"25:00\""},
      {"minute 60", "trading:\n  open: \"09:60\"\n", "s.yaml:2: trading.open: must be a time from 00:00 to 24:00..."},
      {"past midnight", "trading:\n  close: \"24:01\"\n",
       "s.yaml:2: trading.close: must be a time from 00:00 to 24:00..."},
      {"short time", "trading:\n  open: \"9:15\"\n", "s.yaml:2: trading.open: must be a time from 00:00 to 24:00..."},
      {"letters in a time", "trading:\n  open: \"a0:00\"\n",
       "s.yaml:2: trading.open: must be a time from 00:00 to 24:00..."},
      {"currency in small letters", "trading:\n  currency: inr\n",
       "s.yaml:2: trading.currency: must be 3 characters of..."},
      {"secret in the file", "database:\n  conninfo: host=db password=x\n",
       "s.yaml:2: database.conninfo: is a secret and has no place in this file: use STOCKSBLITZ_DATABASE..."},
      {"token longer than an hour", "auth:\n  token_lifetime_s: 3601\n",
       "s.yaml:2: auth.token_lifetime_s: must be a whole number from 60 to 3600..."},
      // what holds between keys stands at the last one given
      {"reservation as long as the window", "orders:\n  reserve_deadline_ms: 3000\n",
       "s.yaml:2: orders.reserve_deadline_ms: reserve_deadline_ms must be less than send_window_ms..."},
      {"window shorter than the reservation", "orders:\n  grace_ms: 1\n  send_window_ms: 1500\n",
       "s.yaml:3: orders.send_window_ms: reserve_deadline_ms must be less than send_window_ms..."},
      {"window as long as the lease", "orders:\n  send_window_ms: 5000\n",
       "s.yaml:2: orders.send_window_ms: orders.send_window_ms must be less than ttl_ms - lease_margin_ms..."},
      {"margin eats the lease",
       "orders:\n  send_window_ms: 2500\ncluster:\n  heartbeat_ms: 100\n  lease_margin_ms: 3500\n",
       "s.yaml:5: cluster.lease_margin_ms: orders.send_window_ms must be less than..."},
      {"margin over the whole time",
       "cluster:\n  heartbeat_ms: 50\n  ttl_ms: 200\n  lease_margin_ms: 300\norders: {reserve_deadline_ms: 50, "
       "send_window_ms: 51}\n",
       "s.yaml:4: cluster.lease_margin_ms: heartbeat_ms must be less than half...", 2},
      {"one late heartbeat loses the lease", "cluster:\n  heartbeat_ms: 2500\n",
       "s.yaml:2: cluster.heartbeat_ms: heartbeat_ms must be less than half of..."},
      {"order body over body", "web:\n  order_body_bytes_max: 8193\n  body_bytes_max: 8192\n",
       "s.yaml:3: web.body_bytes_max: order_body_bytes_max must not be more..."},
      {"target as long as the header", "web:\n  target_bytes_max: 8192\n",
       "s.yaml:2: web.target_bytes_max: target_bytes_max must be less than..."},
      {"user over organization", "admission:\n  per_user: 1025\n",
       "s.yaml:2: admission.per_user: per_user must not be more than per_organization"},
      {"organization over shard", "admission:\n  per_organization: 4097\n",
       "s.yaml:2: admission.per_organization: per_organization must not be more than per_shard"},
      {"closes when it opens", "trading:\n  open: \"09:15\"\n  close: \"09:15\"\n",
       "s.yaml:3: trading.close: open must be before close..."},
      {"file feed without file", "broker:\n  feed: file\n", "s.yaml:2: broker.feed: feed \"file\" needs a feed_file"},
      {"faults over 100 %", "broker_faults:\n  reject_pct: 60\n  duplicate_fill_pct: 90\n  late_accept_pct: 40.01\n",
       "s.yaml:4: broker_faults.late_accept_pct: reject, slow, accept_then_hang..."},
      {"lock longer than its statement", "database:\n  lock_wait_ms: 5000\n",
       "s.yaml:2: database.lock_wait_ms: lock_wait_ms must be less than statement_deadline_ms..."},
  }));
  DYNAMIC_SECTION(r.name) {
    const auto found = mistakes_of(parsed(r.yaml));
    std::string expected = r.expected;
    REQUIRE(!found.empty());
    if (expected.ends_with("...")) {
      expected.resize(expected.size() - 3);
      CHECK(found.front().substr(0, expected.size()) == expected);
    } else {
      CHECK(found.front() == expected);
    }
    CHECK(found.size() == r.mistakes);
  }
}

TEST_CASE("bounds are inclusive") {
  const auto r = GENERATE(values<std::pair<const char*, bool>>({
      {"web: {port: 0}", true},
      {"web: {port: 65529}", true},
      {"orders: {market_protection_pct: 100}", true},
      {"orders: {market_protection_pct: 100.00}", true},
      {"orders: {market_protection_pct: 0}", true},
      {"orders: {reserve_deadline_ms: 2999}", true},
      {"orders: {send_window_ms: 4999}", true},
      {"cluster: {heartbeat_ms: 2499}", true},
      {"broker_faults: {reject_pct: 60, late_accept_pct: 40}", true},
      {"admission: {per_user: 1024, per_shard: 1024}", true},
      {"trading: {open: \"23:59\"}", true},
      {"web: {order_body_bytes_max: 1023}", false},
      {"web: {order_body_bytes_max: 1024}", true},
  }));
  INFO(r.first);
  CHECK(mistakes_of(parsed(r.first)).empty() == r.second);
}

SCENARIO("all mistakes come at once, in the order of the file and then of the environment") {
  GIVEN("a file and an environment with several mistakes") {
    const auto found =
        mistakes_of(parsed("log:\n  level: loud\nweb:\n  port: x\n  prot: 1\norders:\n  send_window_ms: 100\n",
                           {{"STOCKSBLITZ_WEB_IDLE_MS", "never"}, {"STOCKSBLITZ_WEB_IDEL_MS", "1"}}));
    THEN("each has its line") {
      REQUIRE(found.size() == 6);
      CHECK(found[0].starts_with("s.yaml:2: log.level: "));
      CHECK(found[1].starts_with("s.yaml:4: web.port: "));
      CHECK(found[2] == "s.yaml:5: web.prot: there is no such key");
      CHECK(found[3].starts_with("s.yaml:7: orders.send_window_ms: "));
      CHECK(found[4].starts_with("environment: STOCKSBLITZ_WEB_IDLE_MS: must be a whole number"));
      CHECK(found[5] == "environment: STOCKSBLITZ_WEB_IDEL_MS: there is no such setting");
    }
  }
  GIVEN("a key that is wrong in itself") {
    THEN("what holds between keys is not judged with a value nobody gave") {
      CHECK(mistakes_of(parsed("orders:\n  send_window_ms: x\n  reserve_deadline_ms: 4000\n")).size() == 1);
    }
  }
}

SCENARIO("the environment wins over the file") {
  GIVEN("a file that sets a port") {
    const std::string yaml = "web:\n  port: 1000\n  idle_ms: 200\n";
    WHEN("a variable sets another") {
      const auto s = accepted(parsed(yaml, {{"STOCKSBLITZ_WEB_PORT", "2000"}}));
      THEN("the variable holds, and the file where there is none") {
        CHECK(s.web.port == 2'000);
        CHECK(s.web.idle_ms == 200);
      }
    }
    WHEN("variables set words, lists and percentages") {
      const auto s = accepted(parsed(yaml, {{"STOCKSBLITZ_NODE_ROLES", "web,user"},
                                            {"STOCKSBLITZ_ORDERS_UNKNOWN_RETRY_MS", "10,20"},
                                            {"STOCKSBLITZ_BROKER_FEED", "external"},
                                            {"STOCKSBLITZ_BROKER_FAULTS_REJECT_PCT", "0.5"}}));
      THEN("they are read like the file's") {
        CHECK(s.node.roles == std::vector{node_role::web, node_role::user});
        CHECK(s.orders.unknown_retry_ms == std::vector{10, 20});
        CHECK(s.broker.feed == feed_kind::external);
        CHECK(s.broker.faults.reject == 50);
      }
    }
    WHEN("the file's value is wrong all the same") {
      const auto found = mistakes_of(parsed("web:\n  port: x\n", {{"STOCKSBLITZ_WEB_PORT", "2000"}}));
      THEN("it is still named") { CHECK(found.size() == 1); }
    }
    WHEN("a variable breaks what holds between keys") {
      const auto found = mistakes_of(parsed("trading:\n  close: \"10:00\"\n", {{"STOCKSBLITZ_TRADING_OPEN", "11:00"}}));
      THEN("the variable is named") {
        REQUIRE(found.size() == 1);
        CHECK(found[0].starts_with("environment: STOCKSBLITZ_TRADING_OPEN: open must be before close"));
      }
    }
    WHEN("a list in a variable has a hole") {
      const auto found =
          mistakes_of(parsed("", {{"STOCKSBLITZ_NODE_ROLES", "web,,user"}, {"STOCKSBLITZ_TRADING_DAYS", ""}}));
      THEN("it is refused") { CHECK(found.size() == 2); }
    }
    WHEN("variables of others are set") {
      const auto outcome = parsed(yaml, {{"PATH", "/bin"}, {"STOCKSBLITZ", "x"}, {"STOCKSBLITZ_OTHER", "x"}});
      THEN("they do not matter") { CHECK(accepted(outcome).web.port == 1'000); }
    }
  }
}

SCENARIO("the connection string is a secret") {
  const scratch_directory scratch;
  const std::string secret = "host=db password=hunter2";
  const auto with_file = [](const std::string& path) { return "database:\n  conninfo_file: \"" + path + "\"\n"; };
  GIVEN("a file for its owner only") {
    const auto path = scratch.file("conninfo", secret + "\n", 0600);
    THEN("its line is used") { CHECK(accepted(parsed(with_file(path))).database.conninfo == secret); }
    THEN("the environment wins over it") {
      CHECK(accepted(parsed(with_file(path), {{"STOCKSBLITZ_DATABASE", "host=x"}})).database.conninfo == "host=x");
    }
    THEN("an empty variable is none") {
      CHECK(accepted(parsed(with_file(path), {{"STOCKSBLITZ_DATABASE", ""}})).database.conninfo == secret);
    }
  }
  GIVEN("a file that cannot be used") {
    struct row {
      const char* name;
      std::string content;
      mode_t mode;
      const char* expected;
    };
    const auto r = GENERATE_COPY(values<row>({
        {"others can read it", secret, 0604, "is open to others than its owner"},
        {"the group can read it", secret, 0640, "is open to others than its owner"},
        {"empty", "\n", 0600, "must hold one line"},
        {"two lines", secret + "\n" + secret, 0600, "must hold one line"},
        {"NUL", secret + std::string(1, '\0'), 0600, "must hold one line"},
        {"too long", std::string(4'097, 'x'), 0600, "must hold one line"},
    }));
    DYNAMIC_SECTION(r.name) {
      const auto found = mistakes_of(parsed(with_file(scratch.file("conninfo", r.content, r.mode))));
      REQUIRE(found.size() == 1);
      CHECK(found[0].starts_with("s.yaml:2: database.conninfo_file: "));
      CHECK(some_line_contains(found, r.expected));
      CHECK_FALSE(some_line_contains(found, "hunter2"));
    }
  }
  GIVEN("no such file, or a directory") {
    for (const auto& path : {scratch.path / "none", scratch.path}) {
      const auto found = mistakes_of(parsed(with_file(path.string())));
      REQUIRE(found.size() == 1);
      CHECK(some_line_contains(found, "cannot be read"));
    }
  }
  GIVEN("a secret in the settings file") {
    THEN("the mistake does not repeat it") {
      CHECK_FALSE(some_line_contains(mistakes_of(parsed("database:\n  conninfo: " + secret + "\n")), "hunter2"));
    }
  }
}

TEST_CASE("a settings file that cannot be read is one mistake") {
  const scratch_directory scratch;
  CHECK(mistakes_of(load_settings(scratch.path / "none.yaml", {})) ==
        lines{(scratch.path / "none.yaml").string() + ": settings: the file cannot be read"});
  CHECK(mistakes_of(load_settings(scratch.path, {})) ==
        lines{scratch.path.string() + ": settings: the file cannot be read"});
  const auto large = scratch.file("large.yaml", "#" + std::string(1'048'576, 'x'), 0600);
  CHECK(mistakes_of(load_settings(large, {})) == lines{large + ": settings: the file is larger than 1 MiB"});
}

TEST_CASE("no YAML text is an exception") {
  const auto* yaml =
      GENERATE("\t", "&a [*a]", "web: &w {port: *w}", "{{{{", "web: {? [a] : b}", "? {a: b}\n: c", "%YAML 9.9\n---\n",
               "\xff\xfe", "web: !!binary x", "web: !<tag:x> {port: 1}", "---\n---\n", "web: *nothing", "]", "\x00");
  INFO(yaml);
  CHECK_NOTHROW(parsed(yaml));
  std::string deep(20'000, '[');
  CHECK_NOTHROW(parsed(deep));
  CHECK_FALSE(mistakes_of(parsed(deep)).empty());
}

}  // namespace sb
