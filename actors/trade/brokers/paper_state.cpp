#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/trade/brokers/paper_broker.hpp"

// The state of the paper broker. Orders, reports and blocked ids: one fold, used live and when the book is read again
// at start, so that both can only agree. The queues follow from it, a working order is in its queue and no other is:
// open() makes them, commit() keeps them.
namespace sb {

using broker::book_state;

namespace {

const broker::fill* fill_of(const paper::booked_order& order, const std::string& fill_id) {
  const auto found = std::ranges::find(order.fills, fill_id, &broker::fill::fill_id);
  return found == order.fills.end() ? nullptr : &*found;
}

using report_body = decltype(broker::report::what);
report_body said(const paper::filled& x, const paper::booked_order&) { return broker::fill_report{x.fill}; }
report_body said(const paper::repeated& x, const paper::booked_order& order) {
  return broker::fill_report{*fill_of(order, x.fill_id)};
}
report_body said(const paper::canceled&, const paper::booked_order&) { return broker::cancel_report{}; }
report_body said(const paper::expired&, const paper::booked_order&) { return broker::expiry_report{}; }
report_body said(const paper::rejected& x, const paper::booked_order&) {
  return broker::rejection_report{x.code, x.message};
}
report_body said(const paper::revoked& x, const paper::booked_order&) {
  return broker::rejection_report{x.code, x.message};
}

/// Of the order that the fact is about; 0: about none.
std::int64_t number_of(const paper::record& fact) {
  return std::visit(
      [](const auto& x) -> std::int64_t {
        if constexpr (requires { x.number; }) {
          return x.number;
        } else {
          return 0;
        }
      },
      fact);
}

wall_ms time_of(const paper::filled& x) { return x.fill.at; }
template <class Fact>
wall_ms time_of(const Fact& x) {
  return x.at;
}

}  // namespace

/// Takes one fact into the state; answers why it cannot follow what came before, having changed nothing, or an empty
/// text.
struct paper_broker::fold {
  paper_broker& self;

  std::string operator()(const paper::placed& x) const {
    if (x.order.quantity <= 0) return "an order's quantity is not positive";
    if (x.number != self.next_number()) return "an order number is out of order";
    self.orders_.add(booked(x.order, x.at));
    return {};
  }
  std::string operator()(const paper::rejected& x) const {
    if (x.report != 0 && x.report != self.next_report()) return "a report number is out of order";
    if (x.number != self.next_number()) return "an order number is out of order";
    booked_order order = booked(x.order, x.at);
    order.state = book_state::rejected;
    order.rejection = broker::rejected{x.code, x.message};
    self.orders_.add(std::move(order));
    if (x.report != 0) self.reports_ = x.report;
    return {};
  }
  std::string operator()(const paper::filled& x) const {
    if (auto wrong = refusal(x.number, x.report); !wrong.empty()) return wrong;
    booked_order& order = *self.orders_.working(x.number);
    if (x.fill.quantity <= 0 || x.fill.quantity > order.quantity - order.filled)
      return "a fill beyond the order's quantity";
    order.filled += x.fill.quantity;
    order.fills.push_back(x.fill);
    self.reports_ = x.report;
    if (order.filled == order.quantity) self.orders_.close(x.number, book_state::filled);
    return {};
  }
  std::string operator()(const paper::repeated& x) const {
    if (!self.orders_.knows(x.number)) return "an order number is not known";
    if (x.report != self.next_report()) return "a report number is out of order";
    const auto has_it = [&x](const booked_order& order) { return fill_of(order, x.fill_id) != nullptr; };
    if (!self.orders_.with(x.number, has_it)) return "a fill is repeated that never was";
    self.reports_ = x.report;
    return {};
  }
  std::string operator()(const paper::canceled& x) const { return end(x, book_state::canceled); }
  std::string operator()(const paper::expired& x) const { return end(x, book_state::expired); }
  std::string operator()(const paper::revoked& x) const {
    return end(x, book_state::rejected, broker::rejected{x.code, x.message});
  }
  std::string operator()(const paper::blocked& x) const {
    self.blocked_.insert(x.id);
    return {};
  }

 private:
  booked_order booked(const broker::place& placed, wall_ms at) const {
    booked_order order;
    order.id = placed.id;
    order.organization = placed.organization;
    order.account = placed.account;
    order.market = &self.market_of(placed);
    order.quantity = placed.quantity;
    order.price = placed.price;
    order.placed_at = at;
    order.direction = placed.direction;
    order.type = placed.type;
    order.product = placed.product;
    order.valid = placed.valid;
    return order;
  }
  std::string refusal(std::int64_t number, std::int64_t report) const {
    if (!self.orders_.knows(number)) return "an order number is not known";
    if (!self.works(number)) return "the order is closed already";
    if (report != self.next_report()) return "a report number is out of order";
    return {};
  }
  template <class Closing>
  std::string end(const Closing& x, book_state state, std::optional<broker::rejected> why = {}) const {
    if (auto wrong = refusal(x.number, x.report); !wrong.empty()) return wrong;
    self.orders_.close(x.number, state, std::move(why));
    self.reports_ = x.report;
    return {};
  }
};

paper_broker::paper_broker(std::shared_ptr<const instrument_master> instruments, const paper_settings& settings)
    : instruments_{std::move(instruments)}, settings_{settings}, faults_{settings.seed}, orders_{settings.closed} {
  markets_.reserve(instruments_->size());
  for (const instrument& listed : instruments_->all()) {
    symbol_market& market = markets_.emplace_back();
    market.exchange = listed.exchange;
    market.symbol = listed.symbol;
    market.listed = &listed;
  }
}

std::string paper_broker::restore(const paper::record& fact) {
  if (orders_.indexed()) throw std::logic_error{"the paper broker is open: its book has been read"};
  return apply(fact);
}

void paper_broker::open() {
  orders_.build_indexes();
  std::unordered_map<resting_side*, std::vector<resting_side::priority>> queues;
  for (const auto& [number, order] : orders_.all_working()) {
    const auto rests = resting_of(number, order);
    queues[rests.queue].push_back(rests.priority);
  }
  for (auto& [queue, orders] : queues) queue->add_all(std::move(orders));
}

void paper_broker::require_open() const {
  if (!orders_.indexed()) throw std::logic_error{"the paper broker is not open: its book may not have been read"};
}

std::string paper_broker::apply(const paper::record& fact) { return std::visit(fold{*this}, fact); }

void paper_broker::commit(paper::record fact, boot_ms due, bool in_answer, paper_effects& out) {
  const auto number = number_of(fact);
  const auto before = resting_of(number);
  if (const std::string wrong = apply(fact); !wrong.empty()) throw std::logic_error{"paper broker decided: " + wrong};
  const auto after = resting_of(number);
  if (before && !after) before->queue->remove(before->priority);
  if (after && !before) after->queue->add(after->priority);
  if (auto report = report_of(fact)) {
    report->in_answer = in_answer;
    out.outputs.push_back({due, 0, *std::move(report)});
  }
  out.facts.push_back(std::move(fact));
}

paper_broker::resting paper_broker::resting_of(std::int64_t number, const booked_order& order) {
  auto& queue = order.market->resting(order.direction);
  return {&queue, queue.priority_of(number, order.type, order.price)};
}

std::optional<paper_broker::resting> paper_broker::resting_of(std::int64_t number) const {
  const auto* order = orders_.working(number);
  if (order == nullptr) return std::nullopt;
  return resting_of(number, *order);
}

/// What the report of this fact says; nullopt of a fact that no report tells.
std::optional<broker::report> paper_broker::report_of(const paper::record& fact) const {
  return std::visit(
      [this](const auto& x) -> std::optional<broker::report> {
        if constexpr (requires { x.report; }) {
          if (x.report == 0) return std::nullopt;
          return orders_.with(x.number, [&x](const booked_order& order) {
            return broker::report{x.report,           order.id,      paper::broker_order_id(x.number),
                                  order.organization, order.account, time_of(x),
                                  said(x, order),     false};
          });
        } else {
          return std::nullopt;
        }
      },
      fact);
}

broker::book_order paper_broker::view_of(std::int64_t number) const {
  return orders_.with(number, [number](const booked_order& order) {
    broker::book_order view;
    view.broker_order_id = paper::broker_order_id(number);
    view.order = {
        order.id,   order.organization, order.account, order.market->exchange, order.market->symbol, order.direction,
        order.type, order.product,      order.valid,   order.quantity,         order.price};
    view.placed_at = order.placed_at;
    view.state = order.state;
    view.filled_quantity = order.filled;
    view.fills = order.fills;
    if (order.rejection) {
      view.code = order.rejection->code;
      view.message = order.rejection->message;
    }
    return view;
  });
}

symbol_market* paper_broker::listed_market(std::string_view exchange, std::string_view symbol) {
  const instrument* listed = instruments_->find(exchange, symbol);
  return listed == nullptr ? nullptr : &markets_[static_cast<std::size_t>(listed - instruments_->all().data())];
}

symbol_market& paper_broker::market_of(const broker::place& order) {
  if (symbol_market* listed = listed_market(order.exchange, order.symbol)) return *listed;
  symbol_market& market = delisted_[{order.exchange, order.symbol}];
  market.exchange = order.exchange;
  market.symbol = order.symbol;
  return market;
}

std::vector<broker::book_order> paper_broker::orders_with_id(const order_id& id) const {
  std::vector<broker::book_order> orders;
  for (const auto number : orders_.with_id(id)) orders.push_back(view_of(number));
  return orders;
}

}  // namespace sb
