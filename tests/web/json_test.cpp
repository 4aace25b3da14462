#include "web/json.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

namespace {
using namespace sb::web;
using namespace std::string_literals;

json_value good(std::string_view text, const json_limits& limits = {}) {
  auto parsed = parse_json(text, limits);
  if (const auto* error = std::get_if<json_error>(&parsed)) FAIL(text << ": " << error->detail);
  return std::get<json_value>(std::move(parsed));
}
json_error bad(std::string_view text, const json_limits& limits = {}) {
  auto parsed = parse_json(text, limits);
  if (!std::holds_alternative<json_error>(parsed)) FAIL("accepted: " << text);
  return std::get<json_error>(std::move(parsed));
}
std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }
std::string array_of(std::size_t count) {
  std::string text{"["};
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "1" : ",1";
  return text + "]";
}
std::string object_of(std::size_t count) {
  std::string text{"{"};
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\":1";
  return text + "}";
}
}  // namespace

TEST_CASE("a document becomes a tree in the order sent") {
  const auto root = good(R"({"b": [true, null, "x\u00e9\n"], "a": {"n": -1.50}, "":false})");
  REQUIRE(root.kind() == json_kind::object);
  REQUIRE(root.children().size() == 3);
  CHECK(root.children()[0].name() == "b");
  CHECK(root.children()[1].name() == "a");
  CHECK(root.children()[2].name().empty());
  CHECK_FALSE(root.children()[2].boolean());
  const auto& list = root.children()[0];
  REQUIRE(list.children().size() == 3);
  CHECK(list.children()[0].boolean());
  CHECK(list.children()[1].kind() == json_kind::null);
  CHECK(list.children()[2].text() == "x\xC3\xA9\n");
  REQUIRE(root.find("a") != nullptr);
  REQUIRE(root.find("a")->find("n") != nullptr);
  CHECK(root.find("a")->find("n")->text() == "-1.50");
  CHECK(root.find("c") == nullptr);
  CHECK(list.find("b") == nullptr);
}

TEST_CASE("numbers keep their literal text") {
  struct row {
    std::string literal;
    std::string text;
  };
  const std::string digits_400(400, '7');
  const auto r = GENERATE_COPY(values<row>({
      {"0", "0"},
      {"-1", "-1"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "18446744073709551616"},
      {"1234567890123456789012345", "1234567890123456789012345"},
      {"-1234567890123456789012345", "-1234567890123456789012345"},
      {digits_400, digits_400},
      {"1e400", "1e400"},
      {"-1E+400", "-1E+400"},
      {"1e-400", "1e-400"},
      {"0.10", "0.10"},
      {"50000.00", "50000.00"},
      {"123456.789012345678901234567890", "123456.789012345678901234567890"},
      {"5e0", "5e0"},
      {"-0.0", "-0.0"},
      {"-0", "0"},  // the one that is written anew
  }));
  CAPTURE(r.literal);
  const auto value = good(r.literal);
  CHECK(value.kind() == json_kind::number);
  CHECK(value.text() == r.text);
  CHECK(good("[" + r.literal + "]").children()[0].text() == r.text);
}

TEST_CASE("what is not strict JSON is refused by name") {
  struct row {
    std::string text;
    json_refusal code;
    std::string pointer;
  };
  using r = json_refusal;
  const auto each = GENERATE(values<row>({
      {"", r::empty, ""},
      {" ", r::syntax, ""},
      {"\xEF\xBB\xBF{}", r::byte_order_mark, ""},
      {"\xEF\xBB\xBF", r::byte_order_mark, ""},
      {"{}\0"s, r::nul_byte, ""},
      {"00\0"s, r::nul_byte, ""},
      {"1\0"s, r::nul_byte, ""},
      {"\0{}"s, r::nul_byte, ""},
      {"{\"a\":\"x\0y\"}"s, r::nul_byte, ""},
      {R"({"a":"x\u0000y"})", r::nul_escape, "/a"},
      {R"({"a":{"x\u0000y":1}})", r::nul_escape, "/a"},
      {R"(["ok","\u0000"])", r::nul_escape, "/1"},
      {"[\"\xFF\"]", r::invalid_utf8, ""},
      {"[\"\xC0\xAF\"]", r::invalid_utf8, ""},
      {"[\"\xED\xA0\x80\"]", r::invalid_utf8, ""},
      {"[\"\xF4\x90\x80\x80\"]", r::invalid_utf8, ""},
      {"[\"\xE2\x82\"]", r::invalid_utf8, ""},
      {"\xFE\xFF", r::invalid_utf8, ""},
      {R"(["\ud800"])", r::syntax, ""},
      {R"(["\udc00"])", r::syntax, ""},
      {R"(["\ud800\u0041"])", r::syntax, ""},
      {R"(["\ud83d\ud83d"])", r::syntax, ""},
      {"{} x", r::syntax, ""},
      {"{}{}", r::syntax, ""},
      {"[1,]", r::syntax, ""},
      {"{\"a\":1,}", r::syntax, ""},
      {"{'a':1}", r::syntax, ""},
      {"{a:1}", r::syntax, ""},
      {"[1] // c", r::syntax, ""},
      {"/* c */ 1", r::syntax, ""},
      {"NaN", r::syntax, ""},
      {"[Infinity]", r::syntax, ""},
      {"[01]", r::syntax, ""},
      {"[+1]", r::syntax, ""},
      {"[.5]", r::syntax, ""},
      {"[5.]", r::syntax, ""},
      {"[0x10]", r::syntax, ""},
      {"[1e]", r::syntax, ""},
      {"[\"a\nb\"]", r::syntax, ""},
      {R"(["\x41"])", r::syntax, ""},
      {R"(["\u12G4"])", r::syntax, ""},
      {"True", r::syntax, ""},
      {"\xC2\xA0[]", r::syntax, ""},
      {R"({"a":1,"b":2,"a":1})", r::duplicate_key, "/a"},
      {R"({"a":{"x/y":1,"x/y":null}})", r::duplicate_key, "/a/x~1y"},
      {R"([0,{"":1,"":1}])", r::duplicate_key, "/1/"},
      {R"({"a":1,"\u0061":2})", r::duplicate_key, "/a"},
      {R"({"p":[0,1e5000]})", r::number_out_of_range, "/p/1"},
      {"-1e99999999999999999999", r::number_out_of_range, ""},
  }));
  CAPTURE(each.text);
  const auto error = bad(each.text);
  CHECK(error.code == each.code);
  CHECK(error.pointer == each.pointer);
  CHECK_FALSE(error.detail.empty());
  CHECK(error.offset <= each.text.size());
}

TEST_CASE("an error's text repeats nothing of the document") {
  const auto error = bad(R"({"password":"hunter2)");
  CHECK(error.detail.find("hunter2") == std::string::npos);
  CHECK(error.offset == 20);
  CHECK(bad(R"({"password":hunter2})").detail.find("unter") == std::string::npos);
  CHECK(bad("{\"a\" 1}").detail.find("object separator") != std::string::npos);
}

TEST_CASE("every bound holds at its edge and one beyond") {
  CHECK(good(nested(16)).kind() == json_kind::array);
  CHECK(bad(nested(17)).code == json_refusal::too_deep);
  CHECK(bad(nested(17)).pointer == "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0");
  CHECK(bad(std::string(60'000, '[')).code == json_refusal::too_deep);
  CHECK(bad(std::string(100'000, '[')).code == json_refusal::too_large);
  json_limits large;
  large.bytes_max = 1'000'000;
  CHECK(bad(std::string(100'000, '['), large).code == json_refusal::too_deep);
  large.depth_max = 1'000'000;
  CHECK(bad(std::string(100'000, '['), large).code == json_refusal::too_many_values);

  CHECK(good(array_of(1'000)).children().size() == 1'000);
  CHECK(bad("{\"a\":" + array_of(1'001) + "}").code == json_refusal::too_many_items);
  CHECK(bad("{\"a\":" + array_of(1'001) + "}").pointer == "/a");
  CHECK(good(object_of(200)).children().size() == 200);
  CHECK(bad("[0," + object_of(201) + "]").code == json_refusal::too_many_members);
  CHECK(bad("[0," + object_of(201) + "]").pointer == "/1");

  json_limits few;
  few.values_max = 5;
  CHECK(good("[1,2,[3]]", few).children().size() == 3);
  CHECK(bad("[1,2,[3,4]]", few).code == json_refusal::too_many_values);
  few = {};
  few.bytes_max = 4;
  CHECK(good("[10]", few).children().size() == 1);
  CHECK(bad("[10] ", few).code == json_refusal::too_large);
  CHECK(good("\"" + std::string(65'534, 'x') + "\"").text().size() == 65'534);
}

TEST_CASE("a pointer escapes its two special characters") {
  std::string pointer;
  append_pointer(pointer, "a/b");
  append_pointer(pointer, "m~n");
  append_pointer(pointer, "");
  CHECK(pointer == "/a~1b/m~0n/");
}

TEST_CASE("names are compared within their own object only") {
  CHECK(good(R"({"a":{"a":{"a":1},"b":2},"b":[{"a":1},{"a":2}],"c":{"b":1}})").children().size() == 3);
  CHECK(bad(R"({"a":{"b":1},"c":{"b":1},"a":1})").pointer == "/a");
  CHECK(bad(R"({"x":{"p":1},"y":1,"y":2})").pointer == "/y");
  CHECK(bad(R"({"x":[{"a":1},{"b":1,"c":{"b":1},"b":2}]})").pointer == "/x/1/b");
}
