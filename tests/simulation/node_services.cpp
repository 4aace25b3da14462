#include <algorithm>
#include <limits>

#include "runtime/look_up.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/world.hpp"

/// What a node does beside its entities: membership and claims, settlement, projection.
namespace sb::simulation {
namespace {

constexpr std::int64_t beat_ms = 1'000;
constexpr std::int64_t tick_ms = 1'000;
constexpr std::int64_t skew_max_ms = 2'000;
constexpr std::int64_t claim_max_ms = 5'000;
constexpr std::int32_t rows_max = 7;  ///< a page of rows; small, so that there are many

}  // namespace

bool node::reaches_database() const { return world_.db.reachable() && world_.time.now() >= cut_off_until_; }

bool node::read_fails() {
  if (!reaches_database()) return true;
  if (!world_.strikes(fault::read_failed)) return false;
  world_.struck_node(fault::read_failed, *this);
  return true;
}

bool node::read_fails(shard_id id) {
  if (!reaches_database()) return true;
  if (!world_.strikes(fault::read_failed)) return false;
  world_.struck_shard(fault::read_failed, id);
  return true;
}

void node::query(std::function<void()> answered, std::function<void()> failed) {
  const auto now = world_.time.now();
  if (world_.db.down()) return failed();
  const auto when = std::max(world_.db.answers_at(), cut_off_until_);
  if (when == now) return answered();
  const bool in_time = when - now <= statement_deadline_ms && now >= cut_off_until_;
  later(in_time ? when - now : statement_deadline_ms, in_time ? std::move(answered) : std::move(failed));
}

void node::may_pause_here() {
  if (paused_ || !world_.pauses_now()) return;
  world_.struck_node(fault::node_paused, *this);
  pause();
  const auto ms = world_.chance.between(200, 24'000);
  world_.time.after(ms, [this] { resume(); });
}

// ---- cluster -------------------------------------------------------------------------------------------------------

/// Its statements one by one, as in the product, so that a pause or another node's claim comes between any two.
void node::beat() {
  later(beat_ms, [this] { beat(); });
  const boot_ms began{world_.time.now()};
  const auto blind = [this] { blind_ = true; };
  later(world_.chance.between(0, 20), [this, began, blind] {
    if (read_fails() && !world_.db.stalls()) return blind();
    const auto system = system_clock();
    const boot_ms shown_at{world_.time.now()};
    query(
        [this, began, system, shown_at] {
          const auto skew = system.value - world_.wall_at(shown_at).value;
          const bool trusted = skew <= skew_max_ms && skew >= -skew_max_ms;
          if (trusted) clock_->trust(system, shown_at);
          world_.db.store().heartbeat({name_, incarnation_}, {});
          may_pause_here();
          later(world_.chance.between(0, 2), [this, began, trusted] { renew_lease(began, trusted); });
        },
        blind);
  });
}

/// As in the product: nobody takes a shard from a node whose lease holds, so the table is looked at after a lapse only.
void node::renew_lease(boot_ms began, bool clock_trusted) {
  const bool lapsed = world_.time.now() > lease_->until().value;
  if (!clock_trusted || !lapsed) {
    if (clock_trusted) lease_->renewed(began);
    return look_at_the_others(clock_trusted);
  }
  query(
      [this, began] {
        const auto taken = taken_away(world_.db.store().heads(world_.shards, {}), {name_, incarnation_}, owned_);
        writer_events events;
        for (const auto id : taken) writer_->disown(id, events);
        tell(std::move(events));
        // The product's cluster hears of a claim before its look or after its renewal, never between the two.
        if (taken.empty()) lease_->renewed(began);
        may_pause_here();
        later(world_.chance.between(0, 2), [this] { look_at_the_others(true); });
      },
      [this] { blind_ = true; });
}

void node::look_at_the_others(bool clock_trusted) {
  const auto blind = [this] { blind_ = true; };
  query(
      [this, clock_trusted] {
        const boot_ms now{world_.time.now()};
        if (std::exchange(blind_, false)) members_->blind(now);
        members_->observe(world_.db.store().heartbeats({}), now);
        if (!clock_trusted) return;
        for (auto& in : std::exchange(reports_, {})) take_report(std::move(in));
        later(world_.chance.between(0, 2), [this, now] { claim_what_is_free(now); });
      },
      blind);
}

void node::claim_what_is_free(boot_ms as_of) {
  if (claiming_ || !reaches_database() || world_.time.now() > lease_->until().value) return;
  const node_identity self{name_, incarnation_};
  const auto heads = world_.db.store().heads(world_.shards, {});
  auto wanted = claimable(heads, self, *members_, owned_, as_of);
  std::erase_if(wanted, [&](const claim_request& one) { return !is_mine(one.shard); });
  if (wanted.empty()) return;
  // A statement of its own, which waits for locks or for the node's own turn: what was read may have changed when it
  // arrives, and nobody may be here any more to hear of it. The next one waits for its answer.
  claiming_ = true;
  auto& chance = world_.chance;
  const auto there = chance.chance(300) ? chance.between(30, claim_max_ms) : chance.between(0, 30);
  world_.time.after(there, [this, wanted, self, life = life_, until = lease_->until()] {
    std::vector<claim_outcome> outcomes;
    if (reaches_database()) outcomes = world_.db.claim(wanted, self);
    if (!outcomes.empty() && world_.strikes(fault::claim_unclear)) {  // claimed perhaps; the next beat sees
      for (const auto& one : wanted) world_.struck_shard(fault::claim_unclear, one.shard);
      outcomes.clear();
    }
    if (alive_ && life == life_) may_pause_here();
    world_.time.after(world_.chance.between(0, 2), [this, life, outcomes, until] {
      run_here(life, [this, outcomes, until] { hold(outcomes, until); });
    });
  });
}

void node::hold(const std::vector<claim_outcome>& outcomes, boot_ms lease_until) {
  claiming_ = false;
  bool any = false;
  for (const auto& outcome : outcomes) {
    if (outcome.status != claim_status::claimed) continue;
    own(outcome.head);
    any = true;
  }
  // They may be somebody else's by now, and a beat may have renewed the lease without looking at them.
  if (any && world_.time.now() > lease_until.value) *lease_ = lease{lease_times{}};
}

void node::own(const shard_head& head) {
  writer_events events;
  writer_->own(head, events);
  tell(std::move(events));
  owned_.insert(head.shard);
  later(0, [this, id = head.shard] {
    if (!owned_.contains(id)) return;  // in the product it is started and ended again: one mailbox has both in order
    open_shard(id);
    if (id >= shards_per_role) {
      settle([&](settlement_outputs& out) { settlement_->follow(id, world_.db.cursors[id], out); });
      project_anew(id);
    }
  });
}

std::optional<shard_id> node::hand_over_one() {
  if (owned_.empty()) return std::nullopt;
  const auto id = *std::next(owned_.begin(), static_cast<std::ptrdiff_t>(world_.chance.index(owned_.size())));
  for (const auto& head : writer_->owned()) {
    if (head.shard != id) continue;
    world_.record.note(world_.time.now(), "hands over", name_, id);
    writer_events events;
    writer_->disown(id, events);
    tell(std::move(events));
    world_.db.store().release({head}, {});
    return id;
  }
  return std::nullopt;
}

void node::tick() {
  later(tick_ms, [this] { tick(); });
  settle([&](settlement_outputs& out) { settlement_->tick({world_.time.now()}, out); });
  if (world_.db.reachable()) {
    for (const auto& [id, seq] : std::exchange(cursors_, {})) {
      auto& saved = world_.db.cursors[id];
      saved = std::max(saved, seq);
    }
  }
  look_for_gaps();
  write_projections();
  retire_idle();
}

// ---- settlement ----------------------------------------------------------------------------------------------------

/// The hint that rows are stored, with the rows.
void node::take_hint(const committed_rows& committed) {
  if (committed.shard < shards_per_role) return;
  if (world_.strikes(fault::hint_lost)) {
    return world_.struck_shard(fault::hint_lost, committed.shard);
  }
  settle([&](settlement_outputs& out) {
    settlement_->committed(committed.shard, committed.rows, {world_.time.now()}, out);
  });
  project(committed);
}

template <class Input>
void node::settle(Input input) {
  settlement_outputs out;
  input(out);
  for (auto& item : out) {
    if (auto* ask = std::get_if<settle_ask>(&item)) {
      delivery message_out;
      message_out.head.to = book_key(ask->organization);
      message_out.head.from = {settlement_gateway + static_cast<std::uint32_t>(number_), 1};
      message_out.head.by.organization = ask->organization;
      message_out.head.causation = "settlement";
      std::visit([&](auto& body) { message_out.body = std::move(body); }, ask->what);
      world_.send(number_, std::move(message_out));
    } else if (auto* seen = std::get_if<seen_told>(&item)) {
      delivery message_out;
      message_out.head.to = book_key(seen->organization);
      message_out.head.causation = "settlement";
      message_out.body = std::move(seen->what);
      world_.send(number_, std::move(message_out));
    } else if (const auto* wanted = std::get_if<rows_wanted>(&item)) {
      read_rows(wanted->shard, wanted->after);
    } else if (const auto* moved = std::get_if<cursor_moved>(&item)) {
      cursors_[moved->shard] = moved->seq;
    }
  }
}

/// The book's next question takes the place of one that has not been read yet.
void node::want_look_up(const entity_key& book, const std::vector<order_id>& orders) {
  look_ups_[book] = orders;
  later(world_.chance.between(0, 10), [=, this] {
    const auto asked = look_ups_.extract(book);
    if (asked.empty() || read_fails(shard_of(shard_role::trade, book.organization))) return;
    delivery told;
    told.head.to = book;
    told.head.causation = "look-up";
    told.body = look_up(world_.db.store(), book.organization, asked.mapped(), {});
    world_.send(number_, std::move(told));
  });
}

void node::read_rows(shard_id id, std::int64_t after) {
  constexpr std::int64_t patience_ms = 10'000;
  const auto [reading, fresh] = reading_.try_emplace(id, world_.time.now());
  if (!fresh && world_.time.now() - reading->second < patience_ms) return;
  reading->second = world_.time.now();
  later(world_.chance.between(0, 10), [=, this] {
    if (read_fails(id)) return;  // the next tick asks again
    const auto rows = world_.db.store().read_after(id, after, rows_max, {});
    reading_.erase(id);
    settle([&](settlement_outputs& out) {
      settlement_->rows(id, rows, {world_.time.now()}, out);
      if (std::ssize(rows) >= rows_max) out.push_back(rows_wanted{id, rows.back().seq});
    });
  });
}

void node::take_settled(const settled& in) {
  settle([&](settlement_outputs& out) { settlement_->answered(in, {world_.time.now()}, out); });
}

// ---- projection ----------------------------------------------------------------------------------------------------

void node::project(const committed_rows& committed) {
  const auto id = committed.shard;
  if (!projection_->follows(id) || gaps_.contains(id)) return;
  if (!projection_->fold(id, committed.rows)) gaps_.insert(id);
  unsaved_.insert(id);
}

/// From the cursor in the tables.
void node::project_anew(shard_id id) {
  stop_projecting(id);
  unread_.insert(id);
}

void node::stop_projecting(shard_id id) {
  projection_->drop(id);
  unread_.erase(id);
  gaps_.erase(id);
  unsaved_.erase(id);
}

/// A hint that was lost shows here: what was stored at the last look has had time to come.
void node::look_for_gaps() {
  if (read_fails()) return;
  for (const auto& head : seen_heads_) {
    if (projection_->follows(head.shard) && projection_->position_of(head.shard) < head.head) gaps_.insert(head.shard);
  }
  seen_heads_ = world_.db.store().heads({owned_.begin(), owned_.end()}, {});
}

void node::write_projections() {
  if (unread_.empty() && gaps_.empty() && unsaved_.empty()) return;
  if (read_fails()) return;
  for (const auto id : std::exchange(unread_, {})) {
    projection_->follow(id, world_.db.models.cursor(id));
    gaps_.insert(id);
  }
  for (const auto id : std::set<shard_id>{gaps_}) {
    const auto rows = world_.db.store().read_after(id, projection_->position_of(id), rows_max, {});
    projection_->fold(id, rows);
    if (!rows.empty()) unsaved_.insert(id);
    if (std::ssize(rows) < rows_max) gaps_.erase(id);
  }
  for (const auto id : std::set<shard_id>{unsaved_}) {
    const auto batch = projection_->take(id);
    const bool lost = world_.strikes(fault::append_lost);  // written or not, and nobody knows
    const bool written = (!lost || world_.chance.chance(500)) && world_.db.models.apply(batch);
    if (lost || !written) {
      project_anew(id);
    } else {
      unsaved_.erase(id);
    }
  }
}

}  // namespace sb::simulation
