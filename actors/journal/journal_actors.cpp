#include "actors/journal/journal_actors.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <chrono>
#include <iterator>
#include <map>
#include <optional>
#include <type_traits>

#include "actors/protocol/type_ids.hpp"
#include "runtime/look_up.hpp"
#include "storage/postgres/connection.hpp"

namespace sb {
namespace {

using writer_ptr = caf::stateful_actor<writer_state>*;
using reader_ptr = caf::stateful_actor<reader_state>*;
using contents_part = reader_state::contents_reading::part;

constexpr std::int32_t names_max = 10'000;  // a page of stream names
constexpr std::int32_t rows_max = 1'000;    // a page of rows
constexpr std::int32_t streams_max = 500;   // histories that one statement reads
constexpr std::chrono::milliseconds retry{500};
constexpr std::chrono::milliseconds waking_patience{1'000};  // with a shard that does not say that it has woken a group

// ---- writer
// ----------------------------------------------------------------------------------------------------------------

/// The flush goes to the end of our own mailbox, so everything that waits there joins the batch.
void schedule(writer_ptr self) {
  auto& state = self->state;
  if (state.flushing || !state.core->has_work()) return;
  if (state.core->urgent() || !state.draining.empty()) {
    state.flushing = true;
    self->send(self, flush{});
  } else if (!state.lazy_armed) {
    state.lazy_armed = true;
    self->delayed_send(self, state.settings.lazy, tick{});
  }
}

/// One message for each role that somebody follows.
void tell_followers(writer_ptr self, std::vector<committed_rows>&& all) {
  for (const auto role : {shard_role::user, shard_role::trade}) {
    std::shared_ptr<std::vector<committed_rows>> parts;
    for (const auto& follower : self->state.followers) {
      if (follower.rows != role) continue;
      if (!parts) {
        parts = std::make_shared<std::vector<committed_rows>>();
        for (auto& part : all) {
          if (role_of_shard(part.shard) == role) parts->push_back(std::move(part));
        }
      }
      if (!parts->empty()) self->send(follower.subscriber, committed_told{parts});
    }
  }
}

void tell(writer_ptr self, writer_events& events) {
  auto& state = self->state;
  std::vector<committed_rows> committed;  // told once for the whole commit: each message may wake a thread
  struct {
    writer_ptr self;
    writer_state& state;
    std::vector<committed_rows>& committed;

    void operator()(const write_verdict& told) const {
      const auto who = state.writers.find(told.token);
      if (who == state.writers.end()) return;
      self->send(who->second, write_told{told.verdict, told.through});
      state.writers.erase(who);
    }
    void operator()(committed_rows& part) const { committed.push_back(std::move(part)); }
    void operator()(const shard_lost& lost) const {
      tell_followers(self, std::exchange(committed, {}));
      state.services.log(severity::alarm, state.vital.id(),
                         "shard " + std::to_string(lost.shard) + " lost: " + lost.why);
      for (const auto& follower : state.followers) self->send(follower.subscriber, shard_gone{lost.shard, lost.why});
    }
    void operator()(const barrier_passed& passed) const {
      const auto who = state.barriers.find(passed.token);
      if (who == state.barriers.end()) return;
      self->send(who->second.first, barrier_told{who->second.second});
      state.barriers.erase(who);
    }
    void operator()(const row_refused& refused) const {
      state.services.log(severity::alarm, state.vital.id(),
                         "PostgreSQL refuses a row of " + refused.stream + ": " + refused.detail);
    }
  } const action{self, state, committed};
  for (auto& event : events) std::visit(action, event);
  tell_followers(self, std::move(committed));
}

/// Whether PostgreSQL could be reached at all: if not, the next try waits a little.
bool reached(const std::vector<append_outcome>& outcomes) {
  for (const auto& outcome : outcomes) {
    if (outcome.status != append_status::not_attempted && outcome.status != append_status::unknown_commit) return true;
  }
  return outcomes.empty();
}

void report_trouble(writer_ptr self, const std::vector<append_outcome>& outcomes) {
  for (const auto& outcome : outcomes) {
    if (outcome.status == append_status::stored) continue;
    return self->state.services.log(
        severity::warning, self->state.vital.id(),
        "append of shard " + std::to_string(outcome.shard) + " not confirmed: " + outcome.detail);
  }
}

void step(writer_ptr self) {
  auto& state = self->state;
  writer_events events;
  bool wait = false;
  auto next = state.core->next();
  if (auto* append = std::get_if<append_step>(&next)) {
    const auto began = std::chrono::steady_clock::now();
    std::size_t rows = 0;
    for (const auto& part : append->parts.get()) rows += part.rows.size();
    const auto outcomes = state.store->append(append->parts, state.settings.statement_deadline);
    if (state.observe)
      state.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), rows, outcomes);
    wait = !reached(outcomes);
    if (wait) report_trouble(self, outcomes);
    state.core->append_done(outcomes, events);
  } else if (const auto* claim = std::get_if<claim_step>(&next)) {
    const auto outcomes = state.store->claim(claim->shards, state.settings.self, state.settings.lock_wait,
                                             state.settings.statement_deadline);
    for (const auto& outcome : outcomes) wait = wait || outcome.status == claim_status::unknown;
    state.core->claim_done(outcomes, state.settings.self, events);
  }
  tell(self, events);
  if (wait && state.core->has_work()) {
    state.flushing = true;
    self->delayed_send(self, state.settings.retry, flush{});
  } else {
    schedule(self);
  }
  if (!state.core->has_work() && !state.core->busy()) {
    for (const auto& who : std::exchange(state.draining, {})) self->send(who, drained_told{state.core->owned()});
  }
}

// ---- reader
// ----------------------------------------------------------------------------------------------------------------

enum class read_result : std::uint8_t { done, refused, out_of_reach };

template <class Read>
read_result attempt(const reader_state& state, Read read) {
  try {
    read();
    return read_result::done;
  } catch (const storage_unavailable& error) {
    state.services.log(severity::warning, state.vital.id(), error.what());
    const auto* statement = dynamic_cast<const postgres::statement_error*>(&error);
    return statement != nullptr && !statement->sqlstate.empty() ? read_result::refused : read_result::out_of_reach;
  }
}

/// The next streams of a shard, as many as one statement takes.
std::vector<history_ask> take_group(std::vector<history_ask>& asks) {
  const auto shard = asks.back().shard;
  std::vector<history_ask> group;
  while (!asks.empty() && asks.back().shard == shard && std::ssize(group) < streams_max) {
    group.push_back(std::move(asks.back()));
    asks.pop_back();
  }
  return group;
}

void read_group(reader_ptr self, const std::vector<history_ask>& asks) {
  auto& state = self->state;
  std::vector<stream_id> streams;
  for (const auto& ask : asks) streams.push_back(ask.stream);
  auto histories = state.store->read_streams(asks.front().shard, streams, state.deadline);
  for (std::size_t i = 0; i < asks.size(); ++i) {
    auto history = std::make_shared<const stream_history>(std::move(histories.at(i)));
    self->send(asks[i].entity, history_told{std::move(history), asks[i].incarnation});
  }
}

void keep(std::vector<history_ask>& waiting, std::vector<history_ask>& asks) {
  std::move(asks.begin(), asks.end(), std::back_inserter(waiting));
}

/// False: PostgreSQL cannot be reached. What it refuses is searched for by halves, so that it holds up nothing else.
bool read_by_halves(reader_ptr self, std::vector<history_ask> asks) {
  auto& state = self->state;
  const auto result = attempt(state, [&] { read_group(self, asks); });
  if (result == read_result::done) return true;
  if (result == read_result::out_of_reach || asks.size() == 1) {
    keep(result == read_result::refused ? state.refused_histories : state.histories, asks);
    return result == read_result::refused;
  }
  const auto middle = asks.begin() + std::ssize(asks) / 2;
  std::vector<history_ask> rest{std::make_move_iterator(middle), std::make_move_iterator(asks.end())};
  asks.erase(middle, asks.end());
  if (read_by_halves(self, std::move(asks))) return read_by_halves(self, std::move(rest));
  keep(state.histories, rest);
  return false;
}

/// False: PostgreSQL cannot be reached; what was not read is kept.
bool read_histories(reader_ptr self) {
  auto& state = self->state;
  auto asks = std::exchange(state.histories, {});
  std::stable_sort(asks.begin(), asks.end(), [](const auto& a, const auto& b) { return a.shard > b.shard; });
  bool reached = true;
  while (!asks.empty() && reached) reached = read_by_halves(self, take_group(asks));
  keep(state.histories, asks);
  return reached;
}

void answer(reader_ptr self, const reader_state::question& one) {
  auto& state = self->state;
  if (const auto* wanted = std::get_if<rows_ask>(&one.what)) {
    auto rows = std::make_shared<const std::vector<journal_row>>(
        state.store->read_after(wanted->shard, wanted->after, rows_max, state.deadline));
    self->send(one.asker, rows_told{wanted->shard, wanted->after, std::move(rows)});
  } else if (const auto* cursor = std::get_if<cursor_ask>(&one.what)) {
    self->send(one.asker, cursor_told{cursor->shard, state.side.cursor(cursor->projection, cursor->shard)});
  }
}

bool answer_questions(reader_ptr self) {
  auto& state = self->state;
  while (!state.questions.empty()) {
    const auto next = state.questions.begin();
    const auto result = attempt(state, [&] { answer(self, next->second); });
    if (result == read_result::out_of_reach) return false;
    auto asked = state.questions.extract(next);
    if (result == read_result::refused) state.refused_questions.insert(std::move(asked));
  }
  return true;
}

/// All that waits, until PostgreSQL cannot be reached: however many wait, one of them at a time finds out that it still
/// cannot. What it refuses is tried again apart from that.
void serve(reader_ptr self) {
  auto& state = self->state;
  state.flushing = false;
  const auto now = state.services.clock().boot;
  if (now >= state.refused_again_at) {
    keep(state.histories, state.refused_histories);
    state.refused_histories.clear();
    state.questions.merge(state.refused_questions);
    state.refused_questions.clear();
  }
  if (!read_histories(self) || !answer_questions(self)) {
    state.flushing = true;
    self->delayed_send(self, retry, flush{});
    return;
  }
  const bool refused = !state.refused_histories.empty() || !state.refused_questions.empty();
  if (!refused || now < state.refused_again_at) return;
  state.refused_again_at = {now.value + retry.count()};
  self->delayed_send(self, retry, flush{});
}

/// The flush goes to the end of our own mailbox, so that all that waits there is read together.
void serve_soon(reader_ptr self) {
  self->state.vital.count();
  if (std::exchange(self->state.flushing, true)) return;
  self->send(self, flush{});
}

template <class Ask>
void keep_question(reader_ptr self, const Ask& ask) {
  auto asker = caf::actor_cast<caf::actor>(self->current_sender());
  auto key = std::tuple{asker.id(), ask.shard, std::is_same_v<Ask, rows_ask>};
  self->state.questions.insert_or_assign(key, reader_state::question{std::move(asker), ask});
  serve_soon(self);
}

void add_name(const stream_id& stream, reader_state::contents_reading& reading) {
  reading.streams->insert(stream);
  // A risk book watches its reservations only while it lives, so it lives from the start.
  if (role_of_shard(reading.shard) == shard_role::trade) return;
  if (auto key = key_of(stream); key && key->kind == entity_kind::book)
    reading.work.entities.push_back(std::move(*key));
}

/// True when these were the last.
bool read_names(reader_state& state, reader_state::contents_reading& reading) {
  const auto names = state.store->streams_after(reading.shard, reading.last_stream, names_max, state.deadline);
  for (const auto& stream : names) add_name(stream, reading);
  if (!names.empty()) reading.last_stream = names.back();
  return std::ssize(names) < names_max;
}

/// True when these were the last.
bool read_open_orders(reader_state& state, reader_state::contents_reading& reading) {
  const auto orders = state.side.open_orders(reading.shard, reading.last_order, names_max);
  if (!orders.empty()) reading.last_order = orders.back().place;
  for (const auto& order : orders) reading.work.entities.push_back(order_key(order.organization, order.place.id));
  return std::ssize(orders) < names_max;
}

/// True when these were the last.
bool read_moved_since(reader_state& state, reader_state::contents_reading& reading) {
  const auto rows = state.store->read_after(reading.shard, reading.after_row, rows_max, state.deadline);
  for (const auto& row : rows) {
    if (auto key = key_of(row.stream); key && key->kind == entity_kind::order)
      reading.work.entities.push_back(std::move(*key));
  }
  if (!rows.empty()) reading.after_row = rows.back().seq;
  return std::ssize(rows) < rows_max;
}

/// The next page of a shard's contents; true when it was the last. Throws storage_unavailable with the reading as it
/// was, so that the same page can be read again.
bool read_page(reader_state& state, reader_state::contents_reading& reading) {
  switch (reading.next) {
    case contents_part::cursor:
      // The checkpoint: orders that are open at the projection's cursor or later, and every order that has moved since.
      reading.after_row = state.side.cursor("orders", reading.shard);
      reading.next = contents_part::open_orders;
      return false;
    case contents_part::open_orders:
      if (read_open_orders(state, reading)) reading.next = contents_part::moved_since;
      return false;
    case contents_part::moved_since:
      return read_moved_since(state, reading);
    case contents_part::names:
      return read_names(state, reading);
  }
  return true;
}

void tell_work(reader_ptr self, reader_state::contents_reading& reading) {
  auto& entities = reading.work.entities;
  std::sort(entities.begin(), entities.end());
  entities.erase(std::unique(entities.begin(), entities.end()), entities.end());
  self->send(reading.asker, std::move(reading.work));
}

/// The next page of the first of them, and whether it was its last. nullopt: it cannot be read now; that shard has its
/// turn after the others.
std::optional<bool> read_next_page(reader_state& state, std::deque<reader_state::contents_reading>& readings) {
  bool last = false;
  if (attempt(state, [&] { last = read_page(state, readings.front()); }) == read_result::done) return last;
  std::rotate(readings.begin(), readings.begin() + 1, readings.end());
  return std::nullopt;
}

// What nobody waits for: each of these is false when something could not be read now.

/// A page of open work, while there is a shard that does not know its own.
bool read_work(reader_ptr self) {
  auto& state = self->state;
  if (state.work.empty()) return true;
  const auto last = read_next_page(state, state.work);
  if (!last || !*last) return last.has_value();
  auto reading = std::move(state.work.front());
  state.work.pop_front();
  tell_work(self, reading);
  if (role_of_shard(reading.shard) == shard_role::user) {
    self->send(reading.asker, streams_told{std::move(reading.streams)});
  } else {
    reading.next = contents_part::names;
    state.names.push_back(std::move(reading));
  }
  return true;
}

/// A page of names, while every shard knows its open work.
bool read_some_names(reader_ptr self) {
  auto& state = self->state;
  if (!state.work.empty() || state.names.empty()) return true;
  const auto last = read_next_page(state, state.names);
  if (!last || !*last) return last.has_value();
  auto& reading = state.names.front();
  self->send(reading.asker, streams_told{std::move(reading.streams)});
  state.names.pop_front();
  return true;
}

/// For the shard whose group was read last; none is left when its entities have begun.
std::chrono::milliseconds patience_left(const reader_state& state) {
  if (!state.woken) return std::chrono::milliseconds{0};
  return std::chrono::milliseconds{state.woken_at.value - state.services.clock().boot.value} + waking_patience;
}
/// While the entities of a group begin, no other is read: what they do costs much more than reading them, and whoever
/// wants something of the node meanwhile would wait behind all that was read.
bool is_waking(const reader_state& state) { return patience_left(state).count() > 0; }

/// A group. What PostgreSQL refuses of it waits with the others that it refuses; its shard is told all the same.
bool read_some_waking(reader_ptr self) {
  auto& state = self->state;
  if (state.waking.empty() || is_waking(state)) return true;
  auto& group = state.waking.front();
  keep(state.histories, group.histories);
  group.histories.clear();
  if (!read_histories(self)) return false;
  if (!state.refused_histories.empty()) serve_soon(self);
  self->send(group.asker, woken_told{});
  state.woken = caf::actor_cast<caf::actor_addr>(group.asker);
  state.woken_at = state.services.clock().boot;
  state.waking.pop_front();
  return true;
}

/// One book's question, in turns. Dropped when PostgreSQL cannot be reached: the book asks again. Of one that it
/// refuses all are missing: each order is asked for then, and reads its own history.
bool look_up_some(reader_ptr self) {
  auto& state = self->state;
  if (state.look_ups.empty()) return true;
  auto next = state.look_ups.upper_bound(state.last_look_up);
  if (next == state.look_ups.end()) next = state.look_ups.begin();
  const auto ask = std::move(state.look_ups.extract(next).mapped());
  state.last_look_up = ask.book;
  orders_looked_up known{{}, ask.orders};
  const auto result =
      attempt(state, [&] { known = look_up(*state.store, ask.book.organization, ask.orders, state.deadline); });
  if (result == read_result::out_of_reach) return false;
  envelope head;
  head.to = ask.book;
  head.causation = "look-up";
  state.services.routes->send(std::move(head), std::move(known));
  return true;
}

/// The next page goes to the end of our own mailbox: whoever asked meanwhile comes first.
void keep_paging(reader_ptr self, std::chrono::milliseconds after) {
  auto& state = self->state;
  const bool wakes = !state.waking.empty() && !is_waking(state);
  if (state.paging) return;
  if (!wakes && state.work.empty() && state.names.empty() && state.look_ups.empty()) {
    const bool looks_again = !state.waking.empty() && !std::exchange(state.awaits_woken, true);
    if (looks_again) self->delayed_send(self, patience_left(state), woken_told{});
    return;
  }
  state.paging = true;
  if (after.count() == 0) {
    self->send(self, tick{});
  } else {
    self->delayed_send(self, after, tick{});
  }
}

void read_what_nobody_waits_for(reader_ptr self) {
  auto& state = self->state;
  state.paging = false;
  bool all = true;
  for (const auto read : {read_work, read_some_names, read_some_waking, look_up_some}) all = read(self) && all;
  keep_paging(self, all ? std::chrono::milliseconds{0} : retry);
}

void want_contents(reader_ptr self, shard_id shard) {
  auto& state = self->state;
  state.vital.count();
  // A shard that was restarted asks anew; nobody waits for what its former incarnation asked.
  const auto former = [&](const auto& one) { return one.shard == shard; };
  std::erase_if(state.work, former);
  std::erase_if(state.names, former);
  std::erase_if(state.waking, former);
  reader_state::contents_reading reading;
  reading.shard = shard;
  reading.asker = caf::actor_cast<caf::actor>(self->current_sender());
  self->monitor(reading.asker);
  if (role_of_shard(shard) == shard_role::trade) reading.next = contents_part::cursor;
  state.work.push_back(std::move(reading));
  keep_paging(self, std::chrono::milliseconds{0});
}

void wake(reader_ptr self, wake_ask& ask) {
  auto& state = self->state;
  state.vital.count();
  if (state.woken == self->current_sender()) state.woken = nullptr;
  if (!ask.histories.empty())
    state.waking.push_back({ask.shard, caf::actor_cast<caf::actor>(self->current_sender()), std::move(ask.histories)});
  keep_paging(self, std::chrono::milliseconds{0});
}

/// A shard's actor has ended: nobody waits for what it asked.
void forget_shard(reader_ptr self, const caf::actor_addr& gone) {
  auto& state = self->state;
  const auto of_it = [&](const auto& one) { return one.asker == gone; };
  std::erase_if(state.work, of_it);
  std::erase_if(state.names, of_it);
  std::erase_if(state.waking, of_it);
  if (state.woken == gone) state.woken = nullptr;
  keep_paging(self, std::chrono::milliseconds{0});
}

void want_look_up(reader_ptr self, look_up_ask& ask) {
  auto& state = self->state;
  state.vital.count();
  const auto book = ask.book;
  state.look_ups.insert_or_assign(book, std::move(ask));
  keep_paging(self, std::chrono::milliseconds{0});
}

}  // namespace

caf::behavior writer(writer_ptr self, node_services services, writer_settings settings, journal_factory connect,
                     append_observer observe) {
  auto& state = self->state;
  state.services = std::move(services);
  state.settings = std::move(settings);
  state.observe = std::move(observe);
  state.vital = vitals{state.services.node + "/journal/writer", "service"};
  state.store = connect();
  state.core = std::make_unique<journal_writer>(state.settings.rows_max, state.settings.queue_max);
  self->set_down_handler([self](const caf::down_msg& down) {
    std::erase_if(self->state.followers,
                  [&](const follow_journal& follower) { return follower.subscriber == down.source; });
  });
  return {
      [self](write_ask& ask) {
        auto& s = self->state;
        s.vital.count();
        const auto token = ++s.last_token;
        pending_write write{token, ask.shard, std::move(ask.stream), ask.incarnation, std::move(ask.what)};
        writer_events events;
        if (s.core->enqueue(std::move(write), events) != enqueued::joined)
          s.writers.emplace(token, caf::actor_cast<caf::actor>(self->current_sender()));
        tell(self, events);
        schedule(self);
      },
      [self](flush) {
        self->state.flushing = false;
        step(self);
      },
      [self](tick) {
        auto& s = self->state;
        s.lazy_armed = false;
        if (s.flushing || !s.core->has_work()) return;
        s.flushing = true;
        self->send(self, flush{});
      },
      [self](const barrier_ask& ask) {
        auto& s = self->state;
        const auto token = ++s.last_token;
        s.barriers.emplace(token, std::pair{caf::actor_cast<caf::actor>(self->current_sender()), ask.stream});
        writer_events events;
        s.core->barrier(token, ask.shard, ask.stream, events);
        tell(self, events);
      },
      [self](const hurry_ask& ask) {
        self->state.core->hurry(ask.shard, ask.stream);
        schedule(self);
      },
      [self](const forget_ask& ask) {
        for (const auto& stream : ask.streams) self->state.core->forget(ask.shard, stream);
      },
      [self](const own_ask& ask) {
        writer_events events;
        for (const auto& head : ask.heads) self->state.core->own(head, events);
        // Whoever worked under the former claim stands after the claims actor in the tree and was restarted with it;
        // those who work under this one must not be told that it is gone.
        std::erase_if(events, [](const writer_event& event) { return std::holds_alternative<shard_lost>(event); });
        tell(self, events);
      },
      [self](const disown_ask& ask) {
        writer_events events;
        for (const auto shard : ask.shards) self->state.core->disown(shard, events);
        tell(self, events);
      },
      [self](const follow_journal& ask) {
        self->state.followers.push_back(ask);
        self->monitor(ask.subscriber);
      },
      [self](drain_ask) {
        auto& s = self->state;
        s.draining.push_back(caf::actor_cast<caf::actor>(self->current_sender()));
        if (s.flushing) return;
        s.flushing = true;
        self->send(self, flush{});
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

caf::behavior reader(reader_ptr self, node_services services, read_side side,
                     std::chrono::milliseconds statement_deadline) {
  auto& state = self->state;
  state.services = std::move(services);
  state.side = std::move(side);
  state.store = state.side.connect();
  state.deadline = statement_deadline;
  state.vital = vitals{state.services.node + "/journal/reader", "service"};
  self->set_down_handler([self](const caf::down_msg& down) { forget_shard(self, down.source); });

  return {
      [self](const history_ask& ask) {
        self->state.histories.push_back(ask);
        serve_soon(self);
      },
      [self](const rows_ask& ask) { keep_question(self, ask); },
      [self](const cursor_ask& ask) { keep_question(self, ask); },
      [self](flush) { serve(self); },
      [self](const contents_ask& ask) { want_contents(self, ask.shard); },
      [self](wake_ask& ask) { wake(self, ask); },
      [self](look_up_ask& ask) { want_look_up(self, ask); },
      [self](tick) { read_what_nobody_waits_for(self); },
      [self](woken_told) {
        self->state.awaits_woken = false;
        keep_paging(self, std::chrono::milliseconds{0});
      },
      [self](const cursor_save& ask) {
        auto& s = self->state;
        try {
          s.side.save_cursor(ask.projection, ask.shard, ask.seq);
        } catch (const storage_unavailable& error) {  // a cursor that is behind only repeats work
          s.services.log(severity::warning, s.vital.id(), error.what());
        }
      },
      [self](const tree_ask& ask) { return self->state.vital.describe(self, ask, self->state.services.clock().boot); },
  };
}

}  // namespace sb
