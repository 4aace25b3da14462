#pragma once
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/address.hpp"
#include "runtime/messages.hpp"
#include "storage/event_record.hpp"
#include "storage/journal.hpp"

/// What an entity is, without actors, clocks or sockets: messages in, outputs out. The actors and the simulation drive
/// the same code.
namespace sb {

/// What time it is, as the caller's node sees it.
struct clock_reading {
  wall_ms wall;
  boot_ms boot;
  trading_day day;
};

// ---- what an entity asks of the world
// ----------------------------------------------------------------------------------
struct append_out {
  std::int64_t version = 0;         ///< of the first fact
  std::vector<event_record> facts;  ///< one or more
  wall_ms at;
  bool urgent = false;  ///< somebody waits for it, and for no other; else it may be part of a later batch
  /// Another append of the stream was out when this one was decided: it is nothing where that is not stored.
  bool follows = false;
};
/// Version of its last fact.
inline std::int64_t through(const append_out& append) { return append.version + std::ssize(append.facts) - 1; }
/// Somebody now waits behind the last append that is out, which is unhurried: it should go with the next batch.
struct hurry_out {};
struct send_out {
  envelope head;
  message body;
};
struct broker_out {
  broker_call call;
};
struct reply_out {
  requester to;
  answer body;
};
/// Of which of these orders of the entity's organization is anything committed? Answered with orders_looked_up, or not
/// at all: who wants to know asks again. A later question of the same entity takes the place of one that waits.
struct look_up_out {
  std::vector<order_id> orders;
};
/// Replaces an earlier alarm of the same id. It comes at that time or a little later, while the entity may not retire
/// (see entity::busy); of one that may, perhaps never.
struct alarm_out {
  std::int32_t id = 0;
  std::int64_t after_ms = 0;
};
/// A snapshot that is still to be made. Whoever stores it calls both, on any thread; they have all that they need.
struct snapshot_offer {
  std::function<std::string()> text;
  std::function<void(std::size_t bytes)> stored;  ///< the text of so many bytes is; not called when it is not
};
struct snapshot_out {
  stream_id stream;
  std::int64_t version = 0;  ///< last event in it
  snapshot_offer offer;
};
/// The entity trusts itself no longer: end it, and let the next message replay it from the journal.
struct fail_out {
  std::string why;
};
using output = std::variant<append_out, hurry_out, send_out, broker_out, reply_out, look_up_out, alarm_out,
                            snapshot_out, fail_out>;
using outputs = std::vector<output>;

/// One decision step: everything that was queued while none could be taken. Facts become true, and what
/// `after_commit` holds leaves, when they and all facts before them are stored; `at_once` is only for what does no harm
/// if they never are.
class turn {
 public:
  turn(const clock_reading& reading, outputs& immediate) : now{reading}, immediate_{immediate} {}

  const clock_reading now;

  void record(event_record fact) { facts_.push_back(std::move(fact)); }
  void at_once(output out) { immediate_.push_back(std::move(out)); }
  void after_commit(output out) {
    urgent_ = true;
    after_.push_back(std::move(out));
  }
  /// Leaves after the commit, but nobody is in a hurry.
  void after_commit_unhurried(output out) { after_.push_back(std::move(out)); }
  void reply(requester to, answer body) {
    if (to.request != 0) after_commit(reply_out{to, std::move(body)});
  }
  void reply_unhurried(requester to, answer body) {
    if (to.request != 0) after_commit_unhurried(reply_out{to, std::move(body)});
  }

 private:
  friend class entity_core;
  outputs& immediate_;
  std::vector<event_record> facts_;
  outputs after_;
  bool urgent_ = false;
};

/// What became of the incarnation before this one.
enum class predecessor : std::uint8_t {
  none,     ///< nothing is stored of the stream
  retired,  ///< it left in good order, and since then nothing was said to it: its shard has been here all the time
  lost,     ///< it ended, or its shard did; what was said to it meanwhile may have reached nobody
};

/// One entity's decisions. `handle` changes the working state as it records facts; the core guarantees that the object
/// is thrown away when an append fails, and that no message is handled while an append is out, or, where the entity
/// decides ahead, that what comes of it is stored and leaves only behind that. So what a turn decides on is stored
/// before it or with it.
class entity {
 public:
  virtual ~entity() = default;

  /// After how long the alarm comes for facts that nobody waits for and that stay in memory meanwhile, so that one
  /// append has them and those of the next request: a row of their own would cost as much. 0: they leave at once.
  virtual std::int64_t gather_ms(boot_ms now) const {
    static_cast<void>(now);
    return 0;
  }
  /// Whether it handles messages while an append of its own is out (docs/decisions/0021): for one that many wait for.
  /// What it decides then may be stored with the time of the append before, so `replay` must not depend on `at`.
  virtual bool decides_ahead() const { return false; }

  /// Folds one stored event. False and `why` when it cannot be read: the entity is parked.
  virtual bool replay(const event_record& event, wall_ms at, std::string& why) = 0;
  virtual bool restore(const stored_snapshot& snapshot, std::string& why) = 0;
  /// Replayed: take up the work that was open.
  virtual void recovered(turn& now, predecessor former) = 0;
  virtual void handle(const delivery& in, turn& now) = 0;
  /// All facts so far are stored: what is to be done next, seen from the committed state. Records nothing.
  virtual void committed(const clock_reading& now, outputs& out) = 0;
  /// Something is outstanding that no new message would bring back to mind: it must not retire, and its alarms come.
  virtual bool busy() const = 0;
  /// Whether a snapshot is to be made now, so many events and bytes after the last one; the entity may take what making
  /// it needs. While it is, nothing is decided ahead, so that a moment comes at which all facts are stored.
  virtual bool snapshot_due(std::int64_t tail_events, std::size_t tail_bytes) {
    static_cast<void>(tail_events), static_cast<void>(tail_bytes);
    return false;
  }
  /// Of the state. Asked for when one is due and all facts so far are stored.
  virtual snapshot_offer snapshot() { return {}; }
};

enum class append_verdict : std::uint8_t {
  stored,
  not_stored,  ///< and never will be: fenced, refused or taken from the queue
};

/// An entity's whole life: recover, take turns, retire. One append of a stream is out at most, or a few where the
/// entity decides ahead; they are stored in the order in which they left, or from one of them on none is.
class entity_core {
 public:
  enum alarm_id : std::int32_t { alarm_gathered = -1 };  ///< an entity's own are positive

  entity_core(entity_key key, std::unique_ptr<entity> self, std::size_t queue_max);

  /// Once, before anything is handled. Messages that came earlier wait. `former` is what the shard knows of it; an
  /// empty history says none.
  void recover(const stream_history& history, predecessor former, const clock_reading& now, outputs& out);
  void deliver(delivery in, const clock_reading& now, outputs& out);
  /// Of all appends that are out with facts up to this version; more than one may have become one row.
  void appended(append_verdict verdict, std::int64_t through, const clock_reading& now, outputs& out);
  /// Answers everybody who waits, as the entity is about to end: what they asked may or may not be stored.
  void abandon(rejection why, const std::string& detail, outputs& out);

  const entity_key& key() const { return key_; }
  bool alive() const { return phase_ != phase::failed; }
  bool recovering() const { return phase_ == phase::recovering; }
  /// Nothing is queued, gathered, out, waited for or to be watched: the stream can bring it all back.
  bool can_retire() const;
  std::int64_t version() const { return version_; }
  std::size_t queued() const { return queue_.size(); }

 private:
  enum class phase : std::uint8_t { recovering, ready, failed };
  struct sent_append {
    std::int64_t through = 0;  ///< version of its last fact
    outputs held;              ///< leaves when it is stored
    bool unhurried = false;
  };

  bool may_decide();
  void take_turns(const clock_reading& now, outputs& out);
  void finish(turn& done, outputs& out);
  void resume(turn& step);
  bool gather(turn& done, outputs& out);
  void append(turn& done, outputs& out);
  void hold(turn& done, outputs& out);
  void hurry(outputs& out);
  void release(outputs& after, outputs& out);
  void fail(const std::string& why, outputs& out);
  void offer_snapshot(outputs& out);

  entity_key key_;
  std::unique_ptr<entity> self_;
  std::size_t queue_max_;
  phase phase_ = phase::recovering;
  std::vector<delivery> queue_;
  std::vector<requester> waiting_;      ///< edge requests taken in and not answered yet
  std::vector<sent_append> sent_;       ///< not stored yet, oldest first
  std::vector<event_record> gathered_;  ///< facts that wait for company; the next turn goes on from here
  outputs gathered_held_;               ///< leaves when they are stored
  bool gather_alarm_ = false;           ///< is set
  std::int64_t version_ = 0;            ///< events of the stream, those that are out included
  std::int64_t tail_events_ = 0;        ///< since the last snapshot
  std::size_t tail_bytes_ = 0;
};

}  // namespace sb
