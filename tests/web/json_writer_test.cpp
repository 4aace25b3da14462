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
  const std::string all = "abcdefghijklmnopqrstuvw";
  const auto size = GENERATE_COPY(range(std::size_t{0}, all.size() + 1));
  for (std::size_t at = 0; at <= size; ++at) {
    for (const std::string odd : {"\"", "\\", "\n", "\x1f", "\x7f", "\xC3\xA9", " ", "!"}) {
      auto text = all.substr(0, size);
      text.insert(at, odd);
      json_writer out;
      out.string(text);
      CAPTURE(size, at, odd);
      const auto parsed = parse_json(out.text());
      REQUIRE(std::holds_alternative<json_value>(parsed));
      CHECK(std::get<json_value>(parsed).text() == text);
    }
  }
}

TEST_CASE("a document grows at whichever of its parts its room ends") {
  const std::string rest =
      R"("name":-9223372036854775808,"at":"2024-01-15T14:30:00.007Z","odd":"\\","e":[],"o":{},"n":null,"m":0.0001})";
  for (std::size_t before = 1; before < 1'100; ++before) {
    const std::string filling(before, 'x');
    json_writer out;
    out.begin_object().member("f", std::string_view{filling});
    out.member("name", std::numeric_limits<std::int64_t>::min()).member("at", wall_ms{1'705'329'000'007});
    out.member("odd", "\\").key("e").begin_array().end_array().key("o").begin_object().end_object();
    out.key("n").null().member("m", money{1}).end_object();
    auto expected = R"({"f":")" + filling;
    expected.append("\",").append(rest);
    const auto written = std::move(out).take();
    CAPTURE(before);
    REQUIRE(written == expected);
  }
}

TEST_CASE("what is written is read back, for every byte") {
  const auto around = GENERATE(values<std::string>({"", "123", "1234567", "12345678"}));
  for (int byte = 1; byte < 256; ++byte) {
    auto text = around;
    text.append(1, static_cast<char>(byte)).append(around);
    auto read = around;
    read.append("\xEF\xBF\xBD").append(around);
    json_writer out;
    out.string(text);
    const auto parsed = parse_json(out.text());
    CAPTURE(around, byte);
    REQUIRE(std::holds_alternative<json_value>(parsed));
    CHECK(std::get<json_value>(parsed).text() == (byte < 128 ? text : read));
  }
}

TEST_CASE("a part that is larger than all before it has room") {
  const std::string plain(5'000, 'x');
  const std::string odd(5'000, '\x01');
  json_writer out;
  out.begin_array().string(plain).raw(plain).string(odd).end_array();
  std::string escapes;
  for (std::size_t at = 0; at < odd.size(); ++at) escapes += "\\u0001";
  const auto written = std::move(out).take();
  CHECK(written == "[\"" + plain + "\"," + plain + ",\"" + escapes + "\"]");
}
