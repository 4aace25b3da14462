#include "web/page_cache.hpp"

#include <catch2/catch.hpp>

using namespace sb::web;

TEST_CASE("a page is kept for its version") {
  page_cache pages;
  CHECK_FALSE(pages.find("a", 1));
  pages.keep("a", 1, "one");
  REQUIRE(pages.find("a", 1));
  CHECK(*pages.find("a", 1) == "one");
  SECTION("of another version it is forgotten") {
    CHECK_FALSE(pages.find("a", 2));
    CHECK_FALSE(pages.find("a", 1));
    CHECK(pages.bytes() == 0);
  }
  SECTION("a newer one replaces it") {
    pages.keep("a", 2, "two");
    CHECK(*pages.find("a", 2) == "two");
    pages.keep("a", 3, "");
    pages.find("a", 0);
    CHECK(pages.bytes() == 0);
  }
}

TEST_CASE("pages are bounded in bytes") {
  page_cache pages{4'000};
  const std::string body(700, 'x');
  for (const auto* key : {"a", "b", "c", "d"}) pages.keep(key, 1, body);
  REQUIRE(pages.find("a", 1));
  pages.keep("e", 1, body);  // "b" was used longest ago
  CHECK(pages.bytes() <= 4'000);
  CHECK(pages.find("a", 1));
  CHECK_FALSE(pages.find("b", 1));
  CHECK(pages.find("e", 1));
  SECTION("one that is larger than all is not kept") {
    pages.keep("f", 1, std::string(5'000, 'x'));
    CHECK_FALSE(pages.find("f", 1));
    CHECK(pages.bytes() <= 4'000);
  }
}
