#include "app/input_file.hpp"

#include <lzma.h>

#include <array>
#include <fstream>
#include <stdexcept>

namespace sb {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error{path.string() + ": " + what};
}

std::string megabytes(std::size_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

class xz_decoder {
 public:
  xz_decoder(const std::filesystem::path& path, std::size_t bytes_max) : path_{path}, bytes_max_{bytes_max} {
    constexpr std::uint64_t memory_max = std::uint64_t{256} << 20;
    if (lzma_stream_decoder(&stream_, memory_max, LZMA_CONCATENATED) != LZMA_OK) fail(path_, "no memory to unpack it");
  }
  ~xz_decoder() { lzma_end(&stream_); }
  xz_decoder(const xz_decoder&) = delete;
  xz_decoder& operator=(const xz_decoder&) = delete;

  std::string unpack(std::istream& file) {
    std::string text;
    std::array<char, 65'536> in{};
    std::array<char, 65'536> out{};
    for (;;) {
      if (stream_.avail_in == 0 && file) {
        file.read(in.data(), static_cast<std::streamsize>(in.size()));
        stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
        stream_.avail_in = static_cast<std::size_t>(file.gcount());
      }
      stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
      stream_.avail_out = out.size();
      const auto state = lzma_code(&stream_, file ? LZMA_RUN : LZMA_FINISH);
      text.append(out.data(), out.size() - stream_.avail_out);
      if (text.size() > bytes_max_) fail(path_, "larger than " + megabytes(bytes_max_) + " unpacked");
      if (state == LZMA_STREAM_END) return text;
      if (state != LZMA_OK) fail(path_, "not a whole xz file");
    }
  }

 private:
  const std::filesystem::path& path_;
  std::size_t bytes_max_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

}  // namespace

std::string read_input_file(const std::filesystem::path& path, std::size_t bytes_max) {
  std::ifstream file{path, std::ios::binary};
  if (!file) fail(path, "cannot be opened");
  if (path.extension() == ".xz") return xz_decoder{path, bytes_max}.unpack(file);
  std::string whole;
  std::array<char, 65'536> block{};
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    whole.append(block.data(), static_cast<std::size_t>(file.gcount()));
    if (whole.size() > bytes_max) fail(path, "larger than " + megabytes(bytes_max));
  }
  if (file.bad()) fail(path, "cannot be read");
  return whole;
}

}  // namespace sb
