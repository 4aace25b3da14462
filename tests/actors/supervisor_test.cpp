#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include "actors/protocol/type_ids.hpp"
#include "actors/supervision/supervisor.hpp"
#include "quiet_system.hpp"

using namespace sb;

namespace {

/// A supervisor with children that end when told to, under the test scheduler.
struct family : test::quiet_system {
  std::vector<std::string> started;
  std::vector<std::string> restarts;  ///< as the supervisor tells them
  std::map<std::string, caf::actor> living;
  caf::actor top;
  bool top_ended = false;
  std::vector<caf::typed_response_promise<bool>> unanswered;  ///< restarts below "c", which never says anything

  family(restart_strategy strategy, restart_intensity intensity) {
    supervisor_spec spec{
        "node", "", strategy, intensity, {child("a"), child("b"), child("c")}, [this](const std::string& id) {
          restarts.push_back(id);
        }};
    top = system.spawn(
        supervisor,
        [] {
          return clock_reading{{1}, {1'000}, {}};
        },
        log_function{[](severity, const std::string&, const std::string&) {}}, spec, shard_start{});
    top->attach_functor([this](const caf::error&) { top_ended = true; });
    run();
  }
  ~family() {
    caf::anon_send_exit(top, caf::exit_reason::user_shutdown);
    run();
    for (const auto& [id, actor] : living) caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }
  child_spec child(const std::string& id) {
    return {id, [this, id](caf::event_based_actor* parent) {
              started.push_back(id);
              return living[id] = parent->spawn([this, id](caf::event_based_actor* self) -> caf::behavior {
                if (id != "c") return {[](tick) {}};
                return {[this, self](const restart_ask&) {
                  return unanswered.emplace_back(self->make_response_promise<bool>());
                }};
              });
            }};
  }
  /// "restarting", "no such actor" or "unclear".
  std::string restart(const std::string& id) {
    caf::scoped_actor me{system};
    auto asked = me->request(top, caf::infinite, restart_ask{id});
    run();
    advance(std::chrono::milliseconds{1'100});
    std::string told;
    asked.receive([&](bool found) { told = found ? "restarting" : "no such actor"; },
                  [&](const caf::error&) { told = "unclear"; });
    return told;
  }
  void end(const std::string& id) {
    caf::anon_send_exit(living[id], caf::exit_reason::unhandled_exception);
    run();
  }
};

using names = std::vector<std::string>;

}  // namespace

SCENARIO("a supervisor restarts what its strategy says") {
  GIVEN("one_for_one") {
    family f{restart_strategy::one_for_one, {5, 60'000}};
    REQUIRE(f.started == names{"a", "b", "c"});
    WHEN("the second child ends") {
      f.started.clear();
      f.end("b");
      THEN("only it is started again") {
        REQUIRE(f.started == names{"b"});
        REQUIRE(f.restarts == names{"b"});
      }
    }
  }
  GIVEN("rest_for_one") {
    family f{restart_strategy::rest_for_one, {5, 60'000}};
    WHEN("the second child ends") {
      const auto first = f.living["a"];
      const auto third = f.living["c"];
      f.started.clear();
      f.end("b");
      THEN("it and those after it are started again, in order, and the first lives on") {
        REQUIRE(f.started == names{"b", "c"});
        REQUIRE(f.restarts == names{"b"});  // c was stopped with it
        REQUIRE(f.living["a"] == first);
        REQUIRE(f.living["c"] != third);
      }
    }
  }
}

SCENARIO("a supervisor gives up beyond its intensity") {
  family f{restart_strategy::one_for_one, {2, 60'000}};
  f.end("a");
  f.end("b");
  REQUIRE_FALSE(f.top_ended);
  f.end("a");
  REQUIRE(f.top_ended);
  REQUIRE(f.restarts == names{"a", "b"});
}

SCENARIO("the tree shows restarts and their reason") {
  family f{restart_strategy::one_for_one, {5, 60'000}};
  f.end("b");
  caf::scoped_actor me{f.system};
  auto asked = me->request(f.top, caf::infinite, tree_ask{{1'000}});
  f.run();
  f.scheduler.clock().advance_time(std::chrono::seconds{2});  // the children of this test do not answer
  f.run();
  asked.receive(
      [](tree_node& told) {
        REQUIRE(told.children.size() == 3);
        REQUIRE(told.children[1].id == "node/b");
        REQUIRE(told.children[1].restarts == 1);
        REQUIRE_FALSE(told.children[1].failure.empty());
      },
      [](caf::error&) { FAIL("no answer"); });
}

SCENARIO("an operator's restart is confirmed, refused, or said to be unclear") {
  family f{restart_strategy::one_for_one, {5, 60'000}};
  f.started.clear();
  CHECK(f.restart("node/b") == "restarting");
  CHECK(f.started == names{"b"});
  CHECK(f.restart("node/x") == "no such actor");
  CHECK(f.restart("node/a/x") == "no such actor");  // nothing is below it
  CHECK(f.restart("node/c/x") == "unclear");
}
