#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "actors/journal/claims.hpp"
#include "actors/journal/cluster.hpp"
#include "quiet_system.hpp"
#include "watched_journal.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

const node_identity self{"n1", 7};
constexpr lease_times times{100, 600, 100};

/// Decided while those before it were out.
append_out one_fact(std::int64_t version) { return {version, std::vector<event_record>(1), {}, true, version > 1}; }

/// A node's cluster and claims over a journal in memory; the writer, the router and the followers only note.
struct small_node : quiet_system {
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();
  memory_journal table{store};
  journal_watch watch;  ///< of the cluster's calls
  memory_journal* clock_of_cluster = nullptr;
  std::vector<std::size_t> owns;  ///< shards in each own_ask
  std::vector<shard_id> users;
  std::vector<shard_id> gone;
  caf::actor user_supervisor;

  std::vector<shard_id> disowned;
  std::vector<wall_ms> trusted;        ///< readings of the system's clock that were found right
  std::function<void()> in_next_beat;  ///< after it has begun, and before it reaches the table
  boot_ms trusted_at;
  boot_ms lease_until;

  small_node() {
    services.router = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const lease_told& told) { lease_until = told.until; }};
    }));
    services.writer = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const own_ask& ask) { owns.push_back(ask.heads.size()); },
              [this](const disown_ask& ask) { disowned.insert(disowned.end(), ask.shards.begin(), ask.shards.end()); },
              [](const follow_journal&) {}};
    }));
    services.cluster = keep(system.spawn(cluster, services, watched_clock(), [this] {
      auto own = std::make_unique<watched_journal>(store, watch);
      clock_of_cluster = &own->table();
      return std::unique_ptr<journal>{std::move(own)};
    }));
  }
  /// The real one, which nobody in here knows.
  caf::actor start_writer() {
    return keep(system.spawn(
        writer, services, writer_settings{self},
        [this] { return std::unique_ptr<journal>{std::make_unique<memory_journal>(store)}; }, append_observer{}));
  }
  membership_settings watched_clock() {
    const auto look = [this] {
      if (const auto now = std::exchange(in_next_beat, nullptr)) now();
      return wall_ms{1'700'000'000'000};
    };
    const auto trust = [this](wall_ms shown, boot_ms at) {
      trusted.push_back(shown);
      trusted_at = at;
    };
    return {self, times, 1'000ms, look, trust};
  }
  void start_claims() {
    services.claims = keep(system.spawn(claims, services, claim_settings{self, 1'000ms, 100ms, {}}, [this] {
      return std::unique_ptr<journal>{std::make_unique<memory_journal>(store)};
    }));
    user_supervisor = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const shard_owned& in) { users.push_back(in.shard); },
              [this](const shard_gone& in) { gone.push_back(in.shard); }};
    }));
    caf::anon_send(services.claims, follow_shards{shard_role::user, user_supervisor});
    run();
  }
  shard_head head(shard_id shard) { return table.heads({shard}, {}).at(0); }
};

/// Ends the actor behind `handle`; afterwards nobody may hold it.
void expect_forgotten(small_node& node, caf::actor handle) {
  const auto watch = caf::actor_cast<caf::weak_actor_ptr>(handle);
  caf::anon_send_exit(handle, caf::exit_reason::kill);
  handle = nullptr;
  node.run();
  CHECK(watch.lock() == nullptr);
}
caf::actor listener(small_node& node) {
  return node.system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](const lease_told&) {}, [](const shard_owned&) {}, [](const shard_gone&) {}};
  });
}

}  // namespace

SCENARIO("a beat that renews the lease lets the node claim what is free") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  REQUIRE(node.owns == std::vector<std::size_t>{static_cast<std::size_t>(shard_count)});
  REQUIRE(node.users.size() == static_cast<std::size_t>(shards_per_role));
  REQUIRE(node.head(0).owner == "n1");

  WHEN("time goes on") {
    node.advance(1s);
    THEN("nothing is claimed twice") {
      REQUIRE(node.owns.size() == 1);
      REQUIRE(node.head(0).epoch == 1);
    }
  }
  WHEN("the claims are restarted") {
    caf::anon_send_exit(node.services.claims, caf::exit_reason::kill);
    node.run();
    node.start_claims();
    node.advance(1s);
    THEN("its own shards are claimed anew, once") {
      REQUIRE(node.owns.size() == 2);
      REQUIRE(node.head(0).epoch == 2);
    }
  }
  WHEN("the writer loses a shard that is still this node's in the table") {
    caf::anon_send(node.services.claims, shard_gone{5, "its head is not what we left"});
    node.advance(300ms);
    THEN("its supervisor is told, and it is claimed again") {
      REQUIRE(node.gone == std::vector<shard_id>{5});
      REQUIRE(node.owns.back() == 1);
      REQUIRE(node.head(5).epoch == 2);
      REQUIRE(node.users.back() == 5);
    }
  }
}

SCENARIO("a node whose shard was taken while it slept has no lease before it has given it up") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  REQUIRE(node.lease_until.value > node.boot());
  const auto other = node_identity{"n2", 1};
  GIVEN("another node that has taken shard 5 after the lease had lapsed") {
    node.stop_for(2s);
    node.table.heartbeat(other, 100ms);
    const auto head = node.head(5);
    const auto taken = node.table.claim({{5, head.epoch, head.incarnation}}, other, 100ms, 100ms);
    REQUIRE(taken.at(0).status == claim_status::claimed);
    WHEN("it beats again") {
      node.advance(300ms);
      THEN("the shard is given up, and the lease stays lapsed while the writer has not said that it is gone") {
        REQUIRE_FALSE(node.disowned.empty());
        REQUIRE(node.disowned.front() == 5);
        REQUIRE(node.lease_until.value < node.boot());
      }
      AND_WHEN("the shard is gone") {
        caf::anon_send(node.services.claims, shard_gone{5, "given up"});
        node.advance(300ms);
        THEN("the lease is back, and the shard stays with the other node") {
          REQUIRE(node.lease_until.value > node.boot());
          REQUIRE(node.head(5).owner == "n2");
        }
      }
    }
  }
  GIVEN("nobody who took anything, and claims that are told under a lease that is over") {
    const auto until = node.lease_until;
    caf::anon_send(node.services.cluster, claimed_told{{node.head(5)}, {node.boot() - 1}});
    node.run();
    THEN("the lease is gone until a beat has looked") {
      REQUIRE(node.lease_until < until);
      node.advance(300ms);
      REQUIRE(node.lease_until > until);
    }
  }
  GIVEN("nobody who took anything") {
    node.stop_for(2s);
    node.advance(300ms);
    THEN("the lease is back at once") {
      REQUIRE(node.lease_until.value > node.boot());
      REQUIRE(node.disowned.empty());
    }
  }
}

SCENARIO("a beat that hangs until its lease has lapsed does not renew it unseen") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  node.clock_of_cluster->set_clock_skew_ms(5'000);  // beats go on and renew nothing
  node.advance(300ms);
  node.clock_of_cluster->set_clock_skew_ms(0);
  const auto began_under = node.lease_until;
  REQUIRE(began_under.value > node.boot() + 100);
  const node_identity other{"n2", 1};
  node.in_next_beat = [&] {
    node.stop_for(300ms);
    REQUIRE(node.boot() > began_under.value);
    node.table.heartbeat(other, 100ms);
    const auto head = node.head(5);
    REQUIRE(node.table.claim({{5, head.epoch, head.incarnation}}, other, 100ms, 100ms).at(0).status ==
            claim_status::claimed);
  };
  node.advance(110ms);
  CHECK(node.disowned == std::vector<shard_id>{5});
  CHECK(node.lease_until == began_under);
}

SCENARIO("a lease counts from the beginning of its beat, however long that takes", "[cluster]") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  boot_ms began;
  node.in_next_beat = [&] {
    began = boot_ms{node.boot()};
    node.stop_for(150ms);  // the table is reached later, and so are all who might take this node for dead
    REQUIRE(node.boot() < node.lease_until.value);
  };
  node.advance(100ms);
  CHECK(node.lease_until.value - began.value == times.ttl_ms - times.margin_ms);
}

SCENARIO("only a system's clock that PostgreSQL's confirms becomes the node's") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  REQUIRE_FALSE(node.trusted.empty());
  const auto before = node.trusted.size();
  node.clock_of_cluster->set_clock_skew_ms(5'000);
  node.advance(500ms);
  CHECK(node.trusted.size() == before);
  node.clock_of_cluster->set_clock_skew_ms(0);
  node.advance(300ms);
  REQUIRE(node.trusted.size() > before);
  CHECK(node.trusted.back() == wall_ms{1'700'000'000'000});

  WHEN("the node is stopped while it looks") {
    std::int64_t looked = 0;
    node.in_next_beat = [&] {
      node.stop_for(250ms);
      looked = node.boot();
    };
    node.advance(110ms);
    THEN("the clock is not set ahead by that") { CHECK(node.trusted_at.value == looked); }
  }
}

SCENARIO("nothing is claimed while the clock is not trusted") {
  small_node node;
  node.run();
  node.clock_of_cluster->set_clock_skew_ms(5'000);
  node.start_claims();
  node.advance(700ms);  // the lease of the first beat is over as well
  const auto before = node.owns.size();
  caf::anon_send(node.services.claims, shard_gone{5, "lost"});
  node.advance(300ms);
  REQUIRE(node.owns.size() == before);
  node.clock_of_cluster->set_clock_skew_ms(0);
  node.advance(300ms);
  REQUIRE(node.owns.size() == before + 1);
}

SCENARIO("a beat counts only while its lease is valid and its clock is trusted") {
  small_node node;
  caf::anon_send_exit(node.services.cluster, caf::exit_reason::kill);
  node.run();
  node.start_claims();
  const auto nobody = std::make_shared<const membership>(times);
  const boot_ms now{node.boot()};
  caf::anon_send(node.services.claims, beat_told{nobody, now, {now.value - 1}, true});
  node.run();
  REQUIRE(node.head(0).owner.empty());
  caf::anon_send(node.services.claims, beat_told{nobody, now, {now.value + 500}, false});
  node.run();
  REQUIRE(node.head(0).owner.empty());
  caf::anon_send(node.services.claims, beat_told{nobody, now, {now.value + 500}, true});
  node.run();
  REQUIRE(node.head(0).owner == "n1");
}

SCENARIO("nobody works on a shard that the cluster does not mind", "[cluster]") {
  small_node node;
  caf::anon_send_exit(node.services.cluster, caf::exit_reason::kill);
  node.run();
  node.start_claims();
  const boot_ms now{node.boot()};
  const auto nobody = std::make_shared<const membership>(times);
  caf::anon_send(node.services.claims, beat_told{nobody, now, {now.value + 500}, true});
  node.run();
  REQUIRE(node.head(0).owner == "n1");
  CHECK(node.owns.empty());
  CHECK(node.users.empty());
  WHEN("it minds one") {
    caf::anon_send(node.services.claims, held_told{{0}});
    node.run();
    THEN("the shard's supervisor is told") { CHECK(node.users == std::vector<shard_id>{0}); }
  }
}

SCENARIO("after a lapse the table is looked at after the beat, so that no claim comes between the two", "[cluster]") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  node.stop_for(2s);
  const auto seen = node.table.heartbeats(100ms).at(0);
  const auto lapsed = node.lease_until;
  bool taken = false;
  node.watch.before_beat = [&] {
    if (std::exchange(taken, true)) return;
    const auto head = node.head(5);
    const auto outcome =
        node.table.claim({{5, head.epoch, head.incarnation, seen.counter}}, {"n2", 1}, 100ms, 100ms).at(0);
    REQUIRE(outcome.status == claim_status::claimed);
  };
  node.advance(110ms);
  REQUIRE(taken);
  REQUIRE_FALSE(node.disowned.empty());
  CHECK(node.disowned.front() == 5);
  CHECK(node.lease_until == lapsed);
}

SCENARIO("who has ended is forgotten") {
  small_node node;
  node.start_claims();
  node.advance(200ms);
  auto follower = listener(node);
  caf::anon_send(node.services.claims, follow_shards{shard_role::user, follower});
  node.run();
  expect_forgotten(node, std::move(follower));
  auto hears = listener(node);
  caf::anon_send(node.services.cluster, subscribe_ask{hears});
  node.run();
  expect_forgotten(node, std::move(hears));
}

SCENARIO("who follows the journal hears once of a commit, of its role's rows, and before a shard is gone") {
  small_node node;
  const auto writing = node.start_writer();
  std::vector<std::string> heard;
  const auto follower = [&](const std::string& name) {
    return node.keep(node.system.spawn([&heard, name](caf::event_based_actor*) -> caf::behavior {
      return {[&heard, name](const committed_told& in) {
                auto line = name + " rows";
                for (const auto& part : *in.parts)
                  line += ' ' + std::to_string(part.shard) + 'x' + std::to_string(part.rows.size());
                heard.push_back(std::move(line));
              },
              [&heard, name](const shard_gone& in) { heard.push_back(name + " gone " + std::to_string(in.shard)); }};
    }));
  };
  caf::anon_send(writing, follow_journal{follower("trade"), shard_role::trade});
  caf::anon_send(writing, follow_journal{follower("user"), shard_role::user});
  caf::anon_send(writing, follow_journal{follower("none"), std::nullopt});
  const shard_id first_trade = shards_per_role + 2;
  std::vector<claim_request> wanted;
  own_ask owned;
  for (const shard_id shard : {1, 5, first_trade, first_trade + 1}) wanted.push_back({shard, 0, 0});
  for (const auto& outcome : node.table.claim(wanted, self, {}, {})) owned.heads.push_back(outcome.head);
  caf::anon_send(writing, owned);
  const auto write = [&](shard_id shard, const stream_id& stream) {
    caf::anon_send(writing, write_ask{shard, stream, 1, one_fact(1)});
  };
  write(1, "a");
  write(first_trade, "b");
  write(first_trade + 1, "c");
  write(first_trade + 1, "d");
  node.run();
  std::sort(heard.begin(), heard.end());
  CHECK(heard == std::vector<std::string>{"trade rows 66x1 67x2", "user rows 1x1"});
  heard.clear();
  caf::anon_send(writing, disown_ask{{first_trade}});
  node.run();
  std::sort(heard.begin(), heard.end());
  CHECK(heard == std::vector<std::string>{"none gone 66", "trade gone 66", "user gone 66"});
}

SCENARIO("an entity that decides ahead hears once of what became one row", "[writer]") {
  small_node node;
  const auto writing = node.start_writer();
  caf::anon_send(writing, own_ask{{node.table.claim({{1, 0, 0}}, self, {}, {}).at(0).head}});
  std::vector<std::int64_t> told;
  const auto entity = node.keep(node.system.spawn([&told, writing](caf::event_based_actor* me) -> caf::behavior {
    for (std::int64_t version = 1; version <= 3; ++version) {
      me->send(writing, write_ask{1, "7/book/7", 1, one_fact(version)});
    }
    return {[&told](const write_told& verdict) {
      CHECK(verdict.verdict == append_verdict::stored);
      told.push_back(verdict.through);
    }};
  }));
  node.run();
  CHECK(told == std::vector<std::int64_t>{3});
  const auto rows = node.table.read_after(1, 0, 10, {});
  REQUIRE(rows.size() == 1);
  CHECK(rows.front().events == 3);
  // Decided by another incarnation, on something else.
  caf::anon_send(writing, write_ask{1, "7/book/7", 2, one_fact(4)});
  node.run();
  CHECK(node.table.read_after(1, 0, 10, {}).size() == 1);
}

SCENARIO("the journal's writer forgets a subscriber that has ended") {
  small_node node;
  const auto writing = node.start_writer();
  auto first = listener(node);
  auto second = listener(node);
  caf::anon_send(writing, follow_journal{first, shard_role::trade});
  caf::anon_send(writing, follow_journal{second, std::nullopt});
  node.run();
  expect_forgotten(node, std::move(first));
  expect_forgotten(node, std::move(second));
}

SCENARIO("a claim that hangs does not delay the heartbeat") {
  using clock = std::chrono::steady_clock;
  const auto boot = [] {
    return boot_ms{std::chrono::duration_cast<std::chrono::milliseconds>(clock::now().time_since_epoch()).count()};
  };
  const auto store = std::make_shared<memory_store>();
  std::promise<void> entered;
  std::promise<void> released;
  journal_watch watch;
  watch.before_claim = [&entered, left = released.get_future().share(), first = true]() mutable {
    if (std::exchange(first, false)) entered.set_value();
    left.wait();
  };
  quiet_system::quiet_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", 1u);
  caf::actor_system system{config};
  caf::scoped_actor me{system};
  node_services services;
  services.node = "n1";
  services.clock = [&] { return clock_reading{{boot().value}, boot(), {}}; };
  services.log = [](severity, const std::string&, const std::string&) {};
  services.router = services.writer = caf::actor_cast<caf::actor>(me);
  const auto beating =
      system.spawn<caf::detached>(cluster, services, membership_settings{self, {5, 600, 100}, 1'000ms, {}, {}},
                                  [&] { return std::make_unique<memory_journal>(store); });
  services.cluster = beating;
  const auto claiming = system.spawn<caf::detached>(claims, services, claim_settings{self, 1'000ms, 100ms, {}},
                                                    [&] { return std::make_unique<watched_journal>(store, watch); });
  const bool hangs = entered.get_future().wait_for(60s) == std::future_status::ready;
  // Beats that begin now renew the lease beyond this.
  const boot_ms later{boot().value + 500};
  bool renewed = false;
  bool silent = false;
  while (hangs && !renewed && !silent) {
    me->receive([&](const lease_told& told) { renewed = told.until > later; }, [](const follow_journal&) {},
                caf::after(10s) >> [&] { silent = true; });
  }
  released.set_value();
  for (const auto& actor : {beating, claiming}) {
    me->send_exit(actor, caf::exit_reason::kill);
    me->wait_for(actor);
  }
  CHECK(hangs);
  CHECK(renewed);
}
