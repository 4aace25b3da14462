#include "actors/trade/broker_actor.hpp"

#include <stdlib.h>

#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <filesystem>

#include "actors/protocol/order_key.hpp"
#include "virtual_node.hpp"

using namespace sb;
using namespace std::chrono_literals;
using test::virtual_node;

namespace {

const order_id the_id = derive_order_id(virtual_node::organization, virtual_node::account, "a");
const entity_key the_order = order_key(virtual_node::organization, the_id);
constexpr money limit_price{8'000'000};

/// A node whose orders talk to the real paper broker when the test passes their calls on.
class paper_node : public virtual_node {
 public:
  explicit paper_node(paper_settings paper) {
    REQUIRE(::mkdtemp(directory_.data()) != nullptr);
    auto with = services;
    with.cluster = system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const subscribe_ask&) {}}; });
    broker_actor_settings settings;
    settings.book = std::filesystem::path{directory_} / "book.log";
    settings.instruments = std::make_shared<const instrument_master>(
        std::vector<instrument>{{"NSE", "SBIN", 1, {500}, 0, 20, limit_price}});
    settings.paper = paper;
    broker_ = system.spawn(paper_broker_actor, with, settings);
    lease_for(1h);
    grant(trader);
    cluster_ = with.cluster;
  }
  ~paper_node() {
    caf::anon_send_exit(broker_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(cluster_, caf::exit_reason::user_shutdown);
    settle_down();
    std::filesystem::remove_all(directory_);
  }
  paper_node(const paper_node&) = delete;
  paper_node& operator=(const paper_node&) = delete;

  void lease_for(std::chrono::milliseconds time) {
    caf::anon_send(broker_, lease_told{{services.clock().boot.value + time.count()}});
    settle_down();
  }
  /// What orders asked since then goes to the broker.
  void pass_calls_on() {
    for (; passed_on_ < broker_calls.size(); ++passed_on_) caf::anon_send(broker_, broker_calls[passed_on_]);
    settle_down();
  }
  /// What orders asked until now is lost on its way.
  void lose_calls() { passed_on_ = broker_calls.size(); }
  std::vector<broker_verb> asked() const {
    std::vector<broker_verb> verbs;
    for (const auto& call : broker_calls) verbs.push_back(call.what);
    return verbs;
  }
  order_state look(const entity_key& order = the_order) {
    const auto request = ask(order, get_order{});
    settle_down();
    return std::get<order_answer>(answers[request].back()).order;
  }
  answer fill(std::int64_t quantity, const std::string& execution) {
    const auto request = ++last_fill_;
    caf::anon_send(broker_, paper_fill{{1, request}, the_id, quantity, limit_price, execution});
    settle_down();
    return answers[request].back();
  }

 private:
  std::string directory_ = (std::filesystem::temp_directory_path() / "broker-XXXXXX").string();
  caf::actor broker_;
  caf::actor cluster_;
  std::size_t passed_on_ = 0;
  std::uint64_t last_fill_ = 1'000;
};

paper_settings by(client_id_mode mode) {
  paper_settings settings;
  settings.id_mode = mode;
  return settings;
}
paper_settings by_hand() {
  paper_settings settings;
  settings.external_market = true;
  return settings;
}

}  // namespace

SCENARIO("an order that never arrived is closed only where the broker keeps it from arriving") {
  const auto mode = GENERATE(client_id_mode::unique, client_id_mode::tag_only);
  paper_node node{by(mode)};
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  node.lose_calls();
  node.advance(6'300ms);  // window, patience and the first look at the broker's book
  REQUIRE(node.look().status == order_status::unknown);
  node.pass_calls_on();
  REQUIRE(node.asked() == std::vector{broker_verb::place, broker_verb::query, broker_verb::cancel});
  node.pass_calls_on();
  const bool blocked = mode == client_id_mode::unique;
  CHECK(node.look().status == (blocked ? order_status::canceled : order_status::unknown));
}

SCENARIO("a fill told again fills once") {
  paper_node node{by_hand()};
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  node.pass_calls_on();
  REQUIRE(node.look().status == order_status::new_);
  const auto told = node.fill(4, "k-1");
  const auto* first = std::get_if<fill_answer>(&told);
  REQUIRE(first != nullptr);
  CHECK_FALSE(first->order.replayed);
  WHEN("under the same execution id") {
    const auto repeated = node.fill(4, "k-1");
    THEN("the answer is the first one") {
      const auto* again = std::get_if<fill_answer>(&repeated);
      REQUIRE(again != nullptr);
      CHECK(again->order.replayed);
      CHECK(again->fill == first->fill);
      CHECK(node.look().filled_quantity == 4);
    }
  }
  WHEN("under the same execution id with another quantity") {
    const auto refused = node.fill(5, "k-1");
    REQUIRE(std::holds_alternative<rejected>(refused));
    CHECK(std::get<rejected>(refused).why == rejection::key_reused);
    CHECK(node.look().filled_quantity == 4);
  }
  WHEN("under none") {
    node.fill(4, "");
    CHECK(node.look().filled_quantity == 8);
  }
}

SCENARIO("an order whose acceptance reached nobody is found by a fill, under the broker's id") {
  paper_node node{by_hand()};
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  caf::anon_send_exit(node.shard_actor(shard_role::trade), caf::exit_reason::kill);
  node.settle_down();
  node.pass_calls_on();
  node.spawn_shard(shard_role::trade);
  node.advance(100ms);
  REQUIRE(node.look().status == order_status::unknown);
  node.fill(4, "");
  CHECK(node.look().status == order_status::partially_filled);
  CHECK(node.look().broker_order_id == "PB1");
}

SCENARIO("a working order asks the broker only where a report may have been missed") {
  paper_node node{by_hand()};
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  node.pass_calls_on();
  REQUIRE(node.look().status == order_status::new_);
  node.advance(5s);  // it has retired
  WHEN("it comes back for a request") {
    for (int time = 0; time < 3; ++time) {
      REQUIRE(node.look().status == order_status::new_);
      node.advance(5s);
    }
    THEN("nothing was missed") { CHECK(node.asked() == std::vector{broker_verb::place}); }
  }
  WHEN("it comes back for a report") {
    node.fill(4, "");
    CHECK(node.look().filled_quantity == 4);
    CHECK(node.asked() == std::vector{broker_verb::place});
  }
  WHEN("its shard was away") {
    caf::anon_send_exit(node.shard_actor(shard_role::trade), caf::exit_reason::kill);
    node.settle_down();
    node.fill(4, "");  // reaches nobody
    node.spawn_shard(shard_role::trade);
    node.advance(100ms);
    THEN("it asks once, and knows") {
      CHECK(node.asked() == std::vector{broker_verb::place, broker_verb::query});
      node.pass_calls_on();
      CHECK(node.look().filled_quantity == 4);
      node.advance(5s);
      node.look();
      CHECK(node.asked().size() == 2);
    }
  }
  WHEN("it failed") {
    node.throw_at_handle = 1;
    node.ask(the_order, get_order{});
    node.advance(100ms);
    CHECK(node.asked() == std::vector{broker_verb::place, broker_verb::query});
  }
}

SCENARIO("the broker's day ends under a lease, before any order of the new day") {
  paper_node node{by_hand()};
  const auto next_order =
      order_key(virtual_node::organization, derive_order_id(virtual_node::organization, virtual_node::account, "b"));
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  node.pass_calls_on();
  REQUIRE(node.look().status == order_status::new_);
  const bool lapsed = GENERATE(true, false);
  if (!lapsed) node.lease_for(48h);
  node.scheduler.clock().current_time += 24h;
  if (lapsed) {
    node.advance(2s);
    CHECK(node.look().status == order_status::new_);  // without a lease the clock may be wrong
    node.lease_for(1h);
  }
  node.ask(next_order, node.order("b", 10));
  node.settle_down();
  node.pass_calls_on();
  node.advance(3s);
  CHECK(node.look().status == order_status::expired);
  CHECK(node.look(next_order).status == order_status::new_);
}
