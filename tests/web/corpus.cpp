#include "corpus.hpp"

#include <stdlib.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace sb::web::test {

std::optional<std::filesystem::path> shared_folder() {
  const char* const named = std::getenv("SB_SHARED");
  const auto folder =
      named != nullptr ? std::filesystem::path{named} : std::filesystem::path{SB_SOURCE_DIR} / "../shared";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return std::filesystem::canonical(folder);
}

std::filesystem::path make_temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "sb-web-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  return name;
}

unpacked_corpus::unpacked_corpus(const std::filesystem::path& archive) : folder_(make_temporary_folder()) {
  const std::string command = "tar -xJf '" + archive.string() + "' -C '" + folder_.string() + "'";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("cannot unpack " + archive.string());
}

unpacked_corpus::~unpacked_corpus() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace sb::web::test
