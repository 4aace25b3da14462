#include "actors/trade/broker_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/protocol/pause_points.hpp"
#include "actors/protocol/type_ids.hpp"
#include "actors/trade/market_messages.hpp"

namespace sb {
namespace {

using self_ptr = caf::stateful_actor<broker_state>*;
using outcome = broker_answered::outcome;

constexpr std::size_t waiting_max =
    200'000;  ///< answers that the broker still owes; beyond it places and fills are refused
constexpr std::int64_t answer_patience_ms = 60'000;  ///< an answer that did not come by then never will
constexpr std::int64_t second_ms = 1'000;
constexpr std::size_t closed_in_memory_max = std::size_t{1} << 24;  ///< bytes; beyond them somebody should look

broker::moment now_of(const clock_reading& now) { return {now.boot, now.wall}; }

broker_fill fill_of(const broker::fill& fill) { return {fill.fill_id, fill.quantity, fill.price, fill.at}; }

std::vector<broker_fill> fills_of(const std::vector<broker::fill>& fills) {
  std::vector<broker_fill> all;
  all.reserve(fills.size());
  for (const auto& fill : fills) all.push_back(fill_of(fill));
  return all;
}

broker_view::state state_of(broker::book_state state) {
  switch (state) {
    case broker::book_state::working:
      return broker_view::state::working;
    case broker::book_state::filled:
      return broker_view::state::filled;
    case broker::book_state::canceled:
      return broker_view::state::canceled;
    case broker::book_state::expired:
      return broker_view::state::expired;
    case broker::book_state::rejected:
      return broker_view::state::rejected;
  }
  return broker_view::state::working;
}

broker_view view_of(const broker::book_order& order) {
  return {state_of(order.state), order.broker_order_id, order.code, order.message, fills_of(order.fills)};
}

void send_to_order(self_ptr self, const entity_key& order, message body, requester from = {}, std::uint64_t host = 0) {
  envelope head;
  head.to = order;
  head.to_host = host;
  head.from = from;
  head.by.organization = order.organization;
  head.causation = "broker";
  self->state.services.routes->send(std::move(head), std::move(body));
}

/// An order as the broker's book has it now, all fills included; nullopt when there is none under this number.
std::optional<broker_view> whole_view(const paper_broker& broker, const order_id& id,
                                      const std::string& broker_order_id) {
  for (const auto& order : broker.orders_with_id(id)) {
    if (order.broker_order_id == broker_order_id) return view_of(order);
  }
  return std::nullopt;
}

struct answer_reading {
  broker_answered& out;
  const paper_broker& broker;
  const order_id& id;

  void operator()(const broker::accepted& a) const {
    out.what = outcome::seen;
    out.view = {state_of(a.state), a.broker_order_id, {}, {}, fills_of(a.fills)};
  }
  void operator()(const broker::rejected& r) const {
    if (out.of != broker_verb::place) {  // the request was refused, not the order
      out.what = outcome::unknown;
      out.detail = r.code + ": " + r.message;
      return;
    }
    out.what = outcome::seen;
    out.view = {broker_view::state::rejected, {}, r.code, r.message, {}};
  }
  void operator()(const broker::not_sent& n) const {
    out.what = outcome::not_sent;
    out.detail = n.why;
  }
  void operator()(const broker::unknown& u) const {
    out.what = outcome::unknown;
    out.detail = u.why;
  }
  void operator()(const broker::canceled& c) const {
    out.what = outcome::seen;
    out.view = whole_view(broker, id, c.broker_order_id)
                   .value_or(broker_view{broker_view::state::canceled, c.broker_order_id, {}, {}, {}});
  }
  void operator()(const broker::blocked&) const { out.what = outcome::blocked; }
  void operator()(const broker::already_closed& closed) const {
    out.what = outcome::seen;
    out.view = view_of(closed.order);
  }
  void operator()(const broker::not_found&) const { out.what = outcome::not_found; }
  void operator()(const broker::book_page& page) const {
    if (page.orders.empty()) {
      out.what = outcome::not_found;
      return;
    }
    out.what = outcome::seen;
    out.view = view_of(page.orders.front());
  }
};

/// The broker's id of that one of our order's orders there which has this fill.
std::string filled_order(const paper_broker& broker, const order_id& id, const std::string& fill_id) {
  for (const auto& order : broker.orders_with_id(id)) {
    const auto is_it = [&](const broker::fill& fill) { return fill.fill_id == fill_id; };
    if (std::any_of(order.fills.begin(), order.fills.end(), is_it)) return order.broker_order_id;
  }
  return {};
}

void answer_fill(self_ptr self, const broker_state::asked& asked, const external_fill_answer& told) {
  const auto refuse = [&](rejection why, const char* detail) {
    self->state.services.routes->answer(asked.fill_for, rejected{why, detail});
  };
  if (const auto* fill = std::get_if<broker::fill>(&told)) {
    broker_reported report;
    report.view.is = broker_view::state::working;
    report.view.broker_order_id = filled_order(self->state.desk->broker(), asked.order.id, fill->fill_id);
    report.view.fills = {fill_of(*fill)};
    return send_to_order(self, asked.order, std::move(report), asked.fill_for);
  }
  switch (std::get<external_fill_refusal>(told)) {
    case external_fill_refusal::order_not_found:
      return refuse(rejection::not_found, "the broker has no such order");
    case external_fill_refusal::execution_reused:
      return refuse(rejection::key_reused, "this execution was told with another price or quantity");
    case external_fill_refusal::order_closed:
      return refuse(rejection::order_closed, "nothing is left of the order at the broker");
    case external_fill_refusal::not_external:
      return refuse(rejection::order_closed, "the broker's market is not external: it fills orders itself");
    case external_fill_refusal::invalid:
      return refuse(rejection::order_closed, "the broker refuses this price or quantity");
    case external_fill_refusal::book_full:
      return refuse(rejection::overloaded, "the broker's book is full");
  }
}

/// Reports that no answer of the same moment tells already.
void report(self_ptr self, const broker::report& told) {
  if (told.in_answer) return;
  auto& state = self->state;
  broker_reported out;
  out.report = told.sequence;
  out.view.broker_order_id = told.broker_order_id;
  if (const auto* fill = std::get_if<broker::fill_report>(&told.what)) {
    out.view.fills = {fill_of(fill->filled)};
  } else if (auto whole = whole_view(state.desk->broker(), told.id, told.broker_order_id);
             whole && !std::holds_alternative<broker::rejection_report>(told.what)) {
    out.view = std::move(*whole);  // canceled or expired: with every fill
  } else if (const auto* refused = std::get_if<broker::rejection_report>(&told.what)) {
    out.view.is = broker_view::state::rejected;
    out.view.code = refused->code;
    out.view.message = refused->message;
  }
  send_to_order(self, order_key(told.organization, told.id), std::move(out));
}

void let_go(self_ptr self, const paper_output& output) {
  auto& state = self->state;
  if (const auto* told = std::get_if<broker::report>(&output.body)) return report(self, *told);
  const auto found = state.waiting.find(output.token);
  if (found == state.waiting.end()) return;
  const auto asked = std::move(found->second);
  state.waiting.erase(found);
  if (const auto* fill = std::get_if<external_fill_answer>(&output.body)) {
    pause::fill_answers();
    return answer_fill(self, asked, *fill);
  }
  pause::broker_answers(asked.what);
  broker_answered answer;
  answer.of = asked.what;
  answer.incarnation = asked.incarnation;
  const answer_reading reading{answer, state.desk->broker(), asked.order.id};
  if (const auto* place = std::get_if<broker::place_answer>(&output.body)) std::visit(reading, *place);
  if (const auto* cancel = std::get_if<broker::cancel_answer>(&output.body)) std::visit(reading, *cancel);
  if (const auto* book = std::get_if<broker::book_answer>(&output.body)) std::visit(reading, *book);
  send_to_order(self, asked.order, std::move(answer), {}, asked.to_host);
}

void keep_ticking(self_ptr self) {
  auto& state = self->state;
  if (state.ticking || (state.later.empty() && !state.desk->next_due())) return;
  state.ticking = true;
  self->delayed_send(self, std::chrono::milliseconds{10}, tick{});
}

void not_sent(self_ptr self, const broker_state::asked& asked, const char* why) {
  broker_answered answer;
  answer.of = asked.what;
  answer.incarnation = asked.incarnation;
  answer.what = outcome::not_sent;
  answer.detail = why;
  send_to_order(self, asked.order, std::move(answer), {}, asked.to_host);
}

/// Why a call must stay outside; null while it may go on.
const char* refused_at_the_door(const broker_state& state, const broker_state::asked& asked, boot_ms now) {
  if (now > state.lease_until) return "this node has no valid lease";
  if (asked.what == broker_verb::place && now > asked.not_after) return "the send window has passed";
  return nullptr;
}

rejected no_lease() { return {rejection::storage_unavailable, "this node could not renew its lease"}; }

/// Why a fill from outside must stay there: nobody here could take it on. nullopt while it may go on.
std::optional<rejected> fill_refused(const broker_state& state, const entity_key& order, boot_ms now) {
  if (now > state.lease_until) return no_lease();
  if (!state.shards.contains(shard_of(order)))
    return rejected{rejection::shard_moved, "this node does not have the order"};
  return std::nullopt;
}

/// The last look before the engine sees a call or a fill: it has waited since it was taken in, and the process may have
/// been stopped meanwhile.
bool turned_away(self_ptr self, const paper_input& input, boot_ms now) {
  auto& state = self->state;
  const auto token = std::visit(
      []<class Input>(const Input& in) {
        if constexpr (requires { in.token; }) {
          return in.token;
        } else {
          return request_token{};
        }
      },
      input);
  const auto found = state.waiting.find(token);
  if (found == state.waiting.end()) return false;
  const auto& asked = found->second;
  if (asked.fill_for.request != 0) {
    auto why = fill_refused(state, asked.order, now);
    if (!why) return false;
    state.services.routes->answer(asked.fill_for, *std::move(why));
  } else {
    const char* const why = refused_at_the_door(state, asked, now);
    if (why == nullptr) return false;
    not_sent(self, asked, why);
  }
  state.waiting.erase(found);
  return true;
}

void run_batch(self_ptr self) {
  auto& state = self->state;
  const auto now = state.services.clock();
  auto batch = std::exchange(state.batch, {});
  std::erase_if(batch, [&](const paper_input& input) { return turned_away(self, input, now.boot); });
  for (auto& output : state.desk->run(batch, now_of(now))) {
    if (output.due <= now.boot) {
      let_go(self, output);
    } else {
      state.later.emplace(output.due, std::move(output));
    }
  }
  keep_ticking(self);
}

void schedule(self_ptr self) {
  if (std::exchange(self->state.flushing, true)) return;
  self->send(self, flush{});
}

/// Under a lease only: then the clock is one that PostgreSQL's has confirmed.
void end_day(self_ptr self) {
  auto& state = self->state;
  const auto now = state.services.clock();
  if (now.boot > state.lease_until) return;
  if (now.day > state.day) {
    state.batch.emplace_back(trading_day_end{});
    schedule(self);
  }
  state.day = now.day;
}

/// Whatever is taken in comes after the end of the day before, so that it is of the new day.
void take_in(self_ptr self, paper_input what) {
  end_day(self);
  self->state.batch.push_back(std::move(what));
  schedule(self);
}

void take_call(self_ptr self, const broker_call& call) {
  auto& state = self->state;
  const auto now = state.services.clock().boot;
  // Only what is said of a placing goes straight: a later answer must not overtake the reports that it was told with.
  const auto to_host = call.what == broker_verb::place ? call.from_host : 0;
  const broker_state::asked asked{call.order, call.incarnation, call.what, {}, now, call.not_after, to_host};
  if (const char* why = refused_at_the_door(state, asked, now)) return not_sent(self, asked, why);
  if (call.what == broker_verb::place && state.waiting.size() >= waiting_max) {
    return not_sent(self, asked, "too many calls wait for the broker");
  }
  pause::broker_called(call.what);
  const auto token = ++state.last_token;
  state.waiting.emplace(token, asked);
  const auto& c = call.command;
  switch (call.what) {
    case broker_verb::place:
      return take_in(self,
                     paper_request<broker::place>{token,
                                                  {call.order.id, c.organization, c.account, c.exchange, c.symbol,
                                                   c.direction, c.type, c.product, c.valid, c.quantity, c.price}});
    case broker_verb::cancel:
      return take_in(self, paper_request<broker::cancel>{token, {call.order.id, c.account, call.broker_order_id}});
    case broker_verb::query:
      return take_in(self, paper_request<broker::query>{token, {call.order.id, c.account}});
  }
}

void take_fill(self_ptr self, const paper_fill& in) {
  auto& state = self->state;
  const auto now = state.services.clock().boot;
  const auto refuse = [&](rejected why) { state.services.routes->answer(in.from, std::move(why)); };
  if (now > state.lease_until) return refuse(no_lease());  // its book may be of long ago
  const auto orders = state.desk->broker().orders_with_id(in.order);
  if (orders.empty()) return refuse({rejection::not_found, "the broker has no such order"});
  if (state.waiting.size() >= waiting_max) return refuse({rejection::overloaded, "too many calls wait for the broker"});
  broker_state::asked asked;
  asked.order = order_key(orders.front().order.organization, in.order);
  if (auto why = fill_refused(state, asked.order, now)) return refuse(*std::move(why));
  pause::fill_called();
  const auto token = ++state.last_token;
  asked.fill_for = in.from;
  asked.since = now;
  state.waiting.emplace(token, std::move(asked));
  take_in(self, paper_request<external_fill>{token, {in.order, in.price, in.quantity, in.execution_id}});
}

void each_second(self_ptr self) {
  auto& state = self->state;
  const auto now = state.services.clock();
  end_day(self);
  const bool kept_back = state.desk->broker().closed_bytes_in_memory() > closed_in_memory_max;
  if (kept_back && !state.closed_kept_back)
    state.services.log(severity::warning, state.vital.id(),
                       "no room for closed orders on the disk of the paper book: they stay in memory");
  state.closed_kept_back = kept_back;
  std::erase_if(state.waiting,
                [&](const auto& entry) { return now.boot.value - entry.second.since.value > answer_patience_ms; });
  self->delayed_send(self, std::chrono::milliseconds{second_ms}, flush_day{});
}

}  // namespace

caf::behavior paper_broker_actor(self_ptr self, node_services services, broker_actor_settings settings) {
  auto& state = self->state;
  state.services = std::move(services);
  state.vital = vitals{state.services.node + "/broker", "service", "trade"};
  // A book that was last written on an earlier day has DAY orders of a day that is over.
  std::error_code absent;
  const auto written = std::filesystem::last_write_time(settings.book, absent);
  const auto started = state.services.clock();
  const auto age_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::filesystem::file_time_type::clock::now() - written)
          .count();
  state.day = absent ? started.day : day_of({started.wall.value - age_ms}, settings.utc_offset_minutes);
  state.desk = std::make_unique<paper_desk>(settings.book, settings.instruments, settings.paper);
  for (const auto& rule : settings.faults) state.desk->faults().set(rule);
  const auto me = caf::actor_cast<caf::actor>(self);
  self->send(state.services.cluster, subscribe_ask{me});
  self->send(state.services.claims, follow_shards{shard_role::trade, me});
  self->send(self, flush_day{});
  return {
      [self](flush_day) { each_second(self); },
      [self](const broker_call& call) {
        self->state.vital.count();
        take_call(self, call);
      },
      [self](const paper_fill& in) {
        self->state.vital.count();
        take_fill(self, in);
      },
      [self](const market_ticks& in) {
        // Without a lease no day can end, and what rests must not trade on the next one.
        const auto now = self->state.services.clock();
        if (now.boot > self->state.lease_until && now.day > self->state.day) return;
        for (const auto& one : *in.ticks) take_in(self, one);
      },
      [self](flush) {
        self->state.flushing = false;
        run_batch(self);
      },
      [self](tick) {
        auto& s = self->state;
        s.ticking = false;
        const auto now = s.services.clock().boot;
        while (!s.later.empty() && s.later.begin()->first <= now) {
          const auto due = std::move(s.later.extract(s.later.begin()).mapped());
          let_go(self, due);
        }
        if (const auto due = s.desk->next_due(); due && *due <= now) run_batch(self);
        keep_ticking(self);
      },
      [self](const lease_told& in) {
        auto& s = self->state;
        s.lease_until = in.until;
        if (s.services.clock().boot > s.lease_until) return;
        for (const auto& shard : std::exchange(s.waiting_shards, {})) self->send(shard, broker_ready{});
      },
      [self](broker_ready_ask) {
        auto& s = self->state;
        const auto shard = caf::actor_cast<caf::actor>(self->current_sender());
        if (s.services.clock().boot > s.lease_until) return s.waiting_shards.push_back(shard);
        self->send(shard, broker_ready{});
      },
      [self](const shard_owned& in) { self->state.shards.insert(in.shard); },
      [self](const shard_gone& in) { self->state.shards.erase(in.shard); },
      [self](const set_faults& in) {
        auto& s = self->state;
        s.desk->faults().clear();
        bool all = true;
        for (const auto& rule : in.rules) all = s.desk->faults().set(rule) && all;
        return all;
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
