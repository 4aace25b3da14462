#pragma once
#include <caf/actor_system.hpp>
#include <functional>
#include <memory>

#include "actors/journal/claims.hpp"
#include "actors/journal/cluster.hpp"
#include "actors/journal/journal_actors.hpp"
#include "actors/projection/projection_actor.hpp"
#include "actors/projection/settlement_actor.hpp"
#include "actors/protocol/node_services.hpp"
#include "actors/supervision/shard.hpp"
#include "actors/supervision/supervisor.hpp"
#include "actors/trade/broker_actor.hpp"
#include "actors/trade/market_data.hpp"
#include "runtime/book_entity.hpp"
#include "runtime/order_entity.hpp"
#include "runtime/snapshot_places.hpp"

namespace sb {

/// Everything from outside that the actors of one node need. Functions are called on actors' threads, again at each
/// restart.
struct node_plan {
  node_identity self;
  std::function<clock_reading()> clock;
  log_function log;
  std::uint64_t first_incarnation = 0;  ///< entity incarnations count from here; greater at each start of the node
  journal_factory connect;
  read_side reads;
  writer_settings writer;
  append_observer appended;
  std::shared_ptr<entity_counts> entities;                  ///< of all shards; null: nobody counts
  std::function<void(const std::string& child)> restarted;  ///< see supervisor_spec
  membership_settings cluster;
  claim_settings claims;
  shard_rules shards;
  order_rules orders;
  book_rules books;
  broker_actor_settings broker;
  feed_factory feed;
  settlement_settings settlement;
  projection_settings projection;
  std::function<projection_tables()> connect_tables;
  projection_observer projected;
  /// Starts the actor that answers the edge. It is given the services, and must send gateway_ready to the router
  /// itself.
  std::function<caf::actor(caf::event_based_actor*, const node_services&)> start_gateway;
  /// What blocks (journal, cluster, broker, projection) has a thread each. A simulation wants them under its scheduler.
  bool own_threads = true;
  restart_intensity root{5, 60'000};
  restart_intensity shard_restarts{10, 60'000};
};

/// The handles as the tree's children were last started; written by the root supervisor's start functions only.
struct node_tree {
  node_plan plan;
  node_services services;
  caf::actor users;
  caf::actor trades;
  snapshot_places places{1};  ///< of all risk books of the node, whoever restarts
};

/// The supervision tree of a node, on one screen, in start order. rest_for_one: whoever was given a handle restarts
/// with it.
supervisor_spec control_tree(const std::shared_ptr<node_tree>& node);

}  // namespace sb
