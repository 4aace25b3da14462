#include <caf/all.hpp>
#include <catch2/catch.hpp>

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
