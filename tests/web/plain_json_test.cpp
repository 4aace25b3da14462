#include "web/plain_json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "tests/web/json_rewrite.hpp"
#include "web/json_writer.hpp"

using namespace sb::web;

namespace {

std::string rewritten(const json_value& value) {
  json_writer out;
  write_again(out, value);
  return std::move(out).take();
}

/// By the other parser: an array's elements are not for this one.
std::optional<json_value> read_by_the_other(const std::string& text) {
  json_limits limits;
  ++limits.depth_max, ++limits.values_max, limits.bytes_max += 2;
  const auto parsed = parse_json("[" + text + "]", limits);
  const auto* list = std::get_if<json_value>(&parsed);
  if (list == nullptr || list->children().size() != 1) return std::nullopt;
  return list->children()[0];
}

/// True when it was read; then the other parser has read the same.
bool is_read(const std::string& text, const json_limits& limits = {}) {
  const auto plain = read_plain_json(text, limits);
  if (!plain) return false;
  const auto other = read_by_the_other(text);
  CAPTURE(text);
  CHECK((other && rewritten(*plain) == rewritten(*other)));
  return true;
}

/// A thread's parser keeps the implementation that it began with.
template <class Check>
void with_each_implementation(const Check& check) {
  const auto* const chosen = simdjson::get_active_implementation().operator->();
  for (const auto* each : simdjson::get_available_implementations()) {
    if (!each->supported_by_runtime_system()) continue;
    CAPTURE(each->name());
    simdjson::get_active_implementation() = each;
    std::thread{check}.join();
  }
  simdjson::get_active_implementation() = chosen;
}

std::string nested(std::size_t depth) {
  std::string text;
  for (std::size_t level = 0; level < depth; ++level) text += R"({"a":)";
  return text + '1' + std::string(depth, '}');
}

}  // namespace

TEST_CASE("documents without anything odd are read, and as the other parser reads them") {
  const std::string text =
      GENERATE(as<std::string>{}, R"({})", R"( { } )", R"({"a":1})",
               R"({"a" : -1.50 , "b":[1,2.0,"x",null,true,false,[],{}], "c":{"a":{"a":"b"}}})",
               R"({"":"","\u0061b":"\u00e9\ud83d\ude00\n\\\/","ü":"ß"})", "\n{\"a\"\t:\r0\n}\n",
               R"({"n":123456789012345678})", R"({"n":9223372036854775807})", R"({"n":0.05})", R"({"n":[0 ,-0.0, 10]})",
               R"({"a":[[[[]]]],"b":" 1 "})", R"({"n":18446744073709551616})");
  CAPTURE(text);
  with_each_implementation([&] { CHECK(is_read(text)); });
}

TEST_CASE("everything odd is left to the other parser") {
  const std::string text = GENERATE(
      as<std::string>{}, "", " ", "1", "[]", R"("x")", "null", R"({"a":1e2})", R"({"a":-0})", R"({"a":01})",
      R"({"a":1.})", R"({"a":.5})", R"({"a":+1})", R"({"a":1a})", R"({"a":--1})", R"({"a":1,"a":2})",
      R"({"a":1,"\u0061":2})", R"({"a":"\u0000"})", R"({"\u0000":1})", R"({"a":"\ud800"})", R"({"a":"\udc00"})",
      R"({"a":"\ud800\u0041"})", R"({"\udc00":1})", "{\x0b\"a\":1}", "{\"a\"\x0c:1}", "{\"a\":1\x1a}",
      "{\"a\":\"\x01\"}", "{\"a\":\"\xFF\"}", "{\"\xC0\xAF\":1}", R"({"a":1,})", R"({,"a":1})", R"({"a"})", R"({"a":})",
      R"({"a" 1})", R"({"a":1 "b":2})", R"({"a":[1,]})", R"({"a":[1 2]})", R"({"a":[1})", R"({"a":{]})", R"({"a":1]})",
      R"({"a":1)", R"({"a":1}})", R"({"a":1}{})", R"({"a":1} x)", R"({"a":1},)", R"({"a":tru})", R"({"a":truex})",
      R"({"a":nul})", R"({"a":nullx})", R"({"a":"x)", R"({"a":'x'})", R"({a:1})", R"({"a":"\x41"})", R"({"a":NaN})",
      R"({"a":Infinity})", R"({"a":0x1})", R"({"a":1/**/})");
  CAPTURE(text);
  with_each_implementation([&] { CHECK_FALSE(read_plain_json(text, {}).has_value()); });
}

TEST_CASE("what is too long for the one is read all the same by the other") {
  const auto object_of = [](int members) {
    std::string text = "{";
    for (int member = 0; member < members; ++member)
      text += (member == 0 ? "\"m" : ",\"m") + std::to_string(member) + "\":1";
    return text + '}';
  };
  CHECK(is_read(object_of(32)));
  CHECK_FALSE(is_read(object_of(33)));
  CHECK(std::get<json_value>(parse_json(object_of(33))).children().size() == 33);
  const std::string digits(64, '7');
  CHECK(is_read("{\"n\":" + digits + "}"));
  CHECK_FALSE(is_read("{\"n\":7" + digits + "}"));
  CHECK(std::get<json_value>(parse_json("{\"n\":7" + digits + "}")).children()[0].text() == "7" + digits);
}

TEST_CASE("no limit is passed") {
  CHECK(is_read(nested(16)));
  CHECK_FALSE(is_read(nested(17)));
  json_limits few;
  few.values_max = 4;
  CHECK(is_read(R"({"a":[1,2]})", few));
  CHECK_FALSE(is_read(R"({"a":[1,2,3]})", few));
  few = {};
  few.items_max = 2;
  CHECK(is_read(R"({"a":[1,2]})", few));
  CHECK_FALSE(is_read(R"({"a":[1,2,3]})", few));
  few = {};
  few.members_max = 2;
  CHECK(is_read(R"({"a":1,"b":2})", few));
  CHECK_FALSE(is_read(R"({"a":1,"b":2,"c":3})", few));
}

TEST_CASE("a document with a byte changed is read as the other parser reads it, or left to it") {
  const std::string good =
      R"({"trading_account_id":17,"symbol":"SBIN","price":500.05,"tags":["a",{"b":null}],"live":true,"text":"\u20ac \\ x"})";
  REQUIRE(is_read(good));
  with_each_implementation([&good] {
    std::size_t read = 0;
    std::mt19937 dice{1};
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (const char other : std::string_view{"{}[]:,\"\\ 0-.eE+tfn/u\x01\x7f\xC3\xFF"}) {
        auto text = good;
        text[at] = other;
        read += is_read(text) ? 1 : 0;
        text = good;
        text.insert(at, 1, other);
        read += is_read(text) ? 1 : 0;
      }
      auto cut = good.substr(0, at);
      CHECK_FALSE(is_read(cut));
      cut += good.substr(std::min(good.size(), at + 1 + dice() % 9));
      read += is_read(cut) ? 1 : 0;
    }
    CHECK(read > 500);  // some changes are harmless
  });
}
