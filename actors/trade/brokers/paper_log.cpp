#include "actors/trade/brokers/paper_log.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace sb {
namespace {

using broker::book_state;

bool has_fill(const std::vector<broker::fill>& fills, const std::string& fill_id) {
  return std::ranges::find(fills, fill_id, &broker::fill::fill_id) != fills.end();
}

/// Folds one record; answers what is wrong with it, or an empty text.
class summary_fold {
 public:
  explicit summary_fold(paper_log_summary& into) : into_{into} {}

  std::string operator()(const paper::placed& x) { return add(x.number, x.order, x.at, book_state::working); }
  std::string operator()(const paper::rejected& x) {
    if (auto wrong = add(x.number, x.order, x.at, book_state::rejected); !wrong.empty()) return wrong;
    into_.orders.back().code = x.code;
    into_.orders.back().message = x.message;
    return x.report == 0 ? "" : count_report(x.report);
  }
  std::string operator()(const paper::filled& x) {
    broker::book_order* order = find(x.number);
    if (order == nullptr || order->state != book_state::working) return "a fill of an order that is not working";
    if (x.fill.quantity > order->order.quantity - order->filled_quantity) return "a fill beyond the order's quantity";
    if (has_fill(order->fills, x.fill.fill_id)) return "a fill id is used twice";
    order->fills.push_back(x.fill);
    order->filled_quantity += x.fill.quantity;
    if (order->filled_quantity == order->order.quantity) order->state = book_state::filled;
    return count_report(x.report);
  }
  std::string operator()(const paper::repeated& x) {
    const broker::book_order* order = find(x.number);
    if (order == nullptr || !has_fill(order->fills, x.fill_id)) return "a fill is repeated that never was";
    return count_report(x.report);
  }
  std::string operator()(const paper::canceled& x) { return close(x.number, x.report, book_state::canceled); }
  std::string operator()(const paper::expired& x) { return close(x.number, x.report, book_state::expired); }
  std::string operator()(const paper::revoked& x) {
    if (auto wrong = close(x.number, x.report, book_state::rejected); !wrong.empty()) return wrong;
    find(x.number)->code = x.code;
    find(x.number)->message = x.message;
    return {};
  }
  std::string operator()(const paper::blocked& x) {
    into_.blocked_ids.push_back(x.id);
    return {};
  }

 private:
  std::string add(std::int64_t number, const broker::place& order, wall_ms at, book_state state) {
    if (number != static_cast<std::int64_t>(into_.orders.size()) + 1) return "an order number is out of order";
    broker::book_order booked;
    booked.broker_order_id = paper::broker_order_id(number);
    booked.order = order;
    booked.placed_at = at;
    booked.state = state;
    into_.orders.push_back(std::move(booked));
    return {};
  }
  broker::book_order* find(std::int64_t number) {
    const auto index = static_cast<std::size_t>(number) - 1;
    return index < into_.orders.size() ? &into_.orders[index] : nullptr;
  }
  std::string close(std::int64_t number, std::int64_t report, book_state state) {
    broker::book_order* order = find(number);
    if (order == nullptr || order->state != book_state::working) return "an order is closed that is not working";
    order->state = state;
    return count_report(report);
  }
  std::string count_report(std::int64_t report) {
    if (report != into_.reports + 1) return "a report number is out of order";
    into_.reports = report;
    return {};
  }

  paper_log_summary& into_;
};

}  // namespace

paper_log::paper_log(std::istream& file) : file_{file} {}

std::optional<std::string_view> paper_log::read_line() {
  if (torn_ || !error_.empty()) return std::nullopt;
  errno = 0;
  file_.getline(room_.data(), std::ssize(room_));
  const auto taken = file_.gcount();  // with the newline, which is not kept; a 0 stands in its place
  if (file_.good()) {
    ++line_number_;
    whole_bytes_ += taken;
    return std::string_view{room_.data(), static_cast<std::size_t>(taken) - 1};
  }
  if (file_.eof()) {
    torn_ = taken > 0;
    return std::nullopt;
  }
  error_ = "line " + std::to_string(line_number_ + 1) + ": ";
  if (!file_.bad() && taken == std::ssize(room_) - 1) {
    error_ += "longer than a record can be";
  } else {
    error_ += "cannot be read";
    if (errno != 0) error_ += ": " + std::generic_category().message(errno);
  }
  return std::nullopt;
}

std::optional<paper::record> paper_log::next() {
  if (line_number_ == 0) {
    const auto header = read_line();
    if (!header) return std::nullopt;
    if (std::string{*header} + '\n' != paper::header_line()) {
      error_ = "line 1: this is not a paper book of this version";
      return std::nullopt;
    }
  }
  const auto line = read_line();
  if (!line) return std::nullopt;
  auto decoded = paper::decode_line(*line, line_number_);
  if (decoded.error.empty()) return std::move(decoded.fact);
  error_ = "line " + std::to_string(line_number_) + ": " + decoded.error;
  return std::nullopt;
}

paper_log_summary summarize_paper_log(std::istream& file) {
  paper_log_summary summary;
  paper_log log{file};
  summary_fold fold{summary};
  while (const auto fact = log.next()) {
    if (const std::string wrong = std::visit(fold, *fact); !wrong.empty()) {
      summary.error = "line " + std::to_string(log.line_number()) + ": " + wrong;
      return summary;
    }
  }
  summary.error = log.error();
  return summary;
}

}  // namespace sb
