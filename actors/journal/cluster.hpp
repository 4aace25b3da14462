#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "actors/journal/journal_actors.hpp"
#include "runtime/membership.hpp"

namespace sb {

struct membership_settings {
  node_identity self;
  lease_times times;
  std::chrono::milliseconds statement_deadline{5'000};
  /// The system's wall clock, which is compared with PostgreSQL's; null: the node's own clock is.
  std::function<wall_ms()> system_clock;
  /// Told, on the cluster's thread, what the system's clock showed when it was found right; may be null.
  std::function<void(wall_ms system, boot_ms now)> trust_clock;
};

/// What a heartbeat found, for whoever claims (actors/journal/claims.hpp). Never leaves the process.
struct beat_told {
  std::shared_ptr<const membership> members;
  boot_ms at;  ///< when the others' beats were read: who is dead is judged as of then
  boot_ms lease_until;
  bool clock_trusted = false;
};
/// To the cluster: beats go to `claims` from now on, instead of whoever asked before.
struct beats_ask {
  caf::actor claims;
};
/// From the claims: this node has claimed these shards. The cluster minds them from now on, gives them to the writer,
/// and answers with held_told; shard_gone follows when one is no longer this node's. Nobody works on a shard before the
/// cluster minds it, else a lease that came back without a look at it would let it answer.
struct claimed_told {
  std::vector<shard_head> heads;
  boot_ms lease_until;  ///< of the beat under which they were claimed
};
struct held_told {
  std::vector<shard_id> shards;
};

/// This node's sign of life: beats, keeps the lease, watches the other nodes' beats, and tells the router, the lease's
/// listeners and the claims. On its own thread and connection, with nothing else on it: neither a slow append nor a
/// slow claim delays a heartbeat. A lease that has lapsed is renewed only when the table gives all that this node works
/// on to this node: another one may have taken a shard while this one was stopped.
struct cluster_state {
  static inline const char* name = "cluster";
  node_services services;
  membership_settings settings;
  std::unique_ptr<journal> store;
  membership members{lease_times{}};
  lease right{lease_times{}};
  vitals vital;
  caf::actor claims;  ///< null until it asks
  std::optional<beat_told> last_beat;
  std::vector<caf::actor> lease_listeners;
  std::set<shard_id> held;  ///< claimed, and not known to be gone
  bool blind = false;
  bool clock_trusted = true;
};
/// A node whose clock differs from PostgreSQL by more than 2 s does not renew its lease: it stops new work and says so.
caf::behavior cluster(caf::stateful_actor<cluster_state>* self, node_services services, membership_settings settings,
                      journal_factory connect);

}  // namespace sb

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::beat_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::beats_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::claimed_told)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::held_told)
