#include "actors/trade/market_data.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/protocol/type_ids.hpp"
#include "actors/trade/market_messages.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<market_state>*;
constexpr std::size_t ticks_max = 2'000;  ///< played at once; what is left comes with the next poll
constexpr std::int64_t poll_ms_max = 1'000;

void play(self_ptr self) {
  auto& state = self->state;
  if (!state.feed) return;
  const auto now = state.services.clock();
  auto ticks = std::make_shared<std::vector<broker::price_tick>>();
  state.feed->poll({now.boot, now.wall}, ticks_max, *ticks);
  for (const auto& one : *ticks) state.last[{one.exchange, one.symbol}] = {one.price, one.at};
  if (!ticks->empty()) {
    for (const auto& listener : state.listeners) self->send(listener, market_ticks{ticks});
  }
  const auto due = state.feed->next_due();
  if (!due) return;
  const auto wait = std::clamp<std::int64_t>(due->value - now.boot.value, 1, poll_ms_max);
  self->delayed_send(self, std::chrono::milliseconds{wait}, tick{});
}

}  // namespace

caf::behavior market_data(self_ptr self, node_services services, std::shared_ptr<const instrument_master> instruments,
                          feed_factory make_feed) {
  auto& state = self->state;
  state.services = std::move(services);
  state.vital = vitals{state.services.node + "/market-data", "service", "trade"};
  const auto now = state.services.clock();
  for (const auto& listed : instruments->all()) {
    if (listed.reference_price.ticks > 0)
      state.last[{listed.exchange, listed.symbol}] = {listed.reference_price, now.wall};
  }
  if (make_feed) state.feed = make_feed();
  self->send(self, tick{});
  return {
      [self](tick) { play(self); },
      [self](const subscribe_ask& ask) {
        self->state.listeners.push_back(ask.subscriber);
        self->monitor(ask.subscriber);
        self->set_down_handler([self](caf::down_msg& down) {
          std::erase_if(self->state.listeners, [&](const caf::actor& listener) { return listener == down.source; });
        });
      },
      [self](const price_query& ask) {
        auto& s = self->state;
        s.vital.count();
        const auto found = s.last.find({ask.exchange, ask.symbol});
        s.services.routes->answer(ask.from, found == s.last.end() ? price_answer{} : found->second);
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
