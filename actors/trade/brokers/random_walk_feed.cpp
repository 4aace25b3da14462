#include <algorithm>
#include <utility>

#include "actors/trade/brokers/feeds.hpp"

namespace sb {

random_walk_feed::random_walk_feed(std::shared_ptr<const instrument_master> instruments,
                                   const random_walk_options& options)
    : instruments_{std::move(instruments)}, options_{options}, dice_{options.seed} {
  for (const instrument& listed : instruments_->all()) {
    if (listed.reference_price.ticks <= 0) continue;
    const std::int64_t percent = listed.price_band_percent == 0
                                     ? options_.range_percent
                                     : std::min(options_.range_percent, listed.price_band_percent);
    const std::int64_t start = round_to_tick(listed, listed.reference_price).ticks / listed.tick.ticks;
    const std::int64_t reach = start / 100 * percent + start % 100 * percent / 100;
    walkers_.push_back({&listed, start, std::max<std::int64_t>(start - reach, 1), start + reach});
  }
}

void random_walk_feed::poll(broker::moment now, std::size_t ticks_max, std::vector<broker::price_tick>& out) {
  if (walkers_.empty()) return;
  if (!next_due_) next_due_ = now.boot;
  for (std::size_t count = 0; count < ticks_max && *next_due_ <= now.boot; ++count) {
    walker& walks = walkers_[next_walker_];
    const std::int64_t step = dice_.between(-options_.step_ticks_max, options_.step_ticks_max);
    walks.price = std::clamp(walks.price + step, walks.min, walks.max);
    const std::int64_t lots = dice_.between(1, options_.volume_lots_max);
    const instrument& listed = *walks.listed;
    out.push_back({listed.exchange, listed.symbol, {walks.price * listed.tick.ticks}, lots * listed.lot, now.wall});
    if (++next_walker_ < walkers_.size()) continue;
    next_walker_ = 0;
    const boot_ms on_time{next_due_->value + options_.interval_ms};
    next_due_ = on_time > now.boot ? on_time : boot_ms{now.boot.value + options_.interval_ms};
  }
}

}  // namespace sb
