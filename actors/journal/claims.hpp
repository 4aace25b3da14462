#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "actors/journal/cluster.hpp"

namespace sb {

struct claim_settings {
  node_identity self;
  std::chrono::milliseconds statement_deadline{5'000};
  std::chrono::milliseconds lock_wait{1'000};
  /// Told each minute which of this node's shards have moved, and to which head and hash: the caller signs and keeps
  /// it, so that a journal that was cut or rewritten later can be found out. Called on the claims' thread; may
  /// throw std::runtime_error, and is then told the same heads again; may be empty.
  std::function<void(const std::vector<shard_head>&)> anchor;
};

/// The shards of this node: after a beat that renewed the lease, claims those that nobody else may hold, and tells the
/// cluster and, when that minds them, the shards' supervisors. On its own thread and connection: a claim may wait for
/// locks of an owner that hangs. Beats that come while it waits count as one, the latest.
struct claims_state {
  static inline const char* name = "claims";
  node_services services;
  claim_settings settings;
  std::unique_ptr<journal> store;
  vitals vital;
  beat_told beat;
  bool beaten = false;       ///< a flush is on its way
  std::set<shard_id> owned;  ///< claimed, and not known to be gone
  std::set<shard_id> held;   ///< of them, those that the cluster minds
  std::vector<follow_shards> followers;
  std::map<shard_id, std::int64_t> anchored;  ///< head at the last anchor
  boot_ms anchored_at;
};
caf::behavior claims(caf::stateful_actor<claims_state>* self, node_services services, claim_settings settings,
                     journal_factory connect);

}  // namespace sb
