#pragma once
#include <array>
#include <atomic>
#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <shared_mutex>
#include <vector>

#include "runtime/address.hpp"
#include "runtime/entity.hpp"
#include "runtime/messages.hpp"

namespace sb {

/// Called with the request's number and what was answered, on the thread of whoever answers.
using take_answer = std::function<void(std::uint64_t request, answer&&)>;

/// Which actor runs a shard now, who waits for answers, and until when the node may speak: the router writes it, and
/// whoever has something to send looks it up, so that a message goes straight to its shard and an answer to its
/// gateway. A table lives as long as the router that made it.
class route_table {
 public:
  explicit route_table(std::function<clock_reading()> clock);

  // ---- for everybody, on any thread
  /// To the shard of `head.to`, or to the host that `head.to_host` names, which passes on what is not for its entity.
  /// Past the lease, and where none of the node's actors runs the shard, a request is refused and anything else
  /// dropped; while the node drains, requests of the edge are refused. A report of the broker, which nobody repeats,
  /// waits with the router until the lease is back; reports reach the shards in their order if one thread sends them
  /// all.
  void send(envelope head, message body);
  /// To whoever asked, unless that is nobody. Past the lease it is a refusal: what the answer says was true under our
  /// lease, and somebody else may know better by now.
  void answer(const requester& to, sb::answer body);
  /// To whoever asked, also past the lease.
  void refuse(const requester& to, rejection why, const char* detail);

  /// A host of entities, not kept alive by this: envelopes may name it by what this answers. It says when it ends.
  std::uint64_t add_host(const caf::actor& host);
  void remove_host(std::uint64_t number);

  // ---- for the router
  /// Where reports wait; not kept alive by this. Called before anybody else has the table.
  void reports_to(const caf::actor& router);
  /// What ran it until now; null: nothing.
  caf::actor set_shard(shard_id shard, caf::actor runs);
  /// The shards that this actor ran: nothing runs them now.
  std::vector<shard_id> forget(const caf::actor_addr& ran);
  void set_gateway(std::uint32_t number, take_answer takes);
  void remove_gateway(std::uint32_t number) { set_gateway(number, nullptr); }
  void set_lease(boot_ms until) { lease_until_ = until.value; }
  /// No further requests from the edge.
  void drain() { draining_ = true; }
  boot_ms lease_until() const { return {lease_until_}; }
  bool leased() const;
  /// One that has waited.
  void pass_report(envelope&& head, broker_reported&& report);

 private:
  void deliver(envelope&& head, message&& body);
  caf::actor receiver(const envelope& head) const;
  take_answer taker(const requester& to) const;

  const std::function<clock_reading()> clock_;
  caf::actor_addr router_;
  std::atomic<std::int64_t> lease_until_{0};
  std::atomic<bool> draining_{false};
  std::atomic<std::int64_t> reports_waiting_{0};  ///< with the router: those that come after them must not pass them
  mutable std::shared_mutex guard_;               ///< of what follows
  std::array<caf::actor, shard_count> shards_;
  std::vector<caf::actor_addr> hosts_;  ///< number - 1; null: free
  std::vector<std::uint64_t> free_numbers_;
  std::map<std::uint32_t, take_answer> gateways_;
};

}  // namespace sb
