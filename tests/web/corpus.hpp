#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sb::web::test {

/// The folder of shared test material: $SB_SHARED, or "shared" beside the checkout. nullopt when it is not there; a
/// test then says so and ends, and fails when CI=true.
std::optional<std::filesystem::path> shared_folder();

/// The bad-input corpus unpacked into a temporary folder that lives as long as this object.
class unpacked_corpus {
 public:
  explicit unpacked_corpus(const std::filesystem::path& archive);
  ~unpacked_corpus();
  unpacked_corpus(const unpacked_corpus&) = delete;
  unpacked_corpus& operator=(const unpacked_corpus&) = delete;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

std::string contents(const std::filesystem::path& file);

/// A new empty folder under the system's temporary one.
std::filesystem::path make_temporary_folder();

}  // namespace sb::web::test
