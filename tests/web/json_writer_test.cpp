#include "web/json_writer.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "web/json.hpp"

namespace {
using namespace sb;
using namespace sb::web;
using namespace std::string_literals;
}  // namespace

TEST_CASE("members and elements are separated by commas and nothing else") {
  const std::vector<std::optional<std::int64_t>> optional_values{std::nullopt, 7};
  json_writer out;
  out.begin_object();
  out.member("a", 1).member("b", "x").member("c", true).key("d").null();
  out.key("e").begin_array().integer(1).begin_array().end_array().begin_object().end_object().string("y").end_array();
  out.key("f").begin_object().member("g", money{500'000'000}).end_object();
  out.member("h", optional_values[0]).member("i", optional_values[1]);
  out.member("j", user_id{12}).key("k").raw("1e400").end_object();
  CHECK(out.text() == R"({"a":1,"b":"x","c":true,"d":null,"e":[1,[],{},"y"],"f":{"g":50000.00},"h":null,"i":7,)"
                      R"("j":12,"k":1e400})");
}

TEST_CASE("numbers at their ends and times are written exactly") {
  json_writer out;
  out.begin_array().integer(std::numeric_limits<std::int64_t>::min());
  out.integer(std::numeric_limits<std::int64_t>::max());
  out.amount(money{1}).amount(money{-12'345'600}).date_time(wall_ms{1'705'329'000'007}).end_array();
  CHECK(out.text() == R"([-9223372036854775808,9223372036854775807,0.0001,-1234.56,"2024-01-15T14:30:00.007Z"])");
}

TEST_CASE("a string of any bytes becomes valid JSON") {
  struct row {
    std::string bytes;
    std::string json;
  };
  const auto r = GENERATE(values<row>({
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"a\"b\\c/d", R"("a\"b\\c/d")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
      {"x\0y"s, R"("x\u0000y")"},
      {"\xC3\xA9\xF0\x9F\x98\x80", "\"\xC3\xA9\xF0\x9F\x98\x80\""},
      {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
      {"\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  }));
  json_writer out;
  out.string(r.bytes);
  CHECK(out.text() == r.json);
}

TEST_CASE("what JSON escapes is found wherever it stands in a text") {
  const std::string around = "abcdefghijklmnopqrstuvw";
  for (std::size_t at = 0; at <= around.size(); ++at) {
    for (const std::string odd : {"\"", "\\", "\n", "\x1f", "\x7f", "\xC3\xA9", " ", "!"}) {
      auto text = around;
      text.insert(at, odd);
      json_writer out;
      out.string(text);
      CAPTURE(at, odd);
      const auto parsed = parse_json(out.text());
      REQUIRE(std::holds_alternative<json_value>(parsed));
      CHECK(std::get<json_value>(parsed).text() == text);
    }
  }
}

TEST_CASE("what is written is read back, for every byte") {
  for (int byte = 1; byte < 256; ++byte) {
    const std::string text = "<" + std::string(1, static_cast<char>(byte)) + ">";
    json_writer out;
    out.string(text);
    const auto parsed = parse_json(out.text());
    CAPTURE(byte);
    REQUIRE(std::holds_alternative<json_value>(parsed));
    CHECK(std::get<json_value>(parsed).text() == (byte < 128 ? text : "<\xEF\xBF\xBD>"));
  }
}
