#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "config/settings.hpp"
#include "tests/fuzz/settings_text.hpp"
#include "tests/fuzz/targets.hpp"

namespace sb::fuzz {
namespace {

constexpr std::string_view separator = "\n---env\n";
constexpr std::string_view secret = "host=db password=xK9-never-shown";
constexpr const char* secret_variable = "STOCKSBLITZ_DATABASE";

struct given {
  std::string yaml;
  environment variables;
};

given split(std::string_view text) {
  given out;
  const auto end = text.find(separator);
  out.yaml = text.substr(0, end);
  if (end != std::string_view::npos) {
    text.remove_prefix(end + separator.size());
    while (!text.empty()) {
      const auto line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      const auto equals = line.find('=');
      // No variable holds a NUL, and the connection string keeps the reader from opening a file that a YAML text names.
      if (equals == std::string_view::npos || line.find('\0') != std::string_view::npos) continue;
      out.variables.insert_or_assign(std::string{line.substr(0, equals)}, std::string{line.substr(equals + 1)});
    }
  }
  out.variables.insert_or_assign(secret_variable, std::string{secret});
  return out;
}

void check_mistakes(const std::vector<settings_mistake>& mistakes, const given& in) {
  must(!mistakes.empty(), "a refusal names its mistakes");
  const auto lines = 1 + std::count_if(in.yaml.begin(), in.yaml.end(), [](char c) { return c == '\n' || c == '\r'; });
  for (const auto& mistake : mistakes) {
    must(!mistake.key.empty() || mistake.file != "environment", "a mistake has its key");
    must(!mistake.what.empty(), "a mistake says what is wrong");
    must(mistake.line >= 0 && mistake.line <= lines, "a mistake stands in the file");
    must((mistake.file == "environment") == (mistake.file != "s.yaml"), "a mistake has its place");
    must(text(mistake).find("xK9-never-shown") == std::string::npos || in.yaml.find("xK9") != std::string::npos,
         "a mistake shows no secret");
  }
}

void check_settings(const settings& all) {
  must(all.database.conninfo == secret, "the connection string is the variable's");
  must(all.web.port >= 0 && all.web.port <= 65'529, "four ports fit");
  must(all.web.order_body_bytes_max <= all.web.body_bytes_max, "an order fits a body");
  must(all.orders.send_window_ms < all.cluster.ttl_ms - all.cluster.lease_margin_ms, "an order is sent within a lease");
  must(all.orders.reserve_deadline_ms < all.orders.send_window_ms, "capacity is reserved within the window");
  must(all.admission.per_user <= all.admission.per_organization &&
           all.admission.per_organization <= all.admission.per_shard,
       "credits nest");
  must(all.trading.open_minute < all.trading.close_minute && all.trading.close_minute <= 1'440,
       "a session has a length");
  must(!all.node.roles.empty() && !all.orders.unknown_retry_ms.empty(), "lists that must have items have some");

  // Both ways of writing them down, with the other way left to the defaults.
  const environment only_secret{{secret_variable, std::string{secret}}};
  const auto from_file = parse_settings(yaml_of(all), "s.yaml", only_secret);
  must(std::holds_alternative<settings>(from_file) && std::get<settings>(from_file) == all, "settings survive a file");
  auto variables = variables_of(all);
  variables.insert_or_assign(secret_variable, std::string{secret});
  const auto from_variables = parse_settings({}, "s.yaml", variables);
  must(std::holds_alternative<settings>(from_variables) && std::get<settings>(from_variables) == all,
       "settings survive the environment");
}

/// The writer of this test knows every key, else it would not notice one that is lost.
void check_writer() {
  std::vector<std::string> names;
  for (const auto& row : written(settings{})) names.push_back(row.name);
  auto known = setting_names();
  std::sort(names.begin(), names.end());
  std::sort(known.begin(), known.end());
  must(names == known, "the test's writer has every setting");
}

}  // namespace

int fuzz_settings(bytes input) {
  static const bool writer_is_complete = (check_writer(), true);
  static_cast<void>(writer_is_complete);
  const auto in = split(text_of(input));
  const auto parsed = parse_settings(in.yaml, "s.yaml", in.variables);
  if (const auto* mistakes = std::get_if<std::vector<settings_mistake>>(&parsed)) {
    check_mistakes(*mistakes, in);
    return 0;
  }
  check_settings(std::get<settings>(parsed));
  return 1;
}

}  // namespace sb::fuzz
