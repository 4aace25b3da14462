#include <algorithm>
#include <catch2/catch.hpp>
#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"
#include "storage/tenant_events.hpp"

using namespace sb;

namespace {

/// Quotes, a backslash, every kind of control character, two, three and four bytes of UTF-8, U+2028 and DEL.
const std::string awkward = "\"\\/\b\f\n\r\t\x01\x1f\x7f é ₹ 😀 \xE2\x80\xA8 </script>";
constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t int64_min = std::numeric_limits<std::int64_t>::min();

const order_id some_order = "ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234";
const std::string some_fingerprint = "00112233445566778899aabbccddeeff";

template <class Event>
std::optional<Event> decode(const event_record& record, std::string& why) {
  if constexpr (std::same_as<Event, order_event>) return decode_order_event(record, why);
  if constexpr (std::same_as<Event, risk_event>) return decode_risk_event(record, why);
  if constexpr (std::same_as<Event, user_event>) return decode_user_event(record, why);
  if constexpr (std::same_as<Event, organization_event>) return decode_organization_event(record, why);
  if constexpr (std::same_as<Event, account_event>) return decode_account_event(record, why);
}

violation full_violation() {
  return {check::not_allowed, {scope_kind::account, 12}, limit_type::allowed_symbols, 1, 2, 3, 4, awkward};
}

order_requested plain_request() {
  order_command command;
  command.organization = {7};
  command.account = {12};
  command.user = {3};
  command.client_order_id = "c-1";
  command.exchange = "NSE";
  command.symbol = "INFY";
  command.direction = side::buy;
  command.type = order_type::limit;
  command.product = product_type::intraday;
  command.valid = validity::day;
  command.quantity = 100;
  command.price = {15'000'500};
  command.market_protection = 500;
  return {command, some_fingerprint, 1, {20'000}, 3000};
}
order_requested full_request() {
  auto fact = plain_request();
  fact.command.client_order_id = awkward;
  fact.command.exchange = "NFO";
  fact.command.symbol = "NIFTY 50 \"FUT\"";
  fact.command.direction = side::sell;
  fact.command.type = order_type::market;
  fact.command.product = product_type::mtf;
  fact.command.valid = validity::ioc;
  fact.command.quantity = int64_max;
  fact.command.price = {-money::ticks_max};
  fact.command.market_protection = 0;
  fact.command.comments = awkward;
  fact.command.reference_price = {money::ticks_max};
  fact.command.reference_at = {1'700'000'000'123};
  fact.attempt = 2;
  fact.day = {-1};
  fact.send_window_ms = std::numeric_limits<std::int32_t>::max();
  return fact;
}
order_filled plain_fill() {
  order_filled fact;
  fact.fill_id = "F-9";
  fact.quantity = 40;
  fact.price = {15'000'000};
  fact.at = {1'700'000'000'123};
  fact.user = {3};
  fact.account = {12};
  fact.exchange = "NSE";
  fact.symbol = "INFY";
  return fact;
}
order_filled full_fill() {
  auto fact = plain_fill();
  fact.fill_id = awkward;
  fact.quantity = int64_min;
  fact.last = true;
  fact.direction = side::sell;
  fact.product = product_type::delivery;
  return fact;
}
order_fact full_fact() { return {order_fact::kind::fill, 90, some_order, 40, {15'000'000}, {20'000}, {3}, {12}}; }
limit symbols_limit() { return {limit_type::allowed_symbols, 0, {"INFY", awkward}}; }
limit value_limit() { return {limit_type::daily_value, money::ticks_max, {}}; }
permission_grant full_grant() { return {{3}, true, true, true, {{12}, {13}}}; }

template <class Event>
struct golden {
  Event event;
  std::string type;
  std::string body;
};

/// One of each kind, and the bytes that are in journals already: a row may be added, never changed.
const std::vector<golden<order_event>> order_goldens{
    {plain_request(), "order.requested",
     R"({"org":7,"account":12,"user":3,"client_order_id":"c-1","exchange":"NSE","symbol":"INFY","side":"BUY","type":"LIMIT",)"
     R"("product":"INTRADAY","qty":100,"price":15000500,"fingerprint":"00112233445566778899aabbccddeeff","day":20000,)"
     R"("window_ms":3000})"},
    {order_denied{
         denial::limits, "over", {{check::limit, {scope_kind::user, 3}, limit_type::daily_value, 10, 7, 5, 3, ""}}, 60},
     "order.denied",
     R"({"why":"limits","detail":"over","violations":[{"check":"limit","scope":["user",3],"type":"daily_trading_limit",)"
     R"("limit":10,"usage":7,"attempted":5,"head_room":3}],"qty_max":60})"},
    {order_accepted{"B-1"}, "order.accepted", R"({"broker_order_id":"B-1"})"},
    {order_rejected{"RMS", "no \"margin\""}, "order.rejected", R"({"code":"RMS","message":"no \"margin\""})"},
    {order_outcome_unknown{"timeout"}, "order.unknown", R"({"why":"timeout"})"},
    {plain_fill(), "order.filled",
     R"({"fill":"F-9","qty":40,"price":15000000,"at":1700000000123,"user":3,"account":12,"exchange":"NSE","symbol":"INFY",)"
     R"("side":"BUY","product":"INTRADAY"})"},
    {order_cancel_requested{{3}}, "order.cancel_requested", R"({"by":3})"},
    {order_canceled{true}, "order.canceled", R"({"before_sending":true})"},
    {order_expired{}, "order.expired", "{}"},
    {order_marked_absent{3}, "order.absent", R"({"empty_reads":3})"},
};
const std::vector<golden<risk_event>> risk_goldens{
    {limits_set{{scope_kind::organization, 7},
                {{limit_type::orders_per_day, 100, {}}, {limit_type::allowed_exchanges, 0, {"NSE"}}}},
     "risk.limits_set",
     R"({"scope":["organization",7],"limits":[{"type":"orders_per_day","value":100},{"type":"allowed_exchanges","words":["NSE"]}]})"},
    {permissions_set{{{3}, true, true, false, {{12}}}}, "risk.permissions_set",
     R"({"user":3,"place_order":true,"cancel_order":true,"accounts":[12]})"},
    {limit_reserved{some_order, 1, some_fingerprint, {3}, {12}, 100, {15'000'500}, {20'000}}, "risk.reserved",
     R"({"order":"ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234","fingerprint":"00112233445566778899aabbccddeeff","user":3,"account":12,)"
     R"("qty":100,"price":15000500,"day":20000})"},
    {limit_denied{
         some_order,
         2,
         some_fingerprint,
         {{check::permission, {scope_kind::user, 3}, limit_type::single_order_value, 0, 0, 0, 0, "place_order"}},
         0,
         {20'000}},
     "risk.denied",
     R"({"order":"ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234","attempt":2,"fingerprint":"00112233445566778899aabbccddeeff",)"
     R"("violations":[{"check":"permission","scope":["user",3],"type":"single_order_value","word":"place_order"}],"qty_max":0,)"
     R"("day":20000})"},
    {attempt_closed{some_order, 1, {20'000}}, "risk.attempt_closed",
     R"({"order":"ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234","day":20000})"},
    {facts_settled{91, {full_fact(), {order_fact::kind::closed, 91, some_order, 0, {}, {}, {}, {}}}}, "risk.settled",
     R"({"seq":91,"facts":[{"what":"fill","seq":90,"order":"ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234","qty":40,"price":15000000,)"
     R"("day":20000,"user":3,"account":12},{"what":"closed","seq":91,"order":"ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234"}]})"},
    {day_rolled{{20'001}}, "risk.day_rolled", R"({"day":20001})"},
    {limit_overrun{{scope_kind::account, 12}, limit_type::open_orders, 5, 6, some_order}, "risk.limit_overrun",
     R"({"scope":["account",12],"type":"open_orders","limit":5,"usage":6,"order":"ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234"})"},
    {tombstones_dropped{17}, "risk.tombstones_dropped", R"({"through":17})"},
};
const std::vector<golden<user_event>> user_goldens{
    {user_created{{3}, roles({role::trader, role::platform_admin})}, "user.created",
     R"({"user":3,"roles":["platform_admin","trader"]})"},
    {user_status_set{false}, "user.status_set", R"({"active":false})"},
};
const std::vector<golden<organization_event>> organization_goldens{
    {organization_created{{7}, "Açme \"Capital\""}, "organization.created",
     R"({"organization":7,"name":"Açme \"Capital\""})"},
};
const std::vector<golden<account_event>> account_goldens{
    {account_opened{{12}, "desk-1", "paper"}, "account.opened", R"({"account":12,"name":"desk-1","broker":"paper"})"},
};

/// What the goldens leave out: optionals absent, lists empty and long, extreme numbers, awkward text.
const std::vector<order_event> more_order_events{
    full_request(),
    order_requested{},
    order_denied{denial::market_closed, awkward, {full_violation(), violation{}}, std::nullopt},
    order_denied{denial::risk_unavailable, "", {}, 0},
    order_denied{},
    order_accepted{awkward},
    order_accepted{},
    order_rejected{},
    order_rejected{awkward, awkward},
    order_outcome_unknown{},
    full_fill(),
    order_filled{},
    order_cancel_requested{},
    order_canceled{},
    order_marked_absent{},
};
const std::vector<risk_event> more_risk_events{
    limits_set{{scope_kind::user, int64_max}, {value_limit(), symbols_limit(), {limit_type::allowed_products, 0, {}}}},
    limits_set{},
    permissions_set{full_grant()},
    permissions_set{},
    limit_reserved{awkward, 7, awkward, {int64_max}, {int64_min}, int64_max, {-money::ticks_max}, {-5}},
    limit_reserved{},
    limit_denied{some_order, 1, "", {full_violation(), full_violation()}, std::nullopt, {}},
    limit_denied{},
    attempt_closed{some_order, 9, {1}},
    facts_settled{5, {}},
    facts_settled{5, {{order_fact::kind::absent, 5, some_order, 0, {}, {}, {}, {}}, order_fact{}}},
    day_rolled{},
    limit_overrun{{scope_kind::organization, 7}, limit_type::daily_value, 1, 2, ""},
    tombstones_dropped{},
};

template <class Event>
std::vector<Event> all_of(const std::vector<golden<Event>>& goldens, std::vector<Event> more = {}) {
  for (const auto& row : goldens) more.push_back(row.event);
  return more;
}

template <class Event>
void check_goldens(const std::vector<golden<Event>>& goldens) {
  std::vector<bool> seen(std::variant_size_v<Event>);
  for (const auto& row : goldens) {
    INFO(row.type);
    const auto record = encode(row.event);
    CHECK(record.type == row.type);
    CHECK(record.schema == 1);
    CHECK(record.body == row.body);
    seen[row.event.index()] = true;
  }
  CHECK(std::count(seen.begin(), seen.end(), true) == std::int64_t{std::variant_size_v<Event>});
}

template <class Event>
void check_round_trips(const std::vector<Event>& events) {
  for (const auto& event : events) {
    const auto record = encode(event);
    INFO(record.type << ' ' << record.body);
    CHECK(record.by == principal{});
    CHECK(record.correlation.empty());
    CHECK(record.causation.empty());
    CHECK(nlohmann::json::accept(record.body));
    std::string why;
    const auto back = decode<Event>(record, why);
    REQUIRE(back);
    CHECK((*back == event));
    CHECK(why.empty());
  }
}

}  // namespace

TEST_CASE("the bytes of each kind of event are the ones that journals hold", "[codec]") {
  check_goldens(order_goldens);
  check_goldens(risk_goldens);
  check_goldens(user_goldens);
  check_goldens(organization_goldens);
  check_goldens(account_goldens);
}

TEST_CASE("every event comes back as it was", "[codec]") {
  check_round_trips(all_of(order_goldens, more_order_events));
  check_round_trips(all_of(risk_goldens, more_risk_events));
  check_round_trips(
      all_of(user_goldens,
             {user_created{}, user_status_set{true},
              user_created{{int64_max},
                           roles({role::platform_admin, role::admin, role::trader, role::viewer, role::service})}}));
  check_round_trips(all_of(organization_goldens, {organization_created{{1}, awkward}, organization_created{}}));
  check_round_trips(all_of(account_goldens, {account_opened{{1}, awkward, awkward}, account_opened{}}));
}

TEST_CASE("every enumerator has a word that comes back", "[codec]") {
  for (std::size_t n = 0; n < 4; ++n) {
    auto fact = plain_request();
    fact.command.type = static_cast<order_type>(n);
    fact.command.product = static_cast<product_type>(n);
    check_round_trips<order_event>({fact});
  }
  for (int n = 0; n <= static_cast<int>(denial::market_closed); ++n) {
    check_round_trips<order_event>({order_denied{static_cast<denial>(n), "", {}, {}}});
  }
  for (int n = 0; n <= static_cast<int>(check::attempt_closed); ++n) {
    auto failed = full_violation();
    failed.failed = static_cast<check>(n);
    check_round_trips<order_event>({order_denied{denial::limits, "", {failed}, {}}});
  }
  for (std::size_t n = 0; n < limit_type_count; ++n) {
    check_round_trips<risk_event>({limits_set{{}, {{static_cast<limit_type>(n), 1, {}}}}});
  }
}

TEST_CASE("the words of each enum are the ones that journals hold", "[codec]") {
  const auto holds = [](const std::string& text, const std::string& part) {
    INFO(text << " should hold " << part);
    CHECK(text.find(part) != std::string::npos);
  };
  using words = std::vector<std::string>;
  std::size_t n = 0;
  for (const auto& word : words{"none", "limits", "no_reference_price", "risk_unavailable", "never_requested",
                                "not_sent", "market_closed"}) {
    holds(encode(order_event{order_denied{static_cast<denial>(n++), "", {}, {}}}).body, R"("why":")" + word + '"');
  }
  n = 0;
  for (const auto& word : words{"permission", "limit", "not_allowed", "deadline_passed", "attempt_closed"}) {
    auto failed = full_violation();
    failed.failed = static_cast<check>(n++);
    holds(encode(order_event{order_denied{denial::limits, "", {failed}, {}}}).body, R"("check":")" + word + '"');
  }
  n = 0;
  for (const auto& word : words{"single_order_value", "daily_trading_limit", "orders_per_day", "open_orders",
                                "order_quantity", "allowed_exchanges", "allowed_symbols", "allowed_products"}) {
    holds(encode(risk_event{limits_set{{}, {{static_cast<limit_type>(n++), 0, {}}}}}).body, R"("type":")" + word + '"');
  }
  n = 0;
  for (const auto& word : words{"organization", "user", "account"}) {
    holds(encode(risk_event{limits_set{{static_cast<scope_kind>(n++), 9}, {}}}).body,
          R"("scope":[")" + word + R"(",9])");
  }
  n = 0;
  for (const auto& word : words{"fill", "closed", "absent"}) {
    order_fact fact;
    fact.what = static_cast<order_fact::kind>(n++);
    holds(encode(risk_event{facts_settled{1, {fact}}}).body, R"("what":")" + word + '"');
  }
  n = 0;
  for (const auto& word : words{"held", "settled", "denied", "closed"}) {
    risk_book book;
    book.reservations["O"].state = static_cast<reservation_state>(n++);
    holds(encode_snapshot(book), R"("state":")" + word + '"');
  }
  n = 0;
  for (const auto& word : words{"platform_admin", "admin", "trader", "viewer", "service"}) {
    holds(encode(user_event{user_created{{1}, roles({static_cast<role>(n++)})}}).body,
          R"("roles":[")" + word + R"("])");
  }
  n = 0;
  const words products{"INTRADAY", "DELIVERY", "NORMAL", "MTF"};
  for (const auto& word : words{"MARKET", "LIMIT", "STOP_LOSS", "SL_MARKET"}) {
    auto fact = plain_request();
    fact.command.type = static_cast<order_type>(n);
    fact.command.product = static_cast<product_type>(n);
    holds(encode(order_event{fact}).body, R"("type":")" + word + R"(","product":")" + products[n++] + '"');
  }
  const auto full = encode(order_event{full_request()}).body;
  holds(full, R"("side":"SELL")");
  holds(full, R"("validity":"IOC")");
}

TEST_CASE("a body is valid UTF-8 without NUL, whatever a broker sent", "[codec]") {
  struct row {
    std::string name;
    std::string text;
    std::string stored;
  };
  const auto r = GENERATE(values<row>({
      {"NUL", std::string{"a\0b", 3}, "a\uFFFDb"},
      {"lone continuation", "a\x80z", "a\uFFFDz"},
      {"cut at the end", "a\xE2\x82", "a\uFFFD\uFFFD"},
      {"cut in the middle", "\xF0\x9F\x98z", "\uFFFD\uFFFD\uFFFDz"},
      {"overlong slash", "\xC0\xAF", "\uFFFD\uFFFD"},
      {"overlong, three bytes", "\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD"},
      {"overlong, four bytes", "\xF0\x8F\xBF\xBF", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"surrogate", "\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"above U+10FFFF", "\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"0xFF", "\xFF", "\uFFFD"},
      {"lowest and highest of each length",
       "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
       "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
      {"latin-1", "caf\xE9 au lait", "caf\uFFFD au lait"},
  }));
  INFO(r.name);
  const auto record = encode(order_event{order_rejected{"", r.text}});
  CHECK(record.body.find("\\u0000") == std::string::npos);
  std::string why;
  const auto back = decode_order_event(record, why);
  INFO(why);
  REQUIRE(back);
  CHECK(std::get<order_rejected>(*back).message == r.stored);
}

TEST_CASE("a later program's additional keys are ignored", "[codec]") {
  std::string why;
  const auto back =
      decode_order_event({"order.accepted", 1, {}, "", "", R"({"new":{"a":[1.5,null]},"broker_order_id":"B-1"})"}, why);
  REQUIRE(back);
  CHECK((*back == order_event{order_accepted{"B-1"}}));
}

TEST_CASE("what is left out has its usual value", "[codec]") {
  std::string why;
  const auto back = decode_risk_event({"risk.attempt_closed", 1, {}, "", "", R"({"order":"O","day":1})"}, why);
  REQUIRE(back);
  CHECK((*back == risk_event{attempt_closed{"O", 1, {1}}}));
}

TEST_CASE("a record that does not fit is refused with its reason", "[codec]") {
  struct row {
    std::string type;
    std::int32_t schema;
    std::string body;
    std::string why;
  };
  const std::string fill =
      R"("fill":"F","at":1,"user":3,"account":12,"exchange":"NSE","symbol":"INFY","side":"BUY","product":"MTF")";
  const auto r = GENERATE_COPY(values<row>({
      {"order.reserved", 1, "{}", "order.reserved: not a type of this stream"},
      {"", 1, "{}", ": not a type of this stream"},
      {"risk.denied", 1, "{}", "risk.denied: not a type of this stream"},
      {"order.expired", 2, "{}", "order.expired: schema 2 is not known here"},
      {"order.expired", 0, "{}", "order.expired: schema 0 is not known here"},
      {"order.expired", -1, "{}", "order.expired: schema -1 is not known here"},
      {"order.expired", 1, "", "order.expired: not valid JSON"},
      {"order.expired", 1, "{", "order.expired: not valid JSON"},
      {"order.expired", 1, "{} {}", "order.expired: not valid JSON"},
      {"order.expired", 1, std::string{"{}\0", 3}, "order.expired: not valid JSON"},
      {"order.expired", 1, "{\"a\":\"\xFF\"}", "order.expired: not valid JSON"},
      {"order.expired", 1, "[]", "order.expired: not an object"},
      {"order.expired", 1, "null", "order.expired: not an object"},
      {"order.accepted", 1, R"({"broker_order_id":7})", "order.accepted: broker_order_id: not a string"},
      {"order.accepted", 1, R"({"broker_order_id":null})", "order.accepted: broker_order_id: not a string"},
      {"order.canceled", 1, R"({"before_sending":1})", "order.canceled: before_sending: not true or false"},
      {"order.absent", 1, R"({"empty_reads":"3"})", "order.absent: empty_reads: not an integer"},
      {"order.absent", 1, R"({"empty_reads":3.0})", "order.absent: empty_reads: not an integer"},
      {"order.absent", 1, R"({"empty_reads":true})", "order.absent: empty_reads: not an integer"},
      {"order.absent", 1, R"({"empty_reads":2147483648})", "order.absent: empty_reads: out of range"},
      {"order.absent", 1, R"({"empty_reads":-2147483649})", "order.absent: empty_reads: out of range"},
      {"order.absent", 1, R"({"empty_reads":18446744073709551615})", "order.absent: empty_reads: out of range"},
      {"order.filled", 1, "{}", "order.filled: fill: missing"},
      {"order.filled", 1, "{" + fill + R"(,"qty":9223372036854775808,"price":1})", "order.filled: qty: out of range"},
      {"order.filled", 1, "{" + fill + R"(,"qty":1,"price":900000000000000001})", "order.filled: price: out of range"},
      {"order.filled", 1, "{" + fill + R"(,"qty":1,"price":-900000000000000001})", "order.filled: price: out of range"},
      {"order.filled", 1, "{" + fill + R"(,"qty":1,"price":"1.00"})", "order.filled: price: not an integer"},
      {"order.filled", 1, "{" + fill + R"(,"price":1})", "order.filled: qty: missing"},
      {"order.denied", 1, R"({"detail":"x"})", "order.denied: why: missing"},
      {"order.denied", 1, R"({"why":"because"})", "order.denied: why: unknown word"},
      {"order.denied", 1, R"({"why":""})", "order.denied: why: unknown word"},
      {"order.denied", 1, R"({"why":1})", "order.denied: why: not a string"},
      {"order.denied", 1, R"({"why":"limits","qty_max":null})", "order.denied: qty_max: not an integer"},
      {"order.denied", 1, R"({"why":"limits","violations":{}})", "order.denied: violations: not an array"},
      {"order.denied", 1, R"({"why":"limits","violations":[7]})", "order.denied: violations: 0: not an object"},
      {"order.denied", 1, R"({"why":"limits","violations":[{"check":"limit","type":"open_orders"}]})",
       "order.denied: violations: 0: scope: missing"},
      {"order.denied", 1, R"({"why":"limits","violations":[{"check":"limit","scope":["user"],"type":"open_orders"}]})",
       "order.denied: violations: 0: scope: not a pair of scope and number"},
      {"order.denied", 1,
       R"({"why":"limits","violations":[{"check":"limit","scope":["team",1],"type":"open_orders"}]})",
       "order.denied: violations: 0: scope: unknown word"},
      {"order.denied", 1,
       R"({"why":"limits","violations":[{"check":"limit","scope":["user",1],"type":"daily_value"}]})",
       "order.denied: violations: 0: type: unknown word"},
  }));
  const event_record record{r.type, r.schema, {}, "", "", r.body};
  INFO(r.type << ' ' << r.body);
  std::string why;
  CHECK_FALSE(decode_order_event(record, why));
  CHECK(why == r.why);
}

TEST_CASE("each stream refuses the others' types", "[codec]") {
  const auto user = encode(user_goldens[0].event);
  const auto organization = encode(organization_goldens[0].event);
  const auto account = encode(account_goldens[0].event);
  const auto risk = encode(risk_goldens[0].event);
  std::string why;
  CHECK_FALSE(decode_user_event(organization, why));
  CHECK(why == "organization.created: not a type of this stream");
  CHECK_FALSE(decode_organization_event(account, why));
  CHECK_FALSE(decode_account_event(risk, why));
  CHECK_FALSE(decode_risk_event(user, why));
  CHECK(why == "user.created: not a type of this stream");
}

TEST_CASE("facts of tenants and books are refused by their own rules", "[codec]") {
  std::string why;
  CHECK_FALSE(decode_user_event({"user.created", 1, {}, "", "", R"({"user":3,"roles":["trader","king"]})"}, why));
  CHECK(why == "user.created: roles: 1: unknown word");
  CHECK_FALSE(decode_user_event({"user.status_set", 1, {}, "", "", "{}"}, why));
  CHECK(why == "user.status_set: active: missing");
  CHECK_FALSE(
      decode_account_event({"account.opened", 1, {}, "", "", R"({"account":"12","name":"","broker":""})"}, why));
  CHECK(why == "account.opened: account: not an integer");
  CHECK_FALSE(
      decode_risk_event({"risk.settled", 1, {}, "", "", R"({"seq":1,"facts":[{"what":"fill","seq":1}]})"}, why));
  CHECK(why == "risk.settled: facts: 0: order: missing");
  CHECK_FALSE(decode_risk_event({"risk.day_rolled", 1, {}, "", "", R"({"day":2147483648})"}, why));
  CHECK(why == "risk.day_rolled: day: out of range");
}

namespace {

risk_book full_book() {
  risk_book book;
  book.organization = {7};
  book.day = {20'000};
  book.version = 123;
  book.limits_version = 4;
  book.settled_seq = 91;
  book.held_count = 1;
  book.limits[{scope_kind::organization, 7}] = {value_limit(), symbols_limit()};
  book.limits[{scope_kind::account, 12}] = {};
  book.permissions[{3}] = full_grant();
  book.permissions[{4}] = {{4}, false, false, false, {}};
  book.usage[{scope_kind::organization, 7}] = {{5}, {6}, 7, 8};
  book.usage[{scope_kind::user, 3}] = {};
  book.usage[{scope_kind::user, 4}] = {{9}, {}, 0, 0, {4}, {20'001}};
  book.reservations["ORD3"] = {1,  some_fingerprint, reservation_state::held, {3},      {12}, 100,
                               40, {15'000'500},     {900'030'000},           {20'000}, {},   {}};
  book.reservations["ORD1"] = {
      2, some_fingerprint, reservation_state::settled, {3}, {12}, 100, 100, {1}, {}, {19'999}, {}, {}, 7};
  book.reservations["ORD2"] = {1,  awkward,  reservation_state::denied, {4}, {13}, 5, 0, {1},
                               {}, {20'000}, {full_violation()},        0,   5};
  book.reservations["ORD0"] = {1, "", reservation_state::closed, {}, {}, 0, 0, {}, {}, {20'000}, {}, {}};
  book.tombstones = {{5, "ORD2"}, {7, "ORD1"}};
  book.last_tombstone = 9;
  book.dropped_through = 4;
  return book;
}

}  // namespace

TEST_CASE("a book comes back from its snapshot", "[codec]") {
  const auto book = GENERATE(values<risk_book>({risk_book{}, full_book()}));
  const auto text = encode_snapshot(book);
  std::string why;
  const auto back = decode_snapshot(text, why);
  INFO(text << "\n" << why);
  REQUIRE(back);
  CHECK((*back == book));
  CHECK(encode_snapshot(*back) == text);
}

TEST_CASE("equal books have the same snapshot, in whatever order they were filled", "[codec]") {
  risk_book forwards;
  risk_book backwards;
  constexpr int reservations = 200;
  for (int n = 0; n < reservations; ++n) {
    forwards.reservations["ORD" + std::to_string(n)].quantity = n;
    const int m = reservations - 1 - n;
    backwards.reservations["ORD" + std::to_string(m)].quantity = m;
  }
  REQUIRE((forwards == backwards));
  CHECK(encode_snapshot(forwards) == encode_snapshot(backwards));
}

TEST_CASE("the bytes of a snapshot are the ones that are stored already", "[codec]") {
  risk_book book;
  book.organization = {7};
  book.day = {20'000};
  book.version = 9;
  book.limits_version = 1;
  book.settled_seq = 5;
  book.held_count = 1;
  book.limits[{scope_kind::organization, 7}] = {{limit_type::open_orders, 10, {}}};
  book.permissions[{3}] = {{3}, true, false, true, {}};
  book.usage[{scope_kind::organization, 7}] = {{5}, {6}, 1, 1};
  book.reservations["B"] = {1, "f", reservation_state::held, {3}, {12}, 2, 1, {6}, {6}, {20'000}, {}, {}};
  book.reservations["A"] = {1, "g", reservation_state::closed, {}, {}, 0, 0, {}, {}, {20'000}, {}, {}};
  CHECK(
      encode_snapshot(book) ==
      R"({"schema":1,"organization":7,"day":20000,"version":9,"limits_version":1,"settled_seq":5,"held_count":1,)"
      R"("limits":[{"scope":["organization",7],"limits":[{"type":"open_orders","value":10}]}],)"
      R"("permissions":[{"user":3,"place_order":true,"view":true}],)"
      R"("usage":[{"scope":["organization",7],"used":5,"reserved":6,"orders":1,"open_orders":1}],)"
      R"("reservations":[{"order":"A","fingerprint":"g","state":"closed","user":0,"account":0,"day":20000},)"
      R"({"order":"B","fingerprint":"f","state":"held","user":3,"account":12,"qty":2,"filled":1,"price":6,"held":6,"day":20000}]})");
}

TEST_CASE("a snapshot that does not fit is refused with its reason", "[codec]") {
  using nlohmann::json;
  struct row {
    std::string name;
    void (*spoil)(json&);
    std::string why;
  };
  const auto r = GENERATE(values<row>({
      {"no schema", [](json& s) { s.erase("schema"); }, "schema: missing"},
      {"newer", [](json& s) { s["schema"] = 2; }, "schema 2 is not known here"},
      {"number as text", [](json& s) { s["settled_seq"] = "91"; }, "settled_seq: not an integer"},
      {"no version", [](json& s) { s.erase("version"); }, "version: missing"},
      {"no limits", [](json& s) { s.erase("limits"); }, "limits: not an array"},
      {"no usage", [](json& s) { s["usage"] = json::object(); }, "usage: not an array"},
      {"scope twice", [](json& s) { s["limits"][1]["scope"] = s["limits"][0]["scope"]; }, "limits: 1: named twice"},
      {"user twice", [](json& s) { s["permissions"][1]["user"] = 3; }, "permissions: 1: named twice"},
      {"usage twice", [](json& s) { s["usage"][1]["scope"] = s["usage"][0]["scope"]; }, "usage: 1: named twice"},
      {"order twice", [](json& s) { s["reservations"][3]["order"] = "ORD0"; }, "reservations: 3: named twice"},
      {"no object", [](json& s) { s["reservations"][2] = 7; }, "reservations: 2: not an object"},
      {"no order", [](json& s) { s["reservations"][2].erase("order"); }, "reservations: 2: order: missing"},
      {"state", [](json& s) { s["reservations"][0]["state"] = "lost"; }, "reservations: 0: state: unknown word"},
  }));
  INFO(r.name);
  auto snapshot = json::parse(encode_snapshot(full_book()));
  r.spoil(snapshot);
  std::string why;
  CHECK_FALSE(decode_snapshot(snapshot.dump(), why));
  CHECK(why == r.why);
}

TEST_CASE("a snapshot that was cut anywhere is refused", "[codec]") {
  const auto text = encode_snapshot(full_book());
  for (std::size_t length = 0; length < text.size(); ++length) {
    std::string why;
    INFO("cut at " << length);
    REQUIRE_FALSE(decode_snapshot(std::string_view{text}.substr(0, length), why));
    REQUIRE_FALSE(why.empty());
  }
}
