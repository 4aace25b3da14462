#include <catch2/catch.hpp>

#include "handlers_fixture.hpp"

using namespace sb;
using namespace sb::web;
using namespace sb::web::testing;

namespace {

reply post(api_world& world, const std::string& target, const std::string& body, const std::string& token = "") {
  return world({.method = "POST", .target = target, .body = body, .token = token});
}
reply put(api_world& world, const std::string& target, const std::string& body, const std::string& token,
          std::vector<name_value> headers = {}) {
  return world({.method = "PUT", .target = target, .body = body, .token = token, .headers = std::move(headers)});
}
reply get(api_world& world, const std::string& target, const std::string& token) {
  return world({.target = target, .token = token});
}

const std::string new_user = R"("email":"new@example.com","password":"correct horse","role":"trader")";

}  // namespace

SCENARIO("a log-in") {
  api_world world;
  world.database.logins["t@example.com"] = {{alpha, trader}, "correct horse"};
  const std::string good = R"({"email":"t@example.com","password":"correct horse"})";
  WHEN("the password is right") {
    const auto got = post(world, "/auth/login", good);
    REQUIRE(got.status() == 200);
    CHECK(got.at("/token_type") == "Bearer");
    CHECK(got.at("/expires_in") == "900");
    CHECK(got.at("/expires_at") == "2024-01-15T10:15:00.000Z");
    CHECK(got.at("/user_id") == "101");
    CHECK(got.at("/organization_id") == "1");
    CHECK(got.at("/roles/0") == "trader");
    const auto me = get(world, "/auth/me", got.at("/access_token"));
    CHECK(me.status() == 200);
    CHECK(me.at("/user_id") == "101");
    CHECK(me.at("/email") == "u101@example.com");
    REQUIRE(world.database.sessions.size() == 1);
    CHECK(me.at("/token_id") == world.database.sessions.front());
  }
  WHEN("the password is wrong, or nobody has the address") {
    const auto wrong = post(world, "/auth/login", R"({"email":"t@example.com","password":"x"})");
    const auto nobody = post(world, "/auth/login", R"({"email":"n@example.com","password":"x"})");
    CHECK(wrong.status() == 401);
    CHECK(wrong.code() == "AUTH_INVALID_CREDENTIALS");
    CHECK(nobody.code() == wrong.code());
    CHECK(nobody.at("/detail") == wrong.at("/detail"));
    CHECK(world.database.sessions.empty());
  }
  WHEN("the database is away") {
    world.database.unavailable = true;
    CHECK(post(world, "/auth/login", good).status() == 503);
  }
}

SCENARIO("a log-out") {
  api_world world;
  const auto mine = world.trader_token();
  const auto session = get(world, "/auth/me", mine).at("/token_id");
  WHEN("it is stored") {
    const auto got = post(world, "/auth/logout", "", mine);
    CHECK(got.status() == 200);
    CHECK(got.at("/token_id") == session);
    CHECK(got.at("/ended_at") == "2024-01-15T09:59:59.000Z");  // as it is stored
    CHECK(world.database.ended == std::vector<std::string>{session});
    THEN("the token is refused, for whatever") {
      CHECK(get(world, "/auth/me", mine).code() == "AUTH_TOKEN_REVOKED");
      CHECK(post(world, "/auth/logout", "", mine).status() == 401);
    }
    THEN("other sessions go on") { CHECK(get(world, "/auth/me", world.admin_token()).status() == 200); }
  }
  WHEN("the database is away") {
    world.database.unavailable = true;
    CHECK(post(world, "/auth/logout", "", mine).status() == 503);
    world.database.unavailable = false;
    THEN("the session goes on") { CHECK(get(world, "/auth/me", mine).status() == 200); }
  }
  WHEN("another node has ended it") {
    world.subject.session_ended(session, test_now);
    CHECK(get(world, "/auth/me", mine).code() == "AUTH_TOKEN_REVOKED");
  }
}

TEST_CASE("the key set verifies our tokens and shows no secret") {
  api_world world;
  const auto got = world({.target = "/auth/jwks"});
  CHECK(got.at("/keys/0/kty") == "EC");
  CHECK(got.at("/keys/0/d") == "absent");
  CHECK(world({.target = "/.well-known/jwks.json"}).response.body == got.response.body);
}

SCENARIO("organizations") {
  api_world world;
  for (const std::string path : {"/api/organizations", "/groups"}) {
    const auto made = post(world, path, R"({"name":"Gamma"})", world.platform_token());
    CHECK(made.status() == 201);
    CHECK(made.at("/name") == "Gamma");
    CHECK(made.at("/created_at") == "2024-01-15T10:00:00.000Z");
    CHECK(get(world, path + '/' + made.at("/organization_id"), world.platform_token()).at("/name") == "Gamma");
  }
  CHECK(get(world, "/api/organizations/1", world.trader_token()).at("/name") == "Alpha");
  CHECK(get(world, "/api/organizations/2", world.trader_token()).status() == 404);
  CHECK(post(world, "/api/organizations", R"({"name":""})", world.platform_token()).at("/errors/0/pointer") == "/name");
}

SCENARIO("a user is created") {
  api_world world;
  const auto got = post(world, "/users", '{' + new_user + R"(,"display_name":"New"})", world.admin_token());
  REQUIRE(got.status() == 201);
  CHECK(got.at("/organization_id") == "1");
  CHECK(got.at("/email") == "new@example.com");
  CHECK(got.at("/role") == "trader");
  CHECK(got.at("/roles") == "[1]");
  CHECK(got.at("/active") == "true");
  CHECK(got.response.body.find("correct horse") == std::string::npos);
  THEN("the user can log in") {
    CHECK(post(world, "/auth/login", R"({"email":"new@example.com","password":"correct horse"})").status() == 200);
  }
  THEN("the user is shown") {
    CHECK(get(world, "/users/" + got.at("/user_id"), world.admin_token()).at("/display_name") == "New");
  }
  THEN("the address is taken") {
    const auto again = post(world, "/users", '{' + new_user + '}', world.admin_token());
    CHECK(again.status() == 409);
    CHECK(again.code() == "ALREADY_EXISTS");
    CHECK(world.entities.questions<create_user>().size() == 1);
  }
}

TEST_CASE("users that cannot be created") {
  struct row {
    std::string what, body, token;
    int status;
    std::string code, pointer;
  };
  api_world world;
  const auto admins = world.admin_token();
  const auto platform = world.platform_token();
  const auto r = GENERATE_COPY(values<row>({
      {"short password", R"({"email":"a@b","password":"12345678901","role":"trader"})", admins, 400,
       "VALIDATION_FAILED", "/password"},
      {"no address", R"({"email":"ab","password":"123456789012","role":"trader"})", admins, 400, "VALIDATION_FAILED",
       "/email"},
      {"no role", R"({"email":"a@b","password":"123456789012"})", admins, 400, "VALIDATION_FAILED", "/role"},
      {"role and roles", '{' + new_user + R"(,"roles":["viewer"]})", admins, 400, "VALIDATION_FAILED", "/role"},
      {"unknown role", R"({"email":"a@b","password":"123456789012","role":"king"})", admins, 400, "VALIDATION_FAILED",
       "/role"},
      {"platform_admin by an admin", R"({"email":"a@b","password":"123456789012","role":"platform_admin"})", admins,
       403, "PERM_ROLE_REQUIRED", ""},
      {"hidden among roles", R"({"email":"a@b","password":"123456789012","roles":["trader","platform_admin"]})", admins,
       403, "PERM_ROLE_REQUIRED", ""},
      {"another organization", '{' + new_user + R"(,"organization_id":2})", admins, 404, "ORGANIZATION_NOT_FOUND", ""},
      {"no such organization", '{' + new_user + R"(,"organization_id":77})", platform, 404, "ORGANIZATION_NOT_FOUND",
       ""},
  }));
  INFO(r.what);
  const auto got = post(world, "/users", r.body, r.token);
  CHECK(got.status() == r.status);
  CHECK(got.code() == r.code);
  if (!r.pointer.empty()) CHECK(got.at("/errors/0/pointer") == r.pointer);
  CHECK(world.entities.questions<create_user>().empty());
  CHECK(world.database.claims.empty());
}

TEST_CASE("a platform_admin creates in the organization he names") {
  api_world world;
  const auto token = world.platform_token();
  CHECK(post(world, "/users", '{' + new_user + R"(,"organization_id":2})", token).at("/organization_id") == "2");
  CHECK(post(world, "/api/trading-accounts", R"({"name":"B 2","organization_id":2})", token).at("/organization_id") ==
        "2");
  CHECK(post(world, "/api/trading-accounts", R"({"name":"B 3","organization_id":77})", token).status() == 404);
}

TEST_CASE("who sees which users") {
  api_world world;
  CHECK(get(world, "/users/101", world.trader_token()).at("/email") == "u101@example.com");
  CHECK(get(world, "/users/102", world.trader_token()).status() == 404);
  CHECK(get(world, "/users/102", world.admin_token()).status() == 200);
  CHECK(get(world, "/users/201", world.admin_token()).status() == 404);
  CHECK(get(world, "/users/201?organization_id=2", world.admin_token()).status() == 404);
  CHECK(get(world, "/users/201?organization_id=2", world.platform_token()).status() == 200);
  // The same number in another organization is somebody else.
  CHECK(get(world, "/users/101", world.token(trader, beta, {"trader"})).status() == 404);
}

TEST_CASE("users page by page") {
  api_world world;
  const auto first = get(world, "/users?limit=2", world.admin_token());
  CHECK(first.at("/data") == "[2]");
  CHECK(first.at("/has_more") == "true");
  const auto second = get(world, "/users?limit=2&cursor=" + first.at("/next_cursor"), world.admin_token());
  CHECK(second.at("/data/0/user_id") == "103");
  CHECK(second.at("/has_more") == "false");
  CHECK(second.at("/next_cursor") == "null");
  for (const auto* cursor : {"x", "eHg", "LTE"})  // not base64url, "xx", "-1"
    CHECK(get(world, std::string{"/users?cursor="} + cursor, world.admin_token()).code() == "VALIDATION_CURSOR");
}

SCENARIO("trading accounts") {
  api_world world;
  const auto made = post(world, "/api/trading-accounts", R"({"name":"Alpha 2"})", world.admin_token());
  CHECK(made.status() == 201);
  CHECK(made.at("/broker") == "paper");
  CHECK(made.at("/organization_id") == "1");
  CHECK(get(world, "/api/trading-accounts/" + made.at("/trading_account_id"), world.trader_token()).at("/name") ==
        "Alpha 2");
  CHECK(get(world, "/api/trading-accounts/21", world.trader_token()).status() == 404);
  CHECK(post(world, "/api/trading-accounts", R"({"name":"x","broker":"zerodha"})", world.admin_token())
            .at("/errors/0/pointer") == "/broker");
}

SCENARIO("permissions") {
  api_world world;
  const std::string path = "/api/users/101/permissions";
  GIVEN("a new user") {
    const auto got = get(world, path, world.trader_token());
    CHECK(got.at("/user_id") == "101");
    CHECK(got.at("/actions") == "[0]");
    CHECK(got.at("/trading_account_ids") == "[0]");
  }
  WHEN("an admin grants some") {
    const auto got =
        put(world, path, R"({"actions":["view","place_order"],"trading_account_ids":[11,11]})", world.admin_token());
    CHECK(got.status() == 200);
    CHECK(got.at("/actions/0") == "place_order");
    CHECK(got.at("/actions/1") == "view");
    CHECK(got.at("/trading_account_ids") == "[1]");
    THEN("they are shown, by the alias too") {
      CHECK(get(world, "/users/101/permissions", world.trader_token()).at("/trading_account_ids/0") == "11");
    }
    THEN("they decide") {
      const std::string ask = "/api/permissions/validate?user_id=101&trading_account_id=11&action=";
      const auto may = get(world, ask + "place_order", world.trader_token());
      CHECK(may.at("/allowed") == "true");
      CHECK(may.at("/reason") == "absent");
      const auto may_not = get(world, ask + "cancel_order", world.trader_token());
      CHECK(may_not.at("/allowed") == "false");
      CHECK(may_not.at("/reason") == "The permission cancel_order is not granted to user 101.");
      CHECK(get(world, "/api/permissions/validate?user_id=101&action=view", world.trader_token()).at("/allowed") ==
            "true");
      CHECK(get(world, "/api/permissions/validate?user_id=101&action=cancel_order", world.trader_token())
                .at("/allowed") == "false");
    }
  }
  THEN("what is refused leaves no trace") {
    struct row {
      std::string path, body;
      int status;
      std::string pointer;
    };
    const auto r = GENERATE(values<row>({
        {"/api/users/101/permissions", R"({"actions":["fly"],"trading_account_ids":[]})", 400, "/actions/0"},
        {"/api/users/101/permissions", R"({"actions":[]})", 400, "/trading_account_ids"},
        {"/api/users/101/permissions", R"({"actions":[],"trading_account_ids":["11"]})", 400, "/trading_account_ids/0"},
        {"/api/users/101/permissions", R"({"actions":[],"trading_account_ids":[0]})", 400, "/trading_account_ids/0"},
        {"/api/users/101/permissions", R"({"actions":["view"],"trading_account_ids":[11,21]})", 404, ""},
        {"/api/users/201/permissions", R"({"actions":["view"],"trading_account_ids":[]})", 404, ""},
        {"/api/users/999/permissions", R"({"actions":["view"],"trading_account_ids":[]})", 404, ""},
    }));
    const auto got = put(world, r.path, r.body, world.admin_token());
    CHECK(got.status() == r.status);
    if (!r.pointer.empty()) CHECK(got.at("/errors/0/pointer") == r.pointer);
    CHECK(world.entities.grants.empty());
  }
  THEN("others' permissions are for those who read everything") {
    CHECK(get(world, "/api/users/102/permissions", world.trader_token()).status() == 404);
    CHECK(get(world, "/api/permissions/validate?user_id=102&action=view", world.trader_token()).status() == 404);
    CHECK(get(world, "/api/users/102/permissions", world.admin_token()).status() == 200);
    CHECK(get(world, "/api/permissions/validate?user_id=102&action=view", world.admin_token()).status() == 200);
    // Of another organization, or of none: not there.
    for (const auto* more : {"", "&trading_account_id=11"}) {
      for (const auto* user : {"201", "999"}) {
        const auto refused = get(world, std::string{"/api/permissions/validate?action=view&user_id="} + user + more,
                                 world.admin_token());
        CHECK(refused.status() == 404);
        CHECK(refused.code() == "USER_NOT_FOUND");
        CHECK(refused.at("/allowed") == "absent");
      }
    }
    CHECK(get(world, "/api/users/201/permissions", world.admin_token()).status() == 404);
    CHECK(get(world, "/api/permissions/validate?user_id=101&action=view&trading_account_id=21", world.trader_token())
              .status() == 404);
  }
}

SCENARIO("trading limits") {
  api_world world;
  const std::string path = "/api/trading-limits";
  const std::string all =
      R"({"scope":"account","scope_id":11,"limits":[{"limit_type":"daily_trading_limit","limit_value":50000.00},
    {"limit_type":"open_orders","limit_value":5},{"limit_type":"allowed_symbols","allowed":["SBIN"]}]})";
  WHEN("an admin sets them") {
    const auto got = put(world, path, all, world.admin_token());
    REQUIRE(got.status() == 200);
    CHECK(got.header("ETag") == "\"1\"");
    CHECK(got.at("/version") == "1");
    CHECK(got.at("/trading_day") == "2024-01-15");
    CHECK(got.at("/data") == "[1]");
    CHECK(got.at("/data/0/limits/0/limit_value") == "50000.00");
    CHECK(got.at("/data/0/limits/1/limit_value") == "5");
    CHECK(got.at("/data/0/limits/2/allowed/0") == "SBIN");
    CHECK(got.at("/data/0/usage/used_value") == "0.00");
    const auto& stored = world.entities.limits.limits.at({scope_kind::account, 11});
    CHECK(stored.at(0).value == 500'000'000);
    CHECK(stored.at(1).value == 5);
    THEN("they are shown") {
      CHECK(get(world, path, world.trader_token()).at("/data/0/scope") == "account");
      CHECK(get(world, path + "?scope=account&scope_id=11", world.trader_token()).at("/data/0/limits") == "[3]");
      CHECK(get(world, path + "?scope=organization&scope_id=1", world.trader_token()).at("/data/0/limits") == "[0]");
    }
    THEN("If-Match guards them") {
      CHECK(put(world, path, all, world.admin_token(), {{"if-match", "\"0\""}}).status() == 412);
      CHECK(put(world, path, all, world.admin_token(), {{"if-match", "\"1\""}}).status() == 200);
      CHECK(put(world, path, all, world.admin_token(), {{"if-match", "*"}}).status() == 200);
      for (const auto* bad : {"1", "W/\"1\"", "\"x\"", "\"\"", "\"1\", \"2\""}) {
        INFO(bad);
        CHECK(put(world, path, all, world.admin_token(), {{"if-match", bad}}).at("/errors/0/header") == "If-Match");
      }
    }
    THEN("an empty list removes them") {
      CHECK(put(world, path, R"({"scope":"account","scope_id":11,"limits":[]})", world.admin_token())
                .at("/data/0/limits") == "[0]");
    }
  }
  THEN("a trader sees his own scope and not that of others") {
    world.entities.limits.limits[{scope_kind::user, 101}] = {};
    world.entities.limits.limits[{scope_kind::user, 102}] = {};
    CHECK(get(world, path, world.trader_token()).at("/data") == "[1]");
    CHECK(get(world, path, world.admin_token()).at("/data") == "[2]");
    CHECK(get(world, path + "?scope=user&scope_id=101", world.trader_token()).status() == 200);
    CHECK(get(world, path + "?scope=user&scope_id=102", world.trader_token()).status() == 404);
  }
  THEN("a scope is named by both its parts") {
    CHECK(get(world, path + "?scope=user", world.admin_token()).at("/errors/0/parameter") == "scope_id");
    CHECK(get(world, path + "?scope_id=1", world.admin_token()).at("/errors/0/parameter") == "scope");
  }
}

TEST_CASE("limits that cannot be set") {
  struct row {
    std::string what, body;
    int status;
    std::string error, pointer;
  };
  const auto of_account = [](const std::string& limits) {
    return R"({"scope":"account","scope_id":11,"limits":[)" + limits + "]}";
  };
  const auto r = GENERATE_COPY(values<row>({
      {"unknown type", of_account(R"({"limit_type":"weight","limit_value":1})"), 400, "VALIDATION_NOT_ALLOWED",
       "/limits/0/limit_type"},
      {"no value", of_account(R"({"limit_type":"open_orders"})"), 400, "VALIDATION_REQUIRED", "/limits/0/limit_value"},
      {"words for a number", of_account(R"({"limit_type":"open_orders","allowed":["x"]})"), 400,
       "VALIDATION_FIELD_COMBINATION", "/limits/0/allowed"},
      {"number for words", of_account(R"({"limit_type":"allowed_symbols","limit_value":1,"allowed":[]})"), 400,
       "VALIDATION_FIELD_COMBINATION", "/limits/0/limit_value"},
      {"broken count", of_account(R"({"limit_type":"open_orders","limit_value":1.5})"), 400, "VALIDATION_TOO_PRECISE",
       "/limits/0/limit_value"},
      {"negative", of_account(R"({"limit_type":"daily_trading_limit","limit_value":-1})"), 400,
       "VALIDATION_NUMBER_OUT_OF_RANGE", "/limits/0/limit_value"},
      {"negative count", of_account(R"({"limit_type":"open_orders","limit_value":-1})"), 400,
       "VALIDATION_NUMBER_OUT_OF_RANGE", "/limits/0/limit_value"},
      {"negative text", of_account(R"({"limit_type":"single_order_value","limit_value":"-0.0001"})"), 400,
       "VALIDATION_NUMBER_OUT_OF_RANGE", "/limits/0/limit_value"},
      {"negative in the second row",
       of_account(R"({"limit_type":"open_orders","limit_value":1},{"limit_type":"order_quantity","limit_value":-5})"),
       400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/limits/1/limit_value"},
      {"too precise", of_account(R"({"limit_type":"daily_trading_limit","limit_value":1.00001})"), 400,
       "VALIDATION_TOO_PRECISE", "/limits/0/limit_value"},
      {"unknown product", of_account(R"({"limit_type":"allowed_products","allowed":["INTRADAY","FUN"]})"), 400,
       "VALIDATION_NOT_ALLOWED", "/limits/0/allowed"},
      {"twice",
       of_account(R"({"limit_type":"open_orders","limit_value":1},{"limit_type":"open_orders","limit_value":2})"), 400,
       "VALIDATION_NOT_ALLOWED", "/limits/1/limit_type"},
      {"twice the same", of_account(R"({"limit_type":"open_orders","limit_value":1},
         {"limit_type":"orders_per_day","limit_value":1},{"limit_type":"open_orders","limit_value":1})"),
       400, "VALIDATION_NOT_ALLOWED", "/limits/2/limit_type"},
      {"words twice", of_account(R"({"limit_type":"allowed_symbols","allowed":["SBIN"]},
         {"limit_type":"allowed_symbols","allowed":[]})"),
       400, "VALIDATION_NOT_ALLOWED", "/limits/1/limit_type"},
      {"foreign organization", R"({"scope":"organization","scope_id":2,"limits":[]})", 404, "absent", ""},
      {"foreign account", R"({"scope":"account","scope_id":21,"limits":[]})", 404, "absent", ""},
      {"foreign user", R"({"scope":"user","scope_id":201,"limits":[]})", 404, "absent", ""},
  }));
  INFO(r.what);
  api_world world;
  const auto got = put(world, "/api/trading-limits", r.body, world.admin_token());
  CHECK(got.status() == r.status);
  CHECK(got.at("/errors/0/code") == r.error);
  if (!r.pointer.empty()) CHECK(got.at("/errors/0/pointer") == r.pointer);
  CHECK(world.entities.questions<set_limits_request>().empty());
}

SCENARIO("an order is checked without being placed") {
  api_world world;
  const std::string path = "/api/trading-limits/validate";
  WHEN("it would pass") {
    const auto got = post(world, path, order_body(), world.trader_token());
    CHECK(got.status() == 200);
    CHECK(got.at("/allowed") == "true");
    CHECK(got.at("/violations") == "[0]");
    const auto& asked = std::get<validate_order>(world.entities.questions<validate_order>().front()->body).what;
    CHECK(asked.user == trader);
    CHECK(asked.account == alpha_account);
    CHECK(asked.price == money{5'000'500});
    CHECK(asked.quantity == 10);
    CHECK(asked.day == day_of(test_now, 330));
  }
  WHEN("it would not") {
    sb::violation found;
    found.type = limit_type::order_quantity;
    found.limit = 5;
    found.attempted = 10;
    world.entities.check = {{found}, 5};
    const auto got = post(world, path, order_body(), world.trader_token());
    CHECK(got.at("/allowed") == "false");
    CHECK(got.at("/reason_code") == "LIMIT_ORDER_QUANTITY_EXCEEDED");
    CHECK(got.at("/violations/0/breach_amount") == "5");
    CHECK(got.at("/quantity_max") == "5");
  }
  WHEN("a MARKET order has no price to be valued at") {
    world.entities.price = {};
    const auto got =
        post(world, path, order_body(R"("order_type":"MARKET")", "order_type price"), world.trader_token());
    CHECK(got.at("/allowed") == "false");
    CHECK(got.at("/reason_code") == "RISK_NO_REFERENCE_PRICE");
    CHECK(world.entities.questions<validate_order>().empty());
  }
  WHEN("a MARKET order's price is as old as it may be") {
    world.now = {test_now.value + api_settings{}.reference_age_max_ms};
    const auto market = order_body(R"("order_type":"MARKET")", "order_type price");
    const auto limit = order_body();
    const auto token = world.trader_token();
    CHECK(post(world, path, market, token).at("/allowed") == "true");
    THEN("a moment later there is none, as when placing") {
      ++world.now.value;
      const auto got = post(world, path, market, token);
      CHECK(got.status() == 200);
      CHECK(got.at("/allowed") == "false");
      CHECK(got.at("/reason_code") == "RISK_NO_REFERENCE_PRICE");
      CHECK(world.entities.questions<validate_order>().size() == 1);
      CHECK(post(world, path, limit, token).at("/allowed") == "true");
    }
    THEN("a newer one will do") {
      ++world.now.value;
      world.entities.priced_at = world.now;
      CHECK(post(world, path, market, token).at("/allowed") == "true");
    }
  }
  THEN("the same things are wrong as when placing") {
    CHECK(post(world, path, order_body(R"("client_order_id":"c")"), world.trader_token()).at("/errors/0/pointer") ==
          "/client_order_id");
    CHECK(post(world, path, order_body("", "price"), world.trader_token()).status() == 422);
    CHECK(post(world, path, order_body(R"("trading_account_id":21)", "trading_account_id"), world.trader_token())
              .status() == 404);
  }
}
