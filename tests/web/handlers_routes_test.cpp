#include <catch2/catch.hpp>
#include <set>

#include "handlers_fixture.hpp"
#include "web/request_types.hpp"
#include "web/server/refusal.hpp"

using namespace sb;
using namespace sb::web;
using namespace sb::web::testing;

namespace {

/// A path that fits the pattern.
std::string path_of(const route& row) {
  std::string path{row.path};
  if (const auto at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, "1");
  if (const auto at = path.find("{path}"); at != std::string::npos) path.replace(at, 6, "node1/trade/shard-70");
  return path;
}

void nothing_to_do(const request_ptr&) {}
constexpr answer_row one_answer[] = {{200, nullptr, "Fine."}};
route good_route() {
  return {"GET",
          "/x/{id}",
          authentication::bearer,
          roles({role::admin}),
          on_gateway,
          nullptr,
          nullptr,
          one_answer,
          nothing_to_do,
          "tag",
          "Summary"};
}

}  // namespace

TEST_CASE("the route table is complete") { CHECK(check_routes(routes()).empty()); }

TEST_CASE("a route that lacks something is refused") {
  struct row {
    std::string what;
    std::function<void(route&)> spoil;
  };
  const auto r = GENERATE(values<row>({
      {"method", [](route& x) { x.method = ""; }},
      {"HEAD", [](route& x) { x.method = "HEAD"; }},
      {"relative path", [](route& x) { x.path = "x"; }},
      {"slash at the end", [](route& x) { x.path = "/x/"; }},
      {"two parameters", [](route& x) { x.path = "/{id}/{id}"; }},
      {"no roles", [](route& x) { x.roles = {}; }},
      {"roles without a token", [](route& x) { x.auth = authentication::none; }},
      {"listener", [](route& x) { x.listeners = on_user_api; }},
      {"body of a GET", [](route& x) { x.body = &tables::nothing; }},
      {"handler", [](route& x) { x.handle = nullptr; }},
      {"answers", [](route& x) { x.answers = {}; }},
      {"summary", [](route& x) { x.summary = ""; }},
      {"tag", [](route& x) { x.tag = ""; }},
  }));
  INFO(r.what);
  auto spoiled = good_route();
  REQUIRE(check_routes(std::vector{spoiled}).empty());
  r.spoil(spoiled);
  CHECK_FALSE(check_routes(std::vector{spoiled}).empty());
}

TEST_CASE("the same method and path twice is refused") {
  CHECK(check_routes(std::vector{good_route(), good_route()}).size() == 1);
}

TEST_CASE("every route is found by its own method and path") {
  const router paths{routes()};
  for (const auto& row : routes()) {
    INFO(row.method << ' ' << row.path);
    const auto path = path_of(row);
    const auto found = paths.find(row.method, path, on_gateway);
    REQUIRE(found.where == &row);
    if (row.path.find("{path}") != std::string_view::npos) CHECK(found.id == "node1/trade/shard-70");
    if (row.path.find("{id}") != std::string_view::npos) CHECK(found.id == "1");
  }
}

TEST_CASE("unknown paths and methods") {
  api_world world;
  struct row {
    std::string method, path;
    std::size_t listener;
    int status;
    std::string allow;
  };
  const auto r = GENERATE(values<row>({
      {"GET", "/nothing", 0, 404, "absent"},
      {"GET", "/trades/", 0, 404, "absent"},
      {"GET", "/trades/1/2", 0, 404, "absent"},
      {"GET", "/ops/actors/restart", 0, 404, "absent"},
      {"PATCH", "/auth/login", 0, 405, "POST"},
      {"GET", "/auth/login", 0, 405, "POST"},
      {"POST", "/trades/1", 0, 405, "GET, HEAD, DELETE"},
      {"DELETE", "/health/live", 0, 405, "GET, HEAD"},
      {"OPTIONS", "/", 0, 405, "GET, HEAD"},
      // each listener has its own service; the gateway has all, by its prefix too
      {"GET", "/health/live", 1, 200, "absent"},
      {"GET", "/health/live", 3, 200, "absent"},
      {"HEAD", "/health/live", 0, 200, "absent"},
      {"GET", "/auth/jwks", 1, 200, "absent"},
      {"GET", "/auth/jwks", 2, 404, "absent"},
      {"GET", "/trades", 1, 404, "absent"},
      {"GET", "/trades", 2, 401, "absent"},
      {"GET", "/metrics", 3, 200, "absent"},
      {"GET", "/", 3, 404, "absent"},
      {"GET", "/user-service/auth/jwks", 0, 200, "absent"},
      {"GET", "/user-service/trades", 0, 404, "absent"},
      {"GET", "/trade-service/trades", 0, 401, "absent"},
      {"GET", "/trade-service", 0, 404, "absent"},
      {"GET", "/trade-service/trades", 2, 404, "absent"},
      {"GET", "/trade-servicex/trades", 0, 404, "absent"},
  }));
  INFO(r.method << ' ' << r.path << " on " << r.listener);
  const auto got = world({.method = r.method, .target = r.path, .listener = r.listener});
  CHECK(got.status() == r.status);
  CHECK(got.header("Allow") == r.allow);
  if (r.status == 404) CHECK(got.code() == "NOT_FOUND");
  if (r.status == 405) CHECK(got.code() == "METHOD_NOT_ALLOWED");
}

TEST_CASE("each route takes its roles and no others") {
  api_world world;
  for (const auto& row : routes()) {
    for (std::size_t i = 0; i < role_count; ++i) {
      const auto as = static_cast<role>(i);
      INFO(row.method << ' ' << row.path << " as " << word(as));
      const auto got = world({.method = std::string{row.method},
                              .target = path_of(row),
                              .token = world.token(trader, alpha, {std::string{word(as)}})});
      const bool welcome = row.auth == authentication::none || row.roles.has(as);
      CHECK((got.code() != "PERM_ROLE_REQUIRED") == welcome);
      CHECK((got.status() != 403) == welcome);
    }
  }
}

TEST_CASE("what each role may not do") {
  api_world world;
  struct row {
    std::string role, method, path;
  };
  const auto r = GENERATE(values<row>({
      {"viewer", "POST", "/trades/place-order"},
      {"viewer", "POST", "/execute/regular_order"},
      {"viewer", "DELETE", "/trades/1"},
      {"viewer", "POST", "/execute/cancel_order/1"},
      {"viewer", "PUT", "/api/trading-limits"},
      {"trader", "PUT", "/api/trading-limits"},
      {"trader", "POST", "/users"},
      {"trader", "GET", "/users"},
      {"trader", "PUT", "/api/users/101/permissions"},
      {"trader", "POST", "/api/trading-accounts"},
      {"admin", "POST", "/api/organizations"},
      {"admin", "POST", "/groups"},
      {"admin", "POST", "/ops/paper/fills"},
      {"admin", "GET", "/ops/supervision"},
      {"admin", "POST", "/ops/actors/x/restart"},
      {"service", "POST", "/users"},
      {"platform_admin", "POST", "/trades/place-order"},
      {"nobody_we_know", "GET", "/trades"},
  }));
  INFO(r.role << ' ' << r.method << ' ' << r.path);
  const auto got = world({.method = r.method, .target = r.path, .token = world.token(trader, alpha, {r.role})});
  CHECK(got.status() == 403);
  CHECK(got.code() == "PERM_ROLE_REQUIRED");
  CHECK(world.entities.asked.empty());
}

TEST_CASE("every route with a token refuses to go without") {
  api_world world;
  for (const auto& row : routes()) {
    if (row.auth == authentication::none) continue;
    INFO(row.method << ' ' << row.path);
    const auto got = world({.method = std::string{row.method}, .target = path_of(row)});
    CHECK(got.status() == 401);
    CHECK(got.code() == "AUTH_TOKEN_MISSING");
    CHECK(got.header("WWW-Authenticate") != "absent");
  }
  CHECK(world.entities.asked.empty());
}

TEST_CASE("tokens") {
  api_world world;
  const auto good = world.trader_token();
  CHECK(world({.target = "/auth/me", .token = good}).status() == 200);
  auto forged = good;
  forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
  CHECK(world({.target = "/auth/me", .token = forged}).code() == "AUTH_TOKEN_INVALID");
  CHECK(world({.target = "/auth/me", .headers = {{"authorization", "Basic abc"}}}).code() ==
        "AUTH_SCHEME_NOT_SUPPORTED");
  CHECK(world({.target = "/auth/me", .token = good, .headers = {{"authorization", "Bearer x"}}}).code() ==
        "AUTH_TOKEN_MISSING");
  world.now.value += 1'000'000;  // 900 s of life and 60 s of skew are over
  CHECK(world({.target = "/auth/me", .token = good}).code() == "AUTH_TOKEN_EXPIRED");
}

TEST_CASE("bodies and parameters before any handler") {
  api_world world;
  struct row {
    std::string what, method, target, body, content_type;
    int status;
    std::string code, pointer;
  };
  const auto r = GENERATE(values<row>({
      {"no type", "POST", "/trades/place-order", "{}", "text/plain", 415, "VALIDATION_CONTENT_TYPE", ""},
      {"form", "POST", "/trades/place-order", "a=b", "application/x-www-form-urlencoded", 415,
       "VALIDATION_CONTENT_TYPE", ""},
      {"latin", "POST", "/trades/place-order", "{}", "application/json; charset=latin1", 415, "VALIDATION_CONTENT_TYPE",
       ""},
      {"utf-8", "POST", "/trades/place-order", "[]", "application/json; charset=UTF-8", 400, "VALIDATION_FAILED", ""},
      {"empty", "POST", "/trades/place-order", "", "application/json", 400, "VALIDATION_BODY_REQUIRED", ""},
      {"not JSON", "POST", "/trades/place-order", "{", "application/json", 400, "VALIDATION_JSON_MALFORMED", ""},
      {"too long", "POST", "/trades/place-order", std::string(8'193, ' '), "application/json", 413,
       "VALIDATION_BODY_TOO_LARGE", ""},
      {"body of a GET", "GET", "/trades", "{\"a\":1}", "application/json", 400, "VALIDATION_FAILED", ""},
      {"empty object where none is taken", "GET", "/auth/me", "{}", "application/json", 200, "absent", ""},
      {"unknown parameter", "GET", "/auth/me?x=1", "", "", 400, "VALIDATION_FAILED", "x"},
      {"unknown parameter of a list", "GET", "/trades?sort=up", "", "", 400, "VALIDATION_FAILED", "sort"},
      {"parameter twice", "GET", "/trades?limit=1&limit=2", "", "", 400, "VALIDATION_FAILED", "limit"},
  }));
  INFO(r.what);
  call what{.method = r.method, .target = r.target, .body = r.body, .token = world.trader_token()};
  if (!r.content_type.empty()) what.headers.emplace_back("content-type", r.content_type);
  const auto got = world(what);
  CHECK(got.status() == r.status);
  CHECK(got.code() == r.code);
  if (!r.pointer.empty()) CHECK(got.at("/errors/0/parameter") == r.pointer);
  CHECK(world.entities.asked.empty());
}

TEST_CASE("request ids and security headers") {
  api_world world;
  SECTION("given ids go with the work") {
    const auto got = world({.target = "/trades/ORD" + std::string(29, 'A'),
                            .token = world.trader_token(),
                            .headers = {{"x-request-id", "req-1"}, {"x-correlation-id", "saga-1"}}});
    CHECK(got.at("/correlation_id") == "saga-1");
    REQUIRE(world.entities.asked.size() == 1);
    const auto& context = world.entities.asked.front().context;
    CHECK(context.causation == "req-1");
    CHECK(context.correlation == "saga-1");
    CHECK(context.by.user == trader);
    CHECK(context.by.organization == alpha);
    CHECK(context.by.auth_method == "jwt");
    CHECK_FALSE(context.by.credential.empty());
  }
  SECTION("a bad one is refused and not echoed") {
    for (const auto* name : {"x-request-id", "x-correlation-id"}) {
      for (const auto& bad : {std::string{"a b"}, std::string(129, 'x'), std::string{}, std::string{"<script>"}}) {
        const auto got = world({.target = "/health/live", .headers = {{name, bad}}});
        CHECK(got.status() == 400);
        CHECK(got.at("/errors/0/code") == "VALIDATION_HEADER");
        CHECK(got.at("/correlation_id") != bad);
      }
    }
  }
  SECTION("every answer carries the security headers once") {
    for (const auto* target : {"/health/live", "/", "/openapi.json", "/nothing", "/trades"}) {
      INFO(target);
      const auto got = world({.target = target});
      for (const auto* name : {"X-Content-Type-Options", "Content-Security-Policy", "Cache-Control"}) {
        INFO(name);
        std::size_t count = 0;
        for (const auto& [field, value] : got.response.headers) count += field == name ? 1U : 0U;
        CHECK(count == 1);
      }
      CHECK(got.header("Content-Security-Policy").find("default-src 'none'") == 0);
    }
  }
}

TEST_CASE("each rejection has its problem") {
  struct row {
    rejection why;
    int status;
    std::string code, action;
  };
  const auto r = GENERATE(values<row>({
      {rejection::not_found, 404, "ORDER_NOT_FOUND", "user"},
      {rejection::already_exists, 409, "ALREADY_EXISTS", "user"},
      {rejection::key_reused, 422, "IDEMPOTENCY_KEY_REUSED", "user"},
      {rejection::order_closed, 409, "ORDER_CLOSED", "user"},
      {rejection::overloaded, 429, "OVERLOADED", "retry"},
      {rejection::storage_unavailable, 503, "STORAGE_UNAVAILABLE", "check"},
      {rejection::parked, 503, "STATE_PARKED", "check"},
      {rejection::shard_moved, 503, "STATE_NOT_READY", "check"},
      {rejection::version_conflict, 412, "STATE_PRECONDITION_FAILED", "user"},
      {rejection::deadline_passed, 503, "STORAGE_UNAVAILABLE", "check"},
      {rejection::draining, 503, "STATE_DRAINING", "retry"},
      {rejection::none, 500, "INTERNAL_ERROR", "check"},
  }));
  INFO(r.code);
  api_world world;
  world.entities.on_order = [&](const entity_key&, const message&) -> sb::answer {
    return rejected{r.why, "scripted"};
  };
  const auto got = world({.method = "POST",
                          .target = "/trades/place-order",
                          .body = order_body(R"("client_order_id":"c-1")"),
                          .token = world.trader_token()});
  CHECK(got.status() == r.status);
  CHECK(got.code() == r.code);
  CHECK(got.at("/action") == r.action);
  CHECK(got.at("/client_order_id") == "c-1");
  CHECK(got.at("/order_id").size() == 32);
  // A text that denies everything goes with the word that says so, and with no other.
  CHECK((got.at("/detail").find("nothing was done") == std::string::npos || r.action == "retry"));
  const bool waits = r.status == 429 || r.status == 503;
  CHECK(got.header("Retry-After") == (waits ? "1" : "absent"));
}

TEST_CASE("not found says what was not found") {
  api_world world;
  const auto token = world.admin_token();
  CHECK(world({.target = "/users/999", .token = token}).code() == "USER_NOT_FOUND");
  CHECK(world({.target = "/api/trading-accounts/999", .token = token}).code() == "ACCOUNT_NOT_FOUND");
  CHECK(world({.target = "/api/organizations/2", .token = token}).code() == "ORGANIZATION_NOT_FOUND");
  for (const auto* odd : {"0", "-1", "1x", "01", "99999999999999999999", "x"}) {
    INFO(odd);
    CHECK(world({.target = std::string{"/users/"} + odd, .token = token}).status() == 404);
    CHECK(world({.target = std::string{"/api/trading-accounts/"} + odd, .token = token}).status() == 404);
    CHECK(world({.target = std::string{"/api/organizations/"} + odd, .token = token}).status() == 404);
    CHECK(world({.target = std::string{"/api/users/"} + odd + "/permissions", .token = token}).status() == 404);
    CHECK(world({.target = std::string{"/trades/"} + odd, .token = token}).status() == 404);
  }
}

TEST_CASE("the OpenAPI document has exactly the routes") {
  api_world world;
  const auto got = world({.target = "/openapi.json"});
  REQUIRE(got.status() == 200);
  const auto* paths = got.body.find("paths");
  REQUIRE(paths != nullptr);
  std::set<std::string> described;
  std::set<std::string> ids;
  for (const auto& path : paths->children()) {
    for (const auto& method : path.children()) {
      described.insert(method.name() + ' ' + path.name());
      CHECK(ids.insert(method.find("operationId")->text()).second);
    }
  }
  std::set<std::string> served;
  for (const auto& row : routes()) {
    std::string method;
    for (const char c : row.method) method += static_cast<char>(c - 'A' + 'a');
    served.insert(method + ' ' + std::string{row.path});
  }
  CHECK(described == served);
}

TEST_CASE("every reference of the OpenAPI document leads somewhere") {
  api_world world;
  const auto got = world({.target = "/openapi.json"});
  const auto* schemas = got.body.find("components")->find("schemas");
  std::size_t references = 0;
  const std::function<void(const json_value&)> follow = [&](const json_value& value) {
    if (value.name() == "$ref") {
      ++references;
      const auto name = value.text().substr(value.text().rfind('/') + 1);
      INFO(name);
      CHECK(schemas->find(name) != nullptr);
    }
    for (const auto& child : value.children()) follow(child);
  };
  follow(got.body);
  CHECK(references > 50);
}

TEST_CASE("the OpenAPI document has every code that an answer may have") {
  api_world world;
  const auto got = world({.target = "/openapi.json"});
  std::multiset<std::string> codes;
  for (const auto& code : got.body.find("components")
                              ->find("schemas")
                              ->find("Problem")
                              ->find("properties")
                              ->find("code")
                              ->find("enum")
                              ->children())
    codes.insert(code.text());
  std::set<std::string> rows;
  for (const auto& row : got.body.find("x-problems")->children()) rows.insert(row.find("code")->text());
  for (const auto& entry : problem_registry()) CHECK(rows.contains(std::string{entry.text}));
  for (const auto& spec : refusal_specs()) CHECK(rows.contains(std::string{spec.code}));
  CHECK(codes == std::multiset<std::string>(rows.begin(), rows.end()));
}

TEST_CASE("an empty list of accounts is described where it is set and where it is shown") {
  api_world world;
  const auto got = world({.target = "/openapi.json"});
  std::size_t described = 0;
  for (const auto& schema : got.body.find("components")->find("schemas")->children()) {
    const auto* properties = schema.find("properties");
    const auto* accounts = properties == nullptr ? nullptr : properties->find("trading_account_ids");
    if (accounts == nullptr) continue;
    INFO(schema.name());
    REQUIRE(accounts->find("description") != nullptr);
    CHECK(accounts->find("description")->text() == "Empty: every account of the organization.");
    ++described;
  }
  CHECK(described >= 1);
}

TEST_CASE("schemas say what may be null and what a list of ids is") {
  api_world world;
  const auto got = world({.target = "/openapi.json"});
  const std::string schemas = "/components/schemas/";
  CHECK(got.at(schemas + "Order/properties/broker_order_id/anyOf/0/type") == "string");
  CHECK(got.at(schemas + "Order/properties/broker_order_id/anyOf/1/type") == "null");
  CHECK(got.at(schemas + "Order/properties/symbol/type") == "string");
  CHECK(got.at(schemas + "Permissions/properties/trading_account_ids/items/type") == "integer");
  CHECK(got.at(schemas + "Permissions/properties/trading_account_ids/items/minimum") == "1");
  CHECK(got.at(schemas + "CheckOrder/properties/client_order_id") == "absent");
  CHECK(got.at(schemas + "PlaceOrder/properties/client_order_id/maxLength") == "64");
}

TEST_CASE("what an answer holds is what its table says") {
  api_world world;
  world.entities.tree.id = "node1";
  const auto id =
      world({.method = "POST", .target = "/trades/place-order", .body = order_body(), .token = world.trader_token()})
          .at("/order_id");
  world.database.orders = {{id, alpha, world.entities.orders.at(id).order}};
  position_record held;
  held.exchange = "NSE";
  held.symbol = "SBIN";
  world.database.positions = {held};
  world.database.events = {{1, 1, test_now, event_record{"order.requested", 1, {}, "c", "k", R"({"a":1})"}}};
  struct row {
    std::string_view path;
    std::string target, token;
  };
  const auto all = world.token(trader, alpha, {"admin", "platform_admin"});
  const std::vector<row> asked{
      {"/auth/me", "/auth/me", all},
      {"/api/organizations/{id}", "/api/organizations/1", all},
      {"/users/{id}", "/users/101", all},
      {"/users", "/users", all},
      {"/api/trading-accounts/{id}", "/api/trading-accounts/11", all},
      {"/api/users/{id}/permissions", "/api/users/101/permissions", all},
      {"/api/permissions/validate", "/api/permissions/validate?user_id=101&action=view", all},
      {"/api/trading-limits", "/api/trading-limits?scope=user&scope_id=101", all},
      {"/trades", "/trades", all},
      {"/trades/{id}", "/trades/" + id, all},
      {"/status/{id}/timeline", "/status/" + id + "/timeline", all},
      {"/api/orders/count", "/api/orders/count", all},
      {"/api/positions", "/api/positions?trading_account_id=11", all},
      {"/ops/supervision", "/ops/supervision", all},
      {"/health/live", "/health/live", ""},
  };
  const std::function<void(const json_value&, const object_type&)> fits_table = [&](const json_value& value,
                                                                                    const object_type& type) {
    INFO(type.name);
    for (const auto& row : type.fields) {
      INFO(row.name);
      const auto* member = value.find(row.name);
      if (row.required) REQUIRE(member != nullptr);
      if (member == nullptr) continue;
      if (member->kind() == json_kind::null) CHECK(row.nullable);
      if (row.type == nullptr || row.type->fields.empty()) continue;
      if (member->kind() == json_kind::object) fits_table(*member, *row.type);
      if (member->kind() == json_kind::array) {
        for (const auto& child : member->children()) fits_table(child, *row.type);
      }
    }
    for (const auto& member : value.children()) {
      INFO(member.name());
      const bool known = std::any_of(type.fields.begin(), type.fields.end(),
                                     [&](const field& row) { return row.name == member.name(); });
      CHECK(known);
    }
  };
  for (const auto& each : asked) {
    INFO(each.target);
    const auto got = world({.target = each.target, .token = each.token});
    REQUIRE(got.status() == 200);
    for (const auto& row : routes()) {
      if (row.path == each.path && row.method == "GET") fits_table(got.body, *row.answers.front().type);
    }
  }
}
