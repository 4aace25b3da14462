#include <sched.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "app/audit/verify.hpp"
#include "app/control_plane.hpp"
#include "app/demo.hpp"
#include "app/replay/replay.hpp"
#include "app/version.hpp"
#include "config/settings.hpp"

extern char** environ;

namespace {

std::atomic<bool> stop_asked{false};
void ask_to_stop(int) { stop_asked = true; }

constexpr int bad_usage = 2;

sb::environment variables() {
  sb::environment all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

struct settings_flags {
  std::string config;
  std::string data;
  std::optional<int> port;
};

/// File, environment and flags; or every mistake on stderr, one a line.
std::optional<sb::settings> read_settings(const settings_flags& flags) {
  auto env = variables();
  if (!flags.data.empty()) env["STOCKSBLITZ_NODE_DATA_DIR"] = flags.data;
  if (flags.port) env["STOCKSBLITZ_WEB_PORT"] = std::to_string(*flags.port);
  std::optional<std::filesystem::path> path;
  if (!flags.config.empty()) path = flags.config;
  auto read = sb::load_settings(path, env);
  if (auto* good = std::get_if<sb::settings>(&read)) return std::move(*good);
  for (const auto& mistake : std::get<std::vector<sb::settings_mistake>>(read))
    std::fprintf(stderr, "%s\n", sb::text(mistake).c_str());
  return std::nullopt;
}

void set_up_log(const sb::log_settings& log) {
  spdlog::set_default_logger(spdlog::stdout_logger_mt("stocksblitz"));
  spdlog::set_pattern(log.format == sb::log_format::json ? R"({"at":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","text":"%v"})"
                                                         : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_level(spdlog::level::from_str(std::string{sb::word(log.level)}));
  spdlog::flush_on(spdlog::level::info);
}

/// For this thread and all that it starts: one that wakes does not interrupt who works, see decision 0018. What
/// somebody has chosen for this process stays.
void wake_without_preempting() {
  const sched_param no_priority{};
  if (sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_BATCH, &no_priority) != 0)
    spdlog::warn("SCHED_BATCH is refused; the node works without: {}", std::strerror(errno));
}

int serve(const settings_flags& flags) {
  const auto chosen = read_settings(flags);
  if (!chosen) return bad_usage;
  set_up_log(chosen->log);
  wake_without_preempting();
  const rlimit no_core{0, 0};  // a core file would hold tokens and the signing key
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    sb::control_plane plane{*chosen};
    plane.prepare();
    // Until here a signal just ends the process: nothing is owned yet, and a change of the schema may take long.
    std::signal(SIGINT, ask_to_stop);
    std::signal(SIGTERM, ask_to_stop);
    plane.start();
    const auto ports = plane.ports();
    spdlog::info("listening on {}: gateway {}, user {}, trade {}, metrics {}", chosen->web.address, ports.at(0),
                 ports.at(1), ports.at(2), ports.at(3));
    const bool asked = plane.wait([] { return stop_asked.load(); });
    if (!asked) spdlog::error("the supervision tree has given up");
    plane.stop(std::chrono::seconds{10});
    spdlog::info("stopped");
    return asked ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stocksblitz: %s\n", error.what());
    return bad_usage;
  }
}

int check_config(const std::string& path) {
  if (!read_settings({path, {}, {}})) return bad_usage;
  std::printf("%s: no mistakes\n", path.empty() ? "defaults and environment" : path.c_str());
  return 0;
}

std::string environment_or(const char* name, std::string fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::move(fallback) : std::string{value};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Stocksblitz, a trading control plane: decides whether an order is allowed, reserves limit capacity, sends the "
      "order\n"
      "exactly once and keeps every fact."};
  app.footer(
      "Example: STOCKSBLITZ_DATABASE='host=/run/postgresql dbname=stocksblitz' stocksblitz serve --config "
      "config/stocksblitz.yaml\n"
      "`./dev run` does all of it, with a PostgreSQL and a demo of its own.");
  app.require_subcommand(1);

  settings_flags flags;
  auto* run =
      app.add_subcommand("serve", "Runs a node in the foreground until SIGTERM or Ctrl-C, then drains and stops");
  run->add_option("--config", flags.config,
                  "Settings file; every key is documented in config/stocksblitz.yaml. Without: the defaults");
  run->add_option("--data", flags.data, "Directory of the broker's book, keys and locks (node.data_dir)");
  run->add_option("--port", flags.port, "Gateway port P; user API, trade API and metrics listen on P+2, P+4 and P+6")
      ->check(CLI::Range(0, 65'529));
  run->footer(
      "The database comes from STOCKSBLITZ_DATABASE, a libpq connection string. STOCKSBLITZ_<SECTION>_<KEY> overrides "
      "any key.");

  auto* config = app.add_subcommand("config", "Looks at settings without starting anything");
  config->require_subcommand(1);
  std::string config_path;
  auto* check = config->add_subcommand("check", "Reports every mistake with its line; exit code 2 if there is one");
  check->add_option("file", config_path, "Settings file");

  sb::replay_options replay;
  std::string speed = "1";
  bool full_speed = false;
  auto* play = app.add_subcommand(
      "replay", "Plays recorded order flow through REST against a running node and checks every fact afterwards");
  auto* file =
      play->add_option("file", replay.file, "Order flow, CSV or CSV.xz: seq,t_ms_utc,event,order_id,side,price,qty");
  play->add_option("--url", replay.base_url, "Gateway of the node, which must run with the external feed")
      ->capture_default_str();
  play->add_option("--data", replay.data_dir, "The node's data directory: demo.json and the paper broker's log")
      ->capture_default_str();
  play->add_option("--instruments", replay.instruments_file, "Instrument file")->capture_default_str();
  play->add_option("--run", replay.run, "Name of this run; client order ids are <run>-<order id>");
  play->add_option("--accounts", replay.accounts, "Spread over so many accounts; 0: those of the demo")
      ->capture_default_str();
  play->add_option("--organizations", replay.organizations, "Spread over so many organizations; 0: those of the demo")
      ->capture_default_str();
  auto* speed_option = play->add_option("--speed", speed, "Times real time")->check(CLI::PositiveNumber);
  play->add_flag("--max", full_speed, "As fast as answers come")->excludes(speed_option);
  play->add_option("--connections", replay.connections, "HTTP connections")
      ->check(CLI::Range(1, 1'024))
      ->capture_default_str();
  play->add_option("--limit", replay.rows_max, "Only the first so many rows; 0: all")->capture_default_str();
  play->add_flag("--outage-allowed", replay.outage_allowed,
                 "503s and lost connections that repeating made good do not spoil the result");
  play->add_flag("--only-checks", replay.only_checks,
                 "Sends nothing: checks the whole journal, the broker's log and the read models");
  play->footer(
      "The checks read the database of STOCKSBLITZ_DATABASE. Exit code 0: all green, 1: something is wrong, 2: could "
      "not start.");

  sb::demo_options demo;
  auto* make_demo = app.add_subcommand(
      "demo", "Makes the demo's tenants at first start, then tells where to go and how to place an order");
  make_demo->add_option("--base-url", demo.base_url, "Gateway of the running node")->capture_default_str();
  make_demo->add_option("--data", demo.data_dir, "The node's data directory")->capture_default_str();
  make_demo->add_option("--instruments", demo.instruments_file, "Instrument file")->capture_default_str();

  auto* audit = app.add_subcommand("audit", "Looks at the journal as it is stored, beside a node or without one");
  audit->require_subcommand(1);
  sb::audit_options books;
  auto* verify = audit->add_subcommand(
      "verify", "Reads the whole journal and finds every row that was changed, lost, swapped or cut off");
  auto* anchor =
      verify
          ->add_option("--anchor", books.anchors,
                       "Also hold it against signed anchors: files, or without one anchors.log of the data directory")
          ->expected(0, 64);
  verify->add_option("--data", books.data_dir, "The node's data directory: its key, its anchors")
      ->capture_default_str();
  verify->add_option("--key", books.keys,
                     "Whose signatures count: a JWK, a JWKS or a private key. Default: the key of the data directory");
  verify->footer(
      "Reads the database of STOCKSBLITZ_DATABASE. A tail that was cut off together with the head of its shard, or "
      "rewritten\n"
      "with new hashes, shows only against anchors. Exit code 0: nothing found, 1: something is wrong, 2: cannot "
      "read.");

  auto* version = app.add_subcommand("version", "Prints the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "stocksblitz: %s (see stocksblitz --help)\n", error.what());
    return bad_usage;
  }

  if (version->parsed()) {
    std::printf("stocksblitz %s\n", sb::version_text);
    return 0;
  }
  if (check->parsed()) return check_config(config_path);
  if (make_demo->parsed()) {
    demo.key_file = demo.data_dir / sb::auth_settings{}.key_file;
    return sb::run_demo(demo);
  }
  if (verify->parsed()) {
    books.anchored = anchor->count() > 0;
    std::erase_if(books.anchors, [](const std::filesystem::path& each) { return each.empty(); });
    books.conninfo = environment_or("STOCKSBLITZ_DATABASE", "");
    return sb::run_audit(books);
  }
  if (play->parsed()) {
    if (file->count() == 0 && !replay.only_checks) {
      std::fprintf(stderr, "stocksblitz: replay needs a file of order flow (or --only-checks)\n");
      return bad_usage;
    }
    replay.demo_file = replay.data_dir / "demo.json";
    replay.conninfo = environment_or("STOCKSBLITZ_DATABASE", "");
    if (!full_speed) replay.speed = std::stod(speed);
    return sb::run_replay(replay);
  }
  return serve(flags);
}
