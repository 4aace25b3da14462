#include "app/anchor_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "web/json.hpp"

namespace sb {
namespace {

constexpr std::size_t signature_digits = 128;
constexpr std::string_view hex_digits = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += hex_digits[byte >> 4U];
    text += hex_digits[byte & 15U];
  }
  return text;
}

std::optional<std::string> bytes_of_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const auto high = hex_digits.find(text[at]);
    const auto low = hex_digits.find(text[at + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes += static_cast<char>(high << 4U | low);
  }
  return bytes;
}

template <class Integer>
bool read_integer(const web::json_value* value, Integer& out) {
  if (value == nullptr || value->kind() != web::json_kind::number) return false;
  const auto& text = value->text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<anchored_head> read_head(const web::json_value& value) {
  const auto parts = value.children();
  anchored_head head;
  if (value.kind() != web::json_kind::array || parts.size() != 3 || !read_integer(&parts[0], head.shard) ||
      !read_integer(&parts[1], head.seq) || parts[2].kind() != web::json_kind::string) {
    return std::nullopt;
  }
  const auto hash = bytes_of_hex(parts[2].text());
  if (!hash || hash->size() != head.hash.size()) return std::nullopt;
  std::copy(hash->begin(), hash->end(), head.hash.begin());
  return head;
}

class open_file {
 public:
  explicit open_file(const std::filesystem::path& path)
      : fd_{::open(path.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600)} {}
  ~open_file() {
    if (fd_ >= 0) ::close(fd_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// Where the last whole line ends; nullopt when the file cannot be read.
std::optional<off_t> end_of_lines(int file) {
  std::array<char, 4'096> block;
  off_t end = ::lseek(file, 0, SEEK_END);
  while (end > 0) {
    const auto size = std::min<off_t>(end, static_cast<off_t>(block.size()));
    if (::pread(file, block.data(), static_cast<std::size_t>(size), end - size) != size) return std::nullopt;
    const std::string_view bytes{block.data(), static_cast<std::size_t>(size)};
    const auto newline = bytes.rfind('\n');
    if (newline != std::string_view::npos) return end - size + static_cast<off_t>(newline) + 1;
    end -= size;
  }
  return end < 0 ? std::nullopt : std::optional<off_t>{0};
}

/// Whether the whole line is on disk; if not, the file is as it was as far as that can be done.
bool append_line(int file, std::string_view line) {
  const auto end = file < 0 ? std::nullopt : end_of_lines(file);
  if (!end || ::ftruncate(file, *end) != 0) return false;
  if (::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(file) == 0) return true;
  static_cast<void>(::ftruncate(file, *end));
  return false;
}

}  // namespace

void append_anchor(const std::filesystem::path& path, const web::signing_key& key, wall_ms at,
                   const std::vector<shard_head>& heads) {
  std::string line = R"({"at":)" + std::to_string(at.value) + R"(,"heads":[)";
  for (const auto& head : heads) {
    if (line.back() == ']') line += ',';
    line += '[' + std::to_string(head.shard) + ',' + std::to_string(head.head) + ",\"" +
            hex({reinterpret_cast<const char*>(head.head_hash.data()), head.head_hash.size()}) + "\"]";
  }
  line += "]}";
  line += ' ' + hex(key.sign(line)) + '\n';
  const open_file file{path};
  if (!append_line(file.fd(), line)) throw std::runtime_error{"anchor: " + path.string() + " cannot be written"};
}

std::optional<anchor_line> split_anchor_line(std::string_view line) {
  if (line.size() <= signature_digits) return std::nullopt;
  const auto blank = line.size() - signature_digits - 1;
  auto signature = bytes_of_hex(line.substr(blank + 1));
  if (line[blank] != ' ' || !signature) return std::nullopt;
  return anchor_line{line.substr(0, blank), std::move(*signature)};
}

std::optional<anchor> parse_anchor(std::string_view text) {
  const auto parsed = web::parse_json(text, {.bytes_max = anchor_line_bytes_max, .depth_max = 3});
  const auto* const document = std::get_if<web::json_value>(&parsed);
  if (document == nullptr || document->kind() != web::json_kind::object) return std::nullopt;
  anchor read;
  const auto* const heads = document->find("heads");
  if (!read_integer(document->find("at"), read.at.value) || heads == nullptr ||
      heads->kind() != web::json_kind::array) {
    return std::nullopt;
  }
  for (const auto& each : heads->children()) {
    const auto head = read_head(each);
    if (!head) return std::nullopt;
    read.heads.push_back(*head);
  }
  return read;
}

}  // namespace sb
