#include "actors/supervision/entity_host.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "quiet_system.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

struct script {
  bool busy = true;
  std::vector<alarm_out> to_set;   ///< with the next message
  bool offers = false;             ///< a snapshot, with the next message
  std::vector<order_id> looks_up;  ///< with the next message
  bool throws = false;             ///< with the next message
  int handled = 0;
  std::vector<std::int32_t> fired;
};

/// Sets the alarms that it is told to set, and notes those that fire.
class one_with_alarms final : public entity {
 public:
  explicit one_with_alarms(std::shared_ptr<script> what) : what_{std::move(what)} {}
  bool replay(const event_record&, wall_ms, std::string&) override { return true; }
  bool restore(const stored_snapshot&, std::string&) override { return true; }
  void recovered(turn&, predecessor) override {}
  void handle(const delivery& in, turn& now) override {
    if (const auto* fired = std::get_if<sb::alarm>(&in.body)) return what_->fired.push_back(fired->id);
    ++what_->handled;
    if (std::exchange(what_->throws, false)) throw std::runtime_error("as the test said");
    for (const auto& one : std::exchange(what_->to_set, {})) now.at_once(one);
    if (!what_->looks_up.empty()) now.at_once(look_up_out{std::exchange(what_->looks_up, {})});
    if (std::exchange(what_->offers, false))
      now.at_once(snapshot_out{stream_of(in.head.to), 4, {[] { return "text"; }, [](std::size_t) {}}});
  }
  void committed(const clock_reading&, outputs&) override {}
  bool busy() const override { return what_->busy; }

 private:
  std::shared_ptr<script> what_;
};

/// A host before a shard that gives each tick when it is due, and notes what it was asked for.
struct host_and_shard : quiet_system {
  std::shared_ptr<script> entity_of_it = std::make_shared<script>();
  std::vector<std::int64_t> asked;  ///< milliseconds since the host began
  std::vector<boot_ms> due;
  std::vector<snapshot_ask> offered;
  std::vector<look_up_ask> looked_up;
  boot_ms begin = services.clock().boot;
  std::shared_ptr<alarm_board> board = std::make_shared<alarm_board>();
  std::vector<envelope> passed_on;  ///< what came to the shard
  caf::actor host;

  host_and_shard() {
    const auto the_shard = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const alarm_ask& ask) {
                asked.push_back(ask.due.value - begin.value);
                due.push_back(ask.due);
              },
              [this](const envelope& head, const get_order&) { passed_on.push_back(head); },
              [](const entity_failed&) {}, [](const retire_told&) {}};
    }));
    services.routes = routes_to(services, the_shard);
    services.snapshots = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const snapshot_ask& ask) { offered.push_back(ask); }};
    }));
    services.reader = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const look_up_ask& ask) { looked_up.push_back(ask); }};
    }));
    host = keep(system.spawn(entity_host, services, the_shard, shard_of(order_key({7}, "ORD1")), board));
    begin_entity first;
    first.key = order_key({7}, "ORD1");
    first.body = std::make_shared<std::unique_ptr<entity>>(std::make_unique<one_with_alarms>(entity_of_it));
    first.queue_max = 10;
    first.stored = false;
    caf::anon_send(host, std::move(first));
    run();
  }
  void say(std::vector<alarm_out> to_set) {
    entity_of_it->to_set = std::move(to_set);
    envelope head;
    head.to = order_key({7}, "ORD1");
    caf::anon_send(host, head, get_order{});
    run();
  }
  /// As an answer comes, by the routes.
  void answer(const order_id& order, std::uint64_t number) {
    envelope head;
    head.to = order_key({7}, order);
    head.to_host = number;
    services.routes->send(head, get_order{});
    run();
  }
  void wait(std::chrono::milliseconds time) {
    advance(time);
    const auto now = services.clock().boot;
    for (const auto& at : std::exchange(due, {})) {
      if (at <= now) {
        caf::anon_send(host, tick{});
      } else {
        due.push_back(at);
      }
    }
    run();
  }
};

using times = std::vector<std::int64_t>;
using ids = std::vector<std::int32_t>;

}  // namespace

SCENARIO("a host asks for one tick, whatever its entity's alarms", "[host]") {
  host_and_shard h;
  h.say({{1, 300}, {2, 5'000}});
  h.say({{1, 500}});
  CHECK(h.asked == times{300});

  WHEN("the tick comes") {
    h.wait(300ms);
    THEN("nothing fires that has been put off, and the next one is asked for") {
      CHECK(h.entity_of_it->fired.empty());
      CHECK(h.asked == times{300, 500});
      h.wait(200ms);
      CHECK(h.entity_of_it->fired == ids{1});
      CHECK(h.asked == times{300, 500, 5'000});
    }
  }
  WHEN("an alarm is set for an earlier time") {
    h.say({{3, 100}});
    CHECK(h.asked == times{300, 100});
    THEN("all fire in their order") {
      h.wait(100ms);
      CHECK(h.entity_of_it->fired == ids{3});
      h.wait(5s);
      CHECK(h.entity_of_it->fired == ids{3, 1, 2});
      CHECK(h.asked == times{300, 100, 500});
    }
  }
}

SCENARIO("alarms of an entity that may retire are nobody's business until it is busy again", "[host]") {
  host_and_shard h;
  h.say({{1, 300}, {2, 1'000}});
  h.entity_of_it->busy = false;
  h.wait(300ms);
  CHECK(h.entity_of_it->fired == ids{1});
  CHECK(h.asked == times{300});

  h.entity_of_it->busy = true;
  h.say({});
  CHECK(h.asked == times{300, 1'000});
  h.wait(700ms);
  CHECK(h.entity_of_it->fired == ids{1, 2});
}

SCENARIO("a snapshot goes to whoever makes and stores it", "[host]") {
  host_and_shard h;
  h.entity_of_it->offers = true;
  h.say({});
  REQUIRE(h.offered.size() == 1);
  CHECK(h.offered.front().shard == shard_of(order_key({7}, "ORD1")));
  CHECK(h.offered.front().snapshot.stream == "7/order/ORD1");
  CHECK(h.offered.front().snapshot.version == 4);
  CHECK(h.offered.front().snapshot.offer.text() == "text");
}

SCENARIO("what an entity looks up goes to the reader", "[host]") {
  host_and_shard h;
  h.entity_of_it->looks_up = {"ORD2", "ORD3"};
  h.say({});
  REQUIRE(h.looked_up.size() == 1);
  CHECK(h.looked_up.front().book == order_key({7}, "ORD1"));
  CHECK(h.looked_up.front().orders == std::vector<order_id>{"ORD2", "ORD3"});
}

SCENARIO("a host whose shard looks in time sends no message for its alarms", "[host]") {
  host_and_shard h;
  const auto look = [&] {
    h.board->look(h.services.clock().boot, [&](const caf::actor& host) { caf::anon_send(host, tick{}); });
    h.run();
  };
  h.board->looks_at({h.begin.value + 250});
  h.say({{1, 300}});
  CHECK(h.asked.empty());
  WHEN("it looks too early") {
    h.wait(250ms);
    look();
    CHECK(h.entity_of_it->fired.empty());
    THEN("it looks again when the alarm is due") {
      h.wait(50ms);
      look();
      CHECK(h.entity_of_it->fired == ids{1});
    }
  }
  WHEN("an alarm is set that is due long before it looks") {
    h.say({{2, 50}});
    THEN("it is told") { CHECK(h.asked == times{50}); }
  }
  WHEN("the entity may retire") {
    h.entity_of_it->busy = false;
    h.say({});
    h.wait(300ms);
    look();
    THEN("nothing comes of its alarms") { CHECK(h.entity_of_it->fired.empty()); }
  }
}

SCENARIO("a time that was told and put off does not keep a later one from being told", "[host]") {
  host_and_shard h;
  h.say({{1, 300}});
  h.say({{1, 5'000}});
  CHECK(h.asked == times{300});
  h.advance(300ms);  // the shard looks, and finds nothing due
  h.run();
  h.say({{2, 50}});
  CHECK(h.asked == times{300, 350});
}

SCENARIO("an answer goes straight to the host that asked, and by the shard where its entity is not there", "[host]") {
  host_and_shard h;
  constexpr std::uint64_t number = 1;  // the first host of this table
  h.answer("ORD1", number);
  CHECK(h.entity_of_it->handled == 1);
  CHECK(h.passed_on.empty());

  enum class why : std::uint8_t { another_entity, failed, retired, ended, no_such_host };
  const auto because = GENERATE(why::another_entity, why::failed, why::retired, why::ended, why::no_such_host);
  CAPTURE(static_cast<int>(because));
  if (because == why::failed) {
    h.entity_of_it->throws = true;
    h.say({});
  } else if (because == why::retired) {
    h.entity_of_it->busy = false;
    caf::anon_send(h.host, retire_ask{});
  } else if (because == why::ended) {
    caf::anon_send(h.host, end_entity{});
  }
  h.run();
  const auto handled = h.entity_of_it->handled;
  h.answer(because == why::another_entity ? "ORD0" : "ORD1", because == why::no_such_host ? number + 1 : number);
  CHECK(h.passed_on.size() == 1);
  CHECK(h.entity_of_it->handled == handled);
}
