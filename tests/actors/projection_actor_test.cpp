#include "actors/projection/projection_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "quiet_system.hpp"
#include "storage/event_codec.hpp"
#include "storage/memory/journal.hpp"
#include "storage/order_events.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

/// Two organizations whose trade shards differ, the first one's below the second's.
std::pair<organization_id, organization_id> two_organizations() {
  organization_id first{1};
  organization_id second{2};
  if (shard_of(shard_role::trade, second) < shard_of(shard_role::trade, first)) std::swap(first, second);
  REQUIRE(shard_of(shard_role::trade, first) != shard_of(shard_role::trade, second));
  return {first, second};
}

/// A projection over a journal in memory and tables that refuse an order as a check constraint would.
struct lists : quiet_system {
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();
  std::map<shard_id, shard_append> parts;
  std::map<shard_id, std::int64_t> cursors;
  std::vector<order_id> written;
  std::vector<postgres::position_row> held;  ///< of every account
  std::map<std::string, std::int64_t> net;   ///< written, by symbol and product
  int statements = 0;
  int out_of_sight = 0;
  std::map<shard_id, int> versions;  ///< how often it was said that a shard is written; 0: out of sight
  order_id refused;
  std::int64_t age_ms = 0;
  std::int64_t lag_rows = 0;
  caf::actor projecting;

  void stored(organization_id organization, const order_id& order, const std::vector<order_event>& then = {}) {
    const auto shard = shard_of(shard_role::trade, organization);
    memory_journal journal{store};
    if (!parts.contains(shard)) {
      const auto head = journal.claim({{shard, 0, 0}}, {"n1", 1}, {}, {}).at(0).head;
      parts[shard] = {shard, head.epoch, 0, {}};
    }
    auto& part = parts.at(shard);
    order_requested fact;
    fact.command.organization = organization;
    fact.command.quantity = 100;
    journal_row row;
    row.shard = shard;
    row.seq = part.head_before + 1;
    row.stream = stream_of(order_key(organization, order));
    row.version = 1;
    row.events = 1 + static_cast<std::int32_t>(then.size());
    row.epoch = part.epoch;
    std::vector<event_record> events{encode(fact)};
    for (const auto& one : then) events.push_back(encode(one));
    row.body = pack(events);
    part.rows = {row};
    REQUIRE(journal.append({part}, {}).at(0).status == append_status::stored);
    ++part.head_before;
  }
  std::vector<shard_id> apply(const std::vector<postgres::projection_batch>& batch) {
    ++statements;
    for (const auto& part : batch) {
      for (const auto& order : part.orders) {
        if (order.id == refused) throw postgres::statement_error{"23514", "violates check constraint"};
      }
    }
    std::vector<shard_id> moved;
    for (const auto& part : batch) {
      if (cursors[part.shard] != part.expected) continue;
      cursors[part.shard] = part.seq;
      moved.push_back(part.shard);
      for (const auto& order : part.orders) written.push_back(order.id);
      for (const auto& row : part.positions) net[row.symbol + ' ' + row.product_type] = row.net_quantity;
    }
    return moved;
  }
  void told(const std::vector<shard_append>& stored) {
    std::vector<committed_rows> committed;
    for (const auto& part : stored) committed.push_back({part.shard, part.rows});
    caf::anon_send(projecting, committed_told{std::make_shared<const std::vector<committed_rows>>(committed)});
  }
  void start() {
    const auto sink = keep(system.spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](const follow_journal&) {}, [](const follow_shards&) {}};
    }));
    services.writer = services.claims = sink;
    projection_tables tables;
    tables.apply = [this](const std::string&, const std::vector<postgres::projection_batch>& batch, deadline) {
      return apply(batch);
    };
    tables.cursors = [this](const std::string&, deadline) {
      std::vector<postgres::shard_cursor> out;
      for (const auto& [shard, seq] : cursors) out.push_back({shard, seq});
      return out;
    };
    tables.positions = [this](organization_id, account_id, deadline) { return held; };
    projecting = keep(system.spawn(
        projection_actor, services, projection_settings{},
        [this] { return std::unique_ptr<journal>{std::make_unique<memory_journal>(store)}; },
        [tables] { return tables; },
        projection_observer{[this](std::int64_t age, std::int64_t lag) {
                              age_ms = age;
                              lag_rows = lag;
                            },
                            [this](shard_id shard) { ++versions[shard]; },
                            [this](shard_id shard) {
                              versions[shard] = 0;
                              ++out_of_sight;
                            }}));
    for (const auto& [shard, part] : parts) caf::anon_send(projecting, shard_owned{shard});
    run();
  }
  void start_with(organization_id organization, const order_id& order) {
    stored(organization, order);
    start();
    advance(500ms);
    REQUIRE(wrote(order));
  }
  bool wrote(const order_id& order) const { return std::count(written.begin(), written.end(), order) == 1; }
  tree_node tree() {
    caf::scoped_actor me{system};
    auto asked = me->request(projecting, caf::infinite, tree_ask{});
    run();
    tree_node out;
    asked.receive([&](tree_node& told) { out = std::move(told); }, [](caf::error&) { FAIL("no answer"); });
    return out;
  }
  bool restart(const std::string& path) {
    caf::scoped_actor me{system};
    auto asked = me->request(projecting, caf::infinite, restart_ask{path});
    run();
    bool out = false;
    asked.receive([&](bool done) { out = done; }, [](caf::error&) { FAIL("no answer"); });
    return out;
  }
};

}  // namespace

SCENARIO("a row that PostgreSQL refuses parks its shard, and the others go on") {
  const auto [first, second] = two_organizations();
  const auto shard = shard_of(shard_role::trade, first);
  const auto path = "n1/projection/shard-" + std::to_string(shard);
  lists l;
  for (const auto* order : {"A1", "A2", "A3"}) l.stored(first, order);
  l.stored(second, "B1");
  l.refused = "A2";
  l.start();
  l.advance(500ms);

  CHECK(l.wrote("B1"));
  CHECK(l.wrote("A1"));  // what stands before the refused row is shown
  CHECK_FALSE(l.wrote("A3"));
  CHECK(l.cursors[shard] == 1);
  CHECK(l.lag_rows == 2);
  CHECK(l.age_ms > 100);
  const auto alarms =
      std::count_if(l.log.begin(), l.log.end(), [](const auto& line) { return line.starts_with("ALARM"); });
  CHECK(alarms == 1);
  const auto named = "shard " + std::to_string(shard) + " makes of row 2, stream " + stream_of(order_key(first, "A2"));
  CHECK(std::any_of(l.log.begin(), l.log.end(), [&](const auto& line) { return line.find(named) != line.npos; }));
  const auto tree = l.tree();
  REQUIRE(tree.children.size() == 1);
  CHECK(tree.children[0].id == path);
  CHECK(tree.children[0].state == "parked");
  CHECK_FALSE(tree.children[0].failure.empty());

  WHEN("the cause is mended and an operator restarts the shard") {
    l.refused.clear();
    CHECK_FALSE(l.restart("n1/projection/shard-1"));
    REQUIRE(l.restart(path));
    l.advance(200ms);
    THEN("it catches up") {
      CHECK(l.wrote("A1"));
      CHECK(l.wrote("A2"));
      CHECK(l.wrote("A3"));
      CHECK(l.tree().children.empty());
      CHECK(l.lag_rows == 0);
      CHECK(l.age_ms == 0);
    }
  }
  WHEN("more is committed meanwhile") {
    l.stored(second, "B2");
    l.told({l.parts.at(shard_of(shard_role::trade, second))});
    l.advance(200ms);
    THEN("the other shard has it") { CHECK(l.wrote("B2")); }
  }
}

SCENARIO("what changed in several shards is written by one statement") {
  const auto [first, second] = two_organizations();
  lists l;
  l.stored(first, "A1");
  l.stored(second, "B1");
  l.start();
  l.advance(60ms);
  CHECK(l.wrote("A1"));
  CHECK(l.wrote("B1"));
  CHECK(l.statements == 1);

  WHEN("another projector has moved one shard's cursor meanwhile") {
    const auto shard = shard_of(shard_role::trade, first);
    for (const auto& [organization, order] : {std::pair{first, "A2"}, {second, "B2"}}) l.stored(organization, order);
    l.cursors[shard] = 2;
    std::vector<shard_append> all;
    for (const auto& [number, part] : l.parts) all.push_back(part);
    l.told(all);
    l.advance(60ms);
    THEN("the other shard is written all the same, and that one goes on from the table's cursor") {
      CHECK(l.wrote("B2"));
      CHECK_FALSE(l.wrote("A2"));
      l.stored(first, "A3");
      l.advance(2'500ms);
      CHECK(l.wrote("A3"));
      CHECK(l.cursors[shard] == 3);
    }
  }
}

SCENARIO("many changes wait a little for more of the same orders'") {
  const auto first = two_organizations().first;
  lists l;
  l.start_with(first, "A");
  const auto store_and_tell = [&](const std::string& prefix, int count) {
    for (int order = 0; order < count; ++order) {
      l.stored(first, prefix + std::to_string(order));
      l.told({l.parts.at(shard_of(shard_role::trade, first))});
    }
  };

  WHEN("there are few") {
    store_and_tell("F", 100);
    l.advance(60ms);
    THEN("they are written at the next tick") { CHECK(l.wrote("F99")); }
  }
  WHEN("there are many") {
    store_and_tell("M", 101);
    l.advance(190ms);
    CHECK_FALSE(l.wrote("M0"));
    THEN("they are written together when the first of them is old") {
      store_and_tell("N", 1);
      l.advance(110ms);
      CHECK(l.wrote("M0"));
      CHECK(l.wrote("N0"));
      CHECK(l.statements == 2);
    }
  }
  WHEN("there are as many as a statement takes") {
    store_and_tell("S", 2'000);
    l.advance(60ms);
    THEN("they are written at the next tick") { CHECK(l.wrote("S1999")); }
  }
}

SCENARIO("rows that nobody told of are found") {
  const auto first = two_organizations().first;
  lists l;
  l.start_with(first, "A1");
  l.stored(first, "A2");
  l.advance(2'500ms);
  CHECK(l.wrote("A2"));
  CHECK(l.lag_rows == 0);
}

SCENARIO("whoever keeps what was read hears when it may be another") {
  const auto first = two_organizations().first;
  const auto shard = shard_of(shard_role::trade, first);
  lists l;
  l.start_with(first, "A1");
  const auto before = l.versions[shard];
  const auto told = l.out_of_sight;
  CHECK(before > 0);
  SECTION("nothing is written, nothing is said") {
    l.advance(2'500ms);
    CHECK(l.versions[shard] == before);
  }
  SECTION("rows are written") {
    l.stored(first, "A2");
    l.advance(2'500ms);
    CHECK(l.versions[shard] > 0);
    CHECK(l.out_of_sight > told);
  }
  SECTION("a user shard is gone") {
    caf::anon_send(l.projecting, shard_gone{3, "another node has it"});
    l.advance(100ms);
    CHECK(l.versions[shard] == before);
    CHECK_FALSE(l.versions.contains(3));
  }
  SECTION("the shard is gone") {
    caf::anon_send(l.projecting, shard_gone{shard, "another node has it"});
    l.advance(100ms);
    CHECK(l.versions[shard] == 0);
  }
  SECTION("PostgreSQL refuses a row") {
    l.refused = "A2";
    l.stored(first, "A2");
    l.advance(2'500ms);
    CHECK(l.versions[shard] == 0);
  }
}

TEST_CASE("fills go on from the positions that are stored, each of its product") {
  lists l;
  const auto [first, second] = two_organizations();
  const auto fill = [](product_type product, std::int64_t quantity) {
    order_filled fact;
    fact.fill_id = "F" + std::to_string(quantity);
    fact.quantity = quantity;
    fact.price = {500'000};
    fact.account = {1};
    fact.exchange = "NSE";
    fact.symbol = "SBIN";
    fact.product = product;
    return fact;
  };
  for (const auto& [product, quantity] : {std::pair{"INTRADAY", 10}, {"DELIVERY", 20}, {"FORMER", 40}}) {
    auto& row = l.held.emplace_back();
    row.organization = first;
    row.account = {1};
    row.exchange = "NSE";
    row.symbol = "SBIN";
    row.product_type = product;
    row.net_quantity = row.net_buy_quantity = quantity;
  }
  l.stored(first, "A1", {fill(product_type::intraday, 1), fill(product_type::delivery, 2), fill(product_type::mtf, 3)});
  l.start();
  l.advance(500ms);
  REQUIRE(l.wrote("A1"));
  CHECK(l.net == std::map<std::string, std::int64_t>{{"SBIN INTRADAY", 11}, {"SBIN DELIVERY", 22}, {"SBIN MTF", 3}});
}
