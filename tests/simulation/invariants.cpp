#include "tests/simulation/invariants.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "domain/positions/position.hpp"
#include "storage/hash_chain.hpp"
#include "storage/risk_events.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

constexpr std::int64_t clock_error_max_ms = 2'000;

[[noreturn]] void broken(std::string_view which, const std::string& how) { throw broken_invariant{which, how}; }

std::vector<journal_row> rows_of(world& all, shard_id shard) {
  return all.db.store().read_after(shard, 0, std::numeric_limits<std::int32_t>::max(), {});
}

/// Every fact of this kind, in the order of its shard.
template <class Fact, class Each>
void each_fact(const world& all, Each each) {
  for (const auto& stored : all.db.facts()) {
    if (const auto* fact = std::get_if<Fact>(&stored.what)) each(stored, *fact);
  }
}

bool ends(const order_event& fact) {
  const auto* fill = std::get_if<order_filled>(&fact);
  return (fill != nullptr && fill->last) || std::holds_alternative<order_denied>(fact) ||
         std::holds_alternative<order_rejected>(fact) || std::holds_alternative<order_canceled>(fact) ||
         std::holds_alternative<order_expired>(fact);
}

trading_day latest_day(wall_ms now) { return day_of({now.value + clock_error_max_ms}, utc_offset_minutes); }

}  // namespace

// ---- while it happens ----------------------------------------------------------------------------------------------

void stored_under_the_epoch_in_force(const shard_append& part, std::int64_t in_force) {
  if (part.epoch == in_force) return;
  broken("I8", "a row of epoch " + std::to_string(part.epoch) + " was stored in shard " + std::to_string(part.shard) +
                   " under epoch " + std::to_string(in_force));
}

void only_what_is_lost_is_given_up(const shard_head& before, const shard_head& fence) {
  if (fence.epoch != before.epoch || fence.head != before.head) return;
  broken("ownership", "shard " + std::to_string(before.shard) + " is given up, and the fence still stands at epoch " +
                          std::to_string(fence.epoch) + " and head " + std::to_string(fence.head));
}

void follows_its_stream(const journal_row& row, std::int64_t version) {
  if (row.version == version + 1) return;
  broken("I7", row.stream + " has version " + std::to_string(row.version) + " after " + std::to_string(version));
}

void belongs_to_a_day_that_is_here(const order_event& fact, wall_ms now) {
  const auto* requested = std::get_if<order_requested>(&fact);
  if (requested == nullptr || requested->day <= latest_day(now)) return;
  broken("days", "an order was taken for day " + std::to_string(requested->day.value) + " before it was there");
}

void rolls_to_a_day_that_is_here(const risk_book& before, const risk_event& fact, wall_ms now) {
  const auto* rolled = std::get_if<day_rolled>(&fact);
  if (rolled == nullptr) return;
  if (rolled->day <= before.day) broken("days", "a book's day goes back to " + std::to_string(rolled->day.value));
  if (rolled->day > latest_day(now)) {
    broken("days", "a book's day rolled to " + std::to_string(rolled->day.value) + " before it was there");
  }
}

void what_was_voided_is_never_reserved(const database& db, const risk_event& fact) {
  const auto* reserved = std::get_if<limit_reserved>(&fact);
  if (reserved == nullptr || !db.voided.contains({reserved->order, reserved->attempt})) return;
  broken("void", reserved->order + " is reserved, and it was told that its attempt is closed");
}

void only_what_is_authorized_is_sent(const world& all, const broker_call& call) {
  const auto& id = call.order.id;
  const auto& order = all.db.order(id);
  if (order.status == order_status::none || order.command != call.command) {
    broken("I4", id + " is sent, and that is not what is stored");
  }
  if (all.time.now() > call.not_after.value) broken("I4", id + " is sent after its window");
  const auto& book = all.db.book(call.order.organization);
  const auto found = book.reservations.find(id);
  // The call may have waited while the order was ended; then the broker was told to block the id.
  const bool ended = all.config.broker_enforces_ids && is_closed(order.status);
  if (found == book.reservations.end()) {
    if (ended) return;  // nothing is known any more of what was held
    broken("I4", id + " is sent, and no reservation for it is stored");
  }
  const auto& held = found->second;
  const auto& c = order.command;
  if (held.state != reservation_state::held && !ended) broken("I4", id + " is sent, and nothing is held for it");
  if (held.quantity != c.quantity || held.user != c.user || held.account != c.account || held.price < worst_price(c)) {
    broken("I4", id + " is sent, and what is reserved is for another order");
  }
  const auto limits = book.limits.find({scope_kind::account, c.account.value});
  if (limits == book.limits.end()) return;
  for (const auto& one : limits->second) {
    if (one.type != limit_type::allowed_symbols) continue;
    if (std::find(one.words.begin(), one.words.end(), c.symbol) != one.words.end()) continue;
    broken("I1", id + " is sent, and its account may not trade " + c.symbol);
  }
}

void nothing_released_trades(const world& all, const exchange_order& order) {
  if (all.db.holds(order.organization, order.client_id) || order.beyond_every_window) return;
  broken("I6", "the broker fills " + order.client_id + ", and what was held for it is released");
}

void reaches_the_broker_once(const world& all, const order_id& id) {
  if (all.market.has(id)) broken("I5", id + " reached the broker a second time");
}

void what_was_released_is_never_accepted(const world& all, const entity_key& order, bool beyond_every_window) {
  const bool held = all.db.holds(order.organization, order.id);
  const bool absent = all.db.order(order.id).status == order_status::absent;
  if (held || (absent && beyond_every_window)) return;
  broken("I6", "the broker accepts " + order.id + ", and what was held for it is released");
}

void only_what_is_stored_is_told(const world& all, const entity_key& key, std::int64_t version) {
  const auto stored = all.db.version(stream_of(key));
  if (version <= stored) return;
  broken("I17", "an answer tells version " + std::to_string(version) + " of " + stream_of(key) +
                    ", and the journal has " + std::to_string(stored));
}

void told_as_it_is_stored(const database& db, const order_id& id, const order_answer& told) {
  const auto& order = told.order;
  const auto stored = db.order_at(id, order.version);
  const auto same = [](const order_state& a, const order_state& b) {
    return a.version == b.version && a.status == b.status && a.command == b.command && a.fingerprint == b.fingerprint &&
           a.cancel_requested == b.cancel_requested && a.broker_order_id == b.broker_order_id &&
           a.reason_code == b.reason_code && a.denied_because == b.denied_because && a.violations == b.violations &&
           a.filled_quantity == b.filled_quantity && a.filled_value == b.filled_value && a.fill_ids == b.fill_ids;
  };
  const bool pending = stored.cancel_requested && !is_closed(stored.status);
  if (told.id == id && same(order, stored) && told.cancel_pending == pending) return;
  broken("I17", id + " is told as " + std::string{word(order.status)} + " in version " + std::to_string(order.version) +
                    ", and the journal makes it " + std::string{word(stored.status)});
}

void snapshot_equals_its_history(const database& db, organization_id organization, const stored_snapshot& snapshot) {
  std::string why;
  const auto stored = decode_snapshot(snapshot.body, why);
  if (!stored) broken("I10", "unreadable snapshot: " + why);
  if (stored->version != snapshot.version) broken("I10", "a snapshot has another version than it says");
  if (db.book(organization).version == snapshot.version) {
    if (*stored == db.book(organization)) return;
    broken("I10", "the snapshot of " + snapshot.stream + " is not what its history makes of it");
  }
  risk_book folded;
  folded.organization = organization;
  for (const auto& one : db.facts()) {
    const auto* fact = std::get_if<risk_event>(&one.what);
    if (fact == nullptr || one.key->organization != organization || folded.version == snapshot.version) continue;
    evolve(folded, *fact);
  }
  if (*stored == folded) return;
  broken("I10", "the snapshot of " + snapshot.stream + " is not what its history makes of it");
}

void no_answer_is_older_than_its_question(const entity_key& key, std::int64_t version, std::int64_t before) {
  if (version >= before) return;
  broken("I14", "an answer tells version " + std::to_string(version) + " of " + stream_of(key) +
                    ", and the journal had " + std::to_string(before) + " before it was asked");
}

void is_the_order_that_was_asked_for(const order_answer& told, const order_id& id, const std::string& fingerprint) {
  if (told.order.version == 0) broken("I3", "an answer tells of an order that is not stored: " + id);
  const bool refused_for_ever = told.order.denied_because == denial::never_requested;
  if (fingerprint.empty() || refused_for_ever || told.order.fingerprint == fingerprint) return;
  broken("one key, two commands", "the second was answered with the order of the first: " + id);
}

// ---- of what a run leaves behind -----------------------------------------------------------------------------------

void no_reservation_exceeds_a_limit(const world& all) {
  std::map<organization_id, ledger> books;
  each_fact<risk_event>(all, [&](const stored_fact& stored, const risk_event& fact) {
    books.try_emplace(stored.key->organization, stored.key->organization).first->second.take(fact, stored.ends_row);
  });
  for (const auto& [organization, mine] : books) {
    const auto& folded = all.db.book(organization);
    for (const auto& scope : mine.scopes()) {
      const auto ours = mine.usage(scope);
      const auto& theirs = usage_of(folded, scope);
      if (ours == theirs) continue;
      broken("I1", "the book counts " + std::to_string(theirs.used.ticks) + " used, " +
                       std::to_string(theirs.reserved.ticks) + " reserved, " + std::to_string(theirs.orders) +
                       " orders, " + std::to_string(theirs.open_orders) + " open for " + std::string{word(scope.kind)} +
                       " " + std::to_string(scope.id) + ", and it is " + std::to_string(ours.used.ticks) + ", " +
                       std::to_string(ours.reserved.ticks) + ", " + std::to_string(ours.orders) + ", " +
                       std::to_string(ours.open_orders));
    }
  }
}

void every_order_ends_once(const world& all) {
  std::map<order_id, order_state> orders;
  std::map<order_id, int> endings;
  each_fact<order_event>(all, [&](const stored_fact& stored, const order_event& fact) {
    const auto& id = stored.key->id;
    auto& order = orders[id];
    if (!next_status(order.status, kind_of(fact))) {
      broken("I2", id + " has an event that is no step from " + std::string{word(order.status)});
    }
    const bool crossed = (order.status == order_status::canceled || order.status == order_status::expired) &&
                         std::holds_alternative<order_filled>(fact);
    if (ends(fact) && !crossed) ++endings[id];
    evolve(order, fact, stored.row->at);
    if (order.filled_quantity > order.command.quantity) broken("I2", id + " is filled beyond its quantity");
  });
  for (const auto& [id, order] : orders) {
    const int expected = order.status == order_status::absent ? 0 : 1;
    if (endings[id] != expected) broken("I2", id + " ended " + std::to_string(endings[id]) + " times");
  }
}

void every_answer_has_its_intent(const world& all) {
  for (const auto& intent : all.clients.intents()) {
    const auto& order = all.db.order(intent.id);
    if (order.version < intent.version_told) broken("I3", "what was told of " + intent.id + " is not in the journal");
    if (intent.insisted && order.status == order_status::none) {
      broken("I3", intent.id + " was asked for until it was answered, and is not stored");
    }
  }
}

void every_broker_order_was_intended_once(const world& all) {
  for (const auto& [id, at_broker] : all.market.orders()) {
    if (at_broker.size() != 1) broken("I5", "the broker has " + std::to_string(at_broker.size()) + " orders " + id);
    if (all.db.order(id).command != at_broker.front().command) {
      broken("I4", "the broker's order " + id + " is not the one that was intended");
    }
  }
}

void nothing_works_at_the_broker(const world& all) {
  for (const auto& [id, at_broker] : all.market.orders()) {
    for (const auto& one : at_broker) {
      if (one.is == broker_view::state::working) broken("I6", id + " still works at the broker");
    }
  }
}

void the_journal_has_no_gap(world& all) {
  for (const auto shard : all.shards) {
    std::int64_t seq = 0;
    std::int64_t epoch = 0;
    std::map<stream_id, std::int64_t> versions;
    for (const auto& row : rows_of(all, shard)) {
      if (row.seq != ++seq) {
        broken("I7", "shard " + std::to_string(shard) + " has a gap before seq " + std::to_string(row.seq));
      }
      if (row.epoch < epoch) broken("I7", "the epoch goes back at seq " + std::to_string(row.seq));
      epoch = row.epoch;
      if (const auto owning = all.db.epoch_at(shard, row.seq); row.epoch != owning) {
        broken("I8", "seq " + std::to_string(row.seq) + " has epoch " + std::to_string(row.epoch) +
                         ", and the shard was owned under " + std::to_string(owning));
      }
      auto& version = versions[row.stream];
      if (row.version != version + 1) {
        broken("I7", row.stream + " has a gap after version " + std::to_string(version));
      }
      version += row.events;
    }
  }
}

void positions_equal_the_brokers(const world& all) {
  struct traded {
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> fills;  // id -> quantity, price
    position held;
  };
  using place = std::tuple<organization_id, account_id, std::string>;
  std::map<place, traded> ours;
  std::map<place, traded> theirs;
  const auto add = [](traded& to, side direction, const std::string& id, std::int64_t quantity, money price,
                      wall_ms at) {
    if (!to.fills.emplace(id, std::pair{quantity, price.ticks}).second)
      broken("I9", "fill " + id + " is counted twice");
    apply_fill(to.held, direction, quantity, price, day_of(at, utc_offset_minutes));
  };
  each_fact<order_event>(all, [&](const stored_fact& stored, const order_event& fact) {
    if (const auto* fill = std::get_if<order_filled>(&fact)) {
      add(ours[{stored.key->organization, fill->account, fill->symbol}], fill->direction, fill->fill_id, fill->quantity,
          fill->price, fill->at);
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
      if (!ours[where].fills.contains(id)) broken("I9", "the broker's fill " + id + " is not in the journal");
    }
  }
  for (const auto& [where, traded] : ours) {
    const auto& there = theirs[where];
    if (traded.fills != there.fills) broken("I9", "our fills of " + std::get<2>(where) + " are not the broker's");
    if (traded.held.net_quantity != there.held.net_quantity || traded.held.net_buy_value != there.held.net_buy_value ||
        traded.held.net_sell_value != there.held.net_sell_value) {
      broken("I9", "our position in " + std::get<2>(where) + " is not the broker's");
    }
  }
}

void snapshots_equal_their_history(world& all) {
  for (const auto organization : all.clients.organizations()) {
    const auto key = book_key(organization);
    const auto history = all.db.store().read_streams(shard_of(key), {stream_of(key)}, {}).front();
    if (history.snapshot) snapshot_equals_its_history(all.db, organization, *history.snapshot);
  }
}

void the_tables_equal_their_journal(const world& all) {
  const auto& models = all.db.models;
  std::map<order_id, order_state> orders;
  std::map<position_key, position> positions;
  each_fact<order_event>(all, [&](const stored_fact& stored, const order_event& fact) {
    if (stored.row->seq > models.cursor(stored.row->shard)) return;
    evolve(orders[stored.key->id], fact, stored.row->at);
    if (const auto* fill = std::get_if<order_filled>(&fact)) {
      const position_key at{{stored.key->organization, fill->account}, fill->exchange, fill->symbol, fill->product};
      apply_fill(positions[at], fill->direction, fill->quantity, fill->price, day_of(fill->at, utc_offset_minutes));
    }
  });
  if (orders.size() != models.orders().size()) broken("I11", "the table of orders lacks some, or has too many");
  for (const auto& [id, order] : orders) {
    const auto found = models.orders().find(id);
    if (found == models.orders().end()) broken("I11", id + " is not in the table of orders");
    const auto& row = found->second.state;
    if (row.version != order.version || row.status != order.status || row.fill_ids != order.fill_ids ||
        row.filled_quantity != order.filled_quantity || row.filled_value != order.filled_value ||
        row.command != order.command || row.cancel_requested != order.cancel_requested) {
      broken("I11", "the table has version " + std::to_string(row.version) + " of " + id + " where its cursor has " +
                        std::to_string(order.version));
    }
  }
  if (positions.size() != models.positions().size())
    broken("I11", "the table of positions lacks some, or has too many");
  for (const auto& [key, held] : positions) {
    const auto found = models.positions().find(key);
    if (found == models.positions().end() || found->second.held != held)
      broken("I11", "the position in " + key.symbol + " is not what its fills make of it");
  }
}

void nothing_reserved_after_a_revocation(const world& all) {
  std::map<organization_id, std::map<user_id, permission_grant>> granted;
  each_fact<risk_event>(all, [&](const stored_fact& stored, const risk_event& fact) {
    auto& mine = granted[stored.key->organization];
    if (const auto* set = std::get_if<permissions_set>(&fact)) mine[set->grant.user] = set->grant;
    const auto* reserved = std::get_if<limit_reserved>(&fact);
    if (reserved == nullptr) return;
    const auto& accounts = mine[reserved->user].accounts;
    const bool account =
        accounts.empty() || std::find(accounts.begin(), accounts.end(), reserved->account) != accounts.end();
    if (mine[reserved->user].place_order && account) return;
    broken("I15", reserved->order + " was reserved for user " + std::to_string(reserved->user.value) +
                      ", who may not place orders");
  });
}

void the_hash_chain_holds(world& all) {
  for (const auto shard : all.shards) {
    digest previous{};
    for (const auto& row : rows_of(all, shard)) {
      if (row.hash != chain(previous, row)) {
        broken("I16", "the chain of shard " + std::to_string(shard) + " breaks at " + std::to_string(row.seq));
      }
      previous = row.hash;
    }
    if (all.db.store().heads({shard}, {}).front().head_hash != previous) {
      broken("I16", "the head is not the end of the chain");
    }
  }
}

void every_fact_is_settled_once(const world& all) {
  std::map<organization_id, std::vector<order_fact>> settled;
  std::map<organization_id, std::vector<order_fact>> happened;
  each_fact<risk_event>(all, [&](const stored_fact& stored, const risk_event& fact) {
    const auto* row = std::get_if<facts_settled>(&fact);
    if (row == nullptr) return;
    auto& facts = settled[stored.key->organization];
    facts.insert(facts.end(), row->facts.begin(), row->facts.end());
  });
  each_fact<order_event>(all, [&](const stored_fact& stored, const order_event& fact) {
    auto& facts = happened[stored.key->organization];
    order_fact told;
    told.seq = stored.row->seq;
    told.order = stored.key->id;
    if (const auto* fill = std::get_if<order_filled>(&fact)) {
      facts.push_back({order_fact::kind::fill, told.seq, told.order, fill->quantity, fill->price,
                       day_of(fill->at, utc_offset_minutes), fill->user, fill->account});
    }
    told.what = order_fact::kind::closed;
    if (ends(fact)) facts.push_back(told);
    told.what = order_fact::kind::absent;
    if (std::holds_alternative<order_marked_absent>(fact)) facts.push_back(told);
  });
  for (const auto organization : all.clients.organizations()) {
    const auto& ours = settled[organization];
    const auto& theirs = happened[organization];
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
      if (i < ours.size() && i < theirs.size() && ours[i] == theirs[i]) continue;
      broken("settlement", i < theirs.size() ? "what became of " + theirs[i].order + " in row " +
                                                   std::to_string(theirs[i].seq) + " is not what is settled next"
                                             : "the book was told more than has happened");
    }
  }
}

void no_work_is_open(const world& all) {
  for (const auto& [organization, book] : all.db.books()) {
    if (book.held_count != 0) broken("I18", "reservations are still held");
    for (const auto& [scope, usage] : book.usage) {
      if (usage.reserved.ticks != 0 || usage.open_orders != 0) {
        broken("I18", "capacity is reserved, and no order needs it");
      }
    }
  }
}

void require_all_invariants(world& all) {
  no_reservation_exceeds_a_limit(all);
  every_order_ends_once(all);
  every_answer_has_its_intent(all);
  every_broker_order_was_intended_once(all);
  nothing_works_at_the_broker(all);
  the_journal_has_no_gap(all);
  positions_equal_the_brokers(all);
  snapshots_equal_their_history(all);
  the_tables_equal_their_journal(all);
  nothing_reserved_after_a_revocation(all);
  the_hash_chain_holds(all);
  every_fact_is_settled_once(all);
  no_work_is_open(all);
}

}  // namespace sb::simulation
