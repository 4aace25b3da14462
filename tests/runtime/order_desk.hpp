#pragma once
#include <string>
#include <utility>
#include <vector>

#include "runtime/order_entity.hpp"
#include "tests/runtime/stage.hpp"

/// One order of organization 7 and everybody it talks to.
namespace sb::test {

constexpr organization_id organization{7};
inline const entity_key the_order = order_key(organization, "ORDAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
constexpr money rupees(std::int64_t amount) { return {amount * money::unit}; }
inline requester client(std::uint64_t request) { return {1, request}; }

enum : std::int32_t {
  authority = 1,
  broker_timer = 2,
  resolve = 3,
  cancel_timer = 4
};  // alarms, as the order numbers them

inline place_order buy_100(std::int32_t wait_ms = 2'000) {
  place_order body;
  auto& c = body.command;
  c.organization = organization;
  c.account = {10};
  c.user = {1};
  c.client_order_id = "c-1";
  c.exchange = "NSE";
  c.symbol = "SBIN";
  c.quantity = 100;
  c.price = rupees(50);
  body.fingerprint = "f-1";
  body.wait_ms = wait_ms;
  return body;
}

class order_desk : public stage {
 public:
  explicit order_desk(order_rules with = {}) : stage{the_order, [this] { return make(); }}, rules{std::move(with)} {
    come_back();
  }

  std::uint64_t incarnation() const { return last_incarnation_; }
  order_state state() {
    order_state folded;
    for (const auto& row : rows) {
      std::string why;
      const auto packed = unpack(row.body, why).value();
      for (const auto& event : packed) evolve(folded, decode_order_event(event, why).value(), row.at);
    }
    return folded;
  }
  order_status status() { return state().status; }

  // ---- the neighbors ----
  void book_says(reserve_answer::verdict what, std::int32_t attempt = 1) {
    give(reserve_answered{attempt, incarnation(), {what, {}, {}}});
  }
  void book_closed(bool reserved, std::int32_t attempt = 1) { give(close_answered{attempt, incarnation(), reserved}); }
  void broker_says(broker_verb of, broker_answered::outcome what, broker_view view = {}) {
    give(broker_answered{of, incarnation(), what, std::move(view), "said"});
  }
  void broker_accepts(std::vector<broker_fill> fills = {}) {
    broker_says(broker_verb::place, broker_answered::outcome::seen,
                {broker_view::state::working, "B1", {}, {}, std::move(fills)});
  }
  void broker_reports(broker_view::state is, std::vector<broker_fill> fills = {}, requester from = {}) {
    give(broker_reported{++reports_, {is, "B1", {}, {}, std::move(fills)}}, from);
  }
  std::vector<broker_verb> calls() const {
    std::vector<broker_verb> made;
    for (const auto& one : all<broker_out>()) made.push_back(one.call.what);
    return made;
  }
  std::size_t calls(broker_verb what) const {
    std::size_t count = 0;
    for (const auto made : calls()) count += made == what ? 1 : 0;
    return count;
  }

  // ---- histories ----
  void requested(place_order body = buy_100()) {
    give(std::move(body), client(1));
    store();
    clear();
  }
  void sent() {
    requested();
    book_says(reserve_answer::verdict::reserved);
    clear();
  }
  void working() {
    sent();
    broker_accepts();
    store();
    clear();
  }
  void unknown() {
    sent();
    broker_says(broker_verb::place, broker_answered::outcome::unknown);
    store();
    clear();
  }
  void absent() {
    rules.broker_enforces_ids = false;
    come_back();
    unknown();
    pass(rules.times.send_window_ms + rules.times.grace_ms + 1);
    for (int read = 0; read < 3; ++read) broker_says(broker_verb::query, broker_answered::outcome::not_found);
    store();
    clear();
  }

  order_rules rules;

 private:
  std::unique_ptr<entity> make() {
    ++last_incarnation_;
    return std::make_unique<order_entity>(the_order, rules, last_incarnation_);
  }
  std::uint64_t last_incarnation_ = 0;
  std::int64_t reports_ = 0;
};

inline broker_fill fill(std::string id, std::int64_t quantity, std::int64_t price = 50) {
  return {std::move(id), quantity, rupees(price), {1'767'249'000'000}};
}

}  // namespace sb::test
