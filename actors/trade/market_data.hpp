#pragma once
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <functional>
#include <map>
#include <memory>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/vitals.hpp"
#include "actors/trade/brokers/feeds.hpp"

namespace sb {

/// Last prices, from a feed that it plays and passes on to the broker. Prices are not journaled: one that decided
/// something is in that event. Without a feed the instrument file's reference prices stand in, as of the start.
struct market_state {
  static inline const char* name = "market";
  node_services services;
  std::unique_ptr<price_feed> feed;
  vitals vital;
  std::map<std::pair<std::string, std::string>, price_answer> last;
  std::vector<caf::actor> listeners;
};
using feed_factory = std::function<std::unique_ptr<price_feed>()>;
caf::behavior market_data(caf::stateful_actor<market_state>* self, node_services services,
                          std::shared_ptr<const instrument_master> instruments, feed_factory make_feed);

}  // namespace sb
