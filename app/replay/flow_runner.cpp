#include "app/replay/flow_runner.hpp"

#include <algorithm>
#include <utility>

#include "app/replay/answer_fields.hpp"
#include "app/replay/tenant_setup.hpp"
#include "web/json_writer.hpp"

namespace sb::replay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds lost_pause{250};  ///< nothing new is sent for so long after a connection broke
constexpr milliseconds idle_wait{100};
constexpr int login_attempts_max = 60;

}  // namespace

flow_runner::flow_runner(const order_flow& flow, const order_mapping& mapping, trading_floor& floor, http_client& http,
                         progress& shown, settings how)
    : flow_{flow},
      mapping_{mapping},
      floor_{floor},
      http_{http},
      progress_{shown},
      settings_{std::move(how)},
      schedule_{flow, settings_.speed},
      orders_(flow.orders),
      rows_(flow.rows.size()),
      logins_(floor.users.size()),
      began_{clock::now()} {}

std::int64_t flow_runner::now_ms() const {
  return std::chrono::duration_cast<milliseconds>(clock::now() - began_).count();
}

void flow_runner::run() {
  began_ = clock::now();
  const progress::remark remark = [this] {
    auto text = "in flight " + std::to_string(http_.in_flight()) + "  429: " + std::to_string(tally_.retries_429);
    const auto others = tally_.retries_503 + tally_.retries_lost;
    if (others != 0) text += "  503 or no answer: " + std::to_string(others);
    return text;
  };
  while (!schedule_.finished()) {
    ask_for_tokens();
    const bool paused = clock::now() < paused_until_;
    while (!paused && http_.free() > 0) {
      const auto row = schedule_.next(now_ms());
      if (!row) break;
      start(*row);
    }
    auto wait = idle_wait;
    if (!paused && http_.free() > 0) {
      if (const auto at = schedule_.next_at())
        wait = std::clamp(milliseconds{*at - now_ms()}, milliseconds{0}, idle_wait);
    }
    http_.run(wait);
    progress_.show(schedule_.finished_rows(), flow_.rows.size(), remark);
  }
  tally_.took = milliseconds{now_ms()};
  progress_.close(schedule_.finished_rows(), flow_.rows.size(), remark);
  count_fills();
}

std::size_t flow_runner::user_of(std::size_t row) const {
  const auto& flow_row = flow_.rows[row];
  if (flow_row.kind == flow_kind::execute) return floor_.platform_admin;
  const auto& traders = floor_.accounts[mapping_.account_of(flow_row.order)].traders;
  return traders[static_cast<std::size_t>(flow_row.order) / floor_.accounts.size() % traders.size()];
}

http_call flow_runner::call_of(std::size_t row) const {
  const auto& flow_row = flow_.rows[row];
  const auto& order = orders_[flow_row.order_index];
  const auto& token = floor_.users[user_of(row)].token;
  web::json_writer body;
  switch (flow_row.kind) {
    case flow_kind::submit:
      body.begin_object().member("trading_account_id", order.account).member("exchange", order.exchange);
      body.member("symbol", order.symbol).member("trade_type", word(order.direction)).member("order_type", "LIMIT");
      body.member("product_type", "INTRADAY").member("validity", "DAY").member("quantity", order.quantity);
      body.member("price", order.price).member("client_order_id", order.client_order_id).end_object();
      return {"POST", "/trades/place-order", std::move(body).take(), token};
    case flow_kind::cancel:
      return {"DELETE", "/trades/" + order.id, {}, token};
    case flow_kind::execute:
      body.begin_object().member("order", order.id).member("price", mapping_.price_of(flow_row));
      body.member("quantity", mapping_.quantity_of(flow_row)).end_object();
      return {"POST", "/ops/paper/fills", std::move(body).take(), token};
  }
  return {};
}

void flow_runner::start(std::size_t row) {
  const auto& flow_row = flow_.rows[row];
  auto& order = orders_[flow_row.order_index];
  if (flow_row.kind == flow_kind::submit) {
    const auto& account = floor_.accounts[mapping_.account_of(flow_row.order)];
    const auto& traded = mapping_.instrument_of(flow_row.order);
    order.client_order_id = client_order_id(settings_.run, flow_row.order);
    order.organization = account.organization;
    order.account = account.account;
    order.exchange = traded.exchange;
    order.symbol = traded.symbol;
    order.direction = flow_row.direction;
    order.quantity = mapping_.quantity_of(flow_row);
    order.price = mapping_.price_of(flow_row);
  } else if (order.placed == acknowledged_order::answer::none) {
    ++tally_.of(flow_row.kind).skipped;
    schedule_.finish(row);
    return;
  }
  if (const auto user = user_of(row); logins_[user].asked) {
    logins_[user].waiting.push_back(row);
    return;
  }
  http_.send(call_of(row), [this, row](http_answer&& answer) { answered(row, std::move(answer)); });
}

void flow_runner::answered(std::size_t row, http_answer&& answer) {
  if (answer.status >= 500) ++tally_.answers_5xx;
  if (!send_again(row, answer)) finish(row, answer);
}

/// True when the row has been put back: its answer was not a final one.
bool flow_runner::send_again(std::size_t row, const http_answer& answer) {
  auto& state = rows_[row];
  switch (answer.status) {
    case 429:
      ++tally_.retries_429;
      schedule_.again(row, now_ms() + std::int64_t{answer.retry_after_s.value_or(1)} * 1'000);
      return true;
    case 401:
      if (state.token_renewed) return false;
      state.token_renewed = true;
      renew_token(user_of(row), row);
      return true;
    case 503:
    case 0:
      break;
    default:
      return false;
  }
  // The same request under the same key: an order is placed and canceled once however often it is asked for, and a fill
  // is clipped to what is left.
  if (state.first_failure == clock::time_point{}) state.first_failure = clock::now();
  if (clock::now() - state.first_failure > settings_.patience) return false;
  if (answer.status == 0) {
    ++tally_.retries_lost;
    paused_until_ = clock::now() + lost_pause;  // or every row in turn would find out that the node is gone
    schedule_.again(row, now_ms());
  } else {
    ++tally_.retries_503;
    schedule_.again(row, now_ms() + std::int64_t{answer.retry_after_s.value_or(1)} * 1'000);
  }
  return true;
}

void flow_runner::finish(std::size_t row, const http_answer& answer) {
  const auto& flow_row = flow_.rows[row];
  auto& of_kind = tally_.of(flow_row.kind);
  ++of_kind.statuses[answer.status];
  if (answer.status != 0) of_kind.latency.add(answer.took);
  if (!is_expected(flow_row.kind, answer.status)) {
    unexpected(row, answer);
  } else {
    switch (flow_row.kind) {
      case flow_kind::submit:
        finish_submit(flow_row, answer);
        break;
      case flow_kind::cancel:
        finish_cancel(flow_row, answer);
        break;
      case flow_kind::execute:
        finish_execute(flow_row, answer);
        break;
    }
  }
  rows_[row] = {};
  schedule_.finish(row);
}

void flow_runner::finish_submit(const flow_row& row, const http_answer& answer) {
  auto& order = orders_[row.order_index];
  const auto body = parse_document(answer.body);
  order.id = body ? text_member(*body, "order_id") : std::string{};
  if (order.id.empty()) {
    tally_.note_unexpected("SUBMIT " + order.client_order_id + ": the answer holds no order_id");
    return;
  }
  if (answer.status == 403) {
    order.placed = acknowledged_order::answer::denied;
    ++tally_.denied[text_member(*body, "code")];
  } else if (answer.status == 202) {
    order.placed = acknowledged_order::answer::pending;
    ++tally_.pending;
  } else {
    order.placed = acknowledged_order::answer::accepted;
    ++(text_member(*body, "state") == "rejected" ? tally_.rejected : tally_.accepted);
  }
}

void flow_runner::finish_cancel(const flow_row& row, const http_answer& answer) {
  if (answer.status == 202) ++tally_.cancel_pending;
  if (answer.status != 200) return;
  ++tally_.canceled;
  orders_[row.order_index].canceled = true;
}

void flow_runner::finish_execute(const flow_row& row, const http_answer& answer) {
  if (answer.status != 200) return;
  auto& order = orders_[row.order_index];
  const auto body = parse_document(answer.body);
  acknowledged_fill fill;
  if (body) {
    fill.fill_id = text_member(*body, "fill_id");
    fill.quantity = integer_member(*body, "quantity").value_or(0);
    if (const auto* price = body->find("price"); price != nullptr) fill.price = parse_money(price->text()).value;
  }
  if (fill.fill_id.empty() || fill.quantity <= 0) {
    tally_.note_unexpected("EXECUTE " + order.client_order_id + ": the answer holds no fill_id or quantity");
    return;
  }
  order.fills.push_back(std::move(fill));
}

void flow_runner::unexpected(std::size_t row, const http_answer& answer) {
  const auto& flow_row = flow_.rows[row];
  std::string what = std::string{word(flow_row.kind)} + ' ' + client_order_id(settings_.run, flow_row.order) + ": ";
  if (answer.status == 0) {
    what += answer.failure;
  } else {
    what += std::to_string(answer.status);
    if (const auto body = parse_document(answer.body))
      what += ' ' + text_member(*body, "code") + ' ' + text_member(*body, "detail");
  }
  tally_.note_unexpected(std::move(what));
}

void flow_runner::renew_token(std::size_t user, std::size_t row) {
  auto& login = logins_[user];
  login.waiting.push_back(row);
  if (login.asked) return;
  login.asked = true;
  login.ask_at = clock::now();
}

void flow_runner::ask_for_tokens() {
  for (std::size_t user = 0; user < logins_.size(); ++user) {
    auto& login = logins_[user];
    if (!login.asked || login.ask_at > clock::now() || http_.free() == 0) continue;
    login.ask_at = clock::time_point::max();  // its answer decides what is next
    ++tally_.logins;
    http_.send(login_call(floor_.users[user].email, floor_.users[user].password),
               [this, user](http_answer&& answer) { renewed(user, answer); });
  }
}

void flow_runner::renewed(std::size_t user, const http_answer& answer) {
  auto& login = logins_[user];
  std::string token;
  if (answer.status == 200) {
    if (const auto body = parse_document(answer.body)) token = text_member(*body, "access_token");
  }
  const bool passing = answer.status == 0 || answer.status == 429 || answer.status == 503;
  if (token.empty() && passing && ++login.failures < login_attempts_max) {
    login.ask_at = clock::now() + std::chrono::seconds{answer.retry_after_s.value_or(1)};
    return;
  }
  // Without a token the rows go out with the old one; their second 401 is final and shows in the table.
  if (!token.empty()) floor_.users[user].token = std::move(token);
  auto waiting = std::exchange(login, {}).waiting;
  for (const auto row : waiting) schedule_.again(row, now_ms());
}

void flow_runner::count_fills() {
  for (const auto& order : orders_) {
    if (order.fills.empty()) continue;
    std::int64_t filled = 0;
    for (const auto& fill : order.fills) filled += fill.quantity;
    ++(filled >= order.quantity ? tally_.filled : tally_.filled_in_part);
  }
}

}  // namespace sb::replay
