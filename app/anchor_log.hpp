#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/journal.hpp"
#include "web/auth/signing_key.hpp"

/// Anchors: what the journal's heads were, signed, outside the database. Whoever cuts or rewrites the journal later
/// cannot make these lines agree with it. A line is
///   {"at":ms,"heads":[[shard,head,"hash in hex"],...]} signature
/// where the signature is the 64 bytes of ES256 over the JSON text, in hex. Hex is lower case only, so that each line
/// has exactly one spelling.
namespace sb {

/// Appends one line and syncs it. A line that a crash or a full disk has cut off goes first; when this one cannot be
/// written whole, none of it stays. The file is made with mode 0600; keep a copy elsewhere. One process at a time.
/// Throws std::runtime_error that names the file. Blocks.
void append_anchor(const std::filesystem::path& path, const web::signing_key& key, wall_ms at,
                   const std::vector<shard_head>& heads);

struct anchored_head {
  shard_id shard = 0;
  std::int64_t seq = 0;
  digest hash{};
  friend bool operator==(const anchored_head&, const anchored_head&) = default;
};
struct anchor {
  wall_ms at;
  std::vector<anchored_head> heads;
  friend bool operator==(const anchor&, const anchor&) = default;
};

constexpr std::size_t anchor_line_bytes_max = 64 * 1024;

/// A line without its end, taken apart. Says nothing about whose signature it is.
struct anchor_line {
  std::string_view text;  ///< into the line: what was signed
  std::string signature;  ///< 64 bytes
};
std::optional<anchor_line> split_anchor_line(std::string_view line);

/// The signed text read; nullopt when it is not what append_anchor writes.
std::optional<anchor> parse_anchor(std::string_view text);

}  // namespace sb
