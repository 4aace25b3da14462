#include "web/gateway.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <utility>

#include "virtual_node.hpp"

using namespace sb;
using test::virtual_node;

namespace {

web::admission_limits with_credits(const web::credit_limits& credits) {
  web::admission_limits limits;
  limits.credits = credits;
  return limits;
}

/// A gateway on the test's thread, before services and shards that take everything and answer nothing.
class silent_world {
 public:
  explicit silent_world(const web::admission_limits& limits)
      : edge_{limits, [this] { return now_; }, [this](const std::function<void()>& work) { post(work); }} {
    const auto silent = [this](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler([this](caf::scheduled_actor*, caf::message_view& view) -> caf::result<caf::message> {
        if (view.content().match_element<envelope>(0)) sent_.push_back(view.content().get_as<envelope>(0).from.request);
        return caf::message{};
      });
      return {[](const price_query&) {}, [](const paper_fill&) {},
              [this, self](const gateway_ready& in) {
                take_ = in.take;
                self->send(in.gateway_actor, lease_told{node.services.clock().boot});
              }};
    };
    auto services = node.services;
    services.router = services.market = services.broker = silent_ = node.system.spawn(silent);
    services.routes = routes_ = test::routes_to(services, silent_);
    parent_ = node.system.spawn([this, services](caf::event_based_actor* self) -> caf::behavior {
      bridges_.push_back(edge_.start(self, services));
      return {[this, self, services](int) { bridges_.push_back(edge_.start(self, services)); }};
    });
    root_ = node.system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](const tree_ask&) { return trees_.emplace_back(self->make_response_promise<tree_node>()); },
              [this, self](const restart_ask&) { return restarts_.emplace_back(self->make_response_promise<bool>()); }};
    });
    edge_.set_root(root_);
    node.settle_down();
  }
  ~silent_world() {
    edge_.forget_actors();
    trees_.clear();
    restarts_.clear();
    for (const auto& each : {parent_, root_, silent_}) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    for (const auto& each : std::exchange(bridges_, {})) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    node.settle_down();
  }
  silent_world(const silent_world&) = delete;
  silent_world& operator=(const silent_world&) = delete;

  using request = void (silent_world::*)();
  void order() { ask(virtual_node::trader, get_order{}); }
  void ask(user_id user, message what, bool urgent = false) {
    web::request_context who;
    who.by.organization = virtual_node::organization;
    who.by.user = user;
    who.urgent = urgent;
    edge_.ask(order_key(virtual_node::organization, "ORD1"), std::move(what), who, 1'000, note());
  }
  void price() { edge_.last_price("NSE", "SBIN", note()); }
  void fill() { edge_.paper_fill({{}, "ORD1", 1, {1}, ""}, 1'000, note()); }
  /// How many of them are taken before one is refused.
  int taken(request what) {
    int count = 0;
    for (; count < 1'000; ++count) {
      const auto before = refused_;
      (this->*what)();
      if (refused_ > before) break;
    }
    return count;
  }
  std::int32_t in_flight() const { return edge_.door().in_flight(); }
  web::gateway& edge() { return edge_; }
  void advance(std::int64_t ms) {
    pass(ms);
    edge_.on_tick();
  }
  /// Time, and no tick.
  void pass(std::int64_t ms) { now_.value += ms; }
  /// From the router.
  void tell(const shard_gone& gone) {
    caf::anon_send(bridges_.back(), gone);
    node.settle_down();
  }
  /// Requests are counted from 1.
  void told(std::uint64_t number, answer what) { take_(number, std::move(what)); }
  /// From now on what leaves is refused before send() returns.
  void lose_lease() {
    routes_->set_gateway(1, take_);
    routes_->set_lease({-1});
  }
  void restart_bridge() {
    caf::anon_send(parent_, 1);
    node.settle_down();
  }

  /// Requests that the shards have got, in their order.
  const std::vector<std::uint64_t>& sent() {
    node.settle_down();
    return sent_;
  }
  int refused() const { return refused_; }
  /// The io thread is at something else from here to release().
  void hold() { holding_ = true; }
  /// It does what was posted meanwhile.
  void release() {
    holding_ = false;
    for (const auto& work : std::exchange(held_, {})) work();
  }

  virtual_node node;
  int timed_out = 0;
  std::function<void()> at_refusal;  ///< the next one

 private:
  void post(const std::function<void()>& work) { holding_ ? held_.push_back(work) : work(); }
  take_answer take_;
  std::shared_ptr<route_table> routes_;
  web::entity_port::on_answer note() {
    return [this](answer&& told) {
      const auto* why = std::get_if<rejected>(&told);
      if (why != nullptr && why->why == rejection::overloaded) {
        ++refused_;
        if (const auto act = std::exchange(at_refusal, nullptr)) act();
      }
      if (why != nullptr && why->why == rejection::storage_unavailable) ++timed_out;
    };
  }
  boot_ms now_;
  bool holding_ = false;
  std::vector<std::function<void()>> held_;
  std::vector<std::uint64_t> sent_;
  web::gateway edge_;
  caf::actor silent_;
  caf::actor parent_;
  std::vector<caf::actor> bridges_;
  caf::actor root_;  // takes questions and keeps them
  std::vector<caf::typed_response_promise<tree_node>> trees_;
  std::vector<caf::typed_response_promise<bool>> restarts_;
  int refused_ = 0;
};

}  // namespace

SCENARIO("a request that is refused as it leaves is answered once, and gives its credit back") {
  silent_world world{with_credits({3, 3, 3, 3, 5})};
  world.lose_lease();
  world.order();
  CHECK(world.timed_out == 1);
  CHECK(world.in_flight() == 0);
  world.advance(2'000);
  CHECK(world.timed_out == 1);
  CHECK(world.sent().empty());
}

TEST_CASE("orders, price queries and paper fills do not take each other's credits") {
  silent_world world{with_credits({3, 3, 3, 3, 5})};
  using all = std::vector<std::pair<silent_world::request, int>>;
  const all kinds{{&silent_world::order, 3}, {&silent_world::price, 5}, {&silent_world::fill, 5}};
  const auto first = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto& [what, credits] = kinds[(first + i) % kinds.size()];
    CHECK(world.taken(what) == credits);
  }
  CHECK(world.in_flight() == 13);
}

SCENARIO("what a client no longer waits for keeps its credit until its shard has answered or is gone", "[credit]") {
  silent_world world{with_credits({2, 2, 2, 2, 1})};
  world.fill();  // request 1
  REQUIRE(world.taken(&silent_world::order) == 2);
  world.advance(1'020);
  REQUIRE(world.timed_out == 3);
  CHECK(world.in_flight() == 2);  // a service answers for what waits there by itself
  CHECK(world.taken(&silent_world::order) == 0);
  WHEN("the shard answers one of them at last") {
    world.told(2, rejected{rejection::deadline_passed, {}});
    THEN("there is room for one") { CHECK(world.taken(&silent_world::order) == 1); }
  }
  WHEN("the shard is gone") {
    world.tell(shard_gone{shard_of(shard_role::trade, virtual_node::organization), "its node lost it"});
    THEN("there is room for both") { CHECK(world.taken(&silent_world::order) == 2); }
  }
  CHECK(world.timed_out == 3);  // nobody is answered twice
}

SCENARIO("what the core has no room for is sent when there is", "[credit]") {
  auto limits = with_credits({3, 3, 3, 3, 1});
  limits.core = {1, 1, 1, 25};
  limits.line_ms = 1'000;
  silent_world world{limits};
  using numbers = std::vector<std::uint64_t>;
  world.order();
  world.order();
  world.order();
  REQUIRE(world.sent() == numbers{1});
  WHEN("the first one is stored") {
    world.told(1, order_stored{});
    THEN("the second one is sent") { CHECK(world.sent() == numbers{1, 2}); }
    THEN("the first one's end makes no room twice") {
      world.told(1, order_answer{});
      CHECK(world.sent() == numbers{1, 2});
    }
  }
  WHEN("the first one is answered") {
    world.told(1, rejected{rejection::not_found, {}});
    THEN("the second one is sent") { CHECK(world.sent() == numbers{1, 2}); }
  }
  WHEN("the first one takes long") {
    world.advance(250);
    THEN("the second one is sent") { CHECK(world.sent() == numbers{1, 2}); }
    THEN("the first one's client still waits") { CHECK(world.timed_out == 0); }
  }
  WHEN("it was not the third one's turn in time") {
    world.advance(240);
    world.told(1, rejected{rejection::not_found, {}});
    world.advance(760);
    THEN("it is refused, nothing was done, and its credit is back") {
      CHECK(world.sent() == numbers{1, 2});
      CHECK(world.refused() == 1);
      CHECK(world.in_flight() == 1);
    }
  }
  WHEN("the shard ends") {
    world.tell(shard_gone{shard_of(shard_role::trade, virtual_node::organization), "its node lost it"});
    THEN("what was sent is answered, and the next one goes the same way") {
      CHECK(world.timed_out == 1);
      CHECK(world.sent() == numbers{1, 2});
    }
  }
  WHEN("the bridge restarts") {
    world.restart_bridge();
    THEN("what waited is sent by the new one") {
      CHECK(world.timed_out == 1);
      CHECK(world.sent() == numbers{1, 2});
    }
  }
}

SCENARIO("who wants more than his turn has it again when his order is answered", "[credit]") {
  auto limits = with_credits({9, 9, 9, 9, 1});
  limits.core = {4, 4, 4, 25};
  limits.user_share = 1;
  silent_world world{limits};
  using numbers = std::vector<std::uint64_t>;
  for (std::int64_t other = 1; other <= 3; ++other) world.ask({900 + other}, get_order{});
  for (std::uint64_t request = 1; request <= 3; ++request) world.told(request, rejected{rejection::not_found, {}});
  world.ask(virtual_node::trader, place_order{});
  world.ask(virtual_node::trader, place_order{});
  const numbers first{1, 2, 3, 4};
  const numbers both{1, 2, 3, 4, 5};
  REQUIRE(world.sent() == first);
  order_answer told;
  told.order.status = order_status::pending_new;
  WHEN("the first one is stored") {
    world.told(4, order_stored{});
    REQUIRE(world.sent() == first);
    THEN("the second one is sent when the first one is answered") {
      told.order.status = order_status::filled;
      world.told(4, told);
      CHECK(world.sent() == both);
    }
    THEN("it is sent when that takes long") {
      world.advance(24);
      CHECK(world.sent() == first);
      world.advance(1);
      CHECK(world.sent() == both);
    }
    THEN("it is sent when the first one's shard is gone") {
      world.tell(shard_gone{shard_of(shard_role::trade, virtual_node::organization), "its node lost it"});
      CHECK(world.sent() == both);
    }
    THEN("it is sent when the bridge restarts") {
      world.restart_bridge();
      CHECK(world.sent() == both);
    }
    THEN("what is urgent is sent at once") {
      world.ask(virtual_node::trader, cancel_order{}, true);
      CHECK(world.sent() == numbers{1, 2, 3, 4, 6});
    }
  }
  WHEN("the first one is answered when it is stored") {
    world.told(4, told);
    THEN("the second one waits all the same") {
      CHECK(world.sent() == first);
      world.advance(10);
      CHECK(world.sent() == both);
    }
  }
  WHEN("the first one had been placed before") {
    told.replayed = true;
    world.told(4, told);
    THEN("the second one is sent at once") { CHECK(world.sent() == both); }
  }
}

TEST_CASE("a look at an order that is on its way holds up nothing", "[credit]") {
  auto limits = with_credits({9, 9, 9, 9, 1});
  limits.core = {2, 2, 2, 25};
  limits.user_share = 1;
  silent_world world{limits};
  world.ask({901}, get_order{});
  world.told(1, rejected{rejection::not_found, {}});
  world.ask(virtual_node::trader, get_order{});
  world.ask(virtual_node::trader, place_order{});
  REQUIRE(world.sent() == std::vector<std::uint64_t>{1, 2});
  order_answer told;
  told.order.status = order_status::pending_new;
  world.told(2, told);
  CHECK(world.sent() == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("who is refused all the time is answered late", "[credit]") {
  auto limits = with_credits({1, 9, 9, 9, 9});
  limits.refusals = 2;
  silent_world world{limits};
  for (int i = 0; i < 5; ++i) world.order();
  CHECK(world.refused() == 2);
  world.advance(limits.refusal_ms);
  CHECK(world.refused() == 2);
  WHEN("it is time") {
    world.advance(limits.refusal_ms);
    CHECK(world.refused() == 4);
  }
  WHEN("the node ends") {
    world.edge().refuse_at_once();
    CHECK(world.refused() == 4);
    world.order();
    CHECK(world.refused() == 5);
  }
}

TEST_CASE("a second that begins within a tick does not make anybody forget who was refused in it", "[credit]") {
  auto limits = with_credits({1, 9, 9, 9, 9});
  limits.refusals = 2;
  limits.core = {1, 1, 1, 25};
  limits.stay_ms = 1'900;  // then there is room
  silent_world world{limits};
  world.ask({901}, get_order{});  // the core is full
  world.ask({902}, get_order{});
  world.pass(1'500);
  world.ask({903}, get_order{});
  world.order();
  world.at_refusal = [&world] {
    world.pass(20);
    world.order();
    world.order();
  };
  world.advance(490);
  REQUIRE(world.refused() == 3);  // 902, whose time was over, and two beyond the credit
  world.order();
  CHECK(world.refused() == 3);  // the third one late
}

TEST_CASE("who asked about the tree is answered when a restart takes the bridge along") {
  silent_world world{{}};
  std::vector<std::string> told;
  world.edge().supervision([&](tree_node&& root) { told.push_back(root.state); });
  world.edge().restart_actor("n1/router", {}, [&](web::restart_outcome what) {
    told.push_back(what == web::restart_outcome::unknown ? "unknown" : "known");
  });
  world.node.settle_down();
  REQUIRE(told.empty());
  world.restart_bridge();
  CHECK(told == std::vector<std::string>{"stopped", "unknown"});
}

TEST_CASE("what comes together is sent together, in its order") {
  silent_world world{web::admission_limits{}};
  world.hold();
  for (int i = 0; i < 3; ++i) world.order();
  CHECK(world.sent().empty());
  world.release();
  CHECK(world.sent() == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("what has not left yet is not lost with its shard or the bridge") {
  silent_world world{web::admission_limits{}};
  world.hold();
  if (GENERATE(false, true)) {
    world.restart_bridge();
  } else {
    world.tell(shard_gone{shard_of(order_key(virtual_node::organization, "ORD1")), "ended"});
  }
  world.order();
  world.release();
  CHECK(world.timed_out == 0);
  CHECK(world.sent().size() == 1);
  CHECK(world.in_flight() == 1);
}

TEST_CASE("what was answered before it has left stays") {
  silent_world world{web::admission_limits{}};
  world.hold();
  world.order();
  world.advance(2'000);
  CHECK(world.refused() == 1);  // nothing was done
  CHECK(world.in_flight() == 0);
  world.release();
  CHECK(world.sent().empty());
}
