#pragma once
#include <memory>
#include <vector>

#include "actors/trade/brokers/fault_switches.hpp"
#include "actors/trade/market_data.hpp"
#include "config/settings.hpp"

namespace sb {

/// What the settings say of the market: each throws std::runtime_error with one line that names the file and what is
/// wrong with it. All are called once, at start.
std::shared_ptr<const instrument_master> load_instruments(const settings& chosen);

/// Empty for external prices, which come in over the API. The factory is called again when the feed's actor is
/// restarted; a recording begins anew then.
feed_factory make_feed(const settings& chosen, std::shared_ptr<const instrument_master> instruments);

std::vector<fault_rule> fault_rules(const broker_fault_settings& faults);

}  // namespace sb
