#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/supervision/tree.hpp"
#include "app/replay/flow_runner.hpp"
#include "tests/actor_simulation/drawn_system.hpp"
#include "tests/actor_simulation/faulty_journal.hpp"
#include "tests/actor_simulation/tables.hpp"

namespace sb::actor_simulation {

/// What a seed draws before anything runs.
struct swarm {
  storage_faults storage;
  std::vector<fault_rule> broker;
  client_id_mode ids = client_id_mode::unique;
  std::int64_t orders = 20;
  std::int64_t trouble_ms = 5'000;      ///< how long faults strike
  std::int64_t disturbed_every_ms = 0;  ///< on average a restart, a kill or an outage; 0: never
  std::int64_t slow = 0;                ///< in a thousand messages: time passes while others wait to be handled
  std::int32_t root_restarts = 50;
};
swarm draw_swarm(dice& chance);

/// How often what struck; for the sentence at the end of a campaign.
struct tally {
  std::map<std::string, std::uint64_t> struck;
  std::uint64_t messages = 0;
  void add(const tally& other);
};

/// One whole node, supervision tree and all, as the product wires it: real actors, the real paper broker with its book
/// on disk; the journal and the read models in memory. Clients place, repeat, cancel and fill orders while storage
/// fails, actors are restarted, and the node is killed and started again, perhaps before the last actor of the former
/// one has gone. Then all is healed and must come to rest.
class node_world {
 public:
  explicit node_world(std::uint64_t seed);
  ~node_world();
  node_world(const node_world&) = delete;
  node_world& operator=(const node_world&) = delete;

  /// Throws broken_invariant.
  void run();
  const tally& seen() const { return seen_; }
  /// Of all rows that were stored and all messages handled.
  std::uint64_t hash();

 private:
  struct intent {
    replay::acknowledged_order known;
    place_order body;
    bool repeating = false;
    bool gone = false;  ///< its client does not come back for an answer that it did not get
  };
  struct request {
    enum class verb : std::uint8_t { place, cancel, fill, setup } what = verb::place;
    std::size_t of = 0;
    bool answered = false;
  };

  // The node.
  node_plan plan();
  void start_node();
  void kill_node();
  caf::behavior edge(caf::event_based_actor* self, const node_services& services);

  // Time.
  void at(std::int64_t when, std::function<void()> what);
  /// Until `until`, or `done` is true.
  void run_until(std::int64_t until, const std::function<bool()>& done);

  // What happens.
  void set_up();
  void plan_order(std::int64_t from, std::int64_t to);
  void disturb();
  void plan_disturbances(std::int64_t from, std::int64_t to);
  void restart(const std::string& path);
  void heal();
  void repeat_what_is_unanswered();

  // The clients.
  std::uint64_t ask(request::verb what, std::size_t of, entity_key to, message body);
  void place(std::size_t of);
  void cancel(std::size_t of);
  void fill(std::size_t of, std::int64_t quantity, const std::string& execution);
  void take(std::uint64_t number, answer&& told);
  void note_order(const request& asked, const order_answer& told);

  /// Empty: all holds.
  std::string what_is_wrong();

  dice chance_;
  swarm config_;
  drawn_system system_{chance_};
  storage_faults faults_;  ///< in force
  std::shared_ptr<memory_store> store_ = std::make_shared<memory_store>();
  tables tables_;
  std::filesystem::path directory_;
  std::shared_ptr<const instrument_master> instruments_;
  std::int64_t away_until_ = 0;
  bool troubled_ = false;

  std::shared_ptr<node_tree> tree_;
  caf::actor root_;
  std::shared_ptr<bool> root_ended_;
  std::shared_ptr<bool> broker_ended_;
  std::int64_t incarnation_ = 0;
  std::map<shard_id, bool> open_;

  std::multimap<std::int64_t, std::function<void()>> agenda_;
  std::vector<intent> intents_;
  std::map<std::uint64_t, request> requests_;
  std::uint64_t last_request_ = 0;
  std::uint64_t last_execution_ = 0;
  std::string complaint_;  ///< what an actor found wrong, which must not throw itself
  replay::journal_audit audit_;
  tally seen_;
};

}  // namespace sb::actor_simulation
