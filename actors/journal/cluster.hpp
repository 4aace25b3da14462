#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "actors/journal/journal_actors.hpp"
#include "runtime/membership.hpp"

namespace sb {

struct membership_settings {
  node_identity self;
  lease_times times;
  std::chrono::milliseconds statement_deadline{5'000};
  std::chrono::milliseconds lock_wait{1'000};
  /// Told each minute which of this node's shards have moved, and to which head and hash: the caller signs and keeps
  /// it, so that a journal that was cut or rewritten later can be found out. Called on the cluster's thread; may be
  /// empty.
  std::function<void(const std::vector<shard_head>&)> anchor;
};

/// This node's place among the nodes: beats, keeps the lease, claims shards that nobody else may hold, and tells the
/// writer, the router and the shards' supervisors. On its own thread and connection, so that a slow append never delays
/// a heartbeat.
struct cluster_state {
  static inline const char* name = "cluster";
  node_services services;
  membership_settings settings;
  std::unique_ptr<journal> store;
  membership members{lease_times{}};
  lease right{lease_times{}};
  vitals vital;
  std::set<shard_id> owned;
  std::vector<follow_shards> followers;
  std::vector<caf::actor> lease_listeners;
  std::map<shard_id, std::int64_t> anchored;  ///< head at the last anchor
  boot_ms anchored_at;
  bool blind = false;
  bool clock_trusted = true;
};
/// A node whose clock differs from PostgreSQL by more than 2 s does not renew its lease: it stops new work and says so.
caf::behavior cluster(caf::stateful_actor<cluster_state>* self, node_services services, membership_settings settings,
                      journal_factory connect);

}  // namespace sb
