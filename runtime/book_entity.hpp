#pragma once
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "domain/limits/risk_book.hpp"
#include "runtime/entity.hpp"
#include "runtime/snapshot_places.hpp"

namespace sb {

struct book_rules {
  /// Send window + grace: then an order of which nothing was heard is looked up in the journal, and asked itself when
  /// it is not there. A book that comes back to life has heard of none: what it holds is looked up behind this, in half
  /// a second at least for each 500 orders.
  std::int64_t look_up_after_ms = 123'000;
  std::int64_t look_up_retry_ms = 5'000;  ///< after which a question or its answer is taken for lost
  std::int64_t look_up_round_ms = 500;    ///< between two questions, at least
  std::int32_t look_ups_max = 500;        ///< orders in a question; one is out, and those taken for lost
  std::int64_t snapshot_events_min = 500;
  /// Who was asked for a reservation within this time expects another one, and settlements wait for its row, or for
  /// an alarm after this time and its shard's next tick.
  std::int64_t gather_ms = 50;
  std::size_t gather_facts_max = 64;  ///< a settlement of more is stored at once: more of its kind wait for it
  /// How long what is known of an order that is over stays. After its Reserve's deadline nothing is reserved, so the
  /// deadline alone would do, and does in the simulation; the rest is for a node whose deadline is a longer one.
  std::int64_t tombstone_ms = 1'500 + beyond_deadline_ms;
  static constexpr std::int64_t beyond_deadline_ms = 10'000;
};

/// The risk book of an organization: the one writer of limits, permissions and reservations.
class book_entity final : public entity {
 public:
  /// Books that grow together come due for a snapshot together, and each one pauses for its copy: no more of them do at
  /// once than there are `places`.
  book_entity(entity_key key, book_rules rules, snapshot_places places);

  bool replay(const event_record& event, wall_ms at, std::string& why) override;
  bool restore(const stored_snapshot& snapshot, std::string& why) override;
  std::int64_t gather_ms(boot_ms now) const override;
  void recovered(turn& now, predecessor former) override;
  void handle(const delivery& in, turn& now) override;
  void committed(const clock_reading& now, outputs& out) override;
  bool busy() const override;
  bool decides_ahead() const override { return true; }
  bool snapshot_due(std::int64_t tail_events, std::size_t tail_bytes) override;
  snapshot_offer snapshot() override;

  const risk_book& state() const { return book_; }

 private:
  enum alarm_id : std::int32_t { alarm_look_up = 1 };
  struct unheard {
    boot_ms due;  ///< to be looked up, or to be looked up again
    order_id order;
    bool looked_up = false;  ///< is in the list of these
  };
  /// Every tombstone up to this number was made before `at`.
  struct tombstones_seen {
    boot_ms at;
    std::int64_t last = 0;
  };

  void on(const reserve_request& in, const envelope& head, turn& now);
  void on(const close_request& in, const envelope& head, turn& now);
  void on(const settle_request& in, const envelope& head, turn& now);
  void on(const ask_settled& in, const envelope& head, turn& now);
  void on(const set_limits_request& in, const envelope& head, turn& now);
  void on(const get_limits& in, const envelope& head, turn& now);
  void on(const validate_order& in, const envelope& head, turn& now);
  void on(const set_permissions_request& in, const envelope& head, turn& now);
  void on(const get_permissions& in, const envelope& head, turn& now);
  void on(const check_permission_request& in, const envelope& head, turn& now);
  void on(const probe_answered& in, const envelope& head, turn& now);
  void on(const orders_seen& in, const envelope& head, turn& now);
  void on(const orders_looked_up& in, const envelope& head, turn& now);
  void on(const alarm& in, const envelope& head, turn& now);

  void drop_old_tombstones(std::vector<risk_event>& facts, boot_ms now);
  void record(std::vector<risk_event> facts, const envelope& head, turn& now);
  /// Head of the answer to an order that asked; the answer runs under the names of the question.
  envelope back_to(const order_id& order, const envelope& asked) const;
  void watch(const order_id& order, turn& now);
  void look_for_next(turn& now);
  void look_at(boot_ms when, turn& now);
  void heard_of(const order_id& order);
  limits_answer limits_now() const;

  entity_key key_;
  book_rules rules_;
  snapshot_places places_;
  std::shared_ptr<const void> place_;  ///< for the snapshot that is due
  risk_book book_;
  std::optional<boot_ms> asked_;  ///< for a reservation, the last time
  /// Size of the last snapshot that is stored, written by whoever stores it.
  std::shared_ptr<std::atomic<std::size_t>> snapshot_bytes_ = std::make_shared<std::atomic<std::size_t>>(0);

  // Held reservations whose order has not been heard of since this incarnation began; each list by `due`.
  std::list<unheard> unheard_;                                                     ///< not looked up yet
  std::list<unheard> looked_up_;                                                   ///< once at least
  std::unordered_map<std::string_view, std::list<unheard>::iterator> unheard_of_;  ///< in either, by their order
  boot_ms asked_until_;               ///< a question is out until it is answered, or then; 0: none is
  bool looking_ = false;              ///< the alarm is set
  std::deque<tombstones_seen> seen_;  ///< oldest first; some, however many tombstones there are
};

}  // namespace sb
