#include "runtime/settlement.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"

namespace sb {

namespace {

// New orders of an organization that its book is told of in one message, and between two ticks; more it looks up
// itself.
constexpr std::size_t told_max = 1'024;
constexpr std::size_t seen_max = 16'384;

/// Most rows of an order have nothing for the book (a request, an acceptance); reading their text is much cheaper than
/// parsing it. A client's own text may look like an event's name: then the row is parsed and found empty.
bool may_have_facts(std::string_view body) {
  constexpr std::string_view names[] = {"order.filled",   "order.denied",  "order.rejected",
                                        "order.canceled", "order.expired", "order.absent"};
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view name) { return body.find(name) != std::string_view::npos; });
}

}  // namespace

std::vector<order_fact> facts_of(const entity_key& order, const journal_row& row, std::int32_t utc_offset_minutes,
                                 std::string& why) {
  std::vector<order_fact> facts;
  if (!may_have_facts(row.body)) return facts;
  const auto events = unpack(row.body, why);
  if (!events) return facts;
  for (const auto& event : *events) {
    const auto fact = decode_order_event(event, why);
    if (!fact) return facts;
    order_fact told;
    told.seq = row.seq;
    told.order = order.id;
    if (const auto* fill = std::get_if<order_filled>(&*fact)) {
      told.what = order_fact::kind::fill;
      told.quantity = fill->quantity;
      told.price = fill->price;
      told.day = day_of(fill->at, utc_offset_minutes);
      told.user = fill->user;
      told.account = fill->account;
      facts.push_back(told);
      if (!fill->last) continue;
      told = {};
      told.what = order_fact::kind::closed;
      told.seq = row.seq;
      told.order = order.id;
      facts.push_back(told);
    } else if (std::holds_alternative<order_denied>(*fact) || std::holds_alternative<order_rejected>(*fact) ||
               std::holds_alternative<order_canceled>(*fact) || std::holds_alternative<order_expired>(*fact)) {
      told.what = order_fact::kind::closed;
      facts.push_back(told);
    } else if (std::holds_alternative<order_marked_absent>(*fact)) {
      told.what = order_fact::kind::absent;
      facts.push_back(told);
    }
  }
  return facts;
}

settlement::settlement(std::int32_t utc_offset_minutes, std::size_t facts_max, std::size_t pending_max,
                       std::int64_t retry_ms)
    : utc_offset_minutes_{utc_offset_minutes}, facts_max_{facts_max}, pending_max_{pending_max}, retry_ms_{retry_ms} {}

void settlement::follow(shard_id shard, std::int64_t cursor, settlement_outputs& out) {
  drop(shard);
  auto& state = shards_[shard];
  state.read = cursor;
  state.cursor = cursor;
  out.push_back(rows_wanted{shard, cursor});
}

void settlement::drop(shard_id shard) {
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return;
  for (const auto& [organization, b] : found->second.books) pending_ -= b.facts.size();
  shards_.erase(found);
}

void settlement::rows(shard_id shard, const std::vector<journal_row>& rows, boot_ms now, settlement_outputs& out) {
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return;
  auto& state = found->second;
  std::vector<organization_id> touched;
  for (const auto& row : rows) {
    if (row.seq <= state.read) continue;
    if (row.seq != state.read + 1) {
      out.push_back(rows_wanted{shard, state.read});
      break;
    }
    if (pending_ >= pending_max_) break;  // tick() asks for the rest when the books have caught up
    state.read = row.seq;
    const auto key = key_of(row.stream);
    if (!key || key->kind != entity_kind::order) continue;
    std::string why;
    auto facts = facts_of(*key, row, utc_offset_minutes_, why);
    if (!why.empty()) out.push_back(settlement_alarm{row.stream + " row " + std::to_string(row.seq) + ": " + why});
    if (facts.empty()) continue;
    auto& target = state.books[key->organization];
    // The book may have told of more than was read so far: a former follower of this shard had settled it.
    if (target.settled && row.seq <= *target.settled) continue;
    pending_ += facts.size();
    std::move(facts.begin(), facts.end(), std::back_inserter(target.facts));
    touched.push_back(key->organization);
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  for (const auto organization : touched) push(state, organization, state.books[organization], now, out);
  move_cursor(shard, state, out);
}

void settlement::push(shard_state&, organization_id organization, book& target, boot_ms now,
                      settlement_outputs& out) const {
  if (target.asking || target.asked_seq != 0 || target.facts.empty()) return;
  target.asked_at = now;
  if (!target.settled) {
    target.asking = true;
    out.push_back(settle_ask{organization, ask_settled{}});
    return;
  }
  settle_request ask;
  ask.what.prev_seq = *target.settled;
  for (const auto& fact : target.facts) {
    // A row's facts are never torn apart: settled_seq counts rows.
    if (ask.what.facts.size() >= facts_max_ && fact.seq != ask.what.seq) break;
    ask.what.facts.push_back(fact);
    ask.what.seq = fact.seq;
  }
  target.asked_seq = ask.what.seq;
  out.push_back(settle_ask{organization, std::move(ask)});
}

void settlement::committed(shard_id shard, const std::vector<journal_row>& rows, boot_ms now, settlement_outputs& out) {
  const auto found = shards_.find(shard);
  if (found == shards_.end()) return;
  auto& state = found->second;
  const auto before = state.read;
  this->rows(shard, rows, now, out);
  for (const auto& row : rows) {
    if (row.version != 1 || row.seq <= before || row.seq > state.read) continue;
    auto key = key_of(row.stream);
    if (!key || key->kind != entity_kind::order) continue;
    auto& seen = state.books[key->organization].seen;
    if (seen.size() < seen_max) seen.push_back(std::move(key->id));
  }
}

void settlement::tell_seen(organization_id organization, book& target, settlement_outputs& out) {
  auto seen = std::exchange(target.seen, {});
  for (auto first = seen.begin(); first != seen.end();) {
    const auto last = first + std::min<std::ptrdiff_t>(seen.end() - first, told_max);
    out.push_back(seen_told{organization, {{std::make_move_iterator(first), std::make_move_iterator(last)}}});
    first = last;
  }
}

void settlement::answered(const settled& in, boot_ms now, settlement_outputs& out) {
  const auto id = shard_of(shard_role::trade, in.organization);
  const auto found = shards_.find(id);
  if (found == shards_.end()) return;
  auto& state = found->second;
  const auto book_found = state.books.find(in.organization);
  if (book_found == state.books.end()) return;
  auto& target = book_found->second;
  if (!target.asking && target.asked_seq == 0) return;  // an answer to a question that is not out any more
  target.asking = false;
  target.asked_seq = 0;
  if (target.settled && in.settled_seq < *target.settled) {
    // The book knows less than it said: read this shard again from there. Every book ignores what it has settled.
    out.push_back(settlement_alarm{"book of organization " + std::to_string(in.organization.value) +
                                   " went back to seq " + std::to_string(in.settled_seq)});
    return follow(id, in.settled_seq, out);
  }
  target.settled = in.settled_seq;
  while (!target.facts.empty() && target.facts.front().seq <= in.settled_seq) {
    target.facts.pop_front();
    --pending_;
  }
  push(state, in.organization, target, now, out);
  move_cursor(id, state, out);
}

void settlement::tick(boot_ms now, settlement_outputs& out) {
  for (auto& [id, state] : shards_) {
    for (auto& [organization, target] : state.books) {
      if ((target.asking || target.asked_seq != 0) && now.value - target.asked_at.value >= retry_ms_) {
        target.asking = false;
        target.asked_seq = 0;
        target.settled.reset();  // ask how far it is: the message or its answer was lost
      }
      push(state, organization, target, now, out);
      tell_seen(organization, target, out);
    }
    if (pending_ < pending_max_) out.push_back(rows_wanted{id, state.read});
  }
}

void settlement::move_cursor(shard_id id, shard_state& shard, settlement_outputs& out) {
  auto settled_to = shard.read;
  for (const auto& [organization, target] : shard.books) {
    if (!target.facts.empty()) settled_to = std::min(settled_to, target.facts.front().seq - 1);
  }
  if (settled_to <= shard.cursor) return;
  shard.cursor = settled_to;
  out.push_back(cursor_moved{id, settled_to});
}

std::int64_t settlement::lag() const {
  std::int64_t rows = 0;
  for (const auto& [id, state] : shards_) rows += state.read - state.cursor;
  return rows;
}

}  // namespace sb
