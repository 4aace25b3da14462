#pragma once
#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "web/admission/admission.hpp"
#include "web/backend.hpp"
#include "web/server/handover.hpp"

namespace sb::web {

/// The bridge between the io thread and the actors. Everything but `start` runs on the io thread; answers come to it
/// through `post`. One timer wheel, driven by on_tick(), answers for whatever does not come back.
class gateway final : public entity_port {
 public:
  /// `post` runs work on the io thread, from any thread.
  gateway(const admission_limits& limits, std::function<boot_ms()> clock,
          std::function<void(std::function<void()>)> post);

  /// Called by the supervision tree on an actor's thread: a new actor that hears what the router says, wired to
  /// `services`. What was out under a former one is answered with storage_unavailable once it has heard the first of
  /// it.
  caf::actor start(caf::event_based_actor* parent, const node_services& services);
  /// The root of the tree, for supervision() and restart_actor().
  void set_root(caf::actor root) { root_ = std::move(root); }
  /// Lets go of every actor, so that the actor system can end. After the io thread has stopped.
  void forget_actors();
  void on_tick();
  /// No refusal is kept back any more: the node ends, and waits for every answer. From any thread.
  void refuse_at_once();
  const admission& door() const { return door_; }
  /// What a commit of the journal takes now.
  void commit_takes(std::int64_t ms) { door_.commit_takes(ms); }
  /// Called with what each refused request was short of.
  void on_refused(std::function<void(short_of)> told) { refused_ = std::move(told); }

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
    admission_ticket ticket;
    std::unique_ptr<order_answer> stored;                ///< of a request that waits on after its order is
    std::optional<std::pair<envelope, message>> unsent;  ///< until it leaves
    bool places = false;                                 ///< an order
  };
  struct late_refusal {
    on_answer done;
    rejected why;
    user_id user;
  };

  /// Where the request waits for its answer; null when it was refused.
  pending* admit(const credit& wanted, std::int64_t wait_ms, bool urgent, boot_ms now, on_answer& done);
  void refuse(const credit& wanted, short_of lacking, const char* detail, boot_ms now, on_answer done);
  /// With what else this round of the io thread's loop brings, so that actors are woken less often.
  void leave_soon(std::uint64_t request);
  void leave_all();
  void leave(std::uint64_t request);
  /// Those of the line for which there is room now.
  void let_in(boot_ms now);
  void answered(std::uint64_t request, answer&& body);
  void timed_out(std::uint64_t request);
  void shard_ended(shard_id shard);
  void shard_opened(shard_id shard) { open_.insert(shard); }
  void connect(const node_services& services, caf::actor bridge);
  void tree_told(std::uint64_t request, tree_node&& root);
  void restart_told(std::uint64_t request, restart_outcome what);
  void schedule(std::uint64_t request, std::int64_t wait_ms, boot_ms now);

  admission door_;
  std::function<void(short_of)> refused_;
  std::multimap<boot_ms, late_refusal> late_refusals_;  ///< by when they are due
  std::unordered_map<user_id, std::size_t> late_of_user_;
  bool refuses_late_ = true;
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
  std::vector<std::uint64_t> leaving_;  ///< with the end of this round
  wire::handover<std::pair<std::uint64_t, answer>> answers_;
  std::set<shard_id> open_;  ///< shards of this node that take requests
  boot_ms lease_until_;
};

}  // namespace sb::web
