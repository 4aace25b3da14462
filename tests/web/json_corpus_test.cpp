// Other people's collections of hard input: every file gets the verdict that its name asks for.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "corpus.hpp"
#include "tests/web/json_rewrite.hpp"
#include "web/fields.hpp"
#include "web/json.hpp"
#include "web/json_writer.hpp"
#include "web/utf8.hpp"

namespace {
using namespace sb::web;

constexpr field note_fields[] = {{.name = "comments", .length_min = 0, .length_max = 10'000}};
constexpr object_type note{"Note", "", note_fields};

json_limits generous() {
  json_limits limits;
  limits.bytes_max = 1'000'000;
  return limits;
}

std::string written(const json_value& value) {
  json_writer out;
  write_again(out, value);
  return std::move(out).take();
}

/// Null where the corpus is absent, which is a failure only in CI.
std::unique_ptr<test::unpacked_corpus> corpus() {
  const auto shared = test::shared_folder();
  if (shared && std::filesystem::exists(*shared / "corpora/bad-input.tar.xz")) {
    return std::make_unique<test::unpacked_corpus>(*shared / "corpora/bad-input.tar.xz");
  }
  const char* const ci = std::getenv("CI");
  if (ci != nullptr && std::string_view{ci} == "true") FAIL("the bad-input corpus is absent");
  WARN("skipped: the bad-input corpus is absent");
  return nullptr;
}
}  // namespace

TEST_CASE("JSONTestSuite: each file gets the verdict of its name") {
  const auto unpacked = corpus();
  if (!unpacked) return;
  // Valid JSON that our profile refuses by name. (y_string_backslash_and_u_escaped_zero looks like one of them and is
  // a backslash before the text u0000: no NUL in it, so it is accepted.)
  const std::array<std::pair<std::string_view, json_refusal>, 4> ours{{
      {"y_object_duplicated_key.json", json_refusal::duplicate_key},
      {"y_object_duplicated_key_and_value.json", json_refusal::duplicate_key},
      {"y_object_escaped_null_in_key.json", json_refusal::nul_escape},
      {"y_string_null_escape.json", json_refusal::nul_escape},
  }};
  std::size_t accepted = 0;
  std::size_t refused = 0;
  std::size_t either = 0;
  std::size_t by_profile = 0;
  for (const auto& file : std::filesystem::directory_iterator(unpacked->folder() / "jsontestsuite" / "test_parsing")) {
    const std::string name = file.path().filename().string();
    const auto parsed = parse_json(test::contents(file.path()), generous());
    const auto* const error = std::get_if<json_error>(&parsed);
    const auto mine = std::find_if(ours.begin(), ours.end(), [&](const auto& each) { return each.first == name; });
    CAPTURE(name, error == nullptr ? "accepted" : error->detail);
    if (mine != ours.end()) {
      REQUIRE(error != nullptr);
      CHECK(error->code == mine->second);
      ++by_profile;
    } else if (name.starts_with("y_")) {
      REQUIRE(error == nullptr);
      // What was read can be written and read again to the same text.
      const auto once = written(std::get<json_value>(parsed));
      const auto again = parse_json(once, generous());
      REQUIRE(std::holds_alternative<json_value>(again));
      CHECK(written(std::get<json_value>(again)) == once);
      ++accepted;
    } else if (name.starts_with("n_")) {
      CHECK(error != nullptr);
      ++refused;
    } else {
      if (error != nullptr) CHECK(is_utf8(error->detail));
      ++either;
    }
  }
  CHECK(by_profile == ours.size());
  CHECK(accepted + by_profile == 95);
  CHECK(refused == 188);
  CHECK(either == 35);
}

TEST_CASE("JSONTestSuite: files that parsers read differently do no harm") {
  const auto unpacked = corpus();
  if (!unpacked) return;
  std::size_t files = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(unpacked->folder() / "jsontestsuite" / "test_transform")) {
    const auto parsed = parse_json(test::contents(file.path()), generous());
    CAPTURE(file.path().filename().string());
    if (const auto* value = std::get_if<json_value>(&parsed)) {
      const auto once = written(*value);
      const auto again = parse_json(once, generous());
      REQUIRE(std::holds_alternative<json_value>(again));
      CHECK(written(std::get<json_value>(again)) == once);
    } else {
      CHECK(is_utf8(std::get<json_error>(parsed).detail));
    }
    ++files;
  }
  CHECK(files == 22);
}

TEST_CASE("naughty strings survive a round trip") {
  const auto unpacked = corpus();
  if (!unpacked) return;
  const auto list = parse_json(test::contents(unpacked->folder() / "blns" / "blns.json"), generous());
  REQUIRE(std::holds_alternative<json_value>(list));
  std::size_t strings = 0;
  std::size_t fitting = 0;
  for (const auto& naughty : std::get<json_value>(list).children()) {
    json_writer out;
    out.begin_object().member("comments", std::string_view{naughty.text()}).end_object();
    const auto parsed = parse_json(out.text(), generous());
    CAPTURE(naughty.text());
    REQUIRE(std::holds_alternative<json_value>(parsed));
    CHECK(std::get<json_value>(parsed).find("comments")->text() == naughty.text());
    const auto read = read_object(std::get<json_value>(parsed), note);
    if (const auto* values = std::get_if<field_values>(&read)) {
      CHECK(values->text("comments") == naughty.text());
      ++fitting;
    } else {
      // Only control characters may keep a naughty string out.
      CHECK(std::get<std::vector<field_error>>(read).front().code == problem_code::validation_bad_characters);
    }
    // As a member's name it is an unknown field, whose pointer is valid text.
    json_writer named;
    named.begin_object().member(naughty.text(), 1).end_object();
    const auto object = parse_json(named.text(), generous());
    REQUIRE(std::holds_alternative<json_value>(object));
    const auto refused = read_object(std::get<json_value>(object), note);
    REQUIRE(std::holds_alternative<std::vector<field_error>>(refused));
    const auto& error = std::get<std::vector<field_error>>(refused).front();
    CHECK(error.code == problem_code::validation_unknown_field);
    CHECK(is_utf8(error.pointer));
    const auto body = render(problem_for(std::get<std::vector<field_error>>(refused))).body;
    CHECK(std::holds_alternative<json_value>(parse_json(body, generous())));
    ++strings;
  }
  CHECK(strings == 515);
  CHECK(fitting > 450);
}
