#include "actors/projection/settlement_actor.hpp"

#include <caf/all.hpp>

#include "actors/protocol/type_ids.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<settlement_state>*;
constexpr std::int64_t tick_ms = 1'000;
constexpr std::int64_t read_patience_ms = 10'000;

void perform(self_ptr self, settlement_outputs& out) {
  auto& state = self->state;
  const auto now = state.services.clock().boot;
  for (auto& item : out) {
    if (auto* ask = std::get_if<settle_ask>(&item)) {
      envelope head;
      head.to = book_key(ask->organization);
      head.from = {settlement_gateway, 1};
      head.by.organization = ask->organization;
      head.causation = "settlement";
      std::visit([&](auto& body) { state.services.routes->send(std::move(head), std::move(body)); }, ask->what);
    } else if (auto* seen = std::get_if<seen_told>(&item)) {
      envelope head;
      head.to = book_key(seen->organization);
      head.causation = "settlement";
      state.services.routes->send(std::move(head), std::move(seen->what));
    } else if (const auto* wanted = std::get_if<rows_wanted>(&item)) {
      const auto [reading, fresh] = state.reading.try_emplace(wanted->shard, now);
      if (!fresh && now.value - reading->second.value < read_patience_ms) continue;
      reading->second = now;
      self->send(state.services.reader, rows_ask{wanted->shard, wanted->after});
    } else if (const auto* moved = std::get_if<cursor_moved>(&item)) {
      state.cursors[moved->shard] = moved->seq;
    } else if (const auto* trouble = std::get_if<settlement_alarm>(&item)) {
      state.services.log(severity::alarm, state.vital.id(), trouble->what);
    }
  }
}

template <class Input>
void drive(self_ptr self, Input input) {
  self->state.vital.count();
  settlement_outputs out;
  input(*self->state.core, out);
  perform(self, out);
}

}  // namespace

caf::behavior settlement_actor(self_ptr self, node_services services, settlement_settings settings) {
  auto& state = self->state;
  state.services = std::move(services);
  state.vital = vitals{state.services.node + "/settlement", "service"};
  state.core = std::make_unique<settlement>(settings.utc_offset_minutes, settings.facts_max, settings.pending_max,
                                            settings.retry_ms);
  const auto me = caf::actor_cast<caf::actor>(self);
  const take_answer take = [weak = caf::actor_cast<caf::actor_addr>(self)](std::uint64_t, answer&& told) {
    // What was refused is asked again by the tick.
    if (const auto* in = std::get_if<settled>(&told)) caf::anon_send(caf::actor_cast<caf::actor>(weak), *in);
  };
  self->send(state.services.router, gateway_ready{settlement_gateway, me, take});
  self->send(state.services.writer, follow_journal{me, shard_role::trade});
  self->send(state.services.claims, follow_shards{shard_role::trade, me});
  self->delayed_send(self, std::chrono::milliseconds{tick_ms}, tick{});
  return {
      [self](const shard_owned& in) {
        self->send(self->state.services.reader, cursor_ask{"settlement", in.shard});
      },
      [self](const cursor_told& in) {
        drive(self, [&](settlement& core, settlement_outputs& out) { core.follow(in.shard, in.seq, out); });
      },
      [self](const shard_gone& in) {
        // The router tells its gateways, and this is one, that a shard's actor ended. The shard is still this node's
        // then: its committed rows go on, and nobody would say shard_owned again.
        if (self->current_sender() == self->state.services.router) return;
        self->state.core->drop(in.shard);
        self->state.reading.erase(in.shard);
      },
      [self](const committed_told& in) {
        drive(self, [&](settlement& core, settlement_outputs& out) {
          const auto now = self->state.services.clock().boot;
          for (const auto& part : *in.parts) core.committed(part.shard, part.rows, now, out);
        });
      },
      [self](const rows_told& in) {
        self->state.reading.erase(in.shard);
        drive(self, [&](settlement& core, settlement_outputs& out) {
          core.rows(in.shard, *in.rows, self->state.services.clock().boot, out);
          if (in.rows->size() >= 1'000) out.push_back(rows_wanted{in.shard, in.rows->back().seq});
        });
      },
      [self](const settled& in) {
        drive(self, [&](settlement& core, settlement_outputs& out) {
          core.answered(in, self->state.services.clock().boot, out);
        });
      },
      [](const shard_open&) {},
      [](const lease_told&) {},
      [self](tick) {
        drive(self,
              [&](settlement& core, settlement_outputs& out) { core.tick(self->state.services.clock().boot, out); });
        auto& s = self->state;
        for (const auto& [shard, seq] : std::exchange(s.cursors, {}))
          self->send(s.services.reader, cursor_save{"settlement", shard, seq});
        self->delayed_send(self, std::chrono::milliseconds{tick_ms}, tick{});
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
