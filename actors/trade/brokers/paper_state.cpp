#include <algorithm>
#include <stdexcept>
#include <utility>

#include "actors/trade/brokers/paper_broker.hpp"

// The state of the paper broker: one fold, used live and when the book is read again at start, so that both can only
// agree.
namespace sb {

using broker::book_state;

/// Takes one fact into the state; answers why it cannot follow what came before, having changed nothing, or an empty
/// text.
struct paper_broker::fold {
  paper_broker& self;

  std::string operator()(const paper::placed& x) const {
    if (x.order.quantity <= 0) return "an order's quantity is not positive";
    if (auto wrong = add(x.number, x.order, x.at); !wrong.empty()) return wrong;
    const booked_order& order = self.orders_.back();
    order.market->resting(order.direction).add(x.number, order.type, order.price);
    ++self.working_;
    return {};
  }
  std::string operator()(const paper::rejected& x) const {
    if (x.report != 0 && x.report != self.next_report()) return "a report number is out of order";
    if (auto wrong = add(x.number, x.order, x.at); !wrong.empty()) return wrong;
    booked_order& order = self.orders_.back();
    order.state = book_state::rejected;
    order.rejection = std::make_unique<broker::rejected>(broker::rejected{x.code, x.message});
    if (x.report != 0) self.reports_.push_back({x.number, x.at, 0, report_kind::rejection});
    return {};
  }
  std::string operator()(const paper::filled& x) const {
    if (auto wrong = refusal(x.number, x.report); !wrong.empty()) return wrong;
    booked_order& order = self.order_at(x.number);
    if (x.fill.quantity <= 0 || x.fill.quantity > order.quantity - order.filled)
      return "a fill beyond the order's quantity";
    order.filled += x.fill.quantity;
    order.fills.push_back(x.fill);
    self.reports_.push_back(
        {x.number, x.fill.at, static_cast<std::uint32_t>(order.fills.size() - 1), report_kind::fill});
    if (order.filled == order.quantity) close(x.number, book_state::filled);
    return {};
  }
  std::string operator()(const paper::repeated& x) const {
    if (x.number < 1 || x.number > self.orders()) return "an order number is not known";
    if (x.report != self.next_report()) return "a report number is out of order";
    const auto& fills = self.order_at(x.number).fills;
    const auto found = std::ranges::find(fills, x.fill_id, &broker::fill::fill_id);
    if (found == fills.end()) return "a fill is repeated that never was";
    self.reports_.push_back({x.number, x.at, static_cast<std::uint32_t>(found - fills.begin()), report_kind::fill});
    return {};
  }
  std::string operator()(const paper::canceled& x) const { return end(x, book_state::canceled, report_kind::cancel); }
  std::string operator()(const paper::expired& x) const { return end(x, book_state::expired, report_kind::expiry); }
  std::string operator()(const paper::revoked& x) const {
    if (auto wrong = end(x, book_state::rejected, report_kind::rejection); !wrong.empty()) return wrong;
    self.order_at(x.number).rejection = std::make_unique<broker::rejected>(broker::rejected{x.code, x.message});
    return {};
  }
  std::string operator()(const paper::blocked& x) const {
    self.blocked_.insert(x.id);
    return {};
  }

 private:
  std::string add(std::int64_t number, const broker::place& placed, wall_ms at) const {
    if (number != self.next_number()) return "an order number is out of order";
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
    self.orders_.push_back(std::move(order));
    const auto [first, is_new] = self.first_with_id_.try_emplace(self.orders_.back().id, number);
    if (!is_new) {
      std::int64_t last = first->second;
      while (self.order_at(last).next_with_id != 0) last = self.order_at(last).next_with_id;
      self.order_at(last).next_with_id = number;
    }
    self.numbers_of_account_[placed.account].push_back(number);
    return {};
  }
  std::string refusal(std::int64_t number, std::int64_t report) const {
    if (number < 1 || number > self.orders()) return "an order number is not known";
    if (self.order_at(number).state != book_state::working) return "the order is closed already";
    if (report != self.next_report()) return "a report number is out of order";
    return {};
  }
  void close(std::int64_t number, book_state state) const {
    booked_order& order = self.order_at(number);
    order.state = state;
    order.market->resting(order.direction).remove(number, order.type, order.price);
    --self.working_;
  }
  template <class Closing>
  std::string end(const Closing& x, book_state state, report_kind kind) const {
    if (auto wrong = refusal(x.number, x.report); !wrong.empty()) return wrong;
    close(x.number, state);
    self.reports_.push_back({x.number, x.at, 0, kind});
    return {};
  }
};

paper_broker::paper_broker(std::shared_ptr<const instrument_master> instruments, const paper_settings& settings)
    : instruments_{std::move(instruments)}, settings_{settings}, faults_{settings.seed} {
  markets_.reserve(instruments_->size());
  for (const instrument& listed : instruments_->all()) {
    symbol_market& market = markets_.emplace_back();
    market.exchange = listed.exchange;
    market.symbol = listed.symbol;
    market.listed = &listed;
  }
}

std::string paper_broker::restore(const paper::record& fact) { return apply(fact); }

std::string paper_broker::apply(const paper::record& fact) { return std::visit(fold{*this}, fact); }

void paper_broker::commit(paper::record fact, boot_ms due, bool in_answer, paper_effects& out) {
  const std::int64_t told_before = last_report();
  if (const std::string wrong = apply(fact); !wrong.empty()) throw std::logic_error{"paper broker decided: " + wrong};
  out.facts.push_back(std::move(fact));
  if (last_report() == told_before) return;
  broker::report report = report_of(last_report());
  report.in_answer = in_answer;
  out.outputs.push_back({due, 0, std::move(report)});
}

broker::report paper_broker::report_of(std::int64_t sequence) const {
  const told& what = reports_[static_cast<std::size_t>(sequence) - 1];
  const booked_order& order = order_at(what.number);
  broker::report report;
  report.sequence = sequence;
  report.id = order.id;
  report.broker_order_id = paper::broker_order_id(what.number);
  report.organization = order.organization;
  report.account = order.account;
  report.at = what.at;
  switch (what.kind) {
    case report_kind::fill:
      report.what = broker::fill_report{order.fills[what.fill]};
      break;
    case report_kind::cancel:
      report.what = broker::cancel_report{};
      break;
    case report_kind::expiry:
      report.what = broker::expiry_report{};
      break;
    case report_kind::rejection: {
      const auto rejection = order.rejection ? *order.rejection : broker::rejected{};
      report.what = broker::rejection_report{rejection.code, rejection.message};
      break;
    }
  }
  return report;
}

std::vector<broker::report> paper_broker::reports_after(std::int64_t sequence, std::size_t reports_max) const {
  std::vector<broker::report> reports;
  for (std::int64_t next = std::max<std::int64_t>(sequence, 0) + 1; next <= last_report(); ++next) {
    if (reports.size() == reports_max) break;
    reports.push_back(report_of(next));
  }
  return reports;
}

broker::book_order paper_broker::view_of(std::int64_t number) const {
  const booked_order& order = order_at(number);
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

std::vector<std::int64_t> paper_broker::numbers_with_id(const order_id& id) const {
  std::vector<std::int64_t> numbers;
  const auto first = first_with_id_.find(id);
  if (first == first_with_id_.end()) return numbers;
  for (std::int64_t number = first->second; number != 0; number = order_at(number).next_with_id)
    numbers.push_back(number);
  return numbers;
}

std::vector<broker::book_order> paper_broker::orders_with_id(const order_id& id) const {
  std::vector<broker::book_order> orders;
  for (const auto number : numbers_with_id(id)) orders.push_back(view_of(number));
  return orders;
}

}  // namespace sb
