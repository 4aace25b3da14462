#include "web/server/target.hpp"

#include <catch2/catch.hpp>

using namespace sb::web;
using namespace sb::web::wire;
using namespace std::string_literals;
using parameters = std::vector<name_value>;

TEST_CASE("a target decodes once into path and parameters") {
  struct row {
    std::string target;
    std::string path;
    parameters query;
  };
  const std::vector<row> rows{
      {"/", "/", {}},
      {"/trades/ORD1", "/trades/ORD1", {}},
      {"/a//b/", "/a//b/", {}},
      {"/a%20b", "/a b", {}},
      {"/a+b", "/a+b", {}},
      {"/%41%5a%7e", "/AZ~", {}},
      {"/%252e%252E", "/%2e%2E", {}},
      {"/%C3%A9%e2%82%ac%F0%9F%98%80", "/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", {}},
      {"/...", "/...", {}},
      {"/.well-known/x", "/.well-known/x", {}},
      {"/a?", "/a", {}},
      {"/a?b", "/a", {{"b", ""}}},
      {"/a?b=", "/a", {{"b", ""}}},
      {"/a?b=c", "/a", {{"b", "c"}}},
      {"/a?b=c=d", "/a", {{"b", "c=d"}}},
      {"/a?b=c&b=d", "/a", {{"b", "c"}, {"b", "d"}}},
      {"/a?b=c+d%2Be", "/a", {{"b", "c d+e"}}},
      {"/a?b%26=%3D%2f?", "/a", {{"b&", "=/?"}}},
      {"/a?../..", "/a", {{"../..", ""}}},
      {"/a?%c3%a9=%E2%82%AC", "/a", {{"\xC3\xA9", "\xE2\x82\xAC"}}},
  };
  for (const auto& [target, path, query] : rows) {
    INFO(target);
    std::string decoded;
    parameters found;
    CHECK_FALSE(decode_target(target, 64, decoded, found));
    CHECK(decoded == path);
    CHECK(found == query);
  }
}

TEST_CASE("a target that could be read in two ways is refused") {
  struct row {
    std::string target;
    refusal why;
  };
  const std::vector<row> rows{
      {"", refusal::target},
      {"*", refusal::target},
      {"a", refusal::target},
      {"?a=b", refusal::target},
      {"http://x/", refusal::target},
      {"/a b", refusal::target},
      {"/a\tb", refusal::target},
      {"/a\0b"s, refusal::target},
      {"/a#b", refusal::target},
      {"/a\\b", refusal::target},
      {"/a\"b", refusal::target},
      {"/a<b>", refusal::target},
      {"/a{b}", refusal::target},
      {"/a|b", refusal::target},
      {"/a^b", refusal::target},
      {"/a`b", refusal::target},
      {"/[a]", refusal::target},
      {"/\xC3\xA9", refusal::target},
      {"/%", refusal::target},
      {"/%4", refusal::target},
      {"/%g0", refusal::target},
      {"/%0g", refusal::target},
      {"/%+1", refusal::target},
      {"/%u0041", refusal::target},
      {"/%00", refusal::target},
      {"/%0a", refusal::target},
      {"/%1F", refusal::target},
      {"/%7f", refusal::target},
      {"/a%2Fb", refusal::target},
      {"/a%2fb", refusal::target},
      {"/.", refusal::target},
      {"/..", refusal::target},
      {"/a/.", refusal::target},
      {"/a/../b", refusal::target},
      {"/%2e", refusal::target},
      {"/a/.%2E/b", refusal::target},
      {"/%80", refusal::target},
      {"/%c3", refusal::target},
      {"/%c3%28", refusal::target},
      {"/%c0%80", refusal::target},
      {"/%e0%80%af", refusal::target},
      {"/%ed%a0%80", refusal::target},
      {"/%f4%90%80%80", refusal::target},
      {"/%f5%80%80%80", refusal::target},
      {"/a?=b", refusal::query},
      {"/a?b&", refusal::query},
      {"/a?&b", refusal::query},
      {"/a?b&&c", refusal::query},
      {"/a?b=%", refusal::query},
      {"/a?b=%0d", refusal::query},
      {"/a?b=%00", refusal::query},
      {"/a?%00=b", refusal::query},
      {"/a?b=%ff", refusal::query},
      {"/a?%ed%b0%80=b", refusal::query},
  };
  for (const auto& [target, why] : rows) {
    INFO(target);
    std::string path;
    parameters query;
    CHECK(decode_target(target, 64, path, query) == why);
  }
}

TEST_CASE("parameters are counted") {
  const auto with = [](std::size_t count) {
    std::string target = "/a?p";
    for (std::size_t i = 1; i < count; ++i) target += "&p";
    return target;
  };
  std::string path;
  parameters query;
  CHECK_FALSE(decode_target(with(64), 64, path, query));
  CHECK(query.size() == 64);
  query.clear();
  CHECK(decode_target(with(65), 64, path, query) == refusal::query);
}
