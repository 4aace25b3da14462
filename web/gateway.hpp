#pragma once
#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "web/backend.hpp"
#include "web/credit_book.hpp"

namespace sb::web {

/// The bridge between the io thread and the actors. Everything but `start` runs on the io thread; answers come to it
/// through `post`. One timer wheel, driven by on_tick(), answers for whatever does not come back.
class gateway final : public entity_port {
 public:
  /// `post` runs work on the io thread, from any thread.
  gateway(credit_limits limits, std::function<boot_ms()> clock, std::function<void(std::function<void()>)> post);

  /// Called by the supervision tree on an actor's thread: a new actor that takes the answers, wired to `services`. What
  /// was out under a former one is answered with storage_unavailable.
  caf::actor start(caf::event_based_actor* parent, const node_services& services);
  /// The root of the tree, for supervision() and restart_actor().
  void set_root(caf::actor root) { root_ = std::move(root); }
  /// Lets go of every actor, so that the actor system can end. After the io thread has stopped.
  void forget_actors();
  void on_tick();
  /// No more requests are taken; answers still come.
  void drain() { draining_ = true; }
  std::int32_t in_flight() const { return credits_.in_flight(); }

  void ask(const entity_key& to, message body, const request_context& context, std::int64_t wait_ms,
           on_answer done) override;
  void last_price(const std::string& exchange, const std::string& symbol, on_answer done) override;
  void paper_fill(sb::paper_fill fill, std::int64_t wait_ms, on_answer done) override;
  void supervision(std::function<void(tree_node&&)> done) override;
  void restart_actor(const std::string& id, const request_context& context,
                     std::function<void(restart_outcome)> done) override;
  bool ready() const override;

 private:
  struct pending {
    on_answer done;  ///< empty once the client has its answer
    credit held;
    std::optional<order_answer> stored;
  };

  /// 0: no credit.
  std::uint64_t admit(const credit& wanted, std::int64_t wait_ms, on_answer& done);
  void answered(std::uint64_t request, answer&& body);
  void timed_out(std::uint64_t request);
  void shard_ended(shard_id shard);
  void shard_opened(shard_id shard) { open_.insert(shard); }
  void connect(const node_services& services, caf::actor bridge);
  void tree_told(std::uint64_t request, tree_node&& root);
  void restart_told(std::uint64_t request, restart_outcome what);
  void schedule(std::uint64_t request, std::int64_t wait_ms);

  credit_book credits_;
  std::function<boot_ms()> clock_;
  std::function<void(std::function<void()>)> post_;
  std::optional<node_services> services_;
  caf::actor bridge_;
  caf::actor root_;
  std::unordered_map<std::uint64_t, pending> pending_;
  // Kept here and not with the bridge, which may end before the answer comes: a restart can take it along.
  std::unordered_map<std::uint64_t, std::function<void(tree_node&&)>> trees_;
  std::unordered_map<std::uint64_t, std::function<void(restart_outcome)>> restarts_;
  std::vector<std::vector<std::uint64_t>> wheel_;
  std::int64_t wheel_at_ = 0;  ///< slot that was fired last, in slots since the clock's beginning
  std::uint64_t last_request_ = 0;
  std::set<shard_id> open_;  ///< shards of this node that take requests
  boot_ms lease_until_;
  bool draining_ = false;
};

}  // namespace sb::web
