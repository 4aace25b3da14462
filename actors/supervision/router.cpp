#include "actors/supervision/router.hpp"

#include <caf/all.hpp>
#include <stdexcept>
#include <utility>

#include "actors/protocol/type_ids.hpp"
#include "runtime/messages.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<router_state>*;
/// Beyond it the router fails: those after it in the tree start anew, and every working order asks the broker.
constexpr std::size_t reports_max = 200'000;

void refuse(self_ptr self, const requester& to, rejection why, const char* detail) {
  if (to.request == 0) return;
  const auto gateway = self->state.gateways.find(to.gateway);
  if (gateway != self->state.gateways.end()) self->send(gateway->second, to, rejected{why, detail});
}

void to_shard(self_ptr self, caf::message content) {
  auto& state = self->state;
  const auto& head = content.get_as<envelope>(0);
  if (state.services.clock().boot > state.lease_until) {
    if (!content.match_element<broker_reported>(1)) {
      return refuse(self, head.from, rejection::storage_unavailable, "this node could not renew its lease");
    }
    if (state.reports.size() >= reports_max) throw std::runtime_error{"too many reports of a time without a lease"};
    return state.reports.push_back(std::move(content));
  }
  if (state.draining && head.from.request != 0 && head.from.gateway != 0) {
    return refuse(self, head.from, rejection::draining, "this node is stopping");
  }
  const auto& shard = state.shards[static_cast<std::size_t>(shard_of(head.to))];
  if (!shard) return refuse(self, head.from, rejection::shard_moved, "the shard is not running here now");
  self->send(shard, std::move(content));
}

void to_gateway(self_ptr self, caf::message content) {
  const auto to = content.get_as<requester>(0);
  const auto gateway = self->state.gateways.find(to.gateway);
  if (gateway == self->state.gateways.end()) return;
  if (self->state.services.clock().boot > self->state.lease_until) {
    // What it says was true under our lease; somebody else may know better by now.
    return refuse(self, to, rejection::storage_unavailable, "this node could not renew its lease");
  }
  self->send(gateway->second, std::move(content));
}

}  // namespace

caf::behavior router(self_ptr self, node_services services) {
  self->state.services = std::move(services);
  self->state.vital = vitals{self->state.services.node + "/router", "service"};
  self->set_default_handler([self](caf::scheduled_actor*, caf::message_view& view) -> caf::result<caf::message> {
    self->state.vital.count();
    auto content = view.move_content_to_message();
    if (content.match_element<envelope>(0)) {
      to_shard(self, std::move(content));
    } else if (content.match_element<requester>(0)) {
      to_gateway(self, std::move(content));
    } else {
      self->state.services.log(severity::warning, "router",
                               "a message with neither envelope nor requester was dropped");
    }
    return caf::message{};
  });
  self->set_down_handler([self](caf::down_msg& down) {
    auto& shards = self->state.shards;
    for (std::size_t i = 0; i < shards.size(); ++i) {
      if (shards[i] != down.source) continue;
      shards[i] = nullptr;
      self->state.open.erase(static_cast<shard_id>(i));
      for (const auto& [number, gateway] : self->state.gateways) {
        self->send(gateway, shard_gone{static_cast<shard_id>(i), "the shard has ended"});
      }
    }
    std::erase_if(self->state.gateways, [&](const auto& entry) { return entry.second == down.source; });
  });
  return {
      [self](const shard_ready& in) {
        auto& entry = self->state.shards[static_cast<std::size_t>(in.shard)];
        if (entry) {  // its end has not been heard of yet: what was out with it is not answered any more
          self->state.open.erase(in.shard);
          for (const auto& [number, gateway] : self->state.gateways)
            self->send(gateway, shard_gone{in.shard, "the shard was replaced"});
        }
        entry = in.shard_actor;
        self->monitor(in.shard_actor);
      },
      [self](const gateway_ready& in) {
        self->state.gateways[in.gateway] = in.gateway_actor;
        self->monitor(in.gateway_actor);
        for (const auto shard : self->state.open) self->send(in.gateway_actor, shard_open{shard});
        self->send(in.gateway_actor, lease_told{self->state.lease_until});
      },
      [self](const shard_open& in) {
        self->state.open.insert(in.shard);
        for (const auto& [number, gateway] : self->state.gateways) self->send(gateway, in);
      },
      [self](const lease_told& in) {
        self->state.lease_until = in.until;
        // Those that find the lease gone again are kept again, in their order.
        for (auto& report : std::exchange(self->state.reports, {})) to_shard(self, std::move(report));
        for (const auto& [number, gateway] : self->state.gateways) self->send(gateway, in);
      },
      [self](stop_requests) { self->state.draining = true; },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
