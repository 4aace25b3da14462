#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "actors/supervision/router.hpp"
#include "quiet_system.hpp"
#include "runtime/address.hpp"
#include "runtime/messages.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

const entity_key the_order = order_key({7}, "ORD1");

/// A router with one shard, which notes what reaches it, and one gateway.
struct routed_node : quiet_system {
  std::vector<std::int64_t> reports;
  std::size_t probes = 0;
  std::size_t asked = 0;
  std::vector<std::pair<std::uint64_t, rejection>> told;  ///< `none`: the order itself
  std::vector<shard_id> gone;
  caf::actor routing;
  caf::actor gateway;

  routed_node() {
    services.routes = std::make_shared<route_table>(services.clock);
    routing = keep(system.spawn(router, services));
    services.routes->reports_to(routing);
    run();
    gateway = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[](const lease_told&) {}, [](const shard_open&) {},
              [this](const shard_gone& in) { gone.push_back(in.shard); }};
    }));
    const take_answer take = [this](std::uint64_t request, answer&& body) {
      const auto* why = std::get_if<rejected>(&body);
      told.emplace_back(request, why == nullptr ? rejection::none : why->why);
    };
    caf::anon_send(routing, gateway_ready{1, gateway, take});
    run();
  }
  caf::actor start_shard() {
    auto shard = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const envelope&, const broker_reported& in) { reports.push_back(in.report); },
              [this](const envelope&, const probe_order&) { ++probes; },
              [this](const envelope&, const get_order&) { ++asked; }};
    }));
    caf::anon_send(routing, shard_ready{shard_of(the_order), shard});
    run();
    return shard;
  }
  void lease(std::int64_t for_ms) {
    caf::anon_send(routing, lease_told{{boot() + for_ms}});
    run();
  }
  void say(message body, requester from = {}) {
    envelope head;
    head.to = the_order;
    head.from = from;
    services.routes->send(head, std::move(body));
  }
  void report(std::int64_t number) {
    broker_reported body;
    body.report = number;
    say(body);
  }
};

using answers = std::vector<std::pair<std::uint64_t, rejection>>;
using numbers = std::vector<std::int64_t>;

}  // namespace

SCENARIO("a report of the broker that meets a lapsed lease reaches its order when the lease is back", "[lease]") {
  routed_node node;
  node.start_shard();
  node.lease(-1);
  node.report(1);
  node.report(2);
  node.say(probe_order{});
  node.run();
  REQUIRE(node.reports.empty());

  WHEN("a beat tells of a lease that is still over") {
    node.lease(-1);
    THEN("they are kept") { CHECK(node.reports.empty()); }
  }
  WHEN("the lease is back") {
    node.lease(5'000);
    node.report(3);
    node.run();
    THEN("they come in their order and once; what its sender repeats was dropped") {
      CHECK(node.reports == numbers{1, 2, 3});
      CHECK(node.probes == 0);
    }
  }
  WHEN("the lease is back, and the router has not come to the last of them") {
    node.report(3);
    node.services.routes->set_lease({node.boot() + 5'000});
    node.report(4);
    node.run();
    THEN("the next one does not overtake it") { CHECK(node.reports == numbers{1, 2, 3, 4}); }
  }
}

SCENARIO("nothing leaves past the lease, neither a request nor an answer", "[lease]") {
  const bool valid = GENERATE(true, false);  // in the lease's last millisecond, or one later
  routed_node node;
  node.start_shard();
  node.lease(500);
  node.stop_for(valid ? 500ms : 501ms);
  node.say(get_order{}, {1, 5});
  node.services.routes->answer({1, 4}, order_answer{});
  node.run();
  if (valid) {
    CHECK(node.asked == 1);
    CHECK(node.told == answers{{4, rejection::none}});
  } else {
    CHECK(node.asked == 0);
    CHECK(node.told == answers{{5, rejection::storage_unavailable}, {4, rejection::storage_unavailable}});
  }
}

SCENARIO("a request for a shard that does not run here is refused") {
  routed_node node;
  node.lease(5'000);
  node.say(get_order{}, {1, 1});
  CHECK(node.told == answers{{1, rejection::shard_moved}});
  const auto shard = node.start_shard();
  node.say(get_order{}, {1, 2});
  node.run();
  CHECK(node.asked == 1);
  WHEN("it ends") {
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    node.run();
    CHECK(node.gone == std::vector{shard_of(the_order)});
    node.say(get_order{}, {1, 3});
    CHECK(node.told.back() == std::pair{std::uint64_t{3}, rejection::shard_moved});
  }
  WHEN("another takes its place before its end is heard of") {
    node.start_shard();
    CHECK(node.gone == std::vector{shard_of(the_order)});
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    node.run();
    node.say(get_order{}, {1, 3});
    node.run();
    CHECK(node.gone.size() == 1);
    CHECK(node.asked == 2);
  }
}

SCENARIO("a node that drains takes no request of the edge, and answers those that it took") {
  routed_node node;
  node.start_shard();
  node.lease(5'000);
  caf::anon_send(node.routing, stop_requests{});
  node.run();
  node.say(get_order{}, {1, 1});
  node.say(probe_order{});
  node.say(get_order{}, {0, 1});        // settlement's
  node.say(broker_reported{}, {1, 6});  // a fill from outside: it is in the broker's book
  node.services.routes->answer({1, 4}, order_answer{});
  node.run();
  CHECK(node.told == answers{{1, rejection::draining}, {4, rejection::none}});
  CHECK(node.probes == 1);
  CHECK(node.asked == 1);
  CHECK(node.reports.size() == 1);
}

SCENARIO("nobody is answered under the number of a gateway that has ended") {
  routed_node node;
  node.lease(5'000);
  caf::anon_send_exit(node.gateway, caf::exit_reason::kill);
  node.run();
  node.services.routes->answer({1, 4}, order_answer{});
  node.say(get_order{}, {1, 5});
  node.run();
  CHECK(node.told.empty());
}
