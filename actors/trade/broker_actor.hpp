#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <variant>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "actors/trade/brokers/feeds.hpp"
#include "actors/trade/brokers/paper_desk.hpp"
#include "domain/instruments/instrument.hpp"

namespace sb {

struct broker_actor_settings {
  std::filesystem::path book;
  std::shared_ptr<const instrument_master> instruments;
  paper_settings paper;
  std::vector<fault_rule> faults;
  std::int32_t utc_offset_minutes = 330;
};

/// The paper broker as an actor with its own thread (it writes its book's file). Takes everything that waits as one
/// batch: one write, then the answers. Checks lease and send window right before a place reaches the engine; past them
/// it answers not_sent. A fill from outside is taken for an order whose shard this node has. When the trading day is
/// over its DAY orders expire.
struct broker_state {
  static inline const char* name = "broker";
  struct asked {
    entity_key order;
    std::uint64_t incarnation = 0;
    broker_verb what = broker_verb::place;
    requester fill_for;  ///< of an external fill
    boot_ms since;
    boot_ms not_after;          ///< of a place: the end of its send window
    std::uint64_t to_host = 0;  ///< whom the answer goes straight to
  };

  node_services services;
  std::unique_ptr<paper_desk> desk;
  vitals vital;
  std::vector<paper_input> batch;
  std::unordered_map<request_token, asked> waiting;
  std::multimap<boot_ms, paper_output> later;  ///< answers that a fault holds back
  request_token last_token = 0;
  trading_day day;
  boot_ms lease_until;
  std::vector<caf::actor> waiting_shards;  ///< for a lease
  std::set<shard_id> shards;               ///< whose orders this node has
  bool flushing = false;
  bool ticking = false;
  bool tag_only = false;
  bool closed_kept_back = false;  ///< the disk takes no closed orders
};
caf::behavior paper_broker_actor(caf::stateful_actor<broker_state>* self, node_services services,
                                 broker_actor_settings settings);

}  // namespace sb
