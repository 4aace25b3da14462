#include "actors/trade/brokers/closed_store.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "actors/trade/brokers/id_index.hpp"
#include "tests/brokers/paper_fixture.hpp"

namespace sb::paper {
namespace {

using paper_test::scratch_directory;

/// A few bytes, and now and then far more than a block or a first read has.
std::string record_of(std::size_t i) {
  const std::size_t size = i % 5'000 == 17 ? 300'000 : i % 300;
  return std::string(size, static_cast<char>('a' + i % 26)) + std::to_string(i);
}

/// Whether all records are found again in a store that took 20,000 of them.
bool keeps_all(closed_store& store) {
  std::vector<closed_store::place> places;
  for (std::size_t i = 0; i < 20'000; ++i) places.push_back(store.keep(record_of(i)));
  for (std::size_t i = places.size(); i-- > 0;) {
    if (store.at(places[i]) != record_of(i)) return false;
  }
  return true;
}

/// What this process has open that has no name any more.
bool has_open_without_name(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.starts_with(directory.string()) && target.ends_with("(deleted)")) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("what was kept is found again, in the file and before it is there") {
  scratch_directory directory;
  {
    closed_store store{directory / ""};
    CHECK(keeps_all(store));
    CHECK(has_open_without_name(directory / ""));
    CHECK(std::filesystem::is_empty(directory / ""));
    auto moved = std::move(store);
    CHECK(keeps_all(moved));
  }
  CHECK_FALSE(has_open_without_name(directory / ""));
}

TEST_CASE("where there is no file all stays in memory") {
  scratch_directory directory;
  closed_store nowhere{directory / "absent"};
  CHECK(keeps_all(nowhere));
  closed_store memory{{}};
  CHECK(keeps_all(memory));
}

TEST_CASE("a disk that is full for a while loses nothing") {
  scratch_directory directory;
  closed_store store{directory / ""};
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 400'000;
  auto* const former = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const bool kept = keeps_all(store);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, former);
  CHECK(kept);
  CHECK(keeps_all(store));
}

TEST_CASE("numbers are found by their ids, among many and with others of the same") {
  id_index index;
  CHECK(index.candidates("o1").empty());
  constexpr std::uint32_t count = 50'000;
  for (std::uint32_t number = 1; number <= count; ++number) index.add("o" + std::to_string(number % 40'000), number);
  std::size_t strangers = 0;
  for (std::uint32_t number = 1; number <= count; ++number) {
    const auto found = index.candidates("o" + std::to_string(number % 40'000));
    REQUIRE(std::find(found.begin(), found.end(), number) != found.end());
    const bool twice = number <= 10'000 || number > 40'000;
    strangers += found.size() - (twice ? 2 : 1);
  }
  // Two of 50,000 have the same 32 bits of hash rarely.
  CHECK(strangers < 20);
}

}  // namespace sb::paper
