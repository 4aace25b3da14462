#include <catch2/catch.hpp>

#include "actors/protocol/order_key.hpp"
#include "handlers_fixture.hpp"

using namespace sb;
using namespace sb::web;
using namespace sb::web::testing;

namespace {

reply place(api_world& world, const std::string& body, std::vector<name_value> headers = {}) {
  return world({.method = "POST",
                .target = "/trades/place-order",
                .body = body,
                .token = world.trader_token(),
                .headers = std::move(headers)});
}

const sb::place_order& last_placed(const api_world& world) {
  const auto found = world.entities.questions<sb::place_order>();
  REQUIRE_FALSE(found.empty());
  return std::get<sb::place_order>(found.back()->body);
}

const std::string some_id = "ORD" + std::string(29, 'A');

}  // namespace

SCENARIO("an order is placed") {
  api_world world;
  const auto got = place(world, order_body(R"("client_order_id":"c-1","comments":"first")"));
  CHECK(got.status() == 201);
  const auto id = derive_order_id(alpha, alpha_account, "c-1");
  CHECK(got.at("/order_id") == id);
  CHECK(got.at("/client_order_id") == "c-1");
  CHECK(got.at("/organization_id") == "1");
  CHECK(got.at("/user_id") == "101");
  CHECK(got.at("/trading_account_id") == "11");
  CHECK(got.at("/trade_type") == "BUY");
  CHECK(got.at("/price") == "500.05");
  CHECK(got.at("/state") == "new");
  CHECK(got.at("/pending_quantity") == "10");
  CHECK(got.at("/reason") == "null");
  CHECK(got.at("/reservation/reserved") == "5000.50");
  CHECK(got.at("/created_at") == "2024-01-15T10:00:00.000Z");
  CHECK(got.at("/trading_day") == "2024-01-15");
  CHECK(got.header("Location") == "/trades/" + id);
  CHECK(got.header("Idempotent-Replayed") == "absent");

  const auto& question = *world.entities.questions<sb::place_order>().front();
  CHECK(question.to == order_key(alpha, id));
  CHECK(question.wait_ms == 2'000);
  CHECK_FALSE(question.context.urgent);
  const auto& sent = last_placed(world);
  CHECK(sent.wait_ms == 2'000);
  CHECK(sent.command.organization == alpha);
  CHECK(sent.command.account == alpha_account);
  CHECK(sent.command.user == trader);
  CHECK(sent.command.quantity == 10);
  CHECK(sent.command.price == money{5'000'500});
  CHECK(sent.command.valid == validity::day);
  CHECK(sent.command.comments == "first");
  CHECK(sent.fingerprint == fingerprint(sent.command));
}

TEST_CASE("the alias places orders too") {
  api_world world;
  const auto got = world(
      {.method = "POST", .target = "/execute/regular_order", .body = order_body(), .token = world.trader_token()});
  CHECK(got.status() == 201);
}

TEST_CASE("an account is asked for once") {
  api_world world;
  place(world, order_body());
  place(world, order_body());
  CHECK(world.entities.questions<get_account>().size() == 1);
  CHECK(world.entities.questions<sb::place_order>().size() == 2);
}

TEST_CASE("an account that is known as another organization's is not there") {
  api_world world;
  const auto body = order_body(R"("trading_account_id":21)", "trading_account_id");
  const auto theirs = world({.method = "POST",
                             .target = "/trades/place-order",
                             .body = body,
                             .token = world.token(stranger, beta, {"trader"})});
  REQUIRE(theirs.status() == 201);
  CHECK(place(world, body).code() == "ACCOUNT_NOT_FOUND");
  CHECK(world.entities.questions<sb::place_order>().size() == 1);
}

TEST_CASE("order bodies that are refused") {
  struct row {
    std::string what, more, without;
    int status;
    std::string code, error, pointer;
  };
  const auto r = GENERATE(values<row>({
      {"no account", "", "trading_account_id", 400, "VALIDATION_FAILED", "VALIDATION_REQUIRED", "/trading_account_id"},
      {"no quantity", "", "quantity", 400, "VALIDATION_FAILED", "VALIDATION_REQUIRED", "/quantity"},
      {"quantity 0", R"("quantity":0)", "quantity", 400, "VALIDATION_FAILED", "VALIDATION_NUMBER_OUT_OF_RANGE",
       "/quantity"},
      {"quantity 1.5", R"("quantity":1.5)", "quantity", 400, "VALIDATION_FAILED", "VALIDATION_TOO_PRECISE",
       "/quantity"},
      {"quantity text", R"("quantity":"10")", "quantity", 400, "VALIDATION_FAILED", "VALIDATION_WRONG_TYPE",
       "/quantity"},
      {"negative price", R"("price":-1)", "price", 400, "VALIDATION_FAILED", "VALIDATION_NUMBER_OUT_OF_RANGE",
       "/price"},
      {"side", R"("trade_type":"HOLD")", "trade_type", 400, "VALIDATION_FAILED", "VALIDATION_NOT_ALLOWED",
       "/trade_type"},
      {"unknown field", R"("stoploss":1)", "", 400, "VALIDATION_FAILED", "VALIDATION_UNKNOWN_FIELD", "/stoploss"},
      {"client id characters", R"("client_order_id":"a/b")", "", 400, "VALIDATION_FAILED", "VALIDATION_BAD_CHARACTERS",
       "/client_order_id"},
      {"client id too long", R"("client_order_id":")" + std::string(65, 'x') + '"', "", 400, "VALIDATION_FAILED",
       "VALIDATION_TOO_LONG", "/client_order_id"},
      {"LIMIT without price", "", "price", 422, "VALIDATION_FIELD_COMBINATION", "VALIDATION_FIELD_COMBINATION",
       "/price"},
      {"LIMIT at 0", R"("price":0)", "price", 422, "VALIDATION_FIELD_COMBINATION", "VALIDATION_FIELD_COMBINATION",
       "/price"},
      {"MARKET with price", R"("order_type":"MARKET")", "order_type", 422, "VALIDATION_FIELD_COMBINATION",
       "VALIDATION_FIELD_COMBINATION", "/price"},
      {"LIMIT with protection", R"("market_protection_pct":5)", "", 422, "VALIDATION_FIELD_COMBINATION",
       "VALIDATION_FIELD_COMBINATION", "/market_protection_pct"},
      {"protection of three decimals", R"("order_type":"MARKET","market_protection_pct":1.005)", "order_type price",
       422, "VALIDATION_FIELD_COMBINATION", "VALIDATION_FIELD_COMBINATION", "/market_protection_pct"},
      {"STOP_LOSS", R"("order_type":"STOP_LOSS")", "order_type", 422, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED",
       "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", "/order_type"},
      {"SL_MARKET", R"("order_type":"SL_MARKET")", "order_type", 422, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED",
       "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", "/order_type"},
      {"bracket order", R"("variety":"BO")", "", 422, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED",
       "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", "/variety"},
      {"symbol", R"("symbol":"NOPE")", "symbol", 422, "VALIDATION_SYMBOL_UNKNOWN", "VALIDATION_SYMBOL_UNKNOWN",
       "/symbol"},
      {"exchange", R"("exchange":"BSE")", "exchange", 422, "VALIDATION_SYMBOL_UNKNOWN", "VALIDATION_SYMBOL_UNKNOWN",
       "/symbol"},
      {"tick", R"("price":500.02)", "price", 422, "VALIDATION_TICK_SIZE", "VALIDATION_TICK_SIZE", "/price"},
      {"lot", R"("symbol":"NIFTY_FUT","quantity":60)", "symbol quantity", 422, "VALIDATION_LOT_SIZE",
       "VALIDATION_LOT_SIZE", "/quantity"},
      {"freeze", R"("quantity":1001)", "quantity", 403, "RISK_FREEZE_QUANTITY", "RISK_FREEZE_QUANTITY", "/quantity"},
      {"account", R"("trading_account_id":999)", "trading_account_id", 404, "ACCOUNT_NOT_FOUND", "absent", ""},
      {"account of others", R"("trading_account_id":21)", "trading_account_id", 404, "ACCOUNT_NOT_FOUND", "absent", ""},
  }));
  INFO(r.what);
  api_world world;
  const auto got = place(world, order_body(r.more, r.without));
  CHECK(got.status() == r.status);
  CHECK(got.code() == r.code);
  CHECK(got.at("/errors/0/code") == r.error);
  if (!r.pointer.empty()) CHECK(got.at("/errors/0/pointer") == r.pointer);
  CHECK(world.entities.questions<sb::place_order>().empty());
  // Once key and account are known, the order has its names.
  CHECK((got.at("/order_id") != "absent") == (r.status != 400));
  CHECK((got.at("/client_order_id") != "absent") == (r.status != 400));
}

TEST_CASE("all wrong fields at once") {
  api_world world;
  const auto got = place(world, order_body(R"("quantity":0,"price":"x","hat":1)", "quantity price symbol"));
  CHECK(got.status() == 400);
  CHECK(got.at("/errors") == "[4]");
}

TEST_CASE("lot and tick at once") {
  api_world world;
  const auto got =
      place(world, order_body(R"("symbol":"NIFTY_FUT","quantity":60,"price":1.02)", "symbol quantity price"));
  CHECK(got.code() == "VALIDATION_LOT_SIZE");
  CHECK(got.at("/errors") == "[2]");
  CHECK(got.at("/errors/0/lot") == "50");
  CHECK(got.at("/errors/1/tick") == "0.05");
}

TEST_CASE("the idempotency key") {
  struct row {
    std::string what;
    std::optional<std::string> header;
    std::string body;
    int status;
    std::string code, key;
  };
  const auto r = GENERATE(values<row>({
      {"quoted", R"("k-1")", "", 201, "absent", "k-1"},
      {"bare", "k-1", "", 201, "absent", "k-1"},
      {"both, equal", R"("k-1")", R"("client_order_id":"k-1")", 201, "absent", "k-1"},
      {"both, not equal", "k-2", R"("client_order_id":"k-1")", 400, "IDEMPOTENCY_KEYS_DIFFER", ""},
      {"64 long", std::string(64, 'x'), "", 201, "absent", std::string(64, 'x')},
      {"65 long", std::string(65, 'x'), "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"empty string", R"("")", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"empty", "", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"one quote", R"("k-1)", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"a lone quote", R"(")", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"blank", "k 1", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"escape", R"("k\"1")", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
      {"parameters", R"("k";a=1)", "", 400, "IDEMPOTENCY_KEY_MALFORMED", ""},
  }));
  INFO(r.what);
  api_world world;
  std::vector<name_value> headers;
  if (r.header) headers.emplace_back("idempotency-key", *r.header);
  const auto got = place(world, order_body(r.body), headers);
  CHECK(got.status() == r.status);
  CHECK(got.code() == r.code);
  if (r.status == 201) {
    CHECK(last_placed(world).command.client_order_id == r.key);
    CHECK(got.at("/client_order_id") == r.key);
  } else {
    CHECK(world.entities.asked.empty());
  }
}

TEST_CASE("two idempotency keys are none") {
  api_world world;
  CHECK(place(world, order_body(), {{"idempotency-key", "a"}, {"idempotency-key", "a"}}).code() ==
        "IDEMPOTENCY_KEY_MALFORMED");
}

TEST_CASE("without a key the server makes one and tells it") {
  api_world world;
  const auto first = place(world, order_body());
  const auto second = place(world, order_body());
  CHECK(first.at("/client_order_id").starts_with("sb-"));
  CHECK(first.at("/client_order_id").size() == 23);
  CHECK(first.at("/order_id") != second.at("/order_id"));
}

TEST_CASE("how long a client waits") {
  struct row {
    std::string what;
    std::vector<std::string> prefer;
    int status;
    std::int32_t wait_ms;
    std::int64_t patience_ms;
  };
  const auto r = GENERATE(values<row>({
      {"nothing", {}, 201, 2'000, 2'000},
      {"wait", {"wait=5"}, 201, 5'000, 5'000},
      {"wait 30", {"WAIT = 30"}, 201, 30'000, 30'000},
      {"wait 0", {"wait=0"}, 201, 0, 2'000},
      {"async", {"respond-async"}, 201, 0, 2'000},
      {"async, wait", {"respond-async, wait=3"}, 201, 3'000, 3'000},
      {"wait, async", {"wait=3", "respond-async"}, 201, 3'000, 3'000},
      {"others", {"return=minimal; x=\"a\", handling=strict,,"}, 201, 2'000, 2'000},
      {"first counts", {"wait=1, wait=2"}, 201, 1'000, 1'000},
      {"too long", {"wait=31"}, 400, 0, 0},
      {"negative", {"wait=-1"}, 400, 0, 0},
      {"no number", {"wait=soon"}, 400, 0, 0},
      {"no value", {"wait"}, 400, 0, 0},
  }));
  INFO(r.what);
  api_world world;
  std::vector<name_value> headers;
  for (const auto& each : r.prefer) headers.emplace_back("prefer", each);
  const auto got = place(world, order_body(), headers);
  CHECK(got.status() == r.status);
  if (r.status == 400) {
    CHECK(got.at("/errors/0/header") == "Prefer");
    return;
  }
  CHECK(last_placed(world).wait_ms == r.wait_ms);
  CHECK(world.entities.questions<sb::place_order>().back()->wait_ms == r.patience_ms);
}

TEST_CASE("each state of an order has its status") {
  struct row {
    order_status is;
    int status;
  };
  const auto r = GENERATE(values<row>({
      {order_status::pending_new, 202},
      {order_status::unknown, 202},
      {order_status::new_, 201},
      {order_status::partially_filled, 201},
      {order_status::filled, 201},
      {order_status::canceled, 201},
      {order_status::rejected, 201},
      {order_status::expired, 201},
      {order_status::absent, 201},
      {order_status::denied, 403},
  }));
  INFO(word(r.is));
  for (const bool replayed : {false, true}) {
    api_world world;
    world.entities.on_order = [&](const entity_key& to, const message&) -> sb::answer {
      auto told = working_order(to.id, trader);
      told.order.status = r.is;
      if (r.is == order_status::denied) told.order.denied_because = denial::market_closed;
      told.replayed = replayed;
      return told;
    };
    const auto got = place(world, order_body());
    CHECK(got.status() == r.status);
    CHECK(got.header("Idempotent-Replayed") == (replayed ? "true" : "absent"));
    if (r.status != 403) CHECK(got.at("/state") == word(r.is));
  }
}

TEST_CASE("a broker's refusal is an answer, not a problem") {
  api_world world;
  world.entities.on_order = [](const entity_key& to, const message&) -> sb::answer {
    auto told = working_order(to.id, trader);
    told.order.status = order_status::rejected;
    told.order.reason = "margin";
    told.order.reason_code = "RMS";
    return told;
  };
  const auto got = place(world, order_body());
  CHECK(got.status() == 201);
  CHECK(got.at("/reason") == "margin");
  CHECK(got.at("/reason_code") == "RMS");
}

TEST_CASE("each denial has its problem") {
  struct row {
    denial why;
    std::optional<sb::violation> found;
    std::string code;
  };
  const auto limit_of = [](limit_type type) {
    sb::violation found;
    found.failed = sb::check::limit;
    found.scope = {scope_kind::account, 11};
    found.type = type;
    found.limit = 500'000'000;
    found.usage = 300'000'000;
    found.attempted = 2'500'000'000;
    found.head_room = 200'000'000;
    return found;
  };
  const auto not_allowed = [](limit_type type) {
    sb::violation found;
    found.failed = sb::check::not_allowed;
    found.scope = {scope_kind::user, 101};
    found.type = type;
    found.word = "SBIN";
    return found;
  };
  sb::violation permission;
  permission.failed = sb::check::permission;
  permission.word = "place_order";
  sb::violation late;
  late.failed = sb::check::deadline_passed;
  const auto r = GENERATE_COPY(values<row>({
      {denial::limits, limit_of(limit_type::single_order_value), "LIMIT_SINGLE_ORDER_VALUE_EXCEEDED"},
      {denial::limits, limit_of(limit_type::daily_value), "LIMIT_DAILY_VALUE_EXCEEDED"},
      {denial::limits, limit_of(limit_type::orders_per_day), "LIMIT_ORDERS_PER_DAY_EXCEEDED"},
      {denial::limits, limit_of(limit_type::open_orders), "LIMIT_OPEN_ORDERS_EXCEEDED"},
      {denial::limits, limit_of(limit_type::order_quantity), "LIMIT_ORDER_QUANTITY_EXCEEDED"},
      {denial::limits, not_allowed(limit_type::allowed_exchanges), "LIMIT_EXCHANGE_NOT_ALLOWED"},
      {denial::limits, not_allowed(limit_type::allowed_symbols), "LIMIT_SYMBOL_NOT_ALLOWED"},
      {denial::limits, not_allowed(limit_type::allowed_products), "LIMIT_PRODUCT_NOT_ALLOWED"},
      {denial::limits, permission, "PERM_NOT_GRANTED"},
      {denial::limits, late, "RISK_UNAVAILABLE"},
      {denial::no_reference_price, std::nullopt, "RISK_NO_REFERENCE_PRICE"},
      {denial::risk_unavailable, std::nullopt, "RISK_UNAVAILABLE"},
      {denial::never_requested, std::nullopt, "RISK_UNAVAILABLE"},
      {denial::not_sent, std::nullopt, "BROKER_UNAVAILABLE"},
      {denial::market_closed, std::nullopt, "STATE_MARKET_CLOSED"},
  }));
  INFO(r.code);
  api_world world;
  world.entities.on_order = [&](const entity_key& to, const message&) -> sb::answer {
    auto told = working_order(to.id, trader);
    told.order.status = order_status::denied;
    told.order.denied_because = r.why;
    told.order.reason = "said so";
    if (r.found) told.order.violations = {*r.found};
    told.order.quantity_max = 4;
    return told;
  };
  const auto got = place(world, order_body(R"("client_order_id":"c-1")"));
  CHECK(got.status() == 403);
  CHECK(got.code() == r.code);
  CHECK(got.at("/status") == "403");
  CHECK(got.at("/retryable") == "false");
  CHECK(got.at("/action") == "user");
  CHECK(got.header("Retry-After") == "absent");
  CHECK(got.at("/client_order_id") == "c-1");
  CHECK(got.at("/order_id").size() == 32);
  CHECK(got.at("/quantity_max") == "4");
  CHECK(got.at("/violations") == (r.found ? "[1]" : "absent"));
}

TEST_CASE("a violation shows what an administrator needs to see") {
  api_world world;
  world.entities.on_order = [](const entity_key& to, const message&) -> sb::answer {
    auto told = working_order(to.id, trader);
    told.order.status = order_status::denied;
    told.order.denied_because = denial::limits;
    sb::violation found;
    found.scope = {scope_kind::organization, 1};
    found.type = limit_type::daily_value;
    found.limit = 500'000'000;
    found.usage = 300'000'000;
    found.attempted = 2'500'000'000;
    found.head_room = 200'000'000;
    sb::violation count = found;
    count.type = limit_type::orders_per_day;
    count.limit = 5;
    count.usage = 5;
    count.attempted = 1;
    count.head_room = 0;
    told.order.violations = {found, count};
    return told;
  };
  const auto got = place(world, order_body());
  CHECK(got.at("/violations/0/limit_type") == "daily_trading_limit");
  CHECK(got.at("/violations/0/scope") == "organization");
  CHECK(got.at("/violations/0/scope_id") == "1");
  CHECK(got.at("/violations/0/limit_value") == "50000.00");
  CHECK(got.at("/violations/0/current_usage") == "30000.00");
  CHECK(got.at("/violations/0/attempted_value") == "250000.00");
  CHECK(got.at("/violations/0/projected_usage") == "280000.00");
  CHECK(got.at("/violations/0/breach_amount") == "230000.00");
  CHECK(got.at("/violations/0/head_room") == "20000.00");
  CHECK(got.at("/violations/1/code") == "LIMIT_ORDERS_PER_DAY_EXCEEDED");
  CHECK(got.at("/violations/1/limit_value") == "5");
  CHECK(got.at("/violations/1/projected_usage") == "6");
  CHECK(got.at("/detail").find("limit 50000.00 INR, used 30000.00 INR, attempted 250000.00 INR") != std::string::npos);
}

SCENARIO("a MARKET order is valued at the last price") {
  api_world world;
  const auto body = order_body(R"("order_type":"MARKET","market_protection_pct":2.5)", "order_type price");
  WHEN("there is one") {
    CHECK(place(world, body).status() == 201);
    CHECK(last_placed(world).command.reference_price == money{5'000'000});
    CHECK(last_placed(world).command.reference_at == test_now);
    CHECK(last_placed(world).command.market_protection == 250);
  }
  WHEN("there is none") {  // the order itself is to be denied, so that this is on record
    world.entities.price = {};
    place(world, body);
    CHECK(last_placed(world).command.reference_price == money{});
  }
  WHEN("the protection is not named") {
    place(world, order_body(R"("order_type":"MARKET","price":0)", "order_type price"));
    CHECK(last_placed(world).command.market_protection == 500);
  }
}

TEST_CASE("who may see an order") {
  struct row {
    std::string what;
    user_id user;
    organization_id organization;
    std::string role, query;
    bool granted;
    int status;
  };
  const auto r = GENERATE(values<row>({
      {"its owner", trader, alpha, "trader", "", false, 200},
      {"a colleague", colleague, alpha, "trader", "", false, 404},
      {"a colleague who may view the account", colleague, alpha, "trader", "", true, 200},
      {"an admin", admin, alpha, "admin", "", false, 200},
      {"a viewer", colleague, alpha, "viewer", "", false, 200},
      {"another organization", stranger, beta, "admin", "", false, 404},
      {"another organization that names ours", stranger, beta, "admin", "?organization_id=1", false, 404},
      {"a platform_admin who names ours", {900}, {90}, "platform_admin", "?organization_id=1", false, 200},
      {"a platform_admin who does not", {900}, {90}, "platform_admin", "", false, 404},
      {"a namesake of another organization", trader, beta, "trader", "", false, 404},
  }));
  INFO(r.what);
  api_world world;
  world.entities.orders[some_id] = working_order(some_id, trader);
  permission_grant grant;
  grant.user = colleague;
  grant.view = r.granted;
  world.entities.grants[{alpha, colleague}] = grant;
  const auto token = world.token(r.user, r.organization, {r.role});
  for (const auto* path : {"/trades/", "/status/"}) {
    const auto got = world({.target = path + some_id + r.query, .token = token});
    CHECK(got.status() == r.status);
    if (r.status == 200) CHECK(got.header("ETag") == "\"2\"");
  }
  CHECK(world({.target = "/status/" + some_id + "/timeline" + r.query, .token = token}).status() == r.status);
}

TEST_CASE("who may cancel an order") {
  struct row {
    std::string what;
    user_id user;
    organization_id organization;
    std::string role;
    bool view, cancel;
    int status;
    std::string code;
  };
  const auto r = GENERATE(values<row>({
      {"its owner", trader, alpha, "trader", false, false, 200, "absent"},
      {"a colleague", colleague, alpha, "trader", false, false, 404, "ORDER_NOT_FOUND"},
      {"a colleague who may view", colleague, alpha, "trader", true, false, 403, "PERM_NOT_GRANTED"},
      {"a colleague who may cancel", colleague, alpha, "trader", true, true, 200, "absent"},
      {"an admin", admin, alpha, "admin", false, false, 200, "absent"},
      {"another organization", stranger, beta, "admin", false, false, 404, "ORDER_NOT_FOUND"},
  }));
  INFO(r.what);
  api_world world;
  world.entities.orders[some_id] = working_order(some_id, trader);
  permission_grant grant;
  grant.user = colleague;
  grant.view = r.view;
  grant.cancel_order = r.cancel;
  world.entities.grants[{alpha, colleague}] = grant;
  const auto got = world(
      {.method = "DELETE", .target = "/trades/" + some_id, .token = world.token(r.user, r.organization, {r.role})});
  CHECK(got.status() == r.status);
  CHECK(got.code() == r.code);
  CHECK(world.entities.questions<sb::cancel_order>().size() == (r.status == 200 ? 1 : 0));
  for (const auto& question : world.entities.asked) CHECK(question.context.urgent);
}

TEST_CASE("what becomes of a cancel") {
  struct row {
    std::string what;
    sb::answer told;
    int status;
    std::string code;
  };
  const auto with = [](order_status status) {
    auto told = working_order(some_id, trader);
    told.order.status = status;
    told.order.cancel_requested = true;
    return told;
  };
  const auto r = GENERATE_COPY(values<row>({
      {"canceled", with(order_status::canceled), 200, "absent"},
      {"on its way", with(order_status::new_), 202, "absent"},
      {"outcome unknown", with(order_status::unknown), 202, "absent"},
      {"filled meanwhile", with(order_status::filled), 409, "ORDER_CLOSED"},
      {"closed before", rejected{rejection::order_closed, "the order is filled"}, 409, "ORDER_CLOSED"},
      {"not stored", rejected{rejection::storage_unavailable, ""}, 503, "STORAGE_UNAVAILABLE"},
      {"overloaded", rejected{rejection::overloaded, ""}, 429, "OVERLOADED"},
  }));
  INFO(r.what);
  for (const std::string path : {"/trades/", "/execute/cancel_order/"}) {
    api_world world;
    world.entities.on_order = [&](const entity_key&, const message& body) -> sb::answer {
      if (std::holds_alternative<get_order>(body)) return working_order(some_id, trader);
      return r.told;
    };
    const auto got = world(
        {.method = path == "/trades/" ? "DELETE" : "POST", .target = path + some_id, .token = world.trader_token()});
    CHECK(got.status() == r.status);
    CHECK(got.code() == r.code);
    CHECK(got.at("/order_id") == some_id);
    CHECK(got.at("/client_order_id") == "c-1");
  }
}

TEST_CASE("what is no order id is asked of nobody") {
  api_world world;
  for (const auto& id : {std::string{"ORD1"}, "ord" + std::string(29, 'A'), "ORD" + std::string(28, 'A') + "1",
                         "ORD" + std::string(30, 'A')}) {
    INFO(id);
    CHECK(world({.target = "/trades/" + id, .token = world.trader_token()}).code() == "ORDER_NOT_FOUND");
    CHECK(world({.method = "DELETE", .target = "/trades/" + id, .token = world.trader_token()}).status() == 404);
  }
  CHECK(world.entities.asked.empty());
}

TEST_CASE("orders are counted") {
  api_world world;
  place(world, order_body());
  world.entities.on_order = [](const entity_key& to, const message&) -> sb::answer {
    auto told = working_order(to.id, trader);
    told.order.status = order_status::denied;
    told.order.denied_because = denial::limits;
    sb::violation found;
    found.type = limit_type::daily_value;
    told.order.violations = {found};
    return told;
  };
  place(world, order_body());
  const auto text = world({.target = "/metrics"}).response.body;
  CHECK(text.find(R"(trade_executions_total{status="new",user_type="trader"} 1)") != std::string::npos);
  CHECK(text.find(R"(trade_executions_total{status="denied",user_type="trader"} 1)") != std::string::npos);
  CHECK(text.find(R"(limit_validations_total{limit_type="daily_trading_limit",result="denied"} 1)") !=
        std::string::npos);
  CHECK(text.find(R"(limit_validations_total{limit_type="all",result="allowed"} 1)") != std::string::npos);
  CHECK(text.find(R"(place_order_seconds_count 2)") != std::string::npos);
  CHECK(text.find(R"(route="/trades/place-order",status="201"} 1)") != std::string::npos);
  CHECK(text.find(R"(inter_service_calls_total{)") != std::string::npos);
}
