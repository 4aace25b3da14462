// The fuzz targets over our own corpora, over everything that was ever found, and over other people's hard input.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/targets.hpp"
#include "tests/web/corpus.hpp"

namespace {

using namespace sb::fuzz;
using sb::web::test::contents;
namespace fs = std::filesystem;

const fs::path home = fs::path{SB_SOURCE_DIR} / "tests/fuzz";

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator{folder})
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

int run(const target& subject, std::string_view text) {
  return subject.run({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// What became of one input: "taken", "refused", or the property that does not hold.
std::string outcome(const target& subject, std::string_view text) {
  try {
    return run(subject, text) == 1 ? "taken" : "refused";
  } catch (const std::exception& broken) {
    return broken.what();
  }
}

}  // namespace

TEST_CASE("a property that does not hold is told") {
  CHECK_THROWS_AS(must(false, "anything"), broken_property);
  CHECK_NOTHROW(must(true, "anything"));
}

TEST_CASE("every seed is taken or refused as its name says") {
  for (const auto& subject : targets) {
    const auto files = files_below(home / "corpus" / subject.name);
    INFO(subject.name);
    CHECK(files.size() >= 5);
    std::size_t taken = 0;
    for (const auto& file : files) {
      INFO(file.filename().string());
      const auto name = file.filename().string();
      const std::string expected = name.starts_with("taken") ? "taken" : "refused";
      CHECK((name.starts_with("taken") || name.starts_with("refused")));
      CHECK(outcome(subject, contents(file)) == expected);
      taken += expected == "taken" ? 1U : 0U;
    }
    CHECK(taken > 0);
  }
}

TEST_CASE("the shipped settings are taken") {
  CHECK(outcome({"settings", fuzz_settings}, contents(fs::path{SB_SOURCE_DIR} / "config/stocksblitz.yaml")) == "taken");
}

TEST_CASE("what was found once stays mended") {
  for (const auto& subject : targets) {
    for (const auto& file : files_below(home / "found" / subject.name)) {
      INFO(subject.name << '/' << file.filename().string());
      const auto found = outcome(subject, contents(file));
      CHECK((found == "taken" || found == "refused"));
      CHECK(found.size() < 8);  // shows the property in the failure's text
    }
  }
}

TEST_CASE("other people's hard input breaks no property of any target") {
  const auto shared = sb::web::test::shared_folder();
  if (!shared || !fs::exists(*shared / "corpora/bad-input.tar.xz")) {
    const char* const ci = std::getenv("CI");
    if (ci != nullptr && std::string_view{ci} == "true") FAIL("the bad-input corpus is absent");
    WARN("SKIPPED: the bad-input corpus is absent");
    return;
  }
  const sb::web::test::unpacked_corpus unpacked{*shared / "corpora/bad-input.tar.xz"};
  const auto files = files_below(unpacked.folder());
  REQUIRE(files.size() >= 340);
  for (const auto& file : files) {
    const auto text = contents(file);
    for (const auto& subject : targets) {
      const auto found = outcome(subject, text);
      if (found == "taken" || found == "refused") continue;
      FAIL_CHECK(subject.name << '/' << file.filename().string() << ": " << found);
    }
  }
}
