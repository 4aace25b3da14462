#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "app/audit/anchor_check.hpp"
#include "app/audit/finding_list.hpp"
#include "app/audit/journal_reader.hpp"

namespace sb {

struct audit_options {
  std::filesystem::path data_dir = "var";      ///< of the node: its key is there, and its anchors
  std::string conninfo;                        ///< of the node's database
  bool anchored = false;                       ///< also hold the journal against anchors
  std::vector<std::filesystem::path> anchors;  ///< their files; empty: anchors.log of data_dir
  std::vector<std::filesystem::path> keys;     ///< whose signatures count; empty: the key of data_dir
};

/// Verifies the whole journal and prints what it finds to stdout, progress and failures to stderr. Reads only; may run
/// beside a node. 0: nothing found. 1: something is wrong. 2: database, anchors or key cannot be read.
int run_audit(const audit_options& options);

namespace audit {

struct audit_totals {
  std::int64_t rows = 0;
  std::int64_t events = 0;
  std::map<shard_id, std::int64_t> last_seqs;  ///< of the shards that have rows
};
/// How many rows have been read of how many there were at the beginning.
using on_rows = std::function<void(std::int64_t done, std::int64_t total)>;

/// Reads the journal from its first row to what was the last one at the call, shard by shard. Memory does not grow with
/// it. Throws storage_unavailable.
audit_totals verify_rows(journal_reader& reader, finding_list& findings, const on_rows& told);

/// Takes the lines of a file of anchors; compares every few thousand heads. A last line without an end is not looked
/// at: a node may be writing it. Returns whether there was one. Throws std::runtime_error, storage_unavailable.
bool verify_anchors(journal_reader& reader, const std::filesystem::path& file, anchor_check& check,
                    finding_list& findings);

}  // namespace audit
}  // namespace sb
