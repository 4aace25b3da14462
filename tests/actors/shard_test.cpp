#include "actors/supervision/shard.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "quiet_system.hpp"
#include "runtime/address.hpp"
#include "storage/event_codec.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

const entity_key the_order = order_key({7}, "ORD1");

/// What an entity sets with each request, and how many have fired.
struct alarms {
  std::int64_t after_ms = 0;
  int fired = 0;
};

/// Stores that it was asked, and answers.
class one_who_notes final : public entity {
 public:
  one_who_notes(std::vector<predecessor>& all, alarms& set) : recoveries{all}, alarms_{set} {}
  bool replay(const event_record&, wall_ms, std::string&) override { return true; }
  bool restore(const stored_snapshot&, std::string&) override { return true; }
  void recovered(turn&, predecessor former) override { recoveries.push_back(former); }
  void handle(const delivery& in, turn& now) override {
    if (std::holds_alternative<sb::alarm>(in.body)) {
      ++alarms_.fired;
      return;
    }
    if (alarms_.after_ms > 0) now.at_once(alarm_out{1, alarms_.after_ms});
    now.record({"test.asked", 1, {}, {}, {}, "{}"});
    now.reply(in.head.from, order_answer{});
  }
  void committed(const clock_reading&, outputs&) override {}
  bool busy() const override { return alarms_.after_ms > 0 && alarms_.fired == 0; }

 private:
  std::vector<predecessor>& recoveries;
  alarms& alarms_;
};

stream_history one_row(const stream_id& stream) {
  stream_history told{stream, std::nullopt, {}};
  journal_row row;
  row.stream = stream;
  row.version = row.events = 1;
  row.body = pack(std::vector{event_record{"test.asked", 1, {}, {}, {}, "{}"}});
  told.rows.push_back(std::move(row));
  return told;
}

/// A shard with one order, before a writer that keeps what it is asked until the test answers.
struct shard_and_writer : quiet_system {
  std::vector<caf::actor> writing;   ///< entities that wait for write_told
  std::int64_t written = 0;          ///< version of the last fact of the last of them
  std::vector<stream_id> resolving;  ///< streams whose barrier is asked for
  std::vector<stream_id> forgotten;
  int forgotten_told = 0;  ///< messages that said so
  std::vector<answer> answers;
  std::vector<predecessor> recoveries;  ///< what each entity was told of the one before it
  alarms of_entities;
  caf::actor the_shard;
  bool opened = false;
  int barriers = 0;  ///< of the whole shard
  int broker_asked = 0;
  int contents_asked = 0;
  std::vector<history_ask> histories;  ///< asked for by name
  std::vector<history_ask> group;      ///< asked for together, the last time
  int groups = 0;
  bool answers_histories = true;

  explicit shard_and_writer(bool knows_contents = true, shard_rules rules = {}, bool ready = true) {
    services.incarnations = std::make_shared<std::atomic<std::uint64_t>>(0);
    services.entities = std::make_shared<entity_counts>();
    services.router = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[](const shard_ready&) {}, [this](const shard_open&) { opened = true; }};
    }));
    services.routes =
        routes_to(services, {}, [this](std::uint64_t, answer&& told) { answers.push_back(std::move(told)); });
    services.writer = keep(system.spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](const write_ask& ask) {
                writing.push_back(caf::actor_cast<caf::actor>(self->current_sender()));
                written = through(ask.what);
              },
              [this](const barrier_ask& ask) {
                if (!ask.stream.empty()) return resolving.push_back(ask.stream);
                ++barriers;
              },
              [this](const forget_ask& ask) {
                ++forgotten_told;
                forgotten.insert(forgotten.end(), ask.streams.begin(), ask.streams.end());
              }};
    }));
    services.broker = keep(system.spawn(
        [this](caf::event_based_actor*) -> caf::behavior { return {[this](broker_ready_ask) { ++broker_asked; }}; }));
    services.reader = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const contents_ask&) { ++contents_asked; },
              [this](const history_ask& ask) {
                histories.push_back(ask);
                if (answers_histories) tell_history(ask);
              },
              [this](const wake_ask& ask) {
                group = ask.histories;
                ++groups;
              }};
    }));
    const entity_factory make = [this](const entity_key&, std::uint64_t) {
      return std::make_unique<one_who_notes>(recoveries, of_entities);
    };
    the_shard = keep(system.spawn(shard, services, shard_of(the_order), rules, make));
    run();
    if (ready) {
      barrier_passes();
      broker_is_ready();
    }
    if (knows_contents) know({}, {});
  }
  void know(std::vector<entity_key> work, const std::vector<stream_id>& streams) {
    caf::anon_send(the_shard, open_work_told{std::move(work)});
    auto filter = std::make_shared<stream_filter>();
    for (const auto& stream : streams) filter->insert(stream);
    caf::anon_send(the_shard, streams_told{std::move(filter)});
    run();
  }
  void barrier_passes() {
    caf::anon_send(the_shard, barrier_told{});
    run();
  }
  void broker_is_ready() {
    caf::anon_send(the_shard, broker_ready{});
    run();
  }
  void tell_history(const history_ask& ask) {
    caf::anon_send(ask.entity,
                   history_told{std::make_shared<const stream_history>(one_row(ask.stream)), ask.incarnation});
  }
  void ask(const order_id& order = the_order.id) { ask(order_key(the_order.organization, order)); }
  void ask(const entity_key& key) {
    envelope head;
    head.to = key;
    head.from = {1, ++last_request};
    caf::anon_send(the_shard, head, get_order{});
    run();
  }
  void stored() {
    caf::anon_send(writing.back(), write_told{append_verdict::stored, written});
    run();
  }
  std::int64_t entities() {
    caf::scoped_actor me{system};
    auto tree = me->request(the_shard, caf::infinite, tree_ask{});
    run();
    std::int64_t count = -1;
    tree.receive([&](tree_node& told) { count = told.children_count; }, [](caf::error&) {});
    return count;
  }
  std::int64_t counted(entity_kind kind) const { return (*services.entities)[static_cast<std::size_t>(kind)]; }
  std::uint64_t incarnations() const { return services.incarnations->load(); }

 private:
  std::uint64_t last_request = 0;
};

}  // namespace

SCENARIO("nothing leaves an entity before it is stored", "[shard]") {
  shard_and_writer node;
  node.ask();
  REQUIRE(node.writing.size() == 1);
  CHECK(node.answers.empty());
  node.ask();
  CHECK(node.writing.size() == 1);  // it waits for the first
  CHECK(node.answers.empty());
  node.stored();
  CHECK(node.answers.size() == 1);
  REQUIRE(node.writing.size() == 2);
  node.stored();
  CHECK(node.answers.size() == 2);
}

SCENARIO("an actor serves one order after another", "[shard]") {
  shard_and_writer node;
  node.ask();
  const auto first = node.writing.back();
  WHEN("its order has retired") {
    node.stored();
    for (int step = 0; step < 1'000 && node.forgotten.empty(); ++step) node.advance(10ms);
    REQUIRE(node.forgotten == std::vector{stream_of(the_order)});
    THEN("the next order has it") {
      node.ask("ORD2");
      CHECK(node.writing.back() == first);
      CHECK(node.incarnations() == 2);
      node.stored();
      CHECK(node.answers.size() == 2);
    }
    THEN("the one that comes back has it too, as another incarnation") {
      node.ask();
      CHECK(node.writing.back() == first);
      CHECK(node.incarnations() == 2);
    }
    THEN("one that dies takes nothing with it") {
      caf::anon_send_exit(first, caf::exit_reason::kill);
      node.advance(4s);
      node.ask("ORD2");
      node.stored();
      CHECK(node.answers.size() == 2);
    }
    THEN("it ends where no order comes") {
      node.advance(4s);
      node.ask("ORD2");
      CHECK_FALSE(node.writing.back() == first);
    }
  }
  WHEN("its order still waits for its row") {
    node.advance(10s);
    node.ask("ORD2");
    THEN("the next one has another") {
      CHECK_FALSE(node.writing.back() == first);
      caf::anon_send(first, write_told{append_verdict::stored, 1});
      node.run();
      CHECK(node.answers.size() == 1);
    }
  }
}

SCENARIO("an entity's alarm fires when it is due, or a little later", "[shard]") {
  shard_and_writer node;
  node.of_entities.after_ms = GENERATE(20, 300, 5'000);
  CAPTURE(node.of_entities.after_ms);
  if (GENERATE(false, true)) node.advance(700ms);  // between two looks
  node.ask();
  node.stored();
  std::int64_t waited = 0;
  for (; node.of_entities.fired == 0 && waited < 10'000; waited += 10) node.advance(10ms);
  CHECK(waited >= node.of_entities.after_ms);
  CHECK(waited <= node.of_entities.after_ms + 170);
}

SCENARIO("each entity retires when it has been idle for long enough, or a little later", "[shard]") {
  shard_and_writer node;
  const auto idle_ms = shard_rules{}.idle_order_ms;
  std::vector<std::int64_t> last_word;  // of those that are here, in the order in which they are to retire
  std::int64_t clock = 0;
  const auto advance_to = [&](std::int64_t end) {
    for (; clock < end; clock += 10) node.advance(10ms);
  };
  for (const auto* order : {"ORD1", "ORD2", "ORD3", "ORD4"}) {
    node.ask(order);
    node.stored();
    last_word.push_back(clock);
    advance_to(clock + 330);
  }
  node.ask("ORD1");  // is spoken to again
  node.stored();
  last_word.erase(last_word.begin());
  last_word.push_back(clock);
  for (auto left = std::ssize(last_word); left > 0; --left) {
    CAPTURE(left);
    const auto idle_at = last_word.at(last_word.size() - static_cast<std::size_t>(left)) + idle_ms;
    advance_to(idle_at - 10);
    CHECK(node.entities() == left);
    advance_to(idle_at + 210);
    CHECK(node.entities() == left - 1);
  }
}

SCENARIO("those that are idle within a moment retire together, and what is no order later", "[shard]") {
  shard_rules rules;
  rules.idle_other_ms = 5'000;
  shard_and_writer node{true, rules};
  node.ask(account_key(the_order.organization, {31}));
  node.stored();
  CHECK(node.counted(entity_kind::account) == 1);
  for (int order = 0; order < 20; ++order) {
    node.ask("ORD" + std::to_string(order));
    node.stored();
    node.advance(10ms);
  }
  for (int step = 0; step < 330; ++step) node.advance(10ms);
  CHECK(node.entities() == 1);
  CHECK(node.forgotten.size() == 20);
  CHECK(node.forgotten_told <= 4);
  for (int step = 0; step < 146; ++step) node.advance(10ms);
  CHECK(node.counted(entity_kind::account) == 1);
  for (int step = 0; step < 25; ++step) node.advance(10ms);
  CHECK(node.counted(entity_kind::account) == 0);
}

SCENARIO("one that cannot retire has as long again", "[shard]") {
  shard_and_writer node;
  node.of_entities.after_ms = 2'500;
  node.ask();
  node.stored();
  node.advance(2'400ms);
  CHECK(node.entities() == 1);
  node.advance(1'500ms);
  CHECK(node.of_entities.fired == 1);
  CHECK(node.entities() == 1);
  node.advance(500ms);
  CHECK(node.entities() == 0);
}

SCENARIO("the writer is not told to forget an order that is back", "[shard]") {
  shard_and_writer node;
  node.ask();
  node.stored();
  for (int step = 0; step < 1'000 && node.entities() > 0; ++step) node.advance(10ms);
  REQUIRE(node.entities() == 0);
  WHEN("it comes back before the shard's next tick") {
    node.ask();
    node.stored();
    node.advance(1'500ms);
    CHECK(node.forgotten.empty());
  }
  WHEN("it does not") {
    node.advance(1'500ms);
    CHECK(node.forgotten == std::vector{stream_of(the_order)});
  }
}

SCENARIO("messages that come when a tick is due do not put it off", "[shard]") {
  shard_and_writer node;
  node.ask();
  node.stored();
  for (int second = 0; second < 6; ++second) {
    node.stop_for(1'005ms);  // its tick is due, and waits behind what comes now
    node.ask("ORD2");
    node.stored();
    node.advance(10ms);
  }
  CHECK(node.forgotten == std::vector{stream_of(the_order)});
}

SCENARIO("an entity begins anew only when what its former self sent is resolved", "[shard]") {
  shard_and_writer node;
  node.ask();
  REQUIRE(node.writing.size() == 1);
  const auto id = "n1/trade/shard-" + std::to_string(shard_of(the_order)) + "/" + stream_of(the_order);
  caf::anon_send(node.the_shard, restart_ask{id});
  node.run();
  REQUIRE(node.resolving == std::vector{stream_of(the_order)});
  REQUIRE(node.answers.size() == 1);  // who waited is told to look
  CHECK(std::holds_alternative<rejected>(node.answers.front()));
  node.ask();
  CHECK(node.incarnations() == 1);
  CHECK(node.writing.size() == 1);
  CHECK(node.answers.size() == 1);
  caf::anon_send(node.the_shard, barrier_told{stream_of(the_order)});
  node.run();
  CHECK(node.incarnations() == 2);
  REQUIRE(node.writing.size() == 2);
  node.stored();
  REQUIRE(node.answers.size() == 2);
  CHECK(std::holds_alternative<order_answer>(node.answers.back()));
}

SCENARIO("a shard's entities are counted while they have a place in it", "[shard]") {
  shard_and_writer node;
  CHECK(node.counted(entity_kind::order) == 0);
  node.ask();
  node.ask("ORD2");
  CHECK(node.counted(entity_kind::order) == 2);
  CHECK(node.counted(entity_kind::book) == 0);
  WHEN("one is being begun anew") {
    const auto id = "n1/trade/shard-" + std::to_string(shard_of(the_order)) + "/" + stream_of(the_order);
    caf::anon_send(node.the_shard, restart_ask{id});
    node.run();
    CHECK(node.counted(entity_kind::order) == 2);
    caf::anon_send(node.the_shard, barrier_told{stream_of(the_order)});
    node.run();
    THEN("it is still one") { CHECK(node.counted(entity_kind::order) == 2); }
  }
  WHEN("one has retired, and comes back") {
    node.stored();
    node.advance(4s);
    CHECK(node.counted(entity_kind::order) == 1);
    CHECK(node.entities() == 1);
    node.ask("ORD2");
    THEN("it counts again") { CHECK(node.counted(entity_kind::order) == 2); }
  }
  WHEN("the shard ends") {
    caf::anon_send_exit(node.the_shard, caf::exit_reason::kill);
    node.run();
    THEN("none is left") { CHECK(node.counted(entity_kind::order) == 0); }
  }
}

SCENARIO("a shard takes requests before it knows what it has stored", "[shard]") {
  shard_and_writer node{false};
  REQUIRE(node.opened);
  CHECK(node.contents_asked == 1);
  node.ask();
  REQUIRE(node.histories.size() == 1);  // it may be stored
  CHECK(node.histories.front().stream == stream_of(the_order));
  CHECK(node.recoveries == std::vector{predecessor::lost});
  REQUIRE(node.writing.size() == 1);
  node.stored();
  CHECK(node.answers.size() == 1);
  WHEN("it knows, and another is asked for that was never stored") {
    node.know({}, {stream_of(the_order)});
    node.ask("ORD2");
    THEN("no history is read") {
      CHECK(node.histories.size() == 1);
      CHECK(node.recoveries.back() == predecessor::none);
    }
  }
  WHEN("it has retired when the shard learns what was stored before, and comes back") {
    node.advance(4s);
    REQUIRE(node.entities() == 0);
    node.know({}, {});
    node.ask();
    THEN("its history is read, and it has missed nothing") {
      CHECK(node.histories.size() == 2);
      CHECK(node.recoveries.back() == predecessor::retired);
    }
  }
}

SCENARIO("a shard takes nothing on before its former self has nothing under way and the broker is there", "[shard]") {
  shard_and_writer node{false, {}, false};
  REQUIRE(node.barriers == 1);
  REQUIRE(node.broker_asked == 1);
  const bool barrier_first = GENERATE(true, false);
  if (barrier_first) {
    node.barrier_passes();
  } else {
    node.broker_is_ready();
  }
  for (int i = 0; i < 1'024; ++i) node.ask("ORD" + std::to_string(i));
  CHECK_FALSE(node.opened);
  CHECK(node.contents_asked == 0);
  CHECK(node.incarnations() == 0);
  CHECK(node.answers.empty());
  node.ask("ORD1024");
  REQUIRE(node.answers.size() == 1);  // that is one too many
  CHECK(std::get<rejected>(node.answers.front()).why == rejection::overloaded);
  if (barrier_first) {
    node.broker_is_ready();
  } else {
    node.barrier_passes();
  }
  CHECK(node.opened);
  CHECK(node.contents_asked == 1);
  REQUIRE(node.histories.size() == 1'024);  // in their order
  CHECK(node.histories.front().stream == stream_of(order_key(the_order.organization, "ORD0")));
  CHECK(node.histories.back().stream == stream_of(order_key(the_order.organization, "ORD1023")));
}

SCENARIO("what has open work is woken a group at a time", "[shard]") {
  shard_rules rules;
  rules.waking_max = 2;
  shard_and_writer node{false, rules};
  std::vector<entity_key> work;
  for (const auto* id : {"ORD1", "ORD2", "ORD3", "ORD4", "ORD5"}) work.push_back(order_key(the_order.organization, id));
  const auto names = [&] {
    std::vector<order_id> out;
    for (const auto& ask : node.group) out.push_back(key_of(ask.stream)->id);
    return out;
  };
  const auto woken = [&] {
    for (const auto& ask : std::exchange(node.group, {})) node.tell_history(ask);
    caf::anon_send(node.the_shard, woken_told{});
    node.run();
  };
  WHEN("nobody asks for any of it") {
    node.know(work, {});
    CHECK(names() == std::vector<order_id>{"ORD1", "ORD2"});
    node.advance(1s);
    CHECK(node.entities() == 2);
    woken();
    CHECK(names() == std::vector<order_id>{"ORD3", "ORD4"});
    woken();
    CHECK(names() == std::vector<order_id>{"ORD5"});
    CHECK(node.groups == 3);
    woken();
    CHECK(node.groups == 4);  // an empty one, which says that the last has begun
    CHECK(node.group.empty());
    CHECK(node.recoveries == std::vector(5, predecessor::lost));
    CHECK(node.histories.empty());
  }
  WHEN("one of the group is asked for before its history has come") {
    node.know(work, {stream_of(order_key(the_order.organization, "ORD9"))});
    node.ask("ORD2");
    THEN("it need not wait for the group") {
      REQUIRE(node.histories.size() == 1);
      CHECK(node.writing.size() == 1);
      CHECK(node.recoveries == std::vector{predecessor::lost});
      node.ask("ORD2");
      CHECK(node.histories.size() == 1);
      woken();
      CHECK(node.recoveries.size() == 2);  // and is begun once
    }
    WHEN("it has retired when its group's history comes, and its actor has another order") {
      const auto group = std::exchange(node.group, {});
      node.stored();
      for (int step = 0; step < 1'000 && node.entities() > 1; ++step) node.advance(10ms);
      node.answers_histories = false;
      node.ask("ORD9");
      REQUIRE(node.histories.back().entity == group.back().entity);
      REQUIRE(group.back().stream == stream_of(order_key(the_order.organization, "ORD2")));
      node.tell_history(group.back());
      node.run();
      THEN("the other one still waits for its own") {
        CHECK(node.recoveries.size() == 1);
        node.tell_history(node.histories.back());
        node.run();
        CHECK(node.recoveries.size() == 2);
      }
    }
  }
  WHEN("one that has not been woken yet is asked for") {
    node.know(work, {});
    node.ask("ORD3");
    CHECK(node.recoveries == std::vector{predecessor::lost});
    node.stored();
    woken();
    THEN("it is not woken again") { CHECK(names() == std::vector<order_id>{"ORD4", "ORD5"}); }
  }
  WHEN("one that has not been woken yet is asked for, and retires") {
    node.know(work, {});
    node.ask("ORD3");
    node.stored();
    node.advance(4s);
    woken();
    THEN("it is not woken again") { CHECK(names() == std::vector<order_id>{"ORD4", "ORD5"}); }
  }
  WHEN("one was asked for before its work was known") {
    node.ask("ORD1");
    node.know(work, {});
    CHECK(names() == std::vector<order_id>{"ORD2", "ORD3"});
  }
}
