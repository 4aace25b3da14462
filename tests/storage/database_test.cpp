// What lives in PostgreSQL beside the contract: migrations, the view for people, tamper evidence, connection names.
#include <thread>

#include "database_view.hpp"
#include "journal_worlds.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/read_models.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity self{"node-a", 7};

postgres::instant soon() { return postgres::from_now(generous); }

/// `count` orders of twenty organizations and a hundred users, three in each millisecond; n is an order's number.
std::string store_orders(int count, const std::string& state) {
  return R"(
    insert into orders (order_id, organization, user_id, account_id, client_order_id, exchange, symbol, side, order_type,
      product_type, validity, quantity, price, state, cancel_requested, broker_order_id, filled_quantity, average_price,
      reason, version, created_at, updated_at, trading_day, shard, seq)
    select 'ORD' || n, n % 20, n % 100, n % 100, 'c' || n, 'NSE', 'TCS', 'BUY', 'LIMIT', 'INTRADAY', 'DAY', 1, 1,
      )" +
         state +
         R"(, false, '', 1, 1, '', 2, n / 3, n, 20000, 64, n
    from generate_series(1, )" +
         std::to_string(count) + ") n;";
}

}  // namespace

TEST_CASE("migrations run once, in order, and by one node at a time", "[migrations]") {
  if (!postgres_world::available()) return;
  const auto conninfo = private_postgres::instance()->empty_database();
  const auto count = static_cast<int>(postgres::migrations().size());
  for (int at = 0; at < count; ++at) CHECK(postgres::migrations()[static_cast<std::size_t>(at)].version == at + 1);
  int applied[2] = {-1, -1};
  std::thread nodes[2];
  for (int node = 0; node < 2; ++node) {
    nodes[node] = std::thread{[&, node] {
      postgres::connection database{conninfo, {"node", node}, postgres::plans::custom};
      applied[node] = postgres::migrate(database, soon());
    }};
  }
  for (auto& node : nodes) node.join();
  CHECK(applied[0] + applied[1] == count);
  CHECK((applied[0] == 0 || applied[1] == 0));
  database_view view{conninfo};
  CHECK(view.number("view_shards", "select count(*) from shard") == 256);
}

TEST_CASE("a database of a newer or another binary is refused and left alone", "[migrations]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view view{world.conninfo()};
  SECTION("newer") {
    view.run("insert into schema_migration (version, name, sql_hash) values (99, 'future', '\\x00')");
  }
  SECTION("another text under a known number") {
    view.run("update schema_migration set sql_hash = '\\x00' where version = 1");
  }
  SECTION("a step missing in between") { view.run("delete from schema_migration where version = 2"); }
  const auto before = view.number("view_count", "select count(*) from schema_migration");
  postgres::connection database{world.conninfo(), self, postgres::plans::custom};
  CHECK_THROWS_AS(postgres::migrate(database, soon()), postgres::schema_mismatch);
  CHECK(view.number("view_count", "") == before);
}

TEST_CASE("columns by which no query chooses are analyzed for nothing", "[migrations]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view view{world.conninfo()};
  view.run(R"(
    insert into journal (shard, seq, version, at, epoch, events, hash, stream, body)
    select 64, n, 1, n, 1, 1, decode(repeat('00', 32), 'hex'), '7/order/ORD' || n, '[]' from generate_series(1, 200) n;
    )" + store_orders(200, "'new'") +
           "analyze journal, orders");
  CHECK(view.number("of_journal", "select count(*) from pg_stats where tablename = 'journal'") == 0);
  CHECK(view.number("of_orders", R"(
    select count(*) from pg_stats where tablename = 'orders' and attname in (
      'order_id', 'organization', 'user_id', 'account_id', 'symbol', 'state', 'created_at', 'trading_day', 'shard'))") ==
        9);
  CHECK(view.number("all_of_orders", "select count(*) from pg_stats where tablename = 'orders'") == 9);
}

TEST_CASE("a full table gets its later indexes, and a page is read along them", "[migrations]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view view{world.conninfo()};
  view.run(R"(
    drop index orders_of_organization_by_time, orders_of_account_by_time, orders_open_by_time;
    create index orders_of_organization on orders (organization, created_at desc, order_id desc);
    create index orders_of_account on orders (account_id, created_at desc, order_id desc);
    create index orders_open_in_order on orders (shard, order_id)
      where state in ('pending_new', 'new', 'partially_filled', 'unknown');
    drop statistics orders_of_account_are_of_organization;
    delete from schema_migration where version >= 7;)" +
           store_orders(20'000, "case when n % 500 = 0 then 'absent' else 'new' end"));
  postgres::connection database{world.conninfo(), self, postgres::plans::custom};
  CHECK(postgres::migrate(database, soon()) == 4);
  view.run("analyze orders");

  postgres::order_filter filter;
  filter.organization = {7};
  const postgres::order_cursor far_behind{{5'000}, "ORD9"};
  std::string index = "orders_of_organization_by_time";
  {
    postgres::read_models models{world.conninfo(), self};  // its end tells PostgreSQL's statistics
    SECTION("of an organization") {
      CHECK(models.list_orders(filter, 50, {}, generous).size() == 50);
      CHECK(models.list_orders(filter, 50, far_behind, generous).size() == 50);
    }
    SECTION("of an account") {
      index = "orders_of_account_by_time";
      filter.account = account_id{7};
      CHECK(models.list_orders(filter, 50, {}, generous).size() == 50);
      CHECK(models.list_orders(filter, 50, far_behind, generous).size() == 50);
    }
    SECTION("of what is open") {
      index = "orders_open_by_time";
      CHECK(models.open_orders(64, {}, 50, generous).size() == 50);
      CHECK(models.open_orders(64, far_behind, 50, generous).size() == 50);
    }
  }
  // Of 1,000, 200 or 19,960 orders.
  CHECK(view.becomes("view_read",
                     "select (idx_tup_read between 100 and 150)::int::bigint from pg_stat_user_indexes where "
                     "indexrelname = '" +
                         index + "'",
                     1));
}

TEST_CASE("a history is read without the rest of its shard, also where nothing was stored when that was planned",
          "[plans]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view view{world.conninfo()};
  view.run("alter table journal set (autovacuum_enabled = off); alter table snapshot set (autovacuum_enabled = off)");
  SECTION("and PostgreSQL did not know") {}
  SECTION("and PostgreSQL knew") {
    view.run("vacuum analyze journal");
    view.run("vacuum analyze snapshot");
  }
  constexpr int streams = 2'000;
  const auto name = [](int number) { return "7/order/ORD" + std::to_string(number); };
  {
    const auto journal = world.open(self);
    auto owner = claimed(*journal, self, 70);
    CHECK(journal->read_streams(70, {name(1), name(2)}, generous).at(0).rows.empty());
    CHECK(journal->read_after(70, 0, 10, generous).empty());
    for (int number = 0; number < streams; ++number) {
      owner.row(name(number), 1);
      if (number % 10 == 0) journal->save_snapshot(70, {name(number), 1, "{}"}, generous);
    }
    REQUIRE(journal->append({owner.part()}, generous).at(0).status == append_status::stored);
    CHECK(journal->read_streams(70, {name(streams + 1), name(streams + 2)}, generous).at(0).rows.empty());
    CHECK(journal->read_after(70, 10, 10, generous).size() == 10);
  }
  // A server process reports what it read before it leaves.
  const auto gone =
      "select count(*) from pg_stat_activity where application_name = '" + postgres::application_name(self) + "'";
  REQUIRE(view.becomes("view_gone", gone, 0));
  CHECK(view.number("view_inserted", "select n_tup_ins from pg_stat_user_tables where relname = 'journal'") == streams);
  const auto read = view.number("view_journal",
                                "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname = 'journal'");
  CHECK(read >= 10);
  CHECK(read < 100);
  CHECK(view.number(
            "view_scans",
            "select sum(seq_tup_read)::bigint from pg_stat_user_tables where relname in ('journal', 'snapshot')") == 0);
  CHECK(view.number("view_snapshot",
                    "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname = 'snapshot'") < 100);
}

TEST_CASE("a setting is fixed by who comes first", "[migrations]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  postgres::connection database{world.conninfo(), self, postgres::plans::custom};
  CHECK(postgres::fixed_setting(database, "shard_count", "64", soon()) == "64");
  CHECK(postgres::fixed_setting(database, "shard_count", "128", soon()) == "64");
}

TEST_CASE("every change behind the journal's back breaks the chain", "[tamper]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  auto owner = claimed(*journal, self, 5);
  for (int version = 1; version <= 6; ++version) {
    REQUIRE(append(*journal, owner.row("7/book", version, R"({"n":)" + std::to_string(version) + "}")) ==
            append_status::stored);
  }
  REQUIRE(audit(*journal, 5).empty());
  struct row {
    const char* what;
    const char* sql;
  };
  const auto r = GENERATE(values<row>({
      {"a bit of the body", "update journal set body = set_bit(body, 77, 1 - get_bit(body, 77)) where seq = 3"},
      {"a bit of the last row's body",
       "update journal set body = set_bit(body, 77, 1 - get_bit(body, 77)) where seq = 6"},
      {"a bit of the hash", "update journal set hash = set_bit(hash, 9, 1 - get_bit(hash, 9)) where seq = 3"},
      {"the time", "update journal set at = at + 1 where seq = 3"},
      {"the epoch", "update journal set epoch = 0 where seq = 1"},
      {"the number of events", "update journal set events = 2 where seq = 3"},
      {"the stream", "update journal set stream = '7/cook' where seq = 3"},
      {"the version", "update journal set version = 99 where seq = 3"},
      {"a row deleted", "delete from journal where seq = 3"},
      {"the last row deleted", "delete from journal where seq = 6"},
      {"all rows deleted", "delete from journal"},
      {"the last row deleted and the head set back",
       "delete from journal where seq = 6; update shard set head = 5 where id = 5"},
      {"two bodies swapped",
       "update journal j set body = o.body from journal o where (j.seq, o.seq) in ((3, 4), (4, 3))"},
      {"two rows swapped",
       "update journal set seq = 1003 where seq = 3; update journal set seq = 3 where seq = 4; "
       "update journal set seq = 4 where seq = 1003"},
      {"a row added at the end",
       "insert into journal select 7, 7, at, epoch, shard, events, hash, stream, body from journal where seq = 6"},
  }));
  INFO(r.what);
  database_view intruder{world.conninfo()};
  intruder.run("set session_replication_role = replica");  // a superuser passes the append-only trigger
  intruder.run(r.sql);
  CHECK_FALSE(audit(*journal, 5).empty());
}

TEST_CASE("the journal refuses update, delete and truncate", "[tamper]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  database_view console{world.conninfo()};
  const auto sql = GENERATE("update journal set at = 1", "delete from journal", "truncate journal");
  CHECK_THROWS_AS(console.run(sql), postgres::statement_error);
}

TEST_CASE("people read events as rows", "[view]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  auto owner = claimed(*journal, self, 5);
  const principal user{principal::kind::user, organization_id{7}, user_id{12}, "token-1", "jwt"};
  std::vector<event_record> events{{"A", 1, user, "saga", "r1", R"({"n":1.50})"},
                                   {"B", 2, user, "saga", "r2", "{}"},
                                   {"C", 1, {}, "saga", "r3", R"({"text":"\"q\""})"}};
  journal_row row;
  row.shard = 5;
  row.seq = 1;
  row.stream = "7/order/ORD1";
  row.version = 4;
  row.events = 3;
  row.at = wall_ms{1'700'000'000'123};
  row.epoch = 1;
  row.body = pack(events);
  row.hash = chain({}, row);
  REQUIRE(journal->append({{5, 1, 0, {row}}}, generous).at(0).status == append_status::stored);
  database_view view{world.conninfo()};
  CHECK(view.text("view_events",
                  "select string_agg(format('%s %s %s %s %s %s %s', version, type, schema, principal ->> 'u', "
                  "correlation, causation, body), '; ' order by version) from journal_event") ==
        R"(4 A 1 12 saga r1 {"n": 1.50}; 5 B 2 12 saga r2 {}; 6 C 1 0 saga r3 {"text": "\"q\""})");
  CHECK(view.text("view_time",
                  "select to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') from journal_event "
                  "where version = 4") == "2023-11-14 22:13:20.123");
}

TEST_CASE("a connection is recognizable, guarded and durable", "[connection]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const node_identity longest{"abcdefghijklmnopqrstuvwxyz.1234", 9'223'372'036'854'775'807};
  postgres::connection database{world.conninfo(), longest, postgres::plans::generic};
  const postgres::statement look{"look", R"(
    select current_setting('application_name') || ' ' || current_setting('synchronous_commit') || ' ' ||
      current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout') || ' ' ||
      current_setting('client_connection_check_interval') || ' ' || current_setting('lock_timeout'))"};
  CHECK(database.run(look, {}, soon()).text(0, 0) ==
        "stocksblitz/abcdefghijklmnopqrstuvwxyz.1234/9223372036854775807 on 30s 5s 1s 0");
  const auto bad = GENERATE(as<std::string>{}, "", "abcdefghijklmnopqrstuvwxyz.12345", "a/b", "a b", "\xC3\xA4");
  CHECK_THROWS_AS(postgres::application_name({bad, 1}), std::invalid_argument);
  CHECK_THROWS_AS(postgres_journal(world.conninfo(), {bad, 1}), std::invalid_argument);
}

TEST_CASE("a failure at the commit counts, although the statement itself had succeeded", "[connection]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  postgres::connection database{world.conninfo(), self, postgres::plans::generic};
  database.script("create table late_check (x bigint unique deferrable initially deferred)", soon());
  const postgres::statement insert{"late_insert", "insert into late_check select $1::bigint returning x"};
  CHECK(database.run(insert, postgres::parameters{}.int8(1), soon()).rows() == 1);
  try {
    database.run(insert, postgres::parameters{}.int8(1), soon());
    FAIL("the duplicate was taken for stored");
  } catch (const postgres::statement_error& failed) {
    CHECK(failed.sqlstate == "23505");
  }
}

TEST_CASE("a claim leaves no lock time-out behind for the appends", "[connection]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  postgres::connection holder{world.conninfo(), {"stranger", 1}, postgres::plans::custom};
  const auto journal = world.open(self);
  claimed(*journal, self, 5);
  holder.script("begin; select 1 from shard where id = 5 for update", soon());
  CHECK(journal->claim({{5, 1, 7}}, self, 10ms, 300ms).at(0).status == claim_status::unknown);
  shard_owner owner{journal->heads({5}, generous).at(0)};
  append_outcome outcome;
  std::jthread waiting{[&] { outcome = journal->append({owner.row("7/book", 1).part()}, generous).at(0); }};
  database_view onlooker{world.conninfo()};
  CHECK(onlooker.sees_waiting(postgres::application_name(self)));
  CHECK(onlooker.text("view_lock_timeout",
                      "select coalesce(string_agg(setting, ','), '') from pg_settings where name = 'lock_timeout'") ==
        "0");
  std::this_thread::sleep_for(500ms);  // longer than the claim's lock time-out was; only a fault makes this matter
  holder.script("commit", soon());
  waiting.join();
  CHECK(outcome.status == append_status::stored);
}

TEST_CASE("the clock's skew is told in milliseconds", "[clock]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  const auto journal = world.open(self);
  const auto now = [] {
    return wall_ms{
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count()};
  };
  CHECK(std::abs(journal->clock_skew_ms(now(), generous)) < 2000);
  CHECK(std::abs(journal->clock_skew_ms(wall_ms{now().value - 60'000}, generous) - 60'000) < 2000);
}
