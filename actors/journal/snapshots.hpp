#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <chrono>
#include <memory>

#include "actors/journal/journal_actors.hpp"
#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "storage/journal.hpp"

namespace sb {

/// Makes the texts of snapshots and stores them, on a thread and a connection of its own: one of a busy organization's
/// risk book is megabytes, and neither the entities nor whoever waits for a history is to wait for it.
struct snapshots_state {
  static inline const char* name = "snapshots";
  node_services services;
  std::unique_ptr<journal> store;
  std::chrono::milliseconds deadline{5'000};
  vitals vital;
};
caf::behavior snapshots(caf::stateful_actor<snapshots_state>* self, node_services services, journal_factory connect,
                        std::chrono::milliseconds statement_deadline);

}  // namespace sb
