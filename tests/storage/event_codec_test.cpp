#include "storage/event_codec.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace {

using namespace sb;

principal trader(std::int64_t user) {
  return {principal::kind::user, organization_id{7}, user_id{user}, "token-1", "jwt"};
}

event_record event(std::string type, principal by, std::string correlation, std::string body) {
  return {std::move(type), 1, std::move(by), std::move(correlation), "request-1", std::move(body)};
}

std::optional<std::vector<event_record>> unpacked(std::string_view body) {
  std::string why;
  return unpack(body, why);
}

}  // namespace

TEST_CASE("what pack writes, unpack reads") {
  const auto body =
      GENERATE(as<std::string>{}, "{}", R"({"quantity":100})", R"({"price":1500.50,"a":{"b":[1,{"c":2}]}})",
               R"({"text":"a brace } and a quote \" and \\"})", R"({ "spaces" : [ ] })",
               "{\"unicode\":\"\xE2\x82\xB9 \xF0\x9F\x93\x88\"}", R"({"u":"\u0001 \ud83d\udcc8"})",
               R"({"b":1.0e3,"a":-0.0})", R"({"looks like NUL":"\\u0000"})");
  const auto text =
      GENERATE(as<std::string>{}, "", "plain", "with \"quotes\" and \\ and /", "tab\tline\nreturn\rfeed\f\b",
               "\x01\x1f\x7f", "\xE0\xA4\xB0\xE0\xA5\x81\xE0\xA4\xAA", "\xF0\x9F\x98\x80", "\"", "\\");
  std::vector<event_record> events;
  events.push_back(event("OrderRequested", trader(12), text, body));
  events.push_back(event(text.empty() ? "x" : text, {}, "other", body));
  events.push_back({"OrderAccepted",
                    2'147'483'647,
                    {principal::kind::service, organization_id{-1}, user_id{9'223'372'036'854'775'807}, text, text},
                    text,
                    text,
                    body});
  const auto packed = pack(events);
  REQUIRE(nlohmann::json::accept(packed));
  const auto back = unpacked(packed);
  REQUIRE(back);
  CHECK(*back == events);
}

TEST_CASE("what a packed row looks like") {
  const std::vector events{event("OrderRequested", trader(12), "saga", R"({"q":1})"),
                           event("OrderAccepted", trader(12), "saga", "{}"),
                           event("OrderFilled", trader(13), "saga", "{}")};
  const auto packed = pack(events);
  CHECK(
      packed ==
      R"([{"t":"OrderRequested","v":1,"p":{"w":1,"o":7,"u":12,"i":"token-1","m":"jwt"},"c":"saga","k":"request-1","b":{"q":1}},)"
      R"({"t":"OrderAccepted","v":1,"k":"request-1","b":{}},)"
      R"({"t":"OrderFilled","v":1,"p":{"w":1,"o":7,"u":13,"i":"token-1","m":"jwt"},"k":"request-1","b":{}}])");
  CHECK(packed_bytes(events) >= packed.size());
  CHECK(packed_bytes(events) <= packed.size() * 6 / 5);
}

TEST_CASE("a principal that returns after another is written again") {
  const std::vector<event_record> events{event("A", trader(1), "c", "{}"), event("B", trader(2), "c", "{}"),
                                         event("C", trader(1), "d", "{}"), event("D", trader(1), "c", "{}")};
  const auto back = unpacked(pack(events));
  REQUIRE(back);
  CHECK(*back == events);
}

TEST_CASE("unpack refuses everything else") {
  struct row {
    const char* what;
    std::string body;
  };
  const std::string good = R"([{"t":"A","v":1,"p":{"w":1,"o":7,"u":12,"i":"","m":"jwt"},"c":"s","k":"r","b":{"q":1}}])";
  REQUIRE(unpacked(good));
  const auto changed = [&good](const std::string& from, const std::string& to) {
    auto text = good;
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const auto r = GENERATE_COPY(values<row>({
      {"nothing", ""},
      {"no events", "[]"},
      {"an object", "{}"},
      {"cut", good.substr(0, good.size() - 1)},
      {"cut in a string", good.substr(0, 7)},
      {"something after", good + "[]"},
      {"a NUL after", good + std::string(1, '\0')},
      {"a space after", good + " "},
      {"a space inside", changed(R"("v":1)", R"("v": 1)")},
      {"white space before the body", changed(R"("b":{)", R"("b": {)")},
      {"a comma too many", changed("}]", "},]")},
      {"an unknown member", changed(R"("k":"r")", R"("k":"r","z":1)")},
      {"a member twice", changed(R"("v":1)", R"("v":1,"v":1)")},
      {"another order", changed(R"("t":"A","v":1)", R"("v":1,"t":"A")")},
      {"no type", changed(R"("t":"A",)", "")},
      {"no principal at first", changed(R"("p":{"w":1,"o":7,"u":12,"i":"","m":"jwt"},)", "")},
      {"no correlation at first", changed(R"("c":"s",)", "")},
      {"no causation", changed(R"("k":"r",)", "")},
      {"no body", changed(R"(,"b":{"q":1})", "")},
      {"body is an array", changed(R"({"q":1})", "[1]")},
      {"body is a number", changed(R"({"q":1})", "1")},
      {"body is a string", changed(R"({"q":1})", R"("{}")")},
      {"body is not JSON", changed(R"({"q":1})", "{q}")},
      {"schema 0", changed(R"("v":1)", R"("v":0)")},
      {"schema is a fraction", changed(R"("v":1)", R"("v":1.0)")},
      {"schema is too big", changed(R"("v":1)", R"("v":2147483648)")},
      {"schema is text", changed(R"("v":1)", R"("v":"1")")},
      {"an unknown kind of principal", changed(R"("w":1)", R"("w":3)")},
      {"an organization beyond 64 bits", changed(R"("o":7)", R"("o":9223372036854775808)")},
      {"a leading zero", changed(R"("o":7)", R"("o":07)")},
      {"an escape that pack does not write", changed(R"("t":"A")", R"("t":"\u0041")")},
      {"an escaped slash", changed(R"("k":"r")", R"("k":"\/")")},
      {"an escaped NUL in a text", changed(R"("k":"r")", R"("k":"\u0000")")},
      {"an escaped NUL in a body", changed(R"({"q":1})", R"({"q":"\u0000"})")},
      {"bad UTF-8 in a text", changed(R"("k":"r")", "\"k\":\"\xC3\x28\"")},
      {"bad UTF-8 in a body", changed(R"({"q":1})", "{\"q\":\"\xFF\"}")},
      {"a lone surrogate", changed(R"({"q":1})", R"({"q":"\ud800"})")},
      {"a control character", changed(R"("k":"r")", "\"k\":\"\x01\"")},
      {"the same principal written twice",
       pack({event("A", trader(1), "c", "{}")}).substr(0, pack({event("A", trader(1), "c", "{}")}).size() - 1) + "," +
           pack({event("B", trader(1), "d", "{}")}).substr(1)},
  }));
  INFO(r.what);
  std::string why;
  CHECK_FALSE(unpack(r.body, why));
  CHECK_FALSE(why.empty());
}
