#pragma once
#include <string>
#include <vector>

#include "storage/postgres/connection.hpp"

namespace sb::postgres {

/// One claim of shards, from the compare-and-set to a certain outcome (journal::claim). Used once.
class shard_claim {
 public:
  /// `work` runs the claim and may be lost and reopened on the way. Throws std::invalid_argument when a shard is wanted
  /// twice.
  shard_claim(connection& work, const std::string& conninfo, const node_identity& self, deadline lock_wait,
              instant until, const std::vector<claim_request>& wanted);
  /// One outcome for each request, in their order.
  std::vector<claim_outcome> run();

 private:
  /// A server process. Process ids come round again, so it is known by its start as well.
  struct server_process {
    std::int32_t pid = 0;
    std::int64_t started_us = 0;
  };

  bool try_once();
  server_process prepare_session();
  void restore_session() noexcept;
  void terminate_blockers(std::int32_t waiting) noexcept;
  void resolve(const server_process& late);
  bool resolve_once(const server_process& late);
  void settle(const result& claimed);
  bool is_pending() const;
  parameters pending_arrays() const;
  array pending_counters() const;

  connection& work_;
  connection watch_;  ///< looks at the claim while it waits for a lock
  node_identity self_;
  deadline lock_wait_;
  instant until_;  ///< of the call; what is left after send_until_ is kept for finding out what a lost claim did
  instant send_until_;
  std::string nonce_;
  std::vector<claim_request> wanted_;
  std::vector<claim_outcome> outcomes_;  ///< in the order of wanted_; `unknown` while pending
};

}  // namespace sb::postgres
