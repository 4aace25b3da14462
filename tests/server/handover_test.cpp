#include "web/server/handover.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

using sb::web::wire::handover;

SCENARIO("whoever takes is told of the first, and has all in their order") {
  handover<int> left;
  std::vector<int> taken;
  const auto take = [&] { left.take([&](int& one) { taken.push_back(one); }); };
  CHECK(left.put(1));
  CHECK_FALSE(left.put(2));
  take();
  CHECK(taken == std::vector{1, 2});
  take();
  CHECK(taken.size() == 2);
  WHEN("more comes while some is taken") {
    left.put(3);
    left.take([&](int& one) {
      taken.push_back(one);
      CHECK(left.put(4));
    });
    THEN("it is the first of the next taking") {
      CHECK(taken == std::vector{1, 2, 3});
      take();
      CHECK(taken == std::vector{1, 2, 3, 4});
    }
  }
  WHEN("what waits is withdrawn") {
    left.put(5);
    CHECK(left.withdraw() == std::vector{5});
    THEN("none is taken, and the next one is a first") {
      take();
      CHECK(taken.size() == 2);
      CHECK(left.put(6));
    }
  }
}

TEST_CASE("what is left of an entry goes when all were used") {
  handover<std::shared_ptr<int>> left;
  const auto kept = std::make_shared<int>(1);
  left.put(std::shared_ptr{kept});
  left.take([](auto&) {});
  CHECK(kept.use_count() == 1);
}

TEST_CASE("none is lost between threads, and each one's keep their order") {
  constexpr int each = 20'000;
  handover<int> left;
  std::atomic<int> running{2};
  std::vector<std::thread> threads;
  for (int from = 0; from < 2; ++from) {
    threads.emplace_back([&left, &running, from] {
      for (int number = 0; number < each; ++number) left.put(number * 2 + from);
      --running;
    });
  }
  std::array<std::vector<int>, 2> taken;
  const auto take = [&] {
    left.take([&](int& one) { taken.at(static_cast<std::size_t>(one % 2)).push_back(one / 2); });
  };
  while (running > 0) take();
  for (auto& thread : threads) thread.join();
  take();
  std::vector<int> all(each);
  std::iota(all.begin(), all.end(), 0);
  CHECK(taken[0] == all);
  CHECK(taken[1] == all);
}
