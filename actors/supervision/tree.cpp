#include "actors/supervision/tree.hpp"

#include <caf/all.hpp>
#include <utility>

#include "actors/journal/snapshots.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/supervision/router.hpp"
#include "actors/trade/trade_side.hpp"
#include "actors/user/user_side.hpp"

namespace sb {
namespace {

using parent = caf::event_based_actor*;
using node = std::shared_ptr<node_tree>;

/// An actor that blocks.
template <class Behavior, class... Arguments>
caf::actor start_apart(parent self, const node_plan& plan, Behavior behavior, Arguments&&... arguments) {
  if (!plan.own_threads) return self->spawn(behavior, std::forward<Arguments>(arguments)...);
  return self->spawn<caf::detached>(behavior, std::forward<Arguments>(arguments)...);
}

/// A role's shards come and go with their claims; each is a child of this supervisor.
caf::actor start_shards(parent self, const node& n, shard_role role) {
  const bool user = role == shard_role::user;
  const std::string name = user ? "user" : "trade";
  const entity_factory make = [n, user](const entity_key& key, std::uint64_t incarnation) {
    return user ? make_user_side(key, n->plan.books, n->places) : make_trade_side(key, n->plan.orders, incarnation);
  };
  const shard_start start = [n, make](shard_id id) {
    return child_spec{"shard-" + std::to_string(id), [n, make, id](parent above) {
                        return above->spawn(shard, n->services, id, n->plan.shards, make);
                      }};
  };
  supervisor_spec spec;
  spec.id = n->plan.self.node + "/" + name;
  spec.role = name;
  spec.strategy = restart_strategy::one_for_one;
  spec.intensity = n->plan.shard_restarts;
  spec.restarted = n->plan.restarted;
  auto shards = self->spawn(supervisor, n->plan.clock, n->plan.log, spec, start);
  caf::anon_send(n->services.claims, follow_shards{role, shards});
  return shards;
}

caf::actor start_broker(parent self, const node& n) {
  n->services.broker = start_apart(self, n->plan, paper_broker_actor, n->services, n->plan.broker);
  caf::anon_send(n->services.market, subscribe_ask{n->services.broker});
  return n->services.broker;
}

}  // namespace

supervisor_spec control_tree(const std::shared_ptr<node_tree>& n) {
  n->services.node = n->plan.self.node;
  n->services.clock = n->plan.clock;
  n->services.log = n->plan.log;
  n->services.incarnations = std::make_shared<std::atomic<std::uint64_t>>(n->plan.first_incarnation);
  n->services.entities = n->plan.entities;
  auto& s = n->services;
  const auto& p = n->plan;
  return {
      p.self.node,
      "",
      restart_strategy::rest_for_one,
      p.root,
      {
          {"router",
           [n, &s](parent self) {
             s.routes = std::make_shared<route_table>(s.clock);
             s.router = self->spawn(router, s);
             s.routes->reports_to(s.router);
             return s.router;
           }},
          {"journal/writer",
           [n, &s, &p](parent self) {
             return s.writer = start_apart(self, p, writer, s, p.writer, p.connect, p.appended);
           }},
          {"journal/reader",
           [n, &s, &p](parent self) {
             return s.reader = start_apart(self, p, reader, s, p.reads, p.writer.statement_deadline);
           }},
          {"cluster",
           [n, &s, &p](parent self) { return s.cluster = start_apart(self, p, cluster, s, p.cluster, p.connect); }},
          {"claims",
           [n, &s, &p](parent self) { return s.claims = start_apart(self, p, claims, s, p.claims, p.connect); }},
          {"market-data",
           [n, &s, &p](parent self) { return s.market = self->spawn(market_data, s, p.broker.instruments, p.feed); }},
          {"broker", [n](parent self) { return start_broker(self, n); }},
          {"snapshots",
           [n, &s, &p](parent self) {
             return s.snapshots = start_apart(self, p, snapshots, s, p.connect, p.writer.statement_deadline);
           }},
          {"user", [n](parent self) { return n->users = start_shards(self, n, shard_role::user); }},
          {"trade", [n](parent self) { return n->trades = start_shards(self, n, shard_role::trade); }},
          {"settlement", [n, &s, &p](parent self) { return self->spawn(settlement_actor, s, p.settlement); }},
          {"projection",
           [n, &s, &p](parent self) {
             return start_apart(self, p, projection_actor, s, p.projection, p.connect, p.connect_tables, p.projected);
           }},
          {"gateway", [n, &s, &p](parent self) { return p.start_gateway(self, s); }},
      },
      p.restarted,
  };
}

}  // namespace sb
