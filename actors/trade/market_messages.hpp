#pragma once
#include <caf/allowed_unsafe_message_type.hpp>
#include <memory>
#include <vector>

#include "actors/trade/brokers/broker.hpp"
#include "actors/trade/brokers/fault_switches.hpp"

/// Between market data and the paper broker of one node.
namespace sb {

struct market_ticks {
  std::shared_ptr<const std::vector<broker::price_tick>> ticks;
};
/// Replaces all of the paper broker's fault switches; answered with true when every rule was taken.
struct set_faults {
  std::vector<fault_rule> rules;
};

/// The broker's own: is the trading day over?
struct flush_day {};

}  // namespace sb

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::flush_day)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::market_ticks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::set_faults)
