#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "domain/ids.hpp"
#include "storage/journal.hpp"

namespace sb {

struct lease_times {
  std::int64_t heartbeat_ms = 1'000;
  std::int64_t ttl_ms = 6'000;
  std::int64_t margin_ms = 1'000;
};

/// Who is alive, by heartbeat counters that change on this observer's own boot clock. No wall clock decides ownership,
/// and time in which PostgreSQL could not be read does not count against anybody.
class membership {
 public:
  explicit membership(lease_times times) : times_{times} {}

  /// A successful reading of all counters.
  void observe(const std::vector<node_heartbeat>& counters, boot_ms now);
  /// Readings failed for a while: start every node's time again.
  void blind(boot_ms now);
  /// The counter of this incarnation has not changed for the TTL, or a later one beats: one name is one process. A node
  /// that was never seen beating is given the TTL from the first reading. An incarnation that began after the last
  /// reading is alive, as far as is known here.
  bool dead(const std::string& node, std::int64_t incarnation, boot_ms now) const;
  /// The node's counter when it was last read, which goes on over its incarnations; 0 of one that was never seen.
  std::int64_t counter(const std::string& node) const;

 private:
  struct seen {
    std::int64_t incarnation = 0;
    std::int64_t counter = 0;
    boot_ms changed;
  };
  lease_times times_;
  std::map<std::string, seen> nodes_;
  bool read_ = false;
  boot_ms first_read_;
};

/// This node's right to act: effects and reads stop at TTL - margin after the last successful renewal *began*.
class lease {
 public:
  explicit lease(lease_times times) : times_{times} {}
  void renewed(boot_ms began) {
    if (began > renewed_) renewed_ = began;
  }
  boot_ms until() const { return {renewed_.value + times_.ttl_ms - times_.margin_ms}; }

 private:
  lease_times times_;
  boot_ms renewed_{-1'000'000'000};
};

/// Which shards to claim now: released ones, our own of an earlier incarnation, and those of dead nodes. `held` are
/// those that the caller has claimed itself and not given up or lost; none of them is claimed. What is ours in the
/// table but not in `held` is claimed again. What a dead node has is claimed by naming the counter at which it stood
/// still: what is known of it may be old, and by the time of the claim it may be awake.
std::vector<claim_request> claimable(const std::vector<shard_head>& heads, const node_identity& self,
                                     const membership& members, const std::set<shard_id>& held, boot_ms now);

/// Which of `held` the table gives to somebody else: taken while this node was stopped or cut off. What it knows of
/// them is old. It gives them up before it renews its lease, so that no read answers from there, and before it claims
/// one of them again: a claim under a shard that is still running here would end the new owner with the old.
std::vector<shard_id> taken_away(const std::vector<shard_head>& heads, const node_identity& self,
                                 const std::set<shard_id>& held);

}  // namespace sb
