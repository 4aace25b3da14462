#pragma once
#include "actors/protocol/node_messages.hpp"

#ifdef SB_PAUSE_POINTS
#include <deque>
#include <vector>

#include "domain/orders/order.hpp"
#endif

/// The steps of the place-order saga at which a node may end. A build with SB_PAUSE_POINTS can be told to stop or to
/// kill itself at the n-th passing of one of them (tests/chaos/pause_points.cpp); in any other build the calls below
/// are empty and leave no code. A stream_watch belongs to one actor; the functions may be called on any
/// thread.
namespace sb::pause {

#ifdef SB_PAUSE_POINTS

/// Every step's name: "order/<from>/<event>/decided" and ".../stored" for each row of the order's transition table,
/// "book/<fact>/decided" and ".../stored" for each fact of the risk book that belongs to the saga,
/// "broker/<call>/called" and ".../answered".
std::vector<std::string> saga_steps();

/// Beside one order or risk book; other entities pass no step. A fact is `decided` while its append has not left the
/// entity, and `stored` when it is committed and nothing that waits for it has left. An order's step is named by the
/// status before, which is why its history is read along.
class stream_watch {
 public:
  void replayed(const entity_key& key, const stream_history& history);
  void appending(const entity_key& key, const append_out& append);
  void appended(append_verdict verdict, std::int64_t through);

 private:
  struct sent_steps {
    std::int64_t through = 0;  ///< version of the append's last fact
    std::vector<std::string> steps;
  };
  std::vector<std::string> take(const entity_key& key, const std::vector<event_record>& events);

  order_status status_ = order_status::none;
  std::deque<sent_steps> out_;  ///< of the appends that are out
};

/// A call has passed the broker actor's checks of lease and send window, and the broker has not seen it.
void broker_called(broker_verb what);
void fill_called();
/// The broker's book is written, the answer has not left.
void broker_answers(broker_verb what);
void fill_answers();

#else

struct stream_watch {
  void replayed(const entity_key&, const stream_history&) const {}
  void appending(const entity_key&, const append_out&) const {}
  void appended(append_verdict, std::int64_t) const {}
};
inline void broker_called(broker_verb) {}
inline void fill_called() {}
inline void broker_answers(broker_verb) {}
inline void fill_answers() {}

#endif

}  // namespace sb::pause
