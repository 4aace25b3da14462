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

SCENARIO("a report of the broker that meets a lapsed lease reaches its order when the lease is back") {
  quiet_system node;
  const auto routing = node.keep(node.system.spawn(router, node.services));
  const auto order = order_key({7}, "ORD1");
  std::vector<std::int64_t> reports;
  std::size_t probes = 0;
  const auto shard = node.keep(node.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const envelope&, const broker_reported& told) { reports.push_back(told.report); },
            [&](const envelope&, const probe_order&) { ++probes; }};
  }));
  caf::anon_send(routing, shard_ready{shard_of(order), shard});
  caf::anon_send(routing, lease_told{{node.boot() - 1}});
  envelope head;
  head.to = order;
  const auto report = [&](std::int64_t number) {
    broker_reported told;
    told.report = number;
    caf::anon_send(routing, head, told);
  };
  report(1);
  report(2);
  caf::anon_send(routing, head, probe_order{});
  node.run();
  REQUIRE(reports.empty());

  WHEN("a beat tells of a lease that is still over") {
    caf::anon_send(routing, lease_told{{node.boot() - 1}});
    node.run();
    THEN("they are kept") { REQUIRE(reports.empty()); }
  }
  WHEN("the lease is back") {
    caf::anon_send(routing, lease_told{{node.boot() + 5'000}});
    report(3);
    node.run();
    THEN("they come in their order and once; what its sender repeats was dropped") {
      REQUIRE(reports == std::vector<std::int64_t>{1, 2, 3});
      REQUIRE(probes == 0);
    }
  }
}

SCENARIO("the router passes nothing on past the lease, neither a request nor an answer", "[lease]") {
  const bool valid = GENERATE(true, false);  // in the lease's last millisecond, or one later
  quiet_system node;
  const auto routing = node.keep(node.system.spawn(router, node.services));
  const auto order = order_key({7}, "ORD1");
  std::size_t asked = 0;
  std::vector<std::pair<std::uint64_t, rejection>> told;  // `none`: the order itself
  const auto shard = node.keep(node.system.spawn(
      [&](caf::event_based_actor*) -> caf::behavior { return {[&](const envelope&, const get_order&) { ++asked; }}; }));
  const auto gateway = node.keep(node.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[](const lease_told&) {},
            [&](const requester& to, const order_answer&) { told.emplace_back(to.request, rejection::none); },
            [&](const requester& to, const rejected& why) { told.emplace_back(to.request, why.why); }};
  }));
  caf::anon_send(routing, gateway_ready{1, gateway});
  caf::anon_send(routing, shard_ready{shard_of(order), shard});
  caf::anon_send(routing, lease_told{{node.boot() + 500}});
  node.run();
  envelope head;
  head.to = order;
  head.from = {1, 5};
  caf::anon_send(routing, head, get_order{});
  caf::anon_send(routing, requester{1, 4}, order_answer{});
  node.stop_for(valid ? 500ms : 501ms);
  node.run();
  using answers = std::vector<std::pair<std::uint64_t, rejection>>;
  if (valid) {
    CHECK(asked == 1);
    CHECK(told == answers{{4, rejection::none}});
  } else {
    CHECK(asked == 0);
    CHECK(told == answers{{5, rejection::storage_unavailable}, {4, rejection::storage_unavailable}});
  }
}
