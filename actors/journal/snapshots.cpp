#include "actors/journal/snapshots.hpp"

#include <caf/all.hpp>
#include <new>
#include <utility>

#include "actors/protocol/type_ids.hpp"

namespace sb {

caf::behavior snapshots(caf::stateful_actor<snapshots_state>* self, node_services services, journal_factory connect,
                        std::chrono::milliseconds statement_deadline) {
  auto& state = self->state;
  state.services = std::move(services);
  state.store = connect();
  state.deadline = statement_deadline;
  state.vital = vitals{state.services.node + "/snapshots", "service"};
  return {
      [self](const snapshot_ask& ask) {
        auto& s = self->state;
        s.vital.count();
        const auto& [stream, version, offer] = ask.snapshot;
        try {
          const stored_snapshot made{stream, version, offer.text()};
          s.store->save_snapshot(ask.shard, made, s.deadline);
          offer.stored(made.body.size());
        } catch (const storage_unavailable& error) {  // the next snapshot of the entity covers it
          s.services.log(severity::warning, s.vital.id(), error.what());
        } catch (const std::bad_alloc&) {  // a saving that failed: whatever trades is not restarted for it
          s.services.log(severity::alarm, s.vital.id(), "no memory for a snapshot of " + stream);
        }
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
