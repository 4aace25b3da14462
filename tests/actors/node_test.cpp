#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "actors/protocol/order_key.hpp"
#include "virtual_node.hpp"

using namespace sb;
using namespace std::chrono_literals;

namespace {

using test::virtual_node;

order_id id_of(const std::string& key) {
  return derive_order_id(virtual_node::organization, virtual_node::account, key);
}
entity_key key_of_order(const std::string& key) { return order_key(virtual_node::organization, id_of(key)); }

/// The last answer of a request that is of this kind, or null.
template <class Kind>
const Kind* last(virtual_node& node, std::uint64_t request) {
  const auto& all = node.answers[request];
  return all.empty() ? nullptr : std::get_if<Kind>(&all.back());
}

broker_answered accepted(const broker_call& call, std::vector<broker_fill> fills = {}) {
  broker_answered told;
  told.of = call.what;
  told.incarnation = call.incarnation;
  told.what = broker_answered::outcome::seen;
  told.view.broker_order_id = "B-1";
  told.view.fills = std::move(fills);
  return told;
}

}  // namespace

SCENARIO("an order goes its way through supervised actors") {
  virtual_node node;
  node.grant(virtual_node::trader);

  GIVEN("an order that the risk book allows") {
    const auto request = node.ask(key_of_order("a"), node.order("a", 10));
    node.settle_down();

    THEN("it reaches the broker once, and the client waits for the outcome") {
      REQUIRE(node.broker_calls.size() == 1);
      REQUIRE(node.answers[request].size() == 1);
      REQUIRE(std::holds_alternative<order_stored>(node.answers[request].front()));
    }
    WHEN("the broker accepts it and fills a part") {
      node.broker_says(id_of("a"), accepted(node.broker_calls.front(), {{"F1", 4, {8'000'000}, {1'800'000'000'000}}}));
      THEN("the client is told what is stored") {
        const auto* told = last<order_answer>(node, request);
        REQUIRE(told != nullptr);
        REQUIRE(told->order.status == order_status::partially_filled);
        REQUIRE(told->order.filled_quantity == 4);
        REQUIRE_FALSE(told->replayed);
      }
      AND_WHEN("the same order is placed again") {
        const auto again = node.ask(key_of_order("a"), node.order("a", 10));
        node.settle_down();
        THEN("it is the present order, and nothing is sent") {
          const auto* told = last<order_answer>(node, again);
          REQUIRE(told != nullptr);
          REQUIRE(told->replayed);
          REQUIRE(node.broker_calls.size() == 1);
        }
      }
      AND_WHEN("another command comes under the same key") {
        const auto other = node.ask(key_of_order("a"), node.order("a", 11));
        node.settle_down();
        THEN("it is refused") { REQUIRE(last<rejected>(node, other)->why == rejection::key_reused); }
      }
    }
    WHEN("the broker says nothing until the window and its patience are over") {
      node.advance(5'100ms);
      THEN("the order is unknown, and the client knows that") {
        REQUIRE(last<order_answer>(node, request)->order.status == order_status::unknown);
      }
      AND_WHEN("time goes on") {
        node.advance(1'200ms);
        THEN("the broker is asked, never sent to again") {
          REQUIRE(node.broker_calls.size() == 2);
          REQUIRE(node.broker_calls.back().what == broker_verb::query);
        }
      }
    }
  }

  GIVEN("a user without permission") {
    auto place = node.order("b", 10);
    place.command.user = {99};
    const auto request = node.ask(key_of_order("b"), place);
    node.settle_down();
    THEN("the order is denied and nothing is sent") {
      const auto* told = last<order_answer>(node, request);
      REQUIRE(told != nullptr);
      REQUIRE(told->order.status == order_status::denied);
      REQUIRE(told->order.violations.size() == 1);
      REQUIRE(told->order.violations.front().failed == check::permission);
      REQUIRE(node.broker_calls.empty());
    }
  }
}

SCENARIO("an append that is not confirmed is resolved before anything else happens") {
  using fault = memory_journal::append_fault;
  const auto how =
      GENERATE(fault::unknown_applied, fault::unknown_not_applied, fault::unknown_in_flight, fault::not_attempted);
  virtual_node node;
  node.grant(virtual_node::trader);
  node.writer_store->inject(how);
  const auto request = node.ask(key_of_order("a"), node.order("a", 10));
  node.settle_down();
  node.writer_store->land_in_flight();
  node.advance(1s);
  REQUIRE(node.broker_calls.size() == 1);
  node.broker_says(id_of("a"), accepted(node.broker_calls.front()));
  REQUIRE(last<order_answer>(node, request) != nullptr);
  REQUIRE(last<order_answer>(node, request)->order.status == order_status::new_);
  REQUIRE(node.stored_rows(shard_role::trade) == 2);
  // The order's and the risk book's row are in one batch.
  CHECK(node.not_stored ==
        std::vector<std::string>(2, how == fault::not_attempted ? "not_attempted" : "unknown_commit"));
}

SCENARIO("a refused row ends its entity, which is replayed behind a barrier") {
  virtual_node node;
  node.grant(virtual_node::trader);
  node.writer_store->inject(memory_journal::append_fault::refused);  // the order's row and the risk book's
  const auto request = node.ask(key_of_order("a"), node.order("a", 10));
  node.settle_down();
  const auto* refused = last<rejected>(node, request);
  REQUIRE(refused != nullptr);
  REQUIRE(refused->why == rejection::storage_unavailable);
  CHECK(node.not_stored == std::vector<std::string>{"data_refused", "data_refused"});
  const auto again = node.ask(key_of_order("a"), node.order("a", 10, 0));
  node.settle_down();
  REQUIRE(last<order_answer>(node, again) != nullptr);
  REQUIRE(node.stored_rows(shard_role::trade) >= 1);
}

SCENARIO("an entity that keeps failing is parked until an operator restarts it") {
  virtual_node node;
  node.grant(virtual_node::trader);
  const auto placed = node.ask(key_of_order("a"), node.order("a", 10, 0));
  node.settle_down();
  REQUIRE(last<order_answer>(node, placed) != nullptr);
  for (int failure = 0; failure < 3; ++failure) {
    node.throw_at_handle = 1;
    const auto request = node.ask(key_of_order("a"), get_order{});
    node.settle_down();
    REQUIRE(last<rejected>(node, request)->why == rejection::storage_unavailable);
  }
  const auto parked = node.ask(key_of_order("a"), get_order{});
  node.settle_down();
  REQUIRE(last<rejected>(node, parked)->why == rejection::parked);

  caf::scoped_actor me{node.system};
  const auto path = "virtual/trade/shard-" + std::to_string(shard_of(shard_role::trade, virtual_node::organization)) +
                    "/" + stream_of(key_of_order("a"));
  auto restart = me->request(node.shard_actor(shard_role::trade), caf::infinite, restart_ask{path});
  node.settle_down();
  restart.receive([](bool done) { REQUIRE(done); }, [](caf::error&) { FAIL("no answer"); });
  node.settle_down();
  const auto back = node.ask(key_of_order("a"), get_order{});
  node.settle_down();
  REQUIRE(last<order_answer>(node, back) != nullptr);
}

SCENARIO("an operator restarts an entity that lives") {
  virtual_node node;
  node.grant(virtual_node::trader);
  const auto waiting = node.ask(key_of_order("a"), node.order("a", 10));
  node.settle_down();
  REQUIRE(node.broker_calls.size() == 1);
  const auto shard = "virtual/trade/shard-" + std::to_string(shard_of(shard_role::trade, virtual_node::organization));
  const auto restart = [&](const std::string& path) {
    caf::scoped_actor me{node.system};
    auto asked = me->request(node.shard_actor(shard_role::trade), caf::infinite, restart_ask{path});
    node.settle_down();
    bool out = false;
    asked.receive([&](bool done) { out = done; }, [](caf::error&) { FAIL("no answer"); });
    return out;
  };
  const auto path = shard + "/" + stream_of(key_of_order("a"));
  const auto spawned = node.services.incarnations->load();
  REQUIRE(restart(path));
  THEN("it is replayed, and who waited for it is told to look") {
    REQUIRE(node.services.incarnations->load() == spawned + 1);
    REQUIRE(last<rejected>(node, waiting) != nullptr);
    REQUIRE(last<rejected>(node, waiting)->why == rejection::storage_unavailable);
    const auto look = node.ask(key_of_order("a"), get_order{});
    node.settle_down();
    REQUIRE(last<order_answer>(node, look) != nullptr);
    REQUIRE(last<order_answer>(node, look)->order.command.quantity == 10);
  }
  THEN("its open work is taken up: the order is asked for, and never sent again") {
    node.advance(1'500ms);
    REQUIRE(node.broker_calls.size() > 1);
    for (std::size_t i = 1; i < node.broker_calls.size(); ++i) REQUIRE(node.broker_calls[i].what == broker_verb::query);
  }
  THEN("a request that comes with the restart is held, not refused") {
    caf::anon_send(node.shard_actor(shard_role::trade), restart_ask{path});
    const auto look = node.ask(key_of_order("a"), get_order{});
    node.settle_down();
    REQUIRE(last<order_answer>(node, look) != nullptr);
  }
  THEN("restarts are no failures: it is not parked, however often") {
    for (int again = 0; again < 5; ++again) REQUIRE(restart(path));
    caf::scoped_actor me{node.system};
    auto tree = me->request(node.shard_actor(shard_role::trade), caf::infinite, tree_ask{});
    node.settle_down();
    tree.receive([](tree_node& told) { REQUIRE(told.failure.empty()); }, [](caf::error&) { FAIL("no answer"); });
    const auto look = node.ask(key_of_order("a"), get_order{});
    node.settle_down();
    REQUIRE(last<order_answer>(node, look) != nullptr);
  }
  THEN("what is not in memory cannot be restarted") {
    REQUIRE_FALSE(restart(shard + "/" + stream_of(key_of_order("b"))));
  }
}

SCENARIO("an idle order retires and comes back from the journal") {
  virtual_node node;
  node.grant(virtual_node::trader);
  const auto request = node.ask(key_of_order("a"), node.order("a", 10));
  node.settle_down();
  node.broker_says(id_of("a"), accepted(node.broker_calls.front(), {{"F1", 10, {8'000'000}, {1'800'000'000'000}}}));
  REQUIRE(last<order_answer>(node, request)->order.status == order_status::filled);
  const auto children = [&] {
    caf::scoped_actor me{node.system};
    auto tree = me->request(node.shard_actor(shard_role::trade), caf::infinite, tree_ask{});
    node.settle_down();
    std::int64_t count = -1;
    tree.receive([&](tree_node& told) { count = told.children_count; }, [](caf::error&) {});
    return count;
  };
  REQUIRE(children() == 1);
  node.advance(5s);
  REQUIRE(children() == 0);
  const auto back = node.ask(key_of_order("a"), get_order{});
  node.settle_down();
  REQUIRE(last<order_answer>(node, back)->order.filled_quantity == 10);
}

SCENARIO("a shard that is restarted takes up the open work of its orders") {
  virtual_node node;
  node.grant(virtual_node::trader);
  node.ask(key_of_order("a"), node.order("a", 10));
  node.settle_down();
  REQUIRE(node.broker_calls.size() == 1);
  caf::anon_send_exit(node.shard_actor(shard_role::trade), caf::exit_reason::kill);
  node.settle_down();
  const auto meanwhile = node.ask(key_of_order("a"), get_order{});
  node.settle_down();
  REQUIRE(last<rejected>(node, meanwhile)->why == rejection::shard_moved);
  node.spawn_shard(shard_role::trade);
  node.settle_down();
  node.advance(1'500ms);
  // It was reserved, so it may have been sent: it is asked for, and never sent again.
  const auto after = node.ask(key_of_order("a"), get_order{});
  node.settle_down();
  REQUIRE(last<order_answer>(node, after)->order.status == order_status::unknown);
  for (std::size_t i = 1; i < node.broker_calls.size(); ++i) REQUIRE(node.broker_calls[i].what == broker_verb::query);
}

SCENARIO("past its lease a node does nothing more") {
  virtual_node node;
  node.grant(virtual_node::trader);
  caf::anon_send(node.services.router, lease_told{{1}});
  node.settle_down();
  const auto request = node.ask(key_of_order("a"), node.order("a", 10));
  node.settle_down();
  REQUIRE(last<rejected>(node, request)->why == rejection::storage_unavailable);
  REQUIRE(node.stored_rows(shard_role::trade) == 0);
}
