#include <boost/pfr.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "actors/protocol/inspect.hpp"
#include "actors/protocol/type_ids.hpp"

using namespace sb;

namespace {

// ---- structs as their fields
// ------------------------------------------------------------------------------------------- Whatever field a struct
// gets is seen here, so that one which inspect() forgets fails: either the samples below leave it at its default
// (all_set), or it does not come back (same).

template <class T>
constexpr bool is_struct = std::is_aggregate_v<T>&& std::is_class_v<T>;
template <class T>
constexpr bool is_struct<std::vector<T>> = false;
template <class T, std::size_t Size>
constexpr bool is_struct<std::array<T, Size>> = false;

template <class T>
bool same(const T& a, const T& b);
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const T& x, const T& y) { return same(x, y); });
}
template <class Key, class Value>
bool same(const std::map<Key, Value>& a, const std::map<Key, Value>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
template <class T>
bool same(const T& a, const T& b) {
  if constexpr (is_struct<T>) {
    bool equal = true;
    const auto others = boost::pfr::structure_tie(b);
    boost::pfr::for_each_field(
        a, [&](const auto& field, auto index) { equal = same(field, std::get<index>(others)) && equal; });
    return equal;
  } else {
    return a == b;
  }
}

/// Empty when every field differs from its default, else the way to one that does not.
template <class T>
std::string left_out(const T& value, const T& usual);
template <class T>
std::string left_out(const std::vector<T>& values, const std::vector<T>&) {
  if (values.empty()) return "empty";
  std::string way;
  for (const auto& value : values) way += left_out(value, T{});
  return way;
}
/// A tree ends somewhere: its leaves have no children.
std::string left_out(const std::vector<tree_node>& children, const std::vector<tree_node>&) {
  return children.empty() ? "empty" : "";
}
template <class Key, class Value>
std::string left_out(const std::map<Key, Value>& values, const std::map<Key, Value>&) {
  if (values.empty()) return "empty";
  std::string way;
  for (const auto& [key, value] : values) way += left_out(key, Key{}) + left_out(value, Value{});
  return way;
}
template <class T>
std::string left_out(const std::optional<T>& value, const std::optional<T>&) {
  return value ? left_out(*value, T{}) : "absent";
}
template <class T>
std::string left_out(const T& value, const T& usual) {
  if constexpr (is_struct<T>) {
    std::string way;
    const auto usuals = boost::pfr::structure_tie(usual);
    boost::pfr::for_each_field(value, [&](const auto& field, auto index) {
      const auto found = left_out(field, std::get<index>(usuals));
      if (!found.empty()) way += std::to_string(index) + "." + found + " ";
    });
    return way;
  } else {
    return value == usual ? "default" : "";
  }
}

// ---- one sample of everything, each field another than its default
// ---------------------------------------------------------

const order_id some_order = "ORDABCDEFGHIJKLMNOPQRSTUVWXYZ234";
const std::string some_text = std::string{"a\0b", 3} + "\"₹\xFF";  // CAF strings are bytes

const principal by{principal::kind::service, {7}, {3}, "key-1", "api_key"};
const envelope head{{{7}, entity_kind::book, "7"}, {1, 0xFFFF'FFFF'FFFF'FFFF}, {-5}, by, some_text, "req-1", 11, 12};
const event_record record{"order.filled", 2, by, "c", "k", "{}"};
const journal_row row{3,
                      4,
                      "7/order/X",
                      5,
                      2,
                      {9},
                      6,
                      [] {
                        digest d{};
                        d.fill(0xAB);
                        return d;
                      }(),
                      some_text};

const violation failed{check::not_allowed, {scope_kind::account, 12}, limit_type::allowed_symbols, 1, 2, -3, 4, "GOLD"};
const limit words_limit{limit_type::allowed_symbols, 1, {"INFY", some_text}};
const permission_grant grant{{3}, true, true, true, {{12}, {13}}};
const reserve_capacity capacity{some_order,        2,   "f0",         {3},     {12}, "NSE", "INFY",
                                product_type::mtf, 100, {15'000'500}, {20'000}};
const order_fact fact{order_fact::kind::absent, 90, some_order, 40, {15'000'000}, {20'000}, {3}, {12}};
const scope_usage usage{{5}, {-6}, 7, 8, {9}, {20'449}};
const order_command command{{7},
                            {12},
                            {3},
                            "c-1",
                            "NSE",
                            "INFY",
                            side::sell,
                            order_type::sl_market,
                            product_type::delivery,
                            validity::ioc,
                            100,
                            {15'000'500},
                            250,
                            some_text,
                            {1},
                            {2}};
const broker_view view{
    broker_view::state::expired, "B-1", "RMS", some_text, {{"F-1", 1, {2}, {3}}, {"F-2", 4, {-5}, {6}}}};
order_state full_order() {
  order_state order;
  order.status = order_status::absent;
  order.command = command;
  order.fingerprint = "f0";
  order.attempt = 3;
  order.day = {20'000};
  order.send_window_ms = 3000;
  order.cancel_requested = true;
  order.broker_order_id = "B-1";
  order.reason_code = "RMS";
  order.reason = some_text;
  order.denied_because = denial::market_closed;
  order.violations = {failed, failed};
  order.quantity_max = 60;
  order.filled_quantity = 40;
  order.filled_value = {600'000'000};
  order.fill_ids = {"F-1", "F-2"};
  order.version = 9;
  order.created_at = {1'700'000'000'123};
  order.updated_at = {1'700'000'000'124};
  return order;
}
const order_answer order_seen{full_order(), some_order, true, true, {77}};

/// In the order of type_ids.hpp.
template <class Visit>
void visit_samples(Visit visit) {
  visit(head);
  visit(requester{1, 2});
  visit(entity_key{{7}, entity_kind::account, "12"});
  visit(by);
  visit(record);
  visit(row);
  visit(place_order{command, "f0", 2000});
  visit(cancel_order{1});
  visit(get_order{});
  visit(reserve_answered{2, 0xFFFF'FFFF'FFFF'FFFF, {reserve_answer::verdict::too_late, {failed}, 60}});
  visit(close_answered{2, 5, true});
  visit(probe_order{2});
  visit(broker_answered{broker_verb::query, 5, broker_answered::outcome::not_found, view, some_text});
  visit(broker_reported{8, view});
  visit(reserve_request{capacity, 5, {6}});
  visit(close_request{{some_order, 2}, 5});
  visit(settle_request{{1, 2, {fact, fact}}});
  visit(ask_settled{});
  visit(set_limits_request{{{scope_kind::user, 3}, {words_limit}}, 4});
  visit(get_limits{});
  visit(validate_order{capacity});
  visit(set_permissions_request{{grant}});
  visit(get_permissions{{3}});
  visit(check_permission_request{{3}, {12}, trade_action::view});
  visit(probe_answered{some_order});
  visit(create_user{roles({role::admin, role::service})});
  visit(get_user{});
  visit(create_organization{some_text});
  visit(get_organization{});
  visit(open_account{"desk-1", "paper"});
  visit(get_account{});
  visit(sb::alarm{3});
  visit(broker_call{broker_verb::cancel, {{7}, entity_kind::account, some_order}, 5, command, "B-1", {6}, 13});
  visit(paper_fill{{1, 2}, some_order, 3, {4}, "e-1"});
  visit(price_query{{1, 2}, "NSE", "INFY"});
  visit(rejected{rejection::draining, some_text});
  visit(order_seen);
  visit(order_stored{order_seen});
  visit(limits_answer{1,
                      2,
                      {3},
                      {{{scope_kind::user, 3}, {words_limit}}, {{scope_kind::account, 12}, {words_limit}}},
                      {{{scope_kind::account, 12}, usage}}});
  visit(validate_answer{{{failed}, 60}});
  visit(permissions_answer{grant});
  visit(permission_checked{true, failed});
  visit(user_answer{{{3}, roles({role::trader}), true, true, 4, {5}}});
  visit(organization_answer{{{7}, "Acme", true, 4, {5}}});
  visit(account_answer{{{12}, "desk-1", "paper", true, 4, {5}}});
  visit(fill_answer{order_seen, {"F-1", 1, {2}, {3}}});
  visit(price_answer{{1}, {2}});
  visit(settled{{7}, true, 4});
  const tree_node leaf{"n1/trade/shard-70/x", "entity", "trade", 70, "parked", 1, some_text, {2}, 3, 4, 5, 6, {}};
  visit(
      tree_node{"n1/trade/shard-70", "shard", "trade", 70, "restarting", 1, some_text, {2}, 3, 4, 5, 6, {leaf, leaf}});
  visit(orders_seen{{some_order}});
  visit(orders_looked_up{{some_order}, {"ORD2"}});
}

/// The same with optional members absent and containers empty: what a struct is when nothing has been set.
template <class Visit>
void visit_defaults(Visit visit) {
  visit_samples([&]<class T>(const T&) { visit(T{}); });
}

using bytes = std::vector<char>;

template <class T>
bytes written(T value) {
  bytes out;
  caf::binary_serializer sink{nullptr, out};
  REQUIRE_FALSE(sink(value));
  return out;
}
template <class T>
void check_round_trip(const T& value) {
  const auto out = written(value);
  T back{};
  caf::binary_deserializer source{nullptr, out};
  REQUIRE_FALSE(source(back));
  CHECK(source.remaining() == 0);
  CHECK(same(back, value));
  CHECK(written(back) == out);
}

struct registered_config : caf::actor_system_config {
  registered_config() {
    register_messages(*this);
    set("scheduler.policy", caf::atom("testing"));
  }
};

}  // namespace

TEST_CASE("every registered type has a sample in which each field is set", "[protocol]") {
  caf::type_id_t expected = caf::id_block::stocksblitz::begin;
  visit_samples([&]<class T>(const T& value) {
    INFO(caf::type_name<T>::value);
    CHECK(caf::type_id<T>::value == expected++);
    CHECK(left_out(value, T{}) == "");
  });
  CHECK(expected == caf::id_block::stocksblitz::end);
}

TEST_CASE("every message comes back from its bytes", "[protocol]") {
  visit_samples([]<class T>(const T& value) {
    INFO(caf::type_name<T>::value);
    check_round_trip(value);
  });
}

TEST_CASE("a message in which nothing is set comes back from its bytes", "[protocol]") {
  visit_defaults([]<class T>(const T& value) {
    INFO(caf::type_name<T>::value);
    check_round_trip(value);
  });
}

TEST_CASE("reading replaces what was there", "[protocol]") {
  visit_samples([]<class T>(const T& value) {
    INFO(caf::type_name<T>::value);
    const auto out = written(T{});
    T back = value;
    caf::binary_deserializer source{nullptr, out};
    REQUIRE_FALSE(source(back));
    CHECK(same(back, T{}));
  });
}

TEST_CASE("a message that was cut anywhere is refused", "[protocol]") {
  visit_samples([]<class T>(const T& value) {
    INFO(caf::type_name<T>::value);
    const auto out = written(value);
    for (std::size_t length = 0; length < out.size(); ++length) {
      const bytes cut(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length));
      T back{};
      caf::binary_deserializer source{nullptr, cut};
      INFO(length << " of " << out.size() << " bytes");
      REQUIRE(source(back));
    }
  });
}

TEST_CASE("every message travels with its envelope", "[protocol]") {
  registered_config config;
  caf::actor_system system{config};
  visit_samples([&]<class T>(const T& value) {
    INFO(caf::type_name<T>::value);
    auto sent = caf::make_message(head, value);
    bytes out;
    caf::binary_serializer sink{system, out};
    REQUIRE_FALSE(sink(sent));
    caf::message arrived;
    caf::binary_deserializer source{system, out};
    REQUIRE_FALSE(source(arrived));
    REQUIRE((arrived.match_elements<envelope, T>()));
    CHECK(same(arrived.get_as<envelope>(0), head));
    CHECK(same(arrived.get_as<T>(1), value));
  });
}

TEST_CASE("an enumerator that nobody knows is refused on arrival", "[protocol]") {
  const auto refused = []<class T>(T value) {
    const auto out = written(value);
    T back{};
    caf::binary_deserializer source{nullptr, out};
    const caf::error why = source(back);
    return why == caf::sec::invalid_argument;
  };
  constexpr auto beyond = [](auto last) { return static_cast<decltype(last)>(static_cast<std::uint8_t>(last) + 1); };

  const auto with = [](auto member, auto value) {
    order_command changed = command;
    changed.*member = value;
    return place_order{changed, "f", 1};
  };
  CHECK_FALSE(refused(place_order{command, "f", 1}));
  CHECK(refused(with(&order_command::direction, beyond(side::sell))));
  CHECK(refused(with(&order_command::type, beyond(order_type::sl_market))));
  CHECK(refused(with(&order_command::product, beyond(product_type::mtf))));
  CHECK(refused(with(&order_command::valid, beyond(validity::ioc))));
  order_answer order = order_seen;
  order.order.status = beyond(order_status::absent);
  CHECK(refused(order));
  order = order_seen;
  order.order.denied_because = beyond(denial::market_closed);
  CHECK(refused(order));
  CHECK(refused(entity_key{{7}, beyond(entity_kind::order), "X"}));
  CHECK(refused(principal{beyond(principal::kind::service), {}, {}, "", ""}));
  CHECK(refused(rejected{beyond(rejection::draining), ""}));
  CHECK(refused(check_permission_request{{3}, {12}, beyond(trade_action::view)}));
  CHECK(refused(broker_answered{beyond(broker_verb::query), 0, {}, {}, ""}));
  CHECK(refused(broker_answered{{}, 0, beyond(broker_answered::outcome::blocked), {}, ""}));
  CHECK(refused(broker_reported{1, {beyond(broker_view::state::expired), "", "", "", {}}}));
  CHECK(refused(reserve_answered{1, 1, {beyond(reserve_answer::verdict::too_late), {}, {}}}));
  CHECK(refused(settle_request{{0, 1, {{beyond(order_fact::kind::absent), 1, "", 0, {}, {}, {}, {}}}}}));
  CHECK(refused(set_limits_request{{{beyond(scope_kind::account), 1}, {}}, {}}));
  CHECK(refused(set_limits_request{{{}, {{beyond(limit_type::allowed_products), 0, {}}}}, {}}));
  CHECK(refused(validate_answer{{{{beyond(check::attempt_closed), {}, {}, 0, 0, 0, 0, ""}}, {}}}));
}

TEST_CASE("a message can be shown to people", "[protocol]") {
  CHECK(caf::deep_to_string(entity_key{{7}, entity_kind::order, "ORD1"}) == "entity_key(7, 4, \"ORD1\")");
  CHECK(caf::deep_to_string(permission_checked{true, std::nullopt}) == "permission_checked(true, false)");
}
