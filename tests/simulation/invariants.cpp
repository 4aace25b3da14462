#include "tests/simulation/invariants.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "domain/positions/position.hpp"
#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

std::vector<journal_row> rows_of(world& all, shard_id shard) {
  return all.db.store().read_after(shard, 0, std::numeric_limits<std::int32_t>::max(), {});
}

/// Every event of every entity of a kind, in the order of its shard.
template <class Decode, class Each>
void each_event(world& all, entity_kind kind, Decode decode, Each each) {
  for (const auto shard : all.shards) {
    for (const auto& row : rows_of(all, shard)) {
      const auto key = key_of(row.stream);
      if (key->kind != kind) continue;
      std::string why;
      const auto events = unpack(row.body, why);
      for (const auto& event : *events) each(*key, row, *decode(event, why));
    }
  }
}

template <class Each>
void each_risk_event(world& all, Each each) {
  std::map<organization_id, risk_book> books;
  each_event(all, entity_kind::book, decode_risk_event,
             [&](const entity_key& key, const journal_row&, const risk_event& fact) {
               auto& book = books[key.organization];
               book.organization = key.organization;
               if (const auto* reserved = std::get_if<limit_reserved>(&fact)) {
                 const auto before = book;
                 evolve(book, fact);
                 each(before, *reserved, book);
               } else {
                 evolve(book, fact);
               }
             });
}

[[noreturn]] void broken(const std::string& what) { throw broken_invariant{what}; }

bool ends(const order_event& fact) {
  const auto* fill = std::get_if<order_filled>(&fact);
  return (fill != nullptr && fill->last) || std::holds_alternative<order_denied>(fact) ||
         std::holds_alternative<order_rejected>(fact) || std::holds_alternative<order_canceled>(fact) ||
         std::holds_alternative<order_expired>(fact);
}

}  // namespace

void no_reservation_exceeds_a_limit(world& all) {
  each_risk_event(all, [](const risk_book&, const limit_reserved& reserved, const risk_book& after) {
    for (const auto& scope : scopes_of(after, reserved.user, reserved.account)) {
      const auto limits = after.limits.find(scope);
      if (limits == after.limits.end()) continue;
      for (const auto& one : limits->second) {
        const bool counted = one.type == limit_type::daily_value || one.type == limit_type::orders_per_day ||
                             one.type == limit_type::open_orders;
        if (counted && usage_against(usage_of(after, scope), one.type) > one.value) {
          broken("I1: the reservation of " + reserved.order + " exceeds " + std::string{word(one.type)} + " of " +
                 std::string{word(scope.kind)});
        }
        if (one.type == limit_type::order_quantity && reserved.quantity > one.value) {
          broken("I1: the reservation of " + reserved.order + " exceeds the order quantity");
        }
      }
    }
  });
}

void every_order_ends_once(world& all) {
  std::map<order_id, order_state> orders;
  std::map<order_id, int> endings;
  each_event(all, entity_kind::order, decode_order_event,
             [&](const entity_key& key, const journal_row& row, const order_event& fact) {
               auto& order = orders[key.id];
               if (!next_status(order.status, kind_of(fact))) {
                 broken("I2: " + key.id + " has an event that is no step from " + std::string{word(order.status)});
               }
               const bool crossed = (order.status == order_status::canceled || order.status == order_status::expired) &&
                                    std::holds_alternative<order_filled>(fact);
               if (ends(fact) && !crossed) ++endings[key.id];
               evolve(order, fact, row.at);
               if (order.filled_quantity > order.command.quantity)
                 broken("I2: " + key.id + " is filled beyond its quantity");
             });
  for (const auto& [id, order] : orders) {
    const int expected = order.status == order_status::absent ? 0 : 1;
    if (endings[id] != expected) broken("I2: " + id + " ended " + std::to_string(endings[id]) + " times");
  }
}

void every_answer_has_its_intent(world& all) {
  for (const auto& intent : all.clients.intents()) {
    const auto& order = all.db.order(intent.organization, intent.id);
    if (order.version < intent.version_told) broken("I3: what was told of " + intent.id + " is not in the journal");
    if (order.status == order_status::none)
      broken("I3: " + intent.id + " was asked for until it was answered, and is not stored");
  }
}

void every_broker_order_was_intended_once(world& all) {
  for (const auto& [id, at_broker] : all.market.orders()) {
    if (at_broker.size() != 1) broken("I5: the broker has " + std::to_string(at_broker.size()) + " orders " + id);
    const auto& one = at_broker.front();
    const auto& order = all.db.order(one.organization, id);
    if (order.command.quantity != one.command.quantity || order.command.symbol != one.command.symbol ||
        order.command.direction != one.command.direction) {
      broken("I4: the broker's order " + id + " is not the one that was intended");
    }
  }
}

void nothing_released_trades(world& all) {
  for (const auto& [id, at_broker] : all.market.orders()) {
    for (const auto& one : at_broker) {
      if (one.is == broker_view::state::working) broken("I6: " + id + " still works at the broker");
    }
  }
}

void the_journal_has_no_gap(world& all) {
  for (const auto shard : all.shards) {
    std::int64_t seq = 0;
    std::int64_t epoch = 0;
    std::map<stream_id, std::int64_t> versions;
    for (const auto& row : rows_of(all, shard)) {
      if (row.seq != ++seq)
        broken("I7: shard " + std::to_string(shard) + " has a gap before seq " + std::to_string(row.seq));
      if (row.epoch < epoch) broken("I7: the epoch goes back at seq " + std::to_string(row.seq));
      epoch = row.epoch;
      auto& version = versions[row.stream];
      if (row.version != version + 1)
        broken("I7: " + row.stream + " has a gap after version " + std::to_string(version));
      version += row.events;
    }
  }
}

void positions_equal_the_brokers(world& all) {
  struct traded {
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> fills;  // id -> quantity, price
    position held;
  };
  using place = std::tuple<organization_id, account_id, std::string>;
  std::map<place, traded> ours;
  std::map<place, traded> theirs;
  const auto add = [](traded& to, side direction, const std::string& id, std::int64_t quantity, money price,
                      wall_ms at) {
    if (!to.fills.emplace(id, std::pair{quantity, price.ticks}).second) broken("I9: fill " + id + " is counted twice");
    apply_fill(to.held, direction, quantity, price, day_of(at, utc_offset_minutes));
  };
  each_event(all, entity_kind::order, decode_order_event,
             [&](const entity_key& key, const journal_row&, const order_event& fact) {
               if (const auto* fill = std::get_if<order_filled>(&fact)) {
                 add(ours[{key.organization, fill->account, fill->symbol}], fill->direction, fill->fill_id,
                     fill->quantity, fill->price, fill->at);
               }
             });
  for (const auto& [id, at_broker] : all.market.orders()) {
    for (const auto& order : at_broker) {
      const auto& c = order.command;
      for (const auto& fill : order.fills) {
        add(theirs[{order.organization, c.account, c.symbol}], c.direction, fill.fill_id, fill.quantity, fill.price,
            fill.at);
      }
    }
  }
  for (const auto& [where, traded] : theirs) {
    for (const auto& [id, fill] : traded.fills) {
      if (!ours[where].fills.contains(id)) broken("I9: the broker's fill " + id + " is not in the journal");
    }
  }
  for (const auto& [where, traded] : ours) {
    const auto& there = theirs[where];
    if (traded.fills != there.fills) broken("I9: our fills of " + std::get<2>(where) + " are not the broker's");
    if (traded.held.net_quantity != there.held.net_quantity || traded.held.net_buy_value != there.held.net_buy_value ||
        traded.held.net_sell_value != there.held.net_sell_value) {
      broken("I9: our position in " + std::get<2>(where) + " is not the broker's");
    }
  }
}

void snapshots_equal_their_history(world& all) {
  for (const auto organization : all.clients.organizations()) {
    const auto key = book_key(organization);
    const auto history = all.db.store().read_streams(shard_of(key), {stream_of(key)}, {}).front();
    if (!history.snapshot) continue;
    std::string why;
    const auto stored = decode_snapshot(history.snapshot->body, why);
    if (!stored) broken("I10: unreadable snapshot: " + why);
    risk_book folded;
    folded.organization = organization;
    each_event(all, entity_kind::book, decode_risk_event,
               [&](const entity_key& of, const journal_row&, const risk_event& fact) {
                 if (of == key && folded.version < history.snapshot->version) evolve(folded, fact);
               });
    if (!(*stored == folded)) broken("I10: the snapshot of " + stream_of(key) + " is not what its history makes of it");
  }
}

void nothing_reserved_after_a_revocation(world& all) {
  each_risk_event(all, [](const risk_book& before, const limit_reserved& reserved, const risk_book&) {
    if (check_permission(before, reserved.user, reserved.account, trade_action::place_order)) {
      broken("I15: " + reserved.order + " was reserved for a user whose permission was revoked");
    }
  });
}

void the_hash_chain_holds(world& all) {
  for (const auto shard : all.shards) {
    digest previous{};
    for (const auto& row : rows_of(all, shard)) {
      if (row.hash != chain(previous, row))
        broken("I16: the chain of shard " + std::to_string(shard) + " breaks at " + std::to_string(row.seq));
      previous = row.hash;
    }
    if (all.db.store().heads({shard}, {}).front().head_hash != previous)
      broken("I16: the head is not the end of the chain");
  }
}

void every_fact_is_settled_once(world& all) {
  struct told {
    std::int64_t seq;
    order_id order;
    order_fact::kind what;
    std::int64_t quantity;
    std::int64_t price;
    bool operator==(const told&) const = default;
  };
  std::map<organization_id, std::vector<told>> settled;
  std::map<organization_id, std::vector<told>> happened;
  each_event(all, entity_kind::book, decode_risk_event,
             [&](const entity_key& key, const journal_row&, const risk_event& fact) {
               const auto* row = std::get_if<facts_settled>(&fact);
               if (row == nullptr) return;
               for (const auto& f : row->facts)
                 settled[key.organization].push_back({f.seq, f.order, f.what, f.quantity, f.price.ticks});
             });
  each_event(all, entity_kind::order, decode_order_event,
             [&](const entity_key& key, const journal_row& row, const order_event& fact) {
               auto& facts = happened[key.organization];
               if (const auto* fill = std::get_if<order_filled>(&fact)) {
                 facts.push_back({row.seq, key.id, order_fact::kind::fill, fill->quantity, fill->price.ticks});
               }
               if (ends(fact)) facts.push_back({row.seq, key.id, order_fact::kind::closed, 0, 0});
               if (std::holds_alternative<order_marked_absent>(fact))
                 facts.push_back({row.seq, key.id, order_fact::kind::absent, 0, 0});
             });
  for (const auto organization : all.clients.organizations()) {
    const auto& ours = settled[organization];
    const auto& theirs = happened[organization];
    if (ours.size() != theirs.size()) {
      std::string extra;
      for (const auto& one : ours) {
        const auto count = std::count(theirs.begin(), theirs.end(), one);
        const auto mine = std::count(ours.begin(), ours.end(), one);
        if (count != mine)
          extra += " row " + std::to_string(one.seq) + " " + one.order + " kind " +
                   std::to_string(static_cast<int>(one.what)) + ": " + std::to_string(mine) + " for " +
                   std::to_string(count);
      }
      broken("settlement: told another number of times than it happened:" + extra);
      broken("settlement: " + std::to_string(theirs.size()) + " facts happened, and " + std::to_string(ours.size()) +
             " are settled");
    }
    if (ours != theirs) broken("settlement: what is settled is not what happened");
  }
}

void no_work_is_open(world& all) {
  for (const auto& [organization, book] : all.db.books()) {
    if (book.held_count != 0) broken("I18: reservations are still held");
    for (const auto& [scope, usage] : book.usage) {
      if (usage.reserved.ticks != 0 || usage.open_orders != 0)
        broken("I18: capacity is reserved, and no order needs it");
    }
  }
}

void require_all_invariants(world& all) {
  no_reservation_exceeds_a_limit(all);
  every_order_ends_once(all);
  every_answer_has_its_intent(all);
  every_broker_order_was_intended_once(all);
  nothing_released_trades(all);
  the_journal_has_no_gap(all);
  positions_equal_the_brokers(all);
  snapshots_equal_their_history(all);
  nothing_reserved_after_a_revocation(all);
  the_hash_chain_holds(all);
  every_fact_is_settled_once(all);
  no_work_is_open(all);
}

}  // namespace sb::simulation
