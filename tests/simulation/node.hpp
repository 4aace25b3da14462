#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/entity.hpp"
#include "runtime/journal_writer.hpp"
#include "runtime/membership.hpp"
#include "runtime/node_clock.hpp"
#include "runtime/projection.hpp"
#include "runtime/settlement.hpp"
#include "runtime/snapshot_places.hpp"
#include "runtime/stream_filter.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

class world;

constexpr std::int64_t statement_deadline_ms = 5'000;

/// A process: the real writer, entities, settlement, projection and membership, moved by a shard and a router that do
/// what the actors do. A kill takes all of it; a pause freezes it while the clocks go on.
class node {
 public:
  /// `clock_error_ms`: by how much its wall clock is wrong all the time.
  node(world& all, std::size_t number, node_roles roles, std::int64_t clock_error_ms)
      : world_{all},
        number_{number},
        name_{"n" + std::to_string(number + 1)},
        roles_{roles},
        clock_error_ms_{clock_error_ms} {}

  void start();
  void kill();
  void pause();
  void resume();
  /// Its connections to PostgreSQL hang, until then; the rest of it goes on.
  void cut_off(std::int64_t until) { cut_off_until_ = until; }
  bool alive() const { return alive_; }
  bool paused() const { return paused_; }
  bool serves(shard_id shard) const { return alive_ && shards_.contains(shard); }
  bool owns(shard_id shard) const { return alive_ && owned_.contains(shard); }
  /// Sets its wall clock by so much beside its usual error; 0 sets it right. The boot clock goes on.
  void set_clock(std::int64_t jump_ms) { clock_jump_ms_ = jump_ms; }
  const std::string& name() const { return name_; }

  /// Something has arrived over the network: handled when the process runs, lost when it does not.
  void receive(std::function<void()> what) { run_here(life_, std::move(what)); }
  /// A message for an entity has arrived here; refused or dropped when the shard is elsewhere or the lease is over.
  void take(delivery in);
  /// What the broker says unasked. Kept while there is no lease.
  void take_report(delivery in);
  /// An answer to settlement.
  void take_settled(const settled& in);
  /// Ends one entity as a bug would; the next message replays it. Names the entity; nullopt when there is none.
  std::optional<entity_key> crash_one();
  /// Gives one shard back in good order; nullopt when there is none.
  std::optional<shard_id> hand_over_one();
  bool idle() const;
  clock_reading clock() const;

 private:
  wall_ms system_clock() const;
  struct slot {
    entity_key key;
    std::unique_ptr<entity_core> core;  ///< null while fencing
    std::uint64_t host = 0;
    std::map<std::int32_t, std::int64_t> alarms;
    std::vector<delivery> held;
    std::int64_t used = 0;
  };
  struct running_shard {
    bool open = false;
    std::uint64_t life = 0;
    std::vector<delivery> early;
    std::map<stream_id, slot> slots;
    stream_filter streams;
  };

  /// Something that happens inside this process: not at all when it was killed since, later when it is paused.
  void later(std::int64_t delay, std::function<void()> what);
  void run_here(std::uint64_t life, std::function<void()> what);

  // ---- entities ----
  void route(delivery in);
  slot& slot_of(shard_id id, const entity_key& key, predecessor former);
  void spawn(shard_id id, slot& entry, predecessor former);
  void read_history(shard_id id, const stream_id& stream, std::uint64_t host, predecessor former);
  template <class Input>
  void drive(shard_id id, slot& entry, Input input);
  void perform(shard_id id, slot& entry, outputs& out);
  void fire(shard_id id, const stream_id& stream, std::uint64_t host, std::int32_t alarm_id, std::int64_t due);
  void end_entity(shard_id id, slot& entry, const std::string& why);
  void crash(shard_id id, slot& entry);
  std::int64_t broker_queue(const broker_out& waiting);
  void retire_idle();
  slot* find(shard_id id, const stream_id& stream, std::uint64_t host);
  void refuse(const requester& to, rejection why);
  void call_broker(const broker_call& call);

  // ---- journal ----
  void tell(writer_events events);
  void act(writer_event& event);
  void schedule_step();
  void step();
  void send_append(append_step what);
  void send_claim(claim_step what);
  void open_shard(shard_id id);
  void read_contents(shard_id id, std::uint64_t life);
  void close_shard(shard_id id, rejection why);

  // ---- cluster ----
  void beat();
  void renew_lease(boot_ms began, bool clock_trusted);
  void look_at_the_others(bool clock_trusted);
  void claim_what_is_free(boot_ms as_of);
  void hold(const std::vector<claim_outcome>& outcomes, boot_ms lease_until);
  void tick();
  void own(const shard_head& head);
  bool is_mine(shard_id id) const { return id < shards_per_role ? roles_.user : roles_.trade; }
  bool reaches_database() const;
  bool read_fails();
  bool read_fails(shard_id id);
  /// A statement of this node's: hangs as long as PostgreSQL does, up to its deadline.
  void query(std::function<void()> answered, std::function<void()> failed);
  /// The process is stopped between two of its steps, in a run in which processes are stopped at all.
  void may_pause_here();

  // ---- settlement and projection ----
  template <class Input>
  void settle(Input input);
  void read_rows(shard_id id, std::int64_t after);
  void want_look_up(const entity_key& book, const std::vector<order_id>& orders);
  void take_hint(const committed_rows& committed);
  void project(const committed_rows& committed);
  void project_anew(shard_id id);
  void stop_projecting(shard_id id);
  void look_for_gaps();
  void write_projections();

  world& world_;
  std::size_t number_;
  std::string name_;
  node_roles roles_;
  std::int64_t clock_error_ms_;
  std::int64_t clock_jump_ms_ = 0;
  std::int64_t cut_off_until_ = 0;
  std::uint64_t life_ = 0;  ///< counts starts
  bool alive_ = false;
  bool paused_ = false;
  std::vector<std::function<void()>> frozen_;

  // Everything below is gone with the process.
  std::int64_t incarnation_ = 0;
  snapshot_places places_{1};
  std::unique_ptr<journal_writer> writer_;
  std::unique_ptr<settlement> settlement_;
  std::unique_ptr<projection> projection_;
  std::unique_ptr<membership> members_;
  std::unique_ptr<lease> lease_;
  std::unique_ptr<node_clock> clock_;
  std::set<shard_id> owned_;
  bool blind_ = false;
  bool claiming_ = false;  ///< a claim is on its way, or its answer is
  std::map<shard_id, running_shard> shards_;
  std::uint64_t last_token_ = 0;
  std::int64_t told_at_ = 0;  ///< when the last that the writer has said arrives
  bool refused_ = false;      ///< PostgreSQL refused the last statement that got there
  struct write_origin {
    shard_id id;
    stream_id stream;
    std::uint64_t host;
  };
  std::map<std::uint64_t, write_origin> writes_;
  std::map<std::uint64_t, write_origin> barriers_;  ///< an empty stream: the whole shard, `host` is its life
  std::int64_t step_at_ = 0;                        ///< when the writer's next step is planned; 0: it is not
  std::map<shard_id, std::int64_t> reading_;
  std::map<entity_key, std::vector<order_id>> look_ups_;  ///< by the book that asks
  std::map<shard_id, std::int64_t> cursors_;
  std::vector<delivery> reports_;
  std::set<shard_id> unread_;  ///< the projection does not know its cursor yet
  std::set<shard_id> gaps_;    ///< it has to read the journal
  std::vector<shard_head> seen_heads_;
  std::set<shard_id> unsaved_;  ///< it has folded what is not in the tables
};

template <class Input>
void node::drive(shard_id id, slot& entry, Input input) {
  outputs out;
  try {
    input(*entry.core, out);
  } catch (const std::exception& error) {
    throw broken_invariant{"entity", stream_of(entry.key) + " threw: " + error.what()};
  }
  perform(id, entry, out);
}

}  // namespace sb::simulation
