#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/messages.hpp"
#include "tests/simulation/timeline.hpp"

namespace sb::simulation {

class world;

/// The worst price at which an order can be expected to fill: what it has to be reserved at. Said here a second time,
/// so that a mistake of the product's own valuation shows.
money worst_price(const order_command& command);

/// One order as the broker has it.
struct exchange_order {
  std::string broker_order_id;
  organization_id organization;
  order_id client_id;
  order_command command;
  broker_view::state is = broker_view::state::working;
  std::string code;
  std::vector<broker_fill> fills;
  std::int64_t filled = 0;
  bool beyond_every_window = false;  ///< it arrived later than anybody had to wait for
  std::int64_t channel_free = 0;     ///< what the broker says of one order arrives in the order in which it was said
};

/// The broker and its market: outlives every node, answers badly, fills as it likes. In one of two modes: it enforces
/// client ids (one order for an id, and a cancel blocks an id for good), or an id is only a tag. Between two days it is
/// closed for longer than a request can be on its way: what was sent on a day that is over is not taken.
class exchange {
 public:
  using answer_to = std::function<void(broker_answered)>;

  explicit exchange(world& all) : world_{all} {}

  /// A request whose bytes have left a node. `done` takes it back to that node.
  void take(const broker_call& call, answer_to done);
  /// The market closes: what still works expires, what comes later is not taken.
  void end_of_trading();
  /// Orders of the day that ends now expire; another day begins.
  void end_of_day();

  const std::map<order_id, std::vector<exchange_order>>& orders() const { return orders_; }
  bool has(const order_id& id) const { return orders_.contains(id); }

 private:
  void place(const broker_call& call, const answer_to& done);
  /// A request on its way.
  struct sending {
    broker_call call;
    answer_to done;  ///< empty: nobody is told
    trading_day sent_on;
    bool beyond_every_window = false;
  };
  void arrive(const sending& what);
  void cancel(const broker_call& call, const answer_to& done);
  void query(const broker_call& call, const answer_to& done);
  void trade(exchange_order& order);
  void fill(const order_id& id, std::int64_t quantity, bool reported = true);
  void report(exchange_order& order, const broker_view& view);
  void close(exchange_order& order, broker_view::state how);
  exchange_order* find(const order_id& id);
  static broker_view view_of(const exchange_order& order);
  void answer(const broker_call& call, const answer_to& done, broker_answered::outcome what, broker_view view,
              std::int64_t delay);

  world& world_;
  std::map<order_id, std::vector<exchange_order>> orders_;
  std::set<order_id> blocked_;
  bool closed_ = false;
  std::int64_t last_id_ = 0;
  std::int64_t last_report_ = 0;
};

}  // namespace sb::simulation
