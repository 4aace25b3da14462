#include "web/gateway.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "virtual_node.hpp"

using namespace sb;
using test::virtual_node;

namespace {

/// A gateway on the test's thread, before services and a router that take everything and answer nothing.
class silent_world {
 public:
  explicit silent_world(web::credit_limits limits)
      : edge_{limits, [] { return boot_ms{0}; }, [](const std::function<void()>& work) { work(); }} {
    const auto silent = [](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[](const price_query&) {}, [](const paper_fill&) {}};
    };
    auto services = node.services;
    services.router = services.market = services.broker = silent_ = node.system.spawn(silent);
    parent_ = node.system.spawn([this, services](caf::event_based_actor* self) -> caf::behavior {
      edge_.start(self, services);
      return {[](int) {}};
    });
    node.settle_down();
  }
  ~silent_world() {
    edge_.forget_actors();
    caf::anon_send_exit(parent_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(silent_, caf::exit_reason::user_shutdown);
    node.settle_down();
  }
  silent_world(const silent_world&) = delete;
  silent_world& operator=(const silent_world&) = delete;

  using request = void (silent_world::*)();
  void order() {
    web::request_context who;
    who.by.organization = virtual_node::organization;
    who.by.user = virtual_node::trader;
    edge_.ask(order_key(virtual_node::organization, "ORD1"), get_order{}, who, 1'000, note());
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
  std::int32_t in_flight() const { return edge_.in_flight(); }

  virtual_node node;

 private:
  web::entity_port::on_answer note() {
    return [this](answer&& told) {
      const auto* why = std::get_if<rejected>(&told);
      if (why != nullptr && why->why == rejection::overloaded) ++refused_;
    };
  }
  web::gateway edge_;
  caf::actor silent_;
  caf::actor parent_;
  int refused_ = 0;
};

}  // namespace

TEST_CASE("orders, price queries and paper fills do not take each other's credits") {
  silent_world world{{.per_user = 3, .per_organization = 3, .per_shard = 3, .all_shards = 3, .per_service = 5}};
  using all = std::vector<std::pair<silent_world::request, int>>;
  const all kinds{{&silent_world::order, 3}, {&silent_world::price, 5}, {&silent_world::fill, 5}};
  const auto first = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto& [what, credits] = kinds[(first + i) % kinds.size()];
    CHECK(world.taken(what) == credits);
  }
  CHECK(world.in_flight() == 13);
}
