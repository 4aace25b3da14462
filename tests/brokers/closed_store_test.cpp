#include "actors/trade/brokers/closed_store.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/brokers/paper_fixture.hpp"
#include "tests/file_size_limit.hpp"

namespace sb::paper {
namespace {

using paper_test::scratch_directory;

/// A few bytes, and now and then far more than a block or a first read has.
std::string record_of(std::size_t i) {
  const std::size_t size = i % 5'000 == 17 ? 300'000 : i % 300;
  return std::string(size, static_cast<char>('a' + i % 26)) + std::to_string(i);
}

std::vector<closed_store::place> keep_all(closed_store& store) {
  std::vector<closed_store::place> places;
  for (std::size_t i = 0; i < 20'000; ++i) places.push_back(store.keep(record_of(i)));
  return places;
}
bool has_all(const closed_store& store, const std::vector<closed_store::place>& places) {
  for (std::size_t i = places.size(); i-- > 0;) {
    if (store.at(places[i]) != record_of(i)) return false;
  }
  return true;
}
/// Whether all records are found again in a store that took 20,000 of them.
bool keeps_all(closed_store& store) { return has_all(store, keep_all(store)); }

/// The size of what this process has open in there that has no name any more; nullopt when there is nothing.
std::optional<std::uintmax_t> size_without_name(const std::filesystem::path& directory) {
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.starts_with(directory.string()) && target.ends_with("(deleted)"))
      return std::filesystem::file_size(entry.path());
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("what was kept is found again, in the file and before it is there") {
  scratch_directory directory;
  {
    closed_store store{{directory / ""}};
    CHECK(keeps_all(store));
    CHECK(store.bytes_in_file() > 3'000'000);
    CHECK(store.bytes_in_memory() < 700'000);  // a block and the longest record
    CHECK(size_without_name(directory / "") == store.bytes_in_file());
    CHECK(std::filesystem::is_empty(directory / ""));
    auto moved = std::move(store);
    CHECK(keeps_all(moved));
  }
  CHECK(size_without_name(directory / "") == std::nullopt);
}

TEST_CASE("where there is no file all stays in memory") {
  scratch_directory directory;
  closed_store nowhere{{directory / "absent"}};
  CHECK(keeps_all(nowhere));
  CHECK(nowhere.bytes_in_file() == 0);
  closed_store memory{{}};
  CHECK(keeps_all(memory));
  CHECK(memory.bytes_in_file() == 0);
}

TEST_CASE("a disk that is full for a while loses nothing, and gets nothing that it needs for others") {
  scratch_directory directory;
  closed_store store{{directory / ""}};
  std::vector<closed_store::place> places;
  {
    const test::file_size_limit full{400'000};
    places = keep_all(store);
    CHECK(has_all(store, places));
    // What could be written in part was given back.
    CHECK(store.bytes_in_file() < 400'000);
    CHECK(size_without_name(directory / "") == store.bytes_in_file());
    CHECK(store.bytes_in_memory() > 3'000'000);
  }
  CHECK(keeps_all(store));
  CHECK(store.bytes_in_memory() < 700'000);
  CHECK(size_without_name(directory / "") == store.bytes_in_file());
  CHECK(has_all(store, places));  // those too that had waited for the disk
}

TEST_CASE("what a disk has forgotten is not taken for what was kept") {
  scratch_directory directory;
  closed_store store{{.directory = directory / "", .block = 1}};
  const auto first = store.keep("first");
  const auto second = store.keep("second");
  store.keep("third");
  REQUIRE(store.at(first) == "first");
  const auto damage = [&](closed_store::place at, const std::string& bytes) {
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
      std::error_code gone;
      const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
      if (!target.starts_with((directory / "").string())) continue;
      std::fstream file{entry.path(), std::ios::in | std::ios::out | std::ios::binary};
      file.seekp(static_cast<std::streamoff>(at));
      file << bytes;
    }
  };
  damage(first, std::string(second - first, '\0'));  // a block of zeros
  CHECK(store.at(second) == "second");
  damage(second, "\xff\xff\xff\x7f");  // a length beyond the end
  CHECK_THROWS_AS(store.at(second), std::system_error);
  CHECK_THROWS_AS(store.at(first), std::system_error);
}

TEST_CASE("the last bytes of a disk are left to others") {
  scratch_directory directory;
  closed_store store{{.directory = directory / "", .left_free = std::uintmax_t{1} << 62}};
  CHECK(keeps_all(store));
  CHECK(store.bytes_in_file() == 0);
}

}  // namespace sb::paper
