#include <algorithm>
#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "actors/journal/journal_actors.hpp"
#include "quiet_system.hpp"
#include "storage/postgres/connection.hpp"
#include "watched_journal.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

constexpr organization_id organization{7};
constexpr int orders_stored = 25'000;  // three pages of names, and as many rows
constexpr int orders_open = 15'000;    // two pages
constexpr int orders_moved = 5;        // the last ones, after the checkpoint

stream_id order_stream(int number) { return stream_of(order_key(organization, "O" + std::to_string(number))); }

/// A reader before a shard that has many orders.
struct archive : quiet_system {
  const shard_id shard = shard_of(shard_role::trade, organization);
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();
  journal_watch watch;
  std::set<std::pair<wall_ms, order_id>> open;  ///< by when they were created, two in each millisecond
  std::function<void(const std::optional<postgres::order_cursor>& after)> before_open;
  caf::actor reading;
  std::vector<std::pair<entity_key, orders_looked_up>> known;  ///< what entities were told of orders

  archive() {
    fill();
    const auto entities = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const envelope& head, const orders_looked_up& in) { known.emplace_back(head.to, in); }};
    }));
    services.routes = routes_to(services, entities);
    read_side side;
    side.connect = [this]() -> std::unique_ptr<journal> { return std::make_unique<watched_journal>(store, watch); };
    side.open_orders = [this](shard_id, const std::optional<postgres::order_cursor>& after, std::int32_t limit) {
      if (before_open) before_open(after);
      std::vector<postgres::open_order_row> page;
      for (auto next = after ? open.upper_bound({after->created_at, after->id}) : open.begin();
           next != open.end() && std::ssize(page) < limit; ++next)
        page.push_back({organization, {next->first, next->second}});
      return page;
    };
    side.cursor = [](const std::string&, shard_id) { return std::int64_t{orders_stored - orders_moved}; };
    side.save_cursor = [](const std::string&, shard_id, std::int64_t) {};
    reading = keep(system.spawn(reader, services, side, 1'000ms));
    run();
  }
  void fill() {
    std::vector<stream_id> orders;
    for (int number = 0; number < orders_stored; ++number) {
      orders.push_back(order_stream(number));
      if (number < orders_open) open.emplace(wall_ms{(orders_open - number) / 2}, "O" + std::to_string(number));
    }
    fill(shard, orders);
  }
  void fill(shard_id where, const std::vector<stream_id>& streams) {
    memory_journal journal{store};
    const auto head = journal.claim({{where, 0, 0}}, {"n1", 1}, {}, {}).at(0).head;
    shard_append part{where, head.epoch, 0, {}};
    for (const auto& stream : streams) {
      journal_row row;
      row.shard = where;
      row.seq = std::ssize(part.rows) + 1;
      row.stream = stream;
      row.version = row.events = 1;
      row.epoch = head.epoch;
      part.rows.push_back(std::move(row));
    }
    REQUIRE(journal.append({part}, {}).at(0).status == append_status::stored);
  }
  history_ask history(int number, caf::scoped_actor& asker) const {
    return {shard, order_stream(number), caf::actor_cast<caf::actor>(asker), static_cast<std::uint64_t>(number)};
  }
};

/// What an actor has been told, and in which order.
struct heard {
  std::vector<std::string> kinds;
  std::vector<stream_id> histories;
  std::vector<entity_key> open_work;
  std::shared_ptr<const stream_filter> streams;
};
heard hear(caf::scoped_actor& me) {
  heard out;
  bool more = true;
  while (more) {
    me->receive(
        [&](const history_told& in) {
          out.kinds.push_back("history");
          out.histories.push_back(in.history->stream);
          CHECK(in.history->stream == order_stream(static_cast<int>(in.incarnation)));
        },
        [&](open_work_told& in) {
          out.kinds.push_back("work");
          out.open_work = std::move(in.entities);
        },
        [&](streams_told& in) {
          out.kinds.push_back("streams");
          out.streams = std::move(in.streams);
        },
        [&](woken_told) { out.kinds.push_back("woken"); }, caf::after(0s) >> [&] { more = false; });
  }
  return out;
}

using kinds = std::vector<std::string>;

}  // namespace

SCENARIO("contents of a shard are read page by page, and others are served between the pages") {
  archive a;
  caf::scoped_actor me{a.system};
  me->send(a.reading, contents_ask{a.shard});
  me->send(a.reading, a.history(9, me));
  a.run();
  const auto told = hear(me);
  REQUIRE(told.kinds == kinds{"history", "work", "streams"});
  REQUIRE(told.streams->size() == orders_stored);
  REQUIRE(told.streams->may_contain(order_stream(orders_stored - 1)));
  REQUIRE(told.open_work.size() == orders_open + orders_moved);
}

SCENARIO("every shard learns its open work before any of them its streams") {
  archive a;
  caf::scoped_actor me{a.system};
  bool named = false;
  a.watch.before_names = [&](const stream_id&) { named = true; };
  bool early = false;
  a.before_open = [&](const std::optional<postgres::order_cursor>&) { early = early || named; };
  for (const auto shard : {a.shard, a.shard + 1, a.shard + 2}) me->send(a.reading, contents_ask{shard});
  a.run();
  CHECK(hear(me).kinds == kinds{"work", "work", "work", "streams", "streams", "streams"});
  CHECK_FALSE(early);
}

SCENARIO("a user shard has its risk books woken") {
  archive a;
  caf::scoped_actor me{a.system};
  const auto shard = shard_of(shard_role::user, organization);
  a.fill(shard, {"7/book/7", "7/user/1", "7/user/2"});
  me->send(a.reading, contents_ask{shard});
  a.run();
  const auto told = hear(me);
  CHECK(told.kinds == kinds{"work", "streams"});
  CHECK(told.open_work == std::vector{*key_of("7/book/7")});
  CHECK(told.streams->size() == 3);
}

SCENARIO("a page of open orders that cannot be read is asked for again, and none before it") {
  archive a;
  std::vector<std::pair<wall_ms, order_id>> asked;
  a.before_open = [&](const std::optional<postgres::order_cursor>& after) {
    asked.emplace_back(after ? after->created_at : wall_ms{}, after ? after->id : order_id{});
    if (asked.size() == 2) throw storage_unavailable{"no answer within the deadline"};
  };
  caf::scoped_actor me{a.system};
  me->send(a.reading, contents_ask{a.shard});
  a.run();
  REQUIRE(hear(me).kinds.empty());
  a.advance(600ms);
  REQUIRE(hear(me).open_work.size() == orders_open + orders_moved);
  REQUIRE(asked.size() == 3);
  REQUIRE(asked[0].second.empty());
  REQUIRE_FALSE(asked[1].second.empty());
  REQUIRE(asked[1] == asked[2]);
}

SCENARIO("a page that cannot be read is asked for again, and none before it") {
  archive a;
  std::vector<stream_id> asked;
  a.watch.before_names = [&](const stream_id& after) {
    asked.push_back(after);
    if (asked.size() == 2) throw storage_unavailable{"no answer within the deadline"};
  };
  caf::scoped_actor me{a.system};
  me->send(a.reading, contents_ask{a.shard});
  a.run();
  REQUIRE(asked.size() == 2);
  REQUIRE(hear(me).kinds == kinds{"work"});
  me->send(a.reading, a.history(9, me));
  a.run();
  REQUIRE(hear(me).kinds == kinds{"history"});
  a.advance(600ms);
  REQUIRE(hear(me).streams->size() == orders_stored);
  REQUIRE(asked.size() == 4);
  REQUIRE(asked[1] == asked[2]);
  REQUIRE_FALSE(asked[1].empty());
}

SCENARIO("a shard that asks again is answered once, and from the start") {
  archive a;
  caf::scoped_actor former{a.system};
  caf::scoped_actor me{a.system};
  former->send(a.reading, contents_ask{a.shard});
  former->send(a.reading, wake_ask{a.shard, {a.history(9, former)}});
  me->send(a.reading, contents_ask{a.shard});
  a.run();
  REQUIRE(hear(me).streams->size() == orders_stored);
  CHECK(hear(former).kinds.empty());
}

SCENARIO("a page that can never be read keeps neither other shards nor what is to be woken from their turn") {
  archive a;
  caf::scoped_actor me{a.system};
  const bool names = GENERATE(true, false);
  const auto never = [] { throw postgres::statement_error{"XX001", "invalid page in block 7"}; };
  if (names) a.watch.before_names = [&](const stream_id&) { never(); };
  int failed = 0;
  if (!names) {
    a.before_open = [&](const std::optional<postgres::order_cursor>& after) {
      if (!after && failed++ % 2 == 0) never();  // of the two shards the first
    };
  }
  me->send(a.reading, contents_ask{a.shard});
  me->send(a.reading, contents_ask{a.shard + 1});
  me->send(a.reading, wake_ask{a.shard, {a.history(1, me)}});
  a.advance(3s);
  const auto told = hear(me);
  CHECK(std::count(told.kinds.begin(), told.kinds.end(), "woken") == 1);
  CHECK(std::count(told.kinds.begin(), told.kinds.end(), "work") >= 1);
}

SCENARIO("open work is woken when nothing else is to be read") {
  archive a;
  caf::scoped_actor me{a.system};
  wake_ask group{a.shard, {}};
  for (int number = 0; number < 3; ++number) group.histories.push_back(a.history(number, me));
  me->send(a.reading, contents_ask{a.shard});
  me->send(a.reading, group);
  me->send(a.reading, a.history(9, me));
  WHEN("PostgreSQL answers") {
    a.run();
    const auto told = hear(me);
    CHECK(told.kinds == kinds{"history", "history", "history", "history", "woken", "work", "streams"});
  }
  WHEN("PostgreSQL is away for a while") {
    bool away = true;
    int tries = 0;
    a.watch.before_streams = [&](shard_id, const auto&) {
      ++tries;
      if (away) throw storage_unavailable{"cannot connect"};
    };
    a.advance(2s);
    CHECK(hear(me).histories.empty());
    CHECK(tries <= 12);
    away = false;
    a.advance(1s);
    const auto told = hear(me);
    CHECK(told.histories.size() == 4);
    CHECK(std::count(told.kinds.begin(), told.kinds.end(), "woken") == 1);
  }
  WHEN("PostgreSQL refuses one of them") {
    a.watch.before_streams = [&](shard_id, const std::vector<stream_id>& streams) {
      if (std::count(streams.begin(), streams.end(), order_stream(1)) > 0)
        throw postgres::statement_error{"XX001", "invalid page in block 7"};
    };
    a.run();
    const auto told = hear(me);
    CHECK(told.histories.size() == 3);
    CHECK(std::count(told.kinds.begin(), told.kinds.end(), "woken") == 1);
  }
}

SCENARIO("one shard's group is woken after another's") {
  archive a;
  caf::scoped_actor me{a.system};
  for (int shard = 0; shard < 2; ++shard) me->send(a.reading, wake_ask{a.shard + shard, {a.history(shard, me)}});
  a.run();
  CHECK(hear(me).kinds == kinds{"history", "woken"});
  WHEN("the first has begun with it, and has another") {
    me->send(a.reading, wake_ask{a.shard, {a.history(2, me)}});
    a.run();
    CHECK(hear(me).kinds == kinds{"history", "woken"});
    AND_WHEN("the second has no other") {
      me->send(a.reading, wake_ask{a.shard + 1, {}});
      a.run();
      CHECK(hear(me).histories == std::vector<stream_id>{order_stream(2)});
    }
  }
  WHEN("the first does not say so") {
    a.advance(900ms);
    CHECK(hear(me).kinds.empty());
    a.advance(200ms);
    THEN("the second waits no longer") { CHECK(hear(me).kinds == kinds{"history", "woken"}); }
  }
}

SCENARIO("a shard that has ended keeps no other from its turn") {
  archive a;
  caf::scoped_actor me{a.system};
  const auto former = a.keep(a.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->send(a.reading, contents_ask{a.shard + 1});
    self->send(a.reading, wake_ask{a.shard + 1, {a.history(1, me)}});
    return {[](open_work_told&) {}, [](streams_told&) {}, [](woken_told) {}};
  }));
  a.run();
  me->send(a.reading, wake_ask{a.shard, {a.history(0, me)}});
  a.run();
  CHECK(hear(me).histories == std::vector<stream_id>{order_stream(1)});
  caf::anon_send_exit(former, caf::exit_reason::kill);
  a.run();
  CHECK(hear(me).histories == std::vector<stream_id>{order_stream(0)});
}

SCENARIO("a history of a group that PostgreSQL refuses is read as soon as it does not") {
  archive a;
  bool damaged = true;
  a.watch.before_streams = [&](shard_id, const auto&) {
    if (damaged) throw postgres::statement_error{"XX001", "invalid page in block 7"};
  };
  caf::scoped_actor me{a.system};
  me->send(a.reading, wake_ask{a.shard, {a.history(1, me)}});
  a.run();
  CHECK(hear(me).kinds == kinds{"woken"});
  damaged = false;
  a.advance(1s);
  CHECK(hear(me).kinds == kinds{"history"});
}

SCENARIO("whoever asks again and again while PostgreSQL is away is answered once, and one question at a time tries") {
  archive a;
  int tries = 0;
  bool away = true;
  a.watch.before_rows = [&] {
    ++tries;
    if (away) throw storage_unavailable{"cannot connect"};
  };
  std::vector<rows_told> told;
  const auto follower = a.keep(a.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[&, self](const rows_ask& ask) { self->send(a.reading, ask); },
            [&](const rows_told& rows) { told.push_back(rows); }};
  }));
  for (std::int64_t after = 1; after <= 40; ++after) {
    for (const auto shard : {a.shard, a.shard + 1}) caf::anon_send(follower, rows_ask{shard, after});
    a.advance(100ms);
  }
  REQUIRE(told.empty());
  CHECK(tries <= 10);  // one each half second, for four of them
  away = false;
  a.advance(1s);
  REQUIRE(told.size() == 2);
  CHECK(told[0].after == 40);
  CHECK(told[1].after == 40);
}

SCENARIO("what a statement fails at holds up nothing else") {
  archive a;
  const auto poisoned = order_stream(9);
  bool damaged = true;
  a.watch.before_streams = [&](shard_id, const std::vector<stream_id>& streams) {
    if (damaged && std::count(streams.begin(), streams.end(), poisoned) > 0)
      throw postgres::statement_error{"XX001", "invalid page in block 7"};
  };
  caf::scoped_actor me{a.system};
  const auto ask = [&](shard_id shard, const stream_id& stream) {
    me->send(a.reading, history_ask{shard, stream, caf::actor_cast<caf::actor>(me), 0});
  };
  std::set<stream_id> told;
  int rows = 0;
  const auto hear = [&] {
    a.run();
    bool more = true;
    while (more) {
      me->receive([&](const history_told& in) { told.insert(in.history->stream); }, [&](const rows_told&) { ++rows; },
                  caf::after(0s) >> [&] { more = false; });
    }
  };
  for (int number = 0; number < 20; ++number) ask(a.shard, order_stream(number));
  me->send(a.reading, rows_ask{a.shard, 0});
  hear();
  CHECK(told.size() == 19);
  CHECK_FALSE(told.contains(poisoned));
  CHECK(rows == 1);
  ask(a.shard + 1, "8/order/O1");
  hear();  // and no time has passed
  CHECK(told.contains("8/order/O1"));
  damaged = false;
  a.advance(600ms);
  hear();
  CHECK(told.contains(poisoned));
}

SCENARIO("many histories of one shard are read some at a time") {
  archive a;
  int statements = 0;
  a.watch.before_streams = [&](shard_id, const auto&) { ++statements; };
  caf::scoped_actor me{a.system};
  for (int number = 0; number < 1'200; ++number) me->send(a.reading, a.history(number, me));
  a.run();
  CHECK(statements == 3);
}

SCENARIO("a risk book learns which of its orders are stored") {
  archive a;
  caf::scoped_actor me{a.system};
  const auto look_up = [&](const std::vector<order_id>& orders, organization_id whose = organization) {
    me->send(a.reading, look_up_ask{book_key(whose), orders});
  };
  using names = std::vector<order_id>;
  WHEN("PostgreSQL answers") {
    look_up({"O7", "N1", "O3", "N2"});
    a.run();
    REQUIRE(a.known.size() == 1);
    CHECK(a.known[0].first == book_key(organization));
    CHECK(a.known[0].second.stored == names{"O7", "O3"});
    CHECK(a.known[0].second.missing == names{"N1", "N2"});
  }
  WHEN("it asks again before that") {
    look_up({"O7"});
    look_up({"N1"});
    a.run();
    THEN("its last question is answered") {
      REQUIRE(a.known.size() == 1);
      CHECK(a.known[0].second.missing == names{"N1"});
    }
  }
  WHEN("PostgreSQL cannot be reached") {
    a.watch.before_stored = [] { throw storage_unavailable{"not now"}; };
    look_up({"O7"});
    a.run();
    a.watch.before_stored = [] {};
    a.advance(2s);
    CHECK(a.known.empty());
    THEN("the next question is answered") {
      look_up({"O7"});
      a.run();
      CHECK(a.known.size() == 1);
    }
  }
  WHEN("PostgreSQL refuses the question") {
    a.watch.before_stored = [] { throw postgres::statement_error{"XX001", "invalid page in block 7"}; };
    look_up({"O7", "N1"});
    a.run();
    THEN("each order is to be asked for") {
      REQUIRE(a.known.size() == 1);
      CHECK(a.known[0].second.missing == names{"O7", "N1"});
    }
  }
  WHEN("one asks again before another was answered") {
    int asked = 0;
    a.watch.before_stored = [&] {
      if (++asked == 1) look_up({"O1"}, {100});
    };
    look_up({"O1"}, {100});
    look_up({"O1"}, {101});
    a.run();
    THEN("the other comes first") {
      REQUIRE(a.known.size() == 3);
      CHECK(a.known[1].first.organization == organization_id{101});
    }
  }
  WHEN("many ask") {
    for (std::int64_t other = 100; other < 200; ++other) look_up({"O1"}, {other});
    int questions = 0;
    std::optional<int> before_history;
    a.watch.before_stored = [&] {
      if (++questions == 3) me->send(a.reading, a.history(9, me));
    };
    a.watch.before_streams = [&](shard_id, const auto&) { before_history = questions; };
    a.run();
    THEN("who waits for a history does not wait for all of them") {
      CHECK(a.known.size() == 100);
      REQUIRE(before_history);
      CHECK(*before_history <= 5);
    }
  }
}
