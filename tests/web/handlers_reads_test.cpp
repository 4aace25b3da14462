#include <catch2/catch.hpp>

#include "handlers_fixture.hpp"
#include "web/auth/base64url.hpp"

using namespace sb;
using namespace sb::web;
using namespace sb::web::testing;

namespace {

reply get(api_world& world, const std::string& target, const std::string& token) {
  return world({.target = target, .token = token});
}

std::string id_number(int n) { return "ORD" + std::string(28, 'A') + static_cast<char>('A' + n); }

void grant_view(api_world& world, user_id user) {
  permission_grant grant;
  grant.user = user;
  grant.view = true;
  world.entities.grants[{alpha, user}] = grant;
}

}  // namespace

SCENARIO("orders page by page") {
  api_world world;
  for (int n = 0; n < 3; ++n)
    world.database.orders.push_back({id_number(n), alpha, working_order(id_number(n), trader).order});
  const auto first = get(world, "/trades?limit=2", world.admin_token());
  CHECK(first.status() == 200);
  CHECK(first.at("/data") == "[2]");
  CHECK(first.at("/data/0/order_id") == id_number(0));
  CHECK(first.at("/data/0/reservation") == "absent");
  CHECK(first.at("/has_more") == "true");
  CHECK(first.header("X-Data-Age-Ms") == "120");
  CHECK(first.header("X-Data-Source") == "cache");
  CHECK(world.database.filter->limit == 3);
  WHEN("the cursor is sent back") {
    get(world, "/trades?limit=3&cursor=" + first.at("/next_cursor"), world.admin_token());
    REQUIRE(world.database.filter->after.has_value());
    CHECK(world.database.filter->after->first == test_now);
    CHECK(world.database.filter->after->second == id_number(1));
  }
  THEN("the last page has none") {
    const auto all = get(world, "/trades?limit=3", world.admin_token());
    CHECK(all.at("/has_more") == "false");
    CHECK(all.at("/next_cursor") == "null");
  }
  THEN("another cursor is refused") {
    for (const auto* bad : {"x", "MTIz", "MS5PUkQx"}) {  // no base64url, "123", "1.ORD1"
      INFO(bad);
      const auto got = get(world, std::string{"/trades?cursor="} + bad, world.admin_token());
      CHECK(got.status() == 400);
      CHECK(got.code() == "VALIDATION_CURSOR");
    }
  }
}

SCENARIO("a page is read again when it may be another") {
  api_world world;
  world.database.orders = {{id_number(0), alpha, working_order(id_number(0), trader).order}};
  const auto list = [&](const std::string& query = "") { return get(world, "/trades" + query, world.admin_token()); };
  WHEN("this node can tell what is written") {
    world.database.version = 1;
    const auto first = list();
    const auto second = list();
    CHECK(world.database.lists_read == 1);
    CHECK(second.response.body == first.response.body);
    CHECK(second.header("X-Data-Age-Ms") == "120");
    THEN("the same page is read after the next write") {
      world.database.orders.push_back({id_number(1), alpha, working_order(id_number(1), trader).order});
      world.database.version = 2;
      CHECK(list().at("/data") == "[2]");
      CHECK(world.database.lists_read == 2);
    }
    THEN("another page is read") {
      const auto query = GENERATE(as<std::string>{}, "?limit=1", "?state=new", "?symbol=A", "?user_id=101",
                                  "?trading_account_id=11", "?from=2024-01-01T00:00:00Z", "?to=2024-01-01T00:00:00Z",
                                  "?cursor=" + base64url_encode("1705312800000." + id_number(1)));
      CHECK(list(query).status() == 200);
      CHECK(world.database.lists_read == 2);
    }
    THEN("a trader's own page is that of his orders, whoever asks for it") {
      get(world, "/trades", world.trader_token());
      CHECK(world.database.lists_read == 2);
      list("?user_id=101");
      CHECK(world.database.lists_read == 2);
    }
    THEN("another organization's page is its own") {
      get(world, "/trades", world.token(stranger, beta, {"admin"}));
      CHECK(world.database.lists_read == 2);
      CHECK(world.database.filter->organization == beta);
    }
    THEN("what is written between question and answer is not missed") {
      world.database.version = 2;
      world.database.when_read = [&] { world.database.version = 3; };
      list();
      world.database.when_read = {};
      list();
      CHECK(world.database.lists_read == 3);
    }
    THEN("a node without a lease reads") {
      world.entities.is_ready = false;
      list();
      CHECK(world.database.lists_read == 2);
    }
  }
  WHEN("this node cannot tell") {
    list();
    list();
    CHECK(world.database.lists_read == 2);
  }
  WHEN("the database does not answer") {
    world.database.version = 1;
    world.database.unavailable = true;
    CHECK(list().status() == 503);
    world.database.unavailable = false;
    CHECK(list().status() == 200);
  }
}

TEST_CASE("filters of the order list") {
  api_world world;
  get(world,
      "/trades?state=new&symbol=SBIN&trading_account_id=11&user_id=101&from=2024-01-15T00:00:00Z&to=2024-01-16T00:00:"
      "00Z",
      world.admin_token());
  REQUIRE(world.database.filter.has_value());
  const auto& f = *world.database.filter;
  CHECK(f.organization == alpha);
  CHECK(f.status == order_status::new_);
  CHECK(f.symbol == "SBIN");
  CHECK(f.account == alpha_account);
  CHECK(f.user == trader);
  CHECK(f.from == wall_ms{1'705'276'800'000});
  CHECK(f.to == wall_ms{1'705'363'200'000});
  for (const auto* bad :
       {"state=open", "limit=0", "limit=201", "from=yesterday", "trading_account_id=x", "user_id=0"}) {
    INFO(bad);
    CHECK(get(world, std::string{"/trades?"} + bad, world.admin_token()).status() == 400);
  }
}

TEST_CASE("whose orders a list shows") {
  struct row {
    std::string what, query, role;
    bool view;
    int status;
    std::optional<user_id> shown;
  };
  const auto r = GENERATE(values<row>({
      {"a trader's own", "", "trader", false, 200, trader},
      {"a trader's own, named", "?user_id=101", "trader", false, 200, trader},
      {"a colleague's", "?user_id=102", "trader", false, 404, std::nullopt},
      {"an account without permission", "?trading_account_id=11", "trader", false, 200, trader},
      {"an account with permission", "?trading_account_id=11", "trader", true, 200, std::nullopt},
      {"a colleague's on an account with permission", "?trading_account_id=11&user_id=102", "trader", true, 200,
       colleague},
      {"a colleague's on an account without", "?trading_account_id=11&user_id=102", "trader", false, 404, std::nullopt},
      {"a viewer's", "", "viewer", false, 200, std::nullopt},
      {"an admin's", "?user_id=102", "admin", false, 200, colleague},
  }));
  INFO(r.what);
  api_world world;
  if (r.view) grant_view(world, trader);
  const auto got = get(world, "/trades" + r.query, world.token(trader, alpha, {r.role}));
  CHECK(got.status() == r.status);
  REQUIRE(world.database.filter.has_value() == (r.status == 200));
  if (world.database.filter) {
    CHECK(world.database.filter->user == r.shown);
    CHECK(world.database.filter->organization == alpha);
  }
}

TEST_CASE("lists stay in the organization") {
  api_world world;
  CHECK(get(world, "/trades?organization_id=1", world.token(stranger, beta, {"admin"})).status() == 404);
  CHECK_FALSE(world.database.filter.has_value());
  CHECK(get(world, "/trades?organization_id=1", world.platform_token()).status() == 200);
  CHECK(world.database.filter->organization == alpha);
}

SCENARIO("orders of a day are counted") {
  api_world world;
  const auto own = get(world, "/api/orders/count?user_id=101&date=today", world.trader_token());
  CHECK(own.at("/user_id") == "101");
  CHECK(own.at("/date") == "2024-01-15");
  CHECK(own.at("/count") == "7");
  CHECK(own.header("X-Data-Age-Ms") == "120");
  CHECK(world.database.counted_day == day_of(test_now, 330));
  CHECK(get(world, "/api/orders/count", world.trader_token()).at("/user_id") == "101");
  CHECK(get(world, "/api/orders/count?user_id=102", world.trader_token()).status() == 404);
  CHECK(get(world, "/api/orders/count?date=2024-01-14", world.admin_token()).at("/date") == "2024-01-14");
  CHECK(get(world, "/api/orders/count", world.admin_token()).at("/user_id") == "null");
  CHECK_FALSE(world.database.counted.has_value());
  CHECK(get(world, "/api/orders/count?date=tomorrow", world.admin_token()).status() == 400);
}

TEST_CASE("today is the exchange's day") {
  api_world world;
  world.now = {1'705'345'200'000};  // 19:00Z on the 15th: 00:30 on the 16th in Kolkata
  CHECK(get(world, "/api/orders/count", world.admin_token()).at("/date") == "2024-01-16");
}

SCENARIO("positions") {
  api_world world;
  position_record held;
  held.exchange = "NSE";
  held.symbol = "SBIN";
  held.product = product_type::delivery;
  held.net_quantity = 10;
  held.net_cost = {49'000'000};  // 490.00 each
  held.average_price = {4'900'000};
  held.day_buy_quantity = 10;
  held.day_buy_value = {49'000'000};
  held.realized = {10'000};
  held.day = day_of(test_now, 330);
  world.database.positions = {held};
  const std::string path = "/api/positions?trading_account_id=11";
  WHEN("the last price is known") {
    const auto got = get(world, path, world.admin_token());
    CHECK(got.at("/trading_account_id") == "11");
    CHECK(got.at("/data/0/product_type") == "DELIVERY");
    CHECK(got.at("/data/0/net_quantity") == "10");
    CHECK(got.at("/data/0/average_price") == "490.00");
    CHECK(got.at("/data/0/day_buy_quantity") == "10");
    CHECK(got.at("/data/0/realized_pnl") == "1.00");
    CHECK(got.at("/data/0/unrealized_pnl") == "100.00");
    CHECK(got.at("/data/0/last_price") == "500.00");
    CHECK(got.at("/data/0/trading_day") == "2024-01-15");
    CHECK(got.header("X-Data-Age-Ms") == "120");
  }
  WHEN("there is no price") {
    world.entities.price = {};
    const auto got = get(world, path, world.admin_token());
    CHECK(got.at("/data/0/unrealized_pnl") == "null");
    CHECK(got.at("/data/0/last_price") == "null");
  }
  WHEN("the last fill was on an earlier day") {
    world.database.positions.front().day.value -= 1;
    const auto got = get(world, path, world.admin_token());
    CHECK(got.at("/data/0/day_buy_quantity") == "0");
    CHECK(got.at("/data/0/day_buy_value") == "0.00");
    CHECK(got.at("/data/0/net_quantity") == "10");
  }
  THEN("a trader needs the permission to view") {
    CHECK(get(world, path, world.trader_token()).code() == "PERM_NOT_GRANTED");
    grant_view(world, trader);
    CHECK(get(world, path, world.trader_token()).status() == 200);
    CHECK(get(world, "/api/positions?trading_account_id=21", world.trader_token()).status() == 404);
    CHECK(get(world, "/api/positions", world.trader_token()).at("/errors/0/parameter") == "trading_account_id");
  }
}

SCENARIO("a timeline") {
  api_world world;
  const auto id = id_number(0);
  world.entities.orders[id] = working_order(id, trader);
  event_record requested{"order.requested",   1, {principal::kind::user, alpha, trader, "t", "jwt"}, "c", "k",
                         R"({"quantity":10})"};
  event_record accepted{"order.accepted", 1, {}, "c", "k", R"({"broker":"P1"})"};
  world.database.events = {{5, 1, test_now, requested}, {6, 2, test_now, accepted}};
  const auto got = get(world, "/status/" + id + "/timeline", world.trader_token());
  CHECK(got.at("/order_id") == id);
  CHECK(got.at("/data") == "[2]");
  CHECK(got.at("/data/0/seq") == "5");
  CHECK(got.at("/data/0/version") == "1");
  CHECK(got.at("/data/0/type") == "order.requested");
  CHECK(got.at("/data/0/by/kind") == "user");
  CHECK(got.at("/data/0/by/user_id") == "101");
  CHECK(got.at("/data/0/body/quantity") == "10");
  CHECK(got.at("/data/1/by/kind") == "system");
  CHECK(got.at("/data/1/by/user_id") == "null");
}

TEST_CASE("a database that does not answer is a 503 everywhere") {
  api_world world;
  world.database.unavailable = true;
  const auto token = world.token(admin, alpha, {"admin"});
  for (const auto* target :
       {"/trades", "/api/orders/count", "/api/positions?trading_account_id=11", "/users", "/users/101", "/auth/me"}) {
    INFO(target);
    const auto got = get(world, target, token);
    CHECK(got.status() == 503);
    CHECK(got.code() == "STORAGE_UNAVAILABLE");
    CHECK(got.header("Retry-After") == "1");
  }
}

SCENARIO("a fill at the paper broker") {
  api_world world;
  const auto id = id_number(0);
  const auto fill = [&](const std::string& body) {
    return world({.method = "POST", .target = "/ops/paper/fills", .body = body, .token = world.platform_token()});
  };
  const auto good = R"({"order":")" + id + R"(","price":500.05,"quantity":50})";
  WHEN("it is stored") {
    fill_answer told;
    told.fill = {"F1", 10, {}, test_now};
    world.entities.fill = told;
    const auto got = fill(good);
    CHECK(got.status() == 200);
    CHECK(got.at("/order_id") == id);
    CHECK(got.at("/fill_id") == "F1");
    CHECK(got.at("/quantity") == "10");
    CHECK(got.at("/price") == "500.05");
  }
  WHEN("the request has a key") {
    fill_answer told;
    told.fill = {"F1", 10, {}, test_now};
    told.order.replayed = GENERATE(false, true);
    world.entities.fill = told;
    const auto keyed = [&](std::vector<name_value> headers) {
      return world({.method = "POST",
                    .target = "/ops/paper/fills",
                    .body = good,
                    .token = world.platform_token(),
                    .headers = std::move(headers)});
    };
    const auto got = keyed({{"idempotency-key", R"("k-1")"}});
    THEN("the broker tells a repeat by it") {
      REQUIRE(world.entities.fills_asked.size() == 1);
      CHECK(world.entities.fills_asked.front().execution_id == "k-1");
      CHECK(got.status() == 200);
      CHECK(got.header("Idempotent-Replayed") == (told.order.replayed ? "true" : "absent"));
    }
    THEN("one that is none is refused before the broker is asked") {
      CHECK(keyed({{"idempotency-key", "a b"}}).code() == "IDEMPOTENCY_KEY_MALFORMED");
      CHECK(world.entities.fills_asked.size() == 1);
    }
  }
  WHEN("it has none") {
    fill(good);
    fill(good);
    THEN("each request is a fill of its own") {
      REQUIRE(world.entities.fills_asked.size() == 2);
      CHECK(world.entities.fills_asked.back().execution_id.empty());
    }
  }
  THEN("refusals") {
    world.entities.fill = rejected{rejection::key_reused, "this execution was told with another price or quantity"};
    CHECK(fill(good).status() == 422);
    CHECK(fill(good).code() == "IDEMPOTENCY_KEY_REUSED");
    world.entities.fill = rejected{rejection::not_found, ""};
    CHECK(fill(good).code() == "ORDER_NOT_FOUND");
    world.entities.fill = rejected{rejection::order_closed, ""};
    CHECK(fill(good).status() == 409);
    CHECK(fill(R"({"order":"ORD1","price":1,"quantity":1})").status() == 404);
    CHECK(fill(R"({"order":")" + id + R"(","price":0,"quantity":1})").at("/errors/0/pointer") == "/price");
    CHECK(fill(R"({"order":")" + id + R"(","price":1,"quantity":0})").at("/errors/0/pointer") == "/quantity");
  }
}

SCENARIO("the supervision tree") {
  api_world world;
  tree_node shard;
  shard.id = "node1/trade/shard-70";
  shard.kind = "shard";
  shard.role = "trade";
  shard.shard = 70;
  shard.restarts = 2;
  shard.failure = "bad row";
  shard.failed_at = test_now;
  shard.children_count = 40;
  tree_node trade;
  trade.id = "node1/trade";
  trade.kind = "supervisor";
  trade.children = {shard};
  world.entities.tree.id = "node1";
  world.entities.tree.children = {trade};
  const auto token = world.platform_token();
  const auto got = get(world, "/ops/supervision", token);
  CHECK(got.at("/id") == "node1");
  CHECK(got.at("/last_failure") == "null");
  CHECK(got.at("/children/0/children/0/shard") == "70");
  CHECK(got.at("/children/0/children/0/node") == "node1");
  CHECK(got.at("/children/0/children/0/last_failure/reason") == "bad row");
  CHECK(got.at("/children/0/children/0/children_count") == "40");
  CHECK(get(world, "/ops/actors", token).response.body == got.response.body);
  CHECK(get(world, "/ops/supervision?depth=1", token).at("/children/0/children_count") == "1");
  CHECK(get(world, "/ops/supervision?depth=1", token).at("/children/0/children") == "[0]");
  CHECK(get(world, "/ops/supervision?under=node1/trade", token).at("/id") == "node1/trade");
  CHECK(get(world, "/ops/supervision?under=node2", token).code() == "ACTOR_NOT_FOUND");
  WHEN("an actor is restarted") {
    world.entities.tree.id = "node1/trade/shard-70";
    const auto restarted =
        world({.method = "POST", .target = "/ops/actors/node1/trade/shard-70/restart", .token = token});
    CHECK(restarted.status() == 202);
    CHECK(restarted.at("/id") == "node1/trade/shard-70");
    CHECK(world.entities.restarted == "node1/trade/shard-70");
    CHECK(world({.method = "POST", .target = "/ops/actors/nobody/restart", .token = token}).code() ==
          "ACTOR_NOT_FOUND");
    world.entities.refuse_all = rejection::storage_unavailable;
    const auto unknown =
        world({.method = "POST", .target = "/ops/actors/node1/trade/shard-70/restart", .token = token});
    CHECK(unknown.status() == 503);
    CHECK(unknown.code() == "STATE_NOT_READY");
    CHECK(unknown.at("/action") == "check");
  }
}

TEST_CASE("health") {
  api_world world;
  CHECK(world({.target = "/health/live"}).at("/status") == "live");
  CHECK(world({.target = "/health/ready"}).at("/status") == "ready");
  world.entities.is_ready = false;
  const auto got = world({.target = "/health/ready"});
  CHECK(got.status() == 503);
  CHECK(got.at("/status") == "not_ready");
  CHECK(world({.target = "/health/live"}).status() == 200);
}

TEST_CASE("metrics count what was asked") {
  api_world world;
  world({.target = "/health/live"});
  world({.target = "/nothing"});
  world({.method = "PUT", .target = "/health/live"});
  const auto got = world({.target = "/metrics"});
  CHECK(got.response.content_type == metrics::content_type);
  CHECK(got.response.body.find(R"(http_requests_total{method="GET",route="/health/live",status="200"} 1)") !=
        std::string::npos);
  CHECK(got.response.body.find(R"(http_refused_total{reason="not_found"} 1)") != std::string::npos);
  CHECK(got.response.body.find(R"(http_refused_total{reason="method_not_allowed"} 1)") != std::string::npos);
}

TEST_CASE("the front page needs nothing from anywhere") {
  api_world world;
  const auto got = world({.target = "/"});
  CHECK(got.status() == 200);
  CHECK(got.response.content_type == "text/html; charset=utf-8");
  const auto& page = got.response.body;
  for (const auto* link : {"/openapi.json", "/health/ready", "/metrics", "/auth/login"})
    CHECK(page.find(link) != std::string::npos);
  for (const auto* foreign : {"<script", "http://", "https://", "<img", "@import"})
    CHECK(page.find(foreign) == std::string::npos);
}
