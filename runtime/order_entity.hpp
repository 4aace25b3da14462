#pragma once
#include <array>
#include <vector>

#include "runtime/entity.hpp"

namespace sb {

/// Durations of the place-order saga (docs/ARCHITECTURE.md, "One order"). Reserve deadline < send window.
struct order_times {
  std::int64_t reserve_deadline_ms = 1'500;
  std::int64_t reserve_retry_ms = 300;
  std::int64_t close_retry_ms = 500;
  std::int32_t send_window_ms = 3'000;
  std::int64_t broker_answer_ms = 2'000;  ///< after the send window: then the outcome is unknown
  std::int64_t cancel_retry_ms = 2'000;
  std::int64_t grace_ms = 120'000;
  std::vector<std::int64_t> unknown_retry_ms{1'000,  2'000,  4'000, 8'000,
                                             15'000, 30'000, 60'000};  ///< the last one repeats
  std::int32_t empty_reads_for_absent = 3;
};
struct order_rules {
  order_times times;
  std::int64_t reference_age_max_ms = 60'000;
  bool broker_enforces_ids = true;  ///< a client id is unique at the broker, and a cancel of it blocks a late arrival
  std::int32_t open_minute = 0;     ///< trading hours, minutes of the exchange's day; [open, close)
  std::int32_t close_minute = 1'440;
  std::array<bool, 7> days{true, true, true, true, true, true, true};  ///< Monday first
  std::int32_t utc_offset_minutes = 330;
};

/// One order: the place-order saga. Steps, each named in `saga_step`:
///   requested ─▶ authority (risk book) ─▶ sent ─▶ outcome; cancel, unknown, absent beside it.
/// An order is sent at most once by one incarnation and never by a later one: a recovered order asks (CloseAttempt,
/// query). A working order is told by the broker's reports and asks only where one may have been missed. An absent one
/// is looked for once more when the exchange has closed: what may still have arrived has arrived by then.
class order_entity final : public entity {
 public:
  /// `incarnation` is new for each object, over restarts too: answers to an earlier one are dropped.
  order_entity(entity_key key, order_rules rules, std::uint64_t incarnation);

  bool replay(const event_record& event, wall_ms at, std::string& why) override;
  bool restore(const stored_snapshot& snapshot, std::string& why) override;
  void recovered(turn& now, predecessor former) override;
  void handle(const delivery& in, turn& now) override;
  void committed(const clock_reading& now, outputs& out) override;
  bool busy() const override;

  const order_state& state() const { return state_; }

 private:
  enum alarm_id : std::int32_t { alarm_authority = 1, alarm_broker = 2, alarm_resolve = 3, alarm_cancel = 4 };
  struct waiter {
    requester who;
    bool for_cancel = false;
    bool replayed = false;
  };

  void on(const place_order& in, const envelope& head, turn& now);
  void on(const cancel_order& in, const envelope& head, turn& now);
  void on(const get_order& in, const envelope& head, turn& now);
  void on(const reserve_answered& in, const envelope& head, turn& now);
  void on(const close_answered& in, const envelope& head, turn& now);
  void on(const probe_order& in, const envelope& head, turn& now);
  void on(const broker_answered& in, const envelope& head, turn& now);
  void on(const broker_reported& in, const envelope& head, turn& now);
  void on(const alarm& in, const envelope& head, turn& now);

  void record(const order_event& fact, const envelope& head, turn& now);
  void deny(denial why, std::string detail, const envelope& head, turn& now);
  void become_unknown(std::string why, const envelope& head, turn& now);
  /// Facts of the broker that are new to us. True when anything was recorded.
  bool fold(const broker_view& view, const envelope& head, turn& now);
  void answer_waiters(turn& now);
  order_answer answer_now(bool replayed) const;
  void ask_reserve(turn& now);
  void ask_close(turn& now);
  void ask_broker(broker_verb what, outputs& out) const;
  std::int64_t resolve_delay() const;
  bool trading_hours(wall_ms at) const;
  wall_ms day_end() const;
  bool wants_read() const;
  void read_was_empty(const envelope& head, turn& now);
  void look_again_at_day_end(turn& now);
  envelope head_to(entity_key to) const;

  entity_key key_;
  order_rules rules_;
  std::uint64_t incarnation_;
  order_state state_;
  principal placed_by_;
  std::string correlation_;

  // Of this incarnation only; lost with it, and then asked for.
  std::vector<waiter> waiters_;
  bool from_journal_ = false;  ///< what an earlier incarnation sent is not known
  bool authority_ = false;     ///< the risk book has committed the reservation
  bool closing_ = false;       ///< CloseAttempt is out: a late Reserved no longer counts
  bool sent_ = false;          ///< a place left this incarnation
  bool cancel_sent_ = false;
  bool missed_ = false;     ///< something that the broker said may be lost: its book is to be read once the order works
  bool last_look_ = false;  ///< absent, and the day's end is still to come or has not been looked at
  boot_ms reserve_deadline_;
  boot_ms window_end_;  ///< of the send window; after a recovery: from the recovery
  std::int32_t resolve_step_ = 0;
  std::int32_t empty_reads_ = 0;
  std::int32_t early_reads_ = 0;  ///< asked before the day's end, and not answered
};

}  // namespace sb
