#include "actors/trade/broker_actor.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <utility>

#include "actors/protocol/order_key.hpp"
#include "quiet_system.hpp"
#include "temporary_directory.hpp"
#include "virtual_node.hpp"

using namespace sb;
using namespace std::chrono_literals;
using test::virtual_node;

namespace {

const order_id the_id = derive_order_id(virtual_node::organization, virtual_node::account, "a");
const entity_key the_order = order_key(virtual_node::organization, the_id);
constexpr money limit_price{8'000'000};

broker_actor_settings settings_in(const test::temporary_directory& directory, paper_settings paper) {
  broker_actor_settings settings;
  settings.book = directory.path() / "book.log";
  settings.instruments =
      std::make_shared<const instrument_master>(std::vector<instrument>{{"NSE", "SBIN", 1, {500}, 0, 20, limit_price}});
  settings.paper = paper;
  return settings;
}

/// A node whose orders talk to the real paper broker when the test passes their calls on.
class paper_node : public virtual_node {
 public:
  explicit paper_node(paper_settings paper) {
    auto with = services;
    with.cluster = system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const subscribe_ask&) {}}; });
    with.claims = system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const follow_shards&) {}}; });
    broker_ = system.spawn(paper_broker_actor, with, settings_in(directory_, paper));
    lease_for(1h);
    own_shard(true);
    grant(trader);
    cluster_ = with.cluster;
    claims_ = with.claims;
  }
  ~paper_node() {
    caf::anon_send_exit(broker_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(cluster_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(claims_, caf::exit_reason::user_shutdown);
    settle_down();
  }
  paper_node(const paper_node&) = delete;
  paper_node& operator=(const paper_node&) = delete;

  void lease_for(std::chrono::milliseconds time) {
    caf::anon_send(broker_, lease_told{{services.clock().boot.value + time.count()}});
    settle_down();
  }
  /// Whether the broker's node has the order's shard; it hears of that with what else waits for it.
  void tell_shard(bool owned) {
    if (owned) {
      caf::anon_send(broker_, shard_owned{shard_of(the_order)});
    } else {
      caf::anon_send(broker_, shard_gone{shard_of(the_order), "claimed by another node"});
    }
  }
  void own_shard(bool owned) {
    tell_shard(owned);
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
  answer fill(std::int64_t quantity, const std::string& execution, const std::function<void()>& behind = {}) {
    const auto request = ++last_fill_;
    caf::anon_send(broker_, paper_fill{{1, request}, the_id, quantity, limit_price, execution});
    if (behind) behind();
    settle_down();
    return answers[request].back();
  }

 private:
  test::temporary_directory directory_;
  caf::actor broker_;
  caf::actor cluster_;
  caf::actor claims_;
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

/// The real paper broker by itself: calls come in at the test's word, and what it answers is kept.
class lone_broker : public test::quiet_system {
 public:
  lone_broker() {
    services.clock = [this, look = services.clock] {
      const auto seen = look();
      stop_for(std::exchange(stopped_after_look, {}));
      return seen;
    };
    services.routes = test::routes_to(services, keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
                                        return {[this](const envelope& head, const broker_answered& told) {
                                                  answers.push_back(told);
                                                  to_host = head.to_host;
                                                },
                                                [](const envelope&, const broker_reported&) {}};
                                      })));
    services.cluster =
        keep(system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const subscribe_ask&) {}}; }));
    services.claims =
        keep(system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const follow_shards&) {}}; }));
    broker_ = keep(system.spawn(paper_broker_actor, services, settings_in(directory_, by_hand())));
    run();
  }
  void lease_until(std::int64_t boot_until) {
    caf::anon_send(broker_, lease_told{{boot_until}});
    run();
  }
  /// It waits in the broker's mailbox until run().
  void call(broker_verb what, std::int64_t not_after) {
    broker_call call;
    call.what = what;
    call.order = the_order;
    call.incarnation = incarnation;
    call.command.organization = virtual_node::organization;
    call.command.account = virtual_node::account;
    call.command.exchange = "NSE";
    call.command.symbol = "SBIN";
    call.command.quantity = 10;
    call.command.price = limit_price;
    call.not_after = {not_after};
    call.from_host = 7;
    caf::anon_send(broker_, call);
  }
  /// The answer to a call that nothing hinders: it comes under a lease of its own.
  broker_answered ask(broker_verb what) {
    lease_until(boot() + 60'000);
    call(what, boot());
    run();
    REQUIRE_FALSE(answers.empty());
    auto told = answers.back();
    answers.pop_back();
    return told;
  }
  std::uintmax_t bytes_written() const { return std::filesystem::file_size(directory_.path() / "book.log"); }

  static constexpr std::uint64_t incarnation = 3;
  std::vector<broker_answered> answers;
  std::uint64_t to_host = 0;                       ///< of the last one
  std::chrono::milliseconds stopped_after_look{};  ///< the process is, once: right after the next look at the clock

 private:
  test::temporary_directory directory_;
  caf::actor broker_;
};

}  // namespace

SCENARIO("what comes to the broker's door without a lease, or an order after its window, stays outside", "[door]") {
  using outcome = broker_answered::outcome;
  using state = broker_view::state;
  constexpr auto place = broker_verb::place;
  constexpr auto cancel = broker_verb::cancel;
  constexpr auto query = broker_verb::query;
  // Milliseconds that are left when the broker takes the call up. `last` is the last one at which it is sent.
  constexpr std::int64_t valid = 1'000;
  constexpr std::int64_t last = 0;
  constexpr std::int64_t over = -1;
  constexpr const char* sent = "";
  constexpr const char* no_lease = "this node has no valid lease";
  constexpr const char* too_late = "the send window has passed";
  struct row {
    broker_verb what;
    std::int64_t lease;
    std::int64_t window;
    std::string refused;
  };
  const auto r = GENERATE_COPY(values<row>({
      {place, valid, valid, sent},
      {place, valid, last, sent},
      {place, valid, over, too_late},
      {place, last, valid, sent},
      {place, last, last, sent},
      {place, last, over, too_late},
      {place, over, valid, no_lease},
      {place, over, last, no_lease},
      {place, over, over, no_lease},
      // Neither can open a position: they have no window.
      {cancel, valid, valid, sent},
      {cancel, valid, over, sent},
      {cancel, last, valid, sent},
      {cancel, last, over, sent},
      {cancel, over, valid, no_lease},
      {cancel, over, over, no_lease},
      {query, valid, valid, sent},
      {query, valid, over, sent},
      {query, last, valid, sent},
      {query, last, over, sent},
      {query, over, valid, no_lease},
      {query, over, over, no_lease},
  }));
  enum class wait { nowhere, in_the_mailbox, taken_in };
  const auto waited = GENERATE(wait::nowhere, wait::in_the_mailbox, wait::taken_in);
  CAPTURE(static_cast<int>(r.what), r.lease, r.window, static_cast<int>(waited));
  const bool passes = r.refused == sent;

  lone_broker node;
  if (r.what != place) REQUIRE(node.ask(place).what == outcome::seen);
  const auto written = node.bytes_written();
  const auto taken_up = node.boot() + 2'000;
  node.lease_until(taken_up + r.lease);
  if (waited != wait::nowhere) node.call(r.what, taken_up + r.window);  // when there is still time for both
  if (waited == wait::taken_in) {
    node.stopped_after_look = 2s;
  } else {
    node.stop_for(2s);
  }
  if (waited == wait::nowhere) node.call(r.what, taken_up + r.window);
  node.run();

  REQUIRE(node.answers.size() == 1);
  const auto told = node.answers.front();
  CHECK(told.of == r.what);
  CHECK(told.incarnation == lone_broker::incarnation);
  CHECK(told.what == (passes ? outcome::seen : outcome::not_sent));
  CHECK(told.detail == r.refused);
  CHECK((node.bytes_written() > written) == (passes && r.what != query));
  const auto in_book = node.ask(query);
  if (r.what == place && !passes) {
    CHECK(in_book.what == outcome::not_found);
  } else {
    REQUIRE(in_book.what == outcome::seen);
    CHECK(in_book.view.is == (r.what == cancel && passes ? state::canceled : state::working));
  }
}

SCENARIO("what is said of a placing goes straight to the host that asked, and later answers behind their reports",
         "[door]") {
  lone_broker b;
  b.ask(broker_verb::place);
  CHECK(b.to_host == 7);
  for (const auto later : {broker_verb::query, broker_verb::cancel}) {
    b.ask(later);
    CHECK(b.to_host == 0);
  }
  b.lease_until(0);
  b.call(broker_verb::place, b.boot());
  b.run();
  CHECK(b.answers.back().what == broker_answered::outcome::not_sent);
  CHECK(b.to_host == 7);
}

SCENARIO("an order that the broker's door refused is denied, and never sent afterwards", "[door]") {
  paper_node node{by_hand()};
  const auto placed = node.ask(the_order, node.order("a", 10, 10'000));
  node.settle_down();
  const auto client_knows = [&] {
    const auto* told = std::get_if<order_answer>(&node.answers[placed].back());
    return told == nullptr ? order_status::none : told->order.status;
  };
  WHEN("it comes in the last millisecond of its window") {
    node.advance(3s);
    node.pass_calls_on();
    THEN("it is sent") { CHECK(client_knows() == order_status::new_); }
  }
  WHEN("its window is over, or the lease") {
    if (GENERATE(true, false)) {
      node.advance(3'010ms);
    } else {
      node.lease_for(-1ms);
    }
    node.pass_calls_on();
    THEN("the client is told that it was not sent, and the broker has nothing") {
      CHECK(client_knows() == order_status::denied);
      CHECK(node.look().denied_because == denial::not_sent);
      node.lease_for(1h);
      const auto filled = node.fill(4, "");
      REQUIRE(std::holds_alternative<rejected>(filled));
      CHECK(std::get<rejected>(filled).why == rejection::not_found);
      CHECK(node.asked() == std::vector{broker_verb::place});
    }
  }
}

TEST_CASE("a fill from outside is taken only where the order's shard is", "[door]") {
  paper_node node{by_hand()};
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  node.pass_calls_on();
  const bool already_gone = GENERATE(true, false);
  CAPTURE(already_gone);
  if (already_gone) node.own_shard(false);
  const auto refused = node.fill(4, "k-1", [&] { node.tell_shard(false); });
  REQUIRE(std::holds_alternative<rejected>(refused));
  CHECK(std::get<rejected>(refused).why == rejection::shard_moved);
  CHECK(node.look().filled_quantity == 0);

  node.own_shard(true);
  CHECK(std::holds_alternative<fill_answer>(node.fill(4, "k-1")));
  CHECK(node.look().filled_quantity == 4);
}

SCENARIO("a cancel or a question that the broker's door refused is asked again", "[door]") {
  paper_node node{by_hand()};
  node.ask(the_order, node.order("a", 10));
  node.settle_down();
  node.pass_calls_on();
  REQUIRE(node.look().status == order_status::new_);
  broker_verb what{};
  GIVEN("a working order that is to be canceled") {
    what = broker_verb::cancel;
    node.ask(the_order, cancel_order{});
    node.settle_down();
  }
  GIVEN("an order whose shard was away while it was filled") {
    what = broker_verb::query;
    caf::anon_send_exit(node.shard_actor(shard_role::trade), caf::exit_reason::kill);
    node.settle_down();
    node.fill(10, "");
    node.spawn_shard(shard_role::trade);
    node.advance(100ms);
  }
  REQUIRE(node.asked() == std::vector{broker_verb::place, what});
  const auto outcome = what == broker_verb::cancel ? order_status::canceled : order_status::filled;
  node.lease_for(-1ms);
  node.pass_calls_on();
  CHECK(node.look().status == order_status::new_);
  node.advance(2'100ms);
  REQUIRE(node.asked() == std::vector{broker_verb::place, what, what});
  node.lease_for(1h);
  node.pass_calls_on();
  CHECK(node.look().status == outcome);
}

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
