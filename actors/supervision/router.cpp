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

void pass_reports(self_ptr self) {
  auto& state = self->state;
  for (; !state.reports.empty() && state.services.routes->leased(); state.reports.pop_front()) {
    auto& [head, report] = state.reports.front();
    state.services.routes->pass_report(std::move(head), std::move(report));
  }
}

template <class Told>
void tell_gateways(self_ptr self, const Told& told) {
  for (const auto& [number, gateway] : self->state.gateways) self->send(gateway, told);
}

void actor_ended(self_ptr self, const caf::actor_addr& who) {
  auto& state = self->state;
  for (const auto shard : state.services.routes->forget(who)) {
    state.open.erase(shard);
    tell_gateways(self, shard_gone{shard, "the shard has ended"});
  }
  std::erase_if(state.gateways, [&](const auto& entry) {
    if (entry.second != who) return false;
    state.services.routes->remove_gateway(entry.first);
    return true;
  });
}

}  // namespace

caf::behavior router(self_ptr self, node_services services) {
  self->state.services = std::move(services);
  self->state.vital = vitals{self->state.services.node + "/router", "service"};
  self->set_down_handler([self](caf::down_msg& down) { actor_ended(self, down.source); });
  return {
      [self](envelope& head, broker_reported& report) {
        auto& s = self->state;
        s.vital.count();
        if (s.reports.size() >= reports_max) throw std::runtime_error{"too many reports of a time without a lease"};
        s.reports.emplace_back(std::move(head), std::move(report));
        pass_reports(self);
      },
      [self](const shard_ready& in) {
        auto& s = self->state;
        s.vital.count();
        const auto former = s.services.routes->set_shard(in.shard, in.shard_actor);
        if (former) {  // its end has not been heard of yet: what was out with it is not answered any more
          s.open.erase(in.shard);
          tell_gateways(self, shard_gone{in.shard, "the shard was replaced"});
        }
        self->monitor(in.shard_actor);
      },
      [self](const gateway_ready& in) {
        auto& s = self->state;
        s.gateways[in.gateway] = in.gateway_actor;
        s.services.routes->set_gateway(in.gateway, in.take);
        self->monitor(in.gateway_actor);
        self->send(in.gateway_actor, lease_told{s.services.routes->lease_until()});  // the first that it hears
        for (const auto shard : s.open) self->send(in.gateway_actor, shard_open{shard});
      },
      [self](const shard_open& in) {
        self->state.open.insert(in.shard);
        tell_gateways(self, in);
      },
      [self](const lease_told& in) {
        self->state.services.routes->set_lease(in.until);
        pass_reports(self);
        tell_gateways(self, in);
      },
      [self](stop_requests) { self->state.services.routes->drain(); },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
