#include "actors/protocol/route_table.hpp"

#include <caf/all.hpp>
#include <mutex>
#include <utility>
#include <variant>

#include "actors/protocol/type_ids.hpp"

namespace sb {

route_table::route_table(std::function<clock_reading()> clock) : clock_{std::move(clock)} {}

void route_table::reports_to(const caf::actor& router) { router_ = caf::actor_cast<caf::actor_addr>(router); }

bool route_table::leased() const { return clock_().boot.value <= lease_until_; }

void route_table::send(envelope head, message body) {
  const bool report = std::holds_alternative<broker_reported>(body);
  const bool may_speak = leased();
  if (report && (!may_speak || reports_waiting_ > 0)) {
    const auto router = caf::actor_cast<caf::actor>(router_);
    if (!router) return;
    ++reports_waiting_;
    return caf::anon_send(router, std::move(head), std::move(std::get<broker_reported>(body)));
  }
  if (!may_speak) return refuse(head.from, rejection::storage_unavailable, "this node could not renew its lease");
  deliver(std::move(head), std::move(body));
}

void route_table::pass_report(envelope&& head, broker_reported&& report) {
  deliver(std::move(head), std::move(report));
  --reports_waiting_;
}

void route_table::deliver(envelope&& head, message&& body) {
  const bool asks = !std::holds_alternative<broker_reported>(body);
  if (draining_ && asks && head.from.request != 0 && head.from.gateway != 0)
    return refuse(head.from, rejection::draining, "this node is stopping");
  const auto to = receiver(head);
  if (!to) return refuse(head.from, rejection::shard_moved, "the shard is not running here now");
  std::visit([&](auto& alternative) { caf::anon_send(to, std::move(head), std::move(alternative)); }, body);
}

caf::actor route_table::receiver(const envelope& head) const {
  const std::shared_lock lock{guard_};
  const auto& shard = shards_[static_cast<std::size_t>(shard_of(head.to))];
  if (shard && head.to_host != 0 && head.to_host <= hosts_.size()) {
    if (auto host = caf::actor_cast<caf::actor>(hosts_[head.to_host - 1])) return host;
  }
  return shard;
}

std::uint64_t route_table::add_host(const caf::actor& host) {
  const std::unique_lock lock{guard_};
  if (free_numbers_.empty()) {
    hosts_.emplace_back();
    free_numbers_.push_back(hosts_.size());
  }
  const auto number = free_numbers_.back();
  free_numbers_.pop_back();
  hosts_[number - 1] = caf::actor_cast<caf::actor_addr>(host);
  return number;
}

void route_table::remove_host(std::uint64_t number) {
  const std::unique_lock lock{guard_};
  hosts_.at(number - 1) = {};
  free_numbers_.push_back(number);
}

take_answer route_table::taker(const requester& to) const {
  const std::shared_lock lock{guard_};
  const auto found = gateways_.find(to.gateway);
  return found == gateways_.end() ? take_answer{} : found->second;
}

void route_table::answer(const requester& to, sb::answer body) {
  if (to.request == 0) return;
  if (!leased()) return refuse(to, rejection::storage_unavailable, "this node could not renew its lease");
  if (const auto take = taker(to)) take(to.request, std::move(body));
}

void route_table::refuse(const requester& to, rejection why, const char* detail) {
  if (to.request == 0) return;
  if (const auto take = taker(to)) take(to.request, rejected{why, detail});
}

caf::actor route_table::set_shard(shard_id shard, caf::actor runs) {
  const std::unique_lock lock{guard_};
  return std::exchange(shards_[static_cast<std::size_t>(shard)], std::move(runs));
}

std::vector<shard_id> route_table::forget(const caf::actor_addr& ran) {
  const std::unique_lock lock{guard_};
  std::vector<shard_id> all;
  for (shard_id shard = 0; shard < shard_count; ++shard) {
    auto& runs = shards_[static_cast<std::size_t>(shard)];
    if (runs != ran) continue;
    runs = nullptr;
    all.push_back(shard);
  }
  return all;
}

void route_table::set_gateway(std::uint32_t number, take_answer takes) {
  const std::unique_lock lock{guard_};
  if (takes) {
    gateways_[number] = std::move(takes);
  } else {
    gateways_.erase(number);
  }
}

}  // namespace sb
