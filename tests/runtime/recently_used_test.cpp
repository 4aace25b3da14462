#include "runtime/recently_used.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace sb;

namespace {

using numbers = recently_used<std::string, int>;

std::vector<std::string> keys(const numbers& all) {
  std::vector<std::string> found;
  for (const auto& [key, value] : all) found.push_back(key);
  return found;
}

numbers one_two_three() {
  numbers all;
  all.put("one", 1);
  all.put("two", 2);
  all.put("three", 3);
  return all;
}

}  // namespace

SCENARIO("what is found or put is used, what is looked at is not") {
  auto all = one_two_three();
  CHECK(keys(all) == std::vector<std::string>{"three", "two", "one"});
  WHEN("the oldest is found") {
    auto* one = all.find("one");
    REQUIRE(one != nullptr);
    CHECK(one->first == "one");
    CHECK(one->second == 1);
    CHECK(keys(all) == std::vector<std::string>{"one", "three", "two"});
  }
  WHEN("the oldest is used") {
    CHECK(all.use_oldest().first == "one");
    CHECK(keys(all) == std::vector<std::string>{"one", "three", "two"});
    CHECK(all.find("one")->second == 1);
  }
  WHEN("it is put again") {
    CHECK(all.put("one", 11).second == 11);
    CHECK(keys(all) == std::vector<std::string>{"one", "three", "two"});
    CHECK(all.size() == 3);
  }
  WHEN("it is looked at") {
    CHECK(all.contains("one"));
    CHECK(all.at("one") == 1);
    CHECK(all.peek("one")->second == 1);
    CHECK(all.oldest().first == "one");
  }
  WHEN("another one is looked for") {
    CHECK(all.find("four") == nullptr);
    CHECK_FALSE(all.contains("four"));
    CHECK(all.peek("four") == nullptr);
    CHECK_THROWS_AS(all.at("four"), std::out_of_range);
    CHECK(keys(all).size() == 3);
  }
}

SCENARIO("entries leave by age, by name and by what they are, and stay where they are until then") {
  auto all = one_two_three();
  const auto* three = all.find("three");
  WHEN("the oldest is taken") {
    CHECK(all.take_oldest() == 1);
    CHECK_FALSE(all.contains("one"));
  }
  WHEN("one is erased by its own name") {
    all.erase(all.find("one")->first);
    CHECK_FALSE(all.contains("one"));
  }
  WHEN("those of a kind are erased") {
    all.erase_if([](const auto& entry) { return entry.second == 1; });
    CHECK_FALSE(all.contains("one"));
  }
  CHECK(keys(all) == std::vector<std::string>{"three", "two"});
  CHECK(all.find("three") == three);
  all.erase("four");
  CHECK(all.size() == 2);
  const auto moved = std::move(all);
  CHECK(moved.at("three") == 3);
  CHECK(keys(moved) == std::vector<std::string>{"three", "two"});
}

SCENARIO("many come and go") {
  numbers all;
  for (int number = 0; number < 1'000; ++number) all.put(std::to_string(number), number);
  for (int number = 0; number < 1'000; number += 3) all.erase(all.peek(std::to_string(number))->first);
  CHECK(all.size() == 666);
  while (all.size() > 100) all.take_oldest();
  CHECK(keys(all).size() == 100);
  for (int number = 0; number < 1'000; ++number) {
    const auto key = std::to_string(number);
    const bool here = number % 3 != 0 && number >= 850;
    CAPTURE(number);
    CHECK(all.contains(key) == here);
    if (here) CHECK(all.at(key) == number);
  }
  all.clear();
  CHECK(all.size() == 0);
  all = one_two_three();
  CHECK(all.at("two") == 2);
}
