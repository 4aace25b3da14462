#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "app/audit/shard_check.hpp"
#include "runtime/address.hpp"
#include "storage/journal.hpp"

namespace sb::test {

/// Writes the rows that a node would write for a few organizations and their orders: streams, versions, epochs and
/// hashes as the runtime keeps them, events as the codecs write them.
class ledger {
 public:
  /// Under which epoch a shard's next rows are written, and what they follow. An unknown shard begins at epoch 1.
  void hold(const shard_head& head) { heads_[head.shard] = head; }
  const std::map<shard_id, shard_head>& heads() const { return heads_; }
  const std::vector<journal_row>& rows() const { return rows_; }

  void write(const entity_key& to, const std::vector<event_record>& events);
  /// Users, accounts, permissions and a limit.
  void open_organization(organization_id organization);
  /// Requested, reserved, accepted and either filled in two parts or canceled.
  void trade(organization_id organization, int orders);

 private:
  std::map<shard_id, shard_head> heads_;
  std::map<stream_id, std::int64_t> versions_;
  std::vector<journal_row> rows_;
  int orders_ = 0;
};

/// Where the organizations' rows are: two shards each.
constexpr organization_id ledger_organizations[] = {{7}, {8}, {2026}};

/// One shard's rows as a reader would bring them.
std::vector<audit::stored_row> stored_rows(const std::vector<journal_row>& rows, shard_id shard);
/// The former row of each stream anew, after rows were changed.
void find_formers(std::vector<audit::stored_row>& rows);

}  // namespace sb::test
