#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "actors/supervision/alarm_board.hpp"
#include "actors/supervision/crash_windows.hpp"
#include "runtime/recently_used.hpp"
#include "runtime/stream_filter.hpp"

namespace sb {

/// Makes the decisions of an entity. `incarnation` is new for each object.
using entity_factory = std::function<std::unique_ptr<entity>(const entity_key&, std::uint64_t incarnation)>;

struct shard_rules {
  std::size_t held_max = 64;   ///< messages kept for an entity that is coming or going; then `overloaded`
  std::size_t queue_max = 64;  ///< requests of the edge that wait inside one entity
  std::size_t book_queue_max = 4'096;
  restart_intensity crashes{2, 60'000};  ///< a third crash within the window parks the entity
  std::int64_t idle_order_ms = 2'000;    ///< after this an entity that can retire does
  std::int64_t idle_other_ms = 60'000;
  std::size_t waking_max = 64;  ///< entities with open work whose histories are read together, one group at a time
};

/// One shard of one role: spawns entities when first addressed, holds their messages while they come and go, fences and
/// replays those that fail, parks those that keep failing, gives their hosts the ticks that these ask for, retires the
/// idle.
/// It takes requests as soon as nothing of its former incarnation is under way and, for orders, the broker is there.
/// What it has stored it learns meanwhile: until then any stream may be stored, and whatever comes back may have missed
/// what was said to it; then it wakes what has open work, a group at a time, behind whatever somebody waits for.
struct shard_state {
  static inline const char* name = "shard";
  ~shard_state();

  enum class phase : std::uint8_t {
    live,     ///< messages are passed on (it queues itself while it recovers)
    leaving,  ///< asked to retire, or to end for a restart: messages are held until it has answered
    fencing,  ///< what it sent last is being resolved: messages are held
    parked,   ///< failed too often: messages are refused until an operator restarts it
  };
  struct slot {
    entity_key key;
    caf::actor host;
    phase is = phase::live;
    boot_ms used;
    bool restart_asked = false;  ///< by an operator: its end does not count as a failure
    std::uint64_t incarnation = 0;
    std::vector<caf::message> held;
  };
  using residents = recently_used<stream_id, slot>;

  node_services services;
  shard_id number = 0;
  shard_rules rules;
  entity_factory make;
  vitals vital;
  bool alone = false;         ///< nothing of the former incarnation is under way
  bool broker_there = false;  ///< or not needed here
  bool open() const { return alone && broker_there; }
  std::vector<caf::message> early;              ///< before it is open
  std::shared_ptr<const stream_filter> stored;  ///< streams that were stored when this began; null: not known yet
  stream_filter streams;                        ///< those stored since, and those with open work
  /// Open work of a former owner that has not been recovered here yet; whatever else comes back retired under us. Not
  /// known at first.
  std::optional<std::set<stream_id>> inherited;
  /// Those of it whose histories are being read and that nobody has asked for; the next are woken after them.
  std::unordered_set<stream_id> group;
  /// Who is here, in the order of `used`: orders, which are many and soon idle, and the others.
  residents orders;
  residents others;
  residents& of_kind(entity_kind kind) { return kind == entity_kind::order ? orders : others; }
  residents::entry* find(const stream_id& stream);  ///< null: is not here; leaves it where it stands
  crash_windows crashes{restart_intensity{}};
  std::unordered_map<stream_id, std::string> parked_because;
  std::shared_ptr<alarm_board> board = std::make_shared<alarm_board>();
  boot_ms first_alarm = alarm_board::never;  ///< on the board, as far as was seen or told
  std::vector<caf::actor> vacant;            ///< hosts whose entity has retired, for the next ones
  std::size_t vacant_least = 0;              ///< since they were counted last: so many were not needed
  std::vector<stream_id> retired;  ///< the writer is told with the next tick: each message to it may wake its thread
  boot_ms tick_due;                ///< of the earliest tick that is set; 0: none
  boot_ms hosts_counted;
  std::int64_t failures = 0;
  std::string last_failure;
  wall_ms failed_at;
};
caf::behavior shard(caf::stateful_actor<shard_state>* self, node_services services, shard_id number, shard_rules rules,
                    entity_factory make);

}  // namespace sb
