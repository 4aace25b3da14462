#pragma once
#include <span>

#include "storage/journal.hpp"
#include "storage/postgres/connection.hpp"

namespace sb {

/// The journal in PostgreSQL. Connects at the first call and again at the first call after a loss. The database must
/// have been migrated (storage/postgres/migrations.hpp). Contract: storage/journal.hpp.
class postgres_journal final : public journal {
 public:
  /// `self` names the connections and must be what claims are made with. Throws std::invalid_argument for a node name
  /// that does not fit an application_name (31 characters of [A-Za-z0-9._-]).
  postgres_journal(std::string conninfo, node_identity self);

  std::vector<append_outcome> append(const std::vector<shard_append>& parts, deadline within) override;
  std::vector<shard_head> heads(const std::vector<shard_id>& shards, deadline within) override;
  std::vector<claim_outcome> claim(const std::vector<claim_request>& shards, const node_identity& self,
                                   deadline lock_wait, deadline within) override;
  void release(const std::vector<shard_head>& held, deadline within) override;
  std::vector<stream_history> read_streams(shard_id shard, const std::vector<stream_id>& streams,
                                           deadline within) override;
  std::vector<stream_id> stored_streams(shard_id shard, const std::vector<stream_id>& streams,
                                        deadline within) override;
  std::vector<journal_row> read_after(shard_id shard, std::int64_t after, std::int32_t limit, deadline within) override;
  std::vector<stream_id> streams_after(shard_id shard, const stream_id& after, std::int32_t limit,
                                       deadline within) override;
  void save_snapshot(shard_id shard, const stored_snapshot& snapshot, deadline within) override;
  void heartbeat(const node_identity& self, deadline within) override;
  std::vector<node_heartbeat> heartbeats(deadline within) override;
  std::int64_t reserve_ids(const std::string& kind, std::int32_t count, deadline within) override;
  std::int64_t clock_skew_ms(wall_ms now, deadline within) override;

 private:
  /// One statement's outcomes; `refused` when PostgreSQL refused a value of one of the parts and wrote none.
  struct attempt {
    std::vector<append_outcome> outcomes;
    bool refused = false;
  };
  attempt append_once(std::span<const shard_append> parts, postgres::instant until);

  node_identity self_;
  std::string conninfo_;
  postgres::connection connection_;
};

}  // namespace sb
