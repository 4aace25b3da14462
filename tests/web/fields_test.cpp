#include "web/fields.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "web/date_time.hpp"

namespace {
using namespace sb;
using namespace sb::web;

constexpr std::string_view sides[] = {"BUY", "SELL"};
constexpr std::string_view today[] = {"today"};
constexpr std::string_view grants[] = {"view", "trade"};

constexpr field leg_fields[] = {
    {.name = "symbol", .required = true, .characters = text_class::symbol, .length_max = 8},
    {.name = "ratio", .kind = field_kind::integer, .value_min = 1, .value_max = 9},
};
constexpr object_type leg{"Leg", "One leg", leg_fields};

constexpr field ticket_fields[] = {
    {.name = "account", .kind = field_kind::id, .required = true},
    {.name = "side", .kind = field_kind::word, .required = true, .words = sides},
    {.name = "quantity",
     .kind = field_kind::integer,
     .required = true,
     .value_min = 1,
     .value_max = 1'000,
     .unit = "shares"},
    {.name = "price", .kind = field_kind::money, .value_min = 1, .value_max = 1'000'000 * money::unit, .unit = "INR"},
    {.name = "key", .characters = text_class::token, .length_min = 2, .length_max = 8},
    {.name = "note", .length_min = 0, .length_max = 5},
    {.name = "email", .characters = text_class::email, .length_max = 40},
    {.name = "secret", .characters = text_class::password, .length_min = 8, .length_max = 64},
    {.name = "amo", .kind = field_kind::boolean},
    {.name = "at", .kind = field_kind::date_time},
    {.name = "day", .kind = field_kind::date, .words = today},
    {.name = "grants", .kind = field_kind::strings, .items_min = 1, .items_max = 2, .words = grants},
    {.name = "tags", .kind = field_kind::strings, .characters = text_class::token, .length_max = 3, .items_max = 2},
    {.name = "leg", .kind = field_kind::object, .type = &leg},
    {.name = "legs", .kind = field_kind::objects, .items_max = 2, .type = &leg},
};
constexpr object_type ticket{"Ticket", "A ticket", ticket_fields};

json_value parsed(std::string_view text) {
  auto result = parse_json(text);
  if (const auto* error = std::get_if<json_error>(&result)) FAIL(text << ": " << error->detail);
  return std::get<json_value>(std::move(result));
}
/// A valid ticket with `more` members after the required ones.
std::string with(std::string_view more) {
  return R"({"account":7,"side":"SELL","quantity":10)" + std::string{more.empty() ? "" : ","} + std::string{more} + "}";
}
std::vector<field_error> errors_of(std::string_view text) {
  const auto value = parsed(text);
  auto read = read_object(value, ticket);
  if (std::holds_alternative<field_values>(read)) return {};
  return std::get<std::vector<field_error>>(std::move(read));
}
}  // namespace

TEST_CASE("a fitting object gives typed values") {
  const auto body = parsed(with(R"("price":"5e4","key":"a-1","note":"","amo":true,"at":"2024-01-15T14:30:00Z",)"
                                R"("day":"2024-01-15","grants":["trade","view"],"leg":{"symbol":"M&M"},)"
                                R"("legs":[{"symbol":"A","ratio":2},{"symbol":"B"}],"email":"a@b","tags":null)"));
  const auto read = read_object(body, ticket);
  REQUIRE(std::holds_alternative<field_values>(read));
  const auto& v = std::get<field_values>(read);
  CHECK(v.id<account_id>("account") == account_id{7});
  CHECK(v.word("side") == 1);
  CHECK(v.text("side") == "SELL");
  CHECK(v.integer("quantity") == 10);
  CHECK(v.amount("price") == money{50'000 * money::unit});
  CHECK(v.text("key") == "a-1");
  CHECK(v.has("note"));
  CHECK(v.text("note").empty());
  CHECK(v.flag("amo"));
  CHECK(v.time("at") == wall_ms{1'705'329'000'000});
  CHECK(v.day_if("day") == parse_date("2024-01-15"));
  REQUIRE(v.texts("grants").size() == 2);
  CHECK(v.texts("grants")[1] == "view");
  CHECK(v.object("leg").text("symbol") == "M&M");
  CHECK_FALSE(v.object("leg").has("ratio"));
  REQUIRE(v.objects("legs").size() == 2);
  CHECK(v.objects("legs")[0].integer("ratio") == 2);
  CHECK(v.is_null("tags"));
  CHECK_FALSE(v.has("tags"));
}

TEST_CASE("an absent field has what stands for it") {
  const auto body = parsed(with(""));
  const auto read = read_object(body, ticket);
  REQUIRE(std::holds_alternative<field_values>(read));
  const auto& v = std::get<field_values>(read);
  CHECK(v.integer_or("quantity", 1) == 10);
  CHECK_FALSE(v.amount_if("price").has_value());
  CHECK(v.text_or("note", "-") == "-");
  CHECK(v.flag_or("amo", true));
  CHECK_FALSE(v.time_if("at").has_value());
  CHECK_FALSE(v.day_if("day").has_value());
  CHECK_FALSE(v.is_null("price"));
  CHECK_THROWS_AS(v.amount("price"), std::logic_error);
  CHECK_THROWS_AS(v.integer("price"), std::logic_error);
  CHECK_THROWS_AS(v.integer("no such field"), std::logic_error);
  const auto word_day = parsed(with(R"("day":"today")"));
  const auto word_read = read_object(word_day, ticket);
  REQUIRE(std::holds_alternative<field_values>(word_read));
  CHECK(std::get<field_values>(word_read).has("day"));
  CHECK(std::get<field_values>(word_read).text("day") == "today");
  CHECK_FALSE(std::get<field_values>(word_read).day_if("day").has_value());
}

TEST_CASE("every refusal of a field names it, its rule and its bounds") {
  struct row {
    std::string body;
    std::string pointer;
    problem_code code;
    std::string limit;  // "name=value" of the first limit
  };
  using c = problem_code;
  const auto r = GENERATE(values<row>({
      {"[]", "", c::validation_wrong_type, ""},
      {"null", "", c::validation_wrong_type, ""},
      {"\"x\"", "", c::validation_wrong_type, ""},
      {R"({"side":"BUY","quantity":1})", "/account", c::validation_required, ""},
      {R"({"account":null,"side":"BUY","quantity":1})", "/account", c::validation_required, ""},
      {with(R"("x":1)"), "/x", c::validation_unknown_field, ""},
      {with(R"("Account":1)"), "/Account", c::validation_unknown_field, ""},
      {with(R"("a/b~c":1)"), "/a~1b~0c", c::validation_unknown_field, ""},
      {with(R"("role":"admin")"), "/role", c::validation_unknown_field, ""},
      {R"({"account":"7","side":"BUY","quantity":1})", "/account", c::validation_wrong_type, ""},
      {R"({"account":true,"side":"BUY","quantity":1})", "/account", c::validation_wrong_type, ""},
      {R"({"account":0,"side":"BUY","quantity":1})", "/account", c::validation_number_out_of_range, "min=1"},
      {R"({"account":-1,"side":"BUY","quantity":1})", "/account", c::validation_number_out_of_range, "min=1"},
      {R"({"account":9223372036854775808,"side":"BUY","quantity":1})", "/account", c::validation_number_out_of_range,
       "min=1"},
      {R"({"account":1,"side":"buy","quantity":1})", "/side", c::validation_not_allowed, R"(allowed=["BUY","SELL"])"},
      {R"({"account":1,"side":"","quantity":1})", "/side", c::validation_not_allowed, R"(allowed=["BUY","SELL"])"},
      {R"({"account":1,"side":1,"quantity":1})", "/side", c::validation_wrong_type, ""},
      {R"({"account":1,"side":"BUY","quantity":0})", "/quantity", c::validation_number_out_of_range, "min=1"},
      {R"({"account":1,"side":"BUY","quantity":1001})", "/quantity", c::validation_number_out_of_range, "min=1"},
      {R"({"account":1,"side":"BUY","quantity":1e400})", "/quantity", c::validation_number_out_of_range, "min=1"},
      {R"({"account":1,"side":"BUY","quantity":1234567890123456789012345})", "/quantity",
       c::validation_number_out_of_range, "min=1"},
      {R"({"account":1,"side":"BUY","quantity":1.5})", "/quantity", c::validation_too_precise, "max_decimals=0"},
      {R"({"account":1,"side":"BUY","quantity":1e-1})", "/quantity", c::validation_too_precise, "max_decimals=0"},
      {R"({"account":1,"side":"BUY","quantity":"10"})", "/quantity", c::validation_wrong_type, ""},
      {R"({"account":1,"side":"BUY","quantity":[10]})", "/quantity", c::validation_wrong_type, ""},
      {with(R"("price":0)"), "/price", c::validation_number_out_of_range, "min=0.0001"},
      {with(R"("price":1000000.0001)"), "/price", c::validation_number_out_of_range, "min=0.0001"},
      {with(R"("price":1e400)"), "/price", c::validation_number_out_of_range, "min=0.0001"},
      {with(R"("price":1.00001)"), "/price", c::validation_too_precise, "max_decimals=4"},
      {with(R"("price":"1.00001")"), "/price", c::validation_too_precise, "max_decimals=4"},
      {with(R"("price":"abc")"), "/price", c::validation_not_a_number, ""},
      {with(R"("price":"")"), "/price", c::validation_not_a_number, ""},
      {with(R"("price":" 1")"), "/price", c::validation_not_a_number, ""},
      {with(R"("price":"0x10")"), "/price", c::validation_not_a_number, ""},
      {with(R"("price":"1,000")"), "/price", c::validation_not_a_number, ""},
      {with(R"("price":"NaN")"), "/price", c::validation_not_a_number, ""},
      {with(R"("price":true)"), "/price", c::validation_wrong_type, ""},
      {with(R"("price":{})"), "/price", c::validation_wrong_type, ""},
      {with(R"("key":"a")"), "/key", c::validation_too_short, "min_length=2"},
      {with(R"("key":"123456789")"), "/key", c::validation_too_long, "max_length=8"},
      {with(R"("key":"a b")"), "/key", c::validation_bad_characters, ""},
      {with(R"("key":"a\u00e9")"), "/key", c::validation_bad_characters, ""},
      {with(R"("key":12)"), "/key", c::validation_wrong_type, ""},
      {with(R"("note":"123456")"), "/note", c::validation_too_long, "max_length=5"},
      {with(R"("note":"a\nb")"), "/note", c::validation_bad_characters, ""},
      {with(R"("note":"a\u007f")"), "/note", c::validation_bad_characters, ""},
      {with(R"("note":"\u0085")"), "/note", c::validation_bad_characters, ""},
      {with(R"("note":"\u2028")"), "/note", c::validation_bad_characters, ""},
      {with(R"("email":"ab")"), "/email", c::validation_bad_format, ""},
      {with(R"("email":"@b")"), "/email", c::validation_bad_format, ""},
      {with(R"("email":"a@")"), "/email", c::validation_bad_format, ""},
      {with(R"("email":"a@b@c")"), "/email", c::validation_bad_format, ""},
      {with(R"("email":"a b@c")"), "/email", c::validation_bad_format, ""},
      {with(R"("secret":"short")"), "/secret", c::validation_too_short, "min_length=8"},
      {with(R"("amo":"true")"), "/amo", c::validation_wrong_type, ""},
      {with(R"("amo":1)"), "/amo", c::validation_wrong_type, ""},
      {with(R"("at":"yesterday")"), "/at", c::validation_bad_format, ""},
      {with(R"("at":1705329000)"), "/at", c::validation_wrong_type, ""},
      {with(R"("day":"2024-02-30")"), "/day", c::validation_bad_format, ""},
      {with(R"("day":"tomorrow")"), "/day", c::validation_bad_format, ""},
      {with(R"("grants":[])"), "/grants", c::validation_too_few, "min_items=1"},
      {with(R"("grants":["view","trade","view"])"), "/grants", c::validation_too_many, "max_items=2"},
      {with(R"("grants":["view","own"])"), "/grants/1", c::validation_not_allowed, R"(allowed=["view","trade"])"},
      {with(R"("grants":[1])"), "/grants/0", c::validation_wrong_type, ""},
      {with(R"("grants":[null])"), "/grants/0", c::validation_wrong_type, ""},
      {with(R"("grants":"view")"), "/grants", c::validation_wrong_type, ""},
      {with(R"("tags":["ok","long"])"), "/tags/1", c::validation_too_long, "max_length=3"},
      {with(R"("tags":["a b"])"), "/tags/0", c::validation_bad_characters, ""},
      {with(R"("leg":[])"), "/leg", c::validation_wrong_type, ""},
      {with(R"("leg":{})"), "/leg/symbol", c::validation_required, ""},
      {with(R"("leg":{"symbol":"a"})"), "/leg/symbol", c::validation_bad_characters, ""},
      {with(R"("leg":{"symbol":"A","leg":1})"), "/leg/leg", c::validation_unknown_field, ""},
      {with(R"("legs":{})"), "/legs", c::validation_wrong_type, ""},
      {with(R"("legs":[{"symbol":"A"},7])"), "/legs/1", c::validation_wrong_type, ""},
      {with(R"("legs":[{"symbol":"A"},{"symbol":"B","ratio":10}])"), "/legs/1/ratio", c::validation_number_out_of_range,
       "min=1"},
      {with(R"("legs":[{"symbol":"A"},{"symbol":"B"},{"symbol":"C"}])"), "/legs", c::validation_too_many,
       "max_items=2"},
  }));
  CAPTURE(r.body);
  const auto errors = errors_of(r.body);
  REQUIRE(errors.size() == 1);
  const auto& error = errors.front();
  CHECK(error.place == field_place::body);
  CHECK(error.pointer == r.pointer);
  CHECK(entry_of(error.code).text == entry_of(r.code).text);
  CHECK_FALSE(error.detail.empty());
  CHECK((error.limits.empty() ? "" : error.limits.front().first + "=" + error.limits.front().second) == r.limit);
}

TEST_CASE("the values at both edges are accepted") {
  for (const auto* body :
       {R"({"account":9223372036854775807,"side":"BUY","quantity":1})", R"({"account":1,"side":"BUY","quantity":1000})",
        R"({"account":1.0,"side":"BUY","quantity":1e3})", R"({"account":1,"side":"BUY","quantity":1,"price":0.0001})",
        R"({"account":1,"side":"BUY","quantity":1,"price":1000000.00000})",
        R"({"account":1,"side":"BUY","quantity":1,"note":"\u00e9\u00e9\u00e9\u00e9\u00e9"})",
        R"({"account":1,"side":"BUY","quantity":1,"key":"12345678"})"}) {
    CAPTURE(body);
    CHECK(errors_of(body).empty());
  }
}

TEST_CASE("all mistakes are reported at once, up to a bound") {
  const auto errors = errors_of(R"({"side":"X","quantity":0,"price":1.23456,"zzz":1})");
  std::vector<std::string> pointers;
  for (const auto& error : errors) pointers.push_back(error.pointer);
  CHECK(pointers == std::vector<std::string>{"/side", "/quantity", "/price", "/zzz", "/account"});

  std::string many{"{"};
  for (int i = 0; i < 150; ++i) many += (i == 0 ? "\"u" : ",\"u") + std::to_string(i) + "\":1";
  CHECK(errors_of(many + "}").size() == field_errors_max);
}

TEST_CASE("a secret never stands in a message") {
  for (const auto* body : {R"("secret":"hunt2")", R"("secret":"hunt2\u0001hunt2")"}) {
    for (const auto& error : errors_of(with(body))) CHECK(error.detail.find("hunt2") == std::string::npos);
  }
}

TEST_CASE("an integer is read exactly from its literal") {
  struct row {
    std::string text;
    std::int64_t value;
    number_error error;
  };
  using e = number_error;
  const auto r = GENERATE(values<row>({
      {"0", 0, e::none},
      {"-0", 0, e::none},
      {"0e999999999999999999999", 0, e::none},
      {"0.000", 0, e::none},
      {"120", 120, e::none},
      {"1.2e2", 120, e::none},
      {"120.000", 120, e::none},
      {"12000e-2", 120, e::none},
      {"0.00012e6", 120, e::none},
      {"1E+2", 100, e::none},
      {"9223372036854775807", INT64_MAX, e::none},
      {"-9223372036854775808", INT64_MIN, e::none},
      {"9223372036854775807000e-3", INT64_MAX, e::none},
      {"9223372036854775808", 0, e::out_of_range},
      {"-9223372036854775809", 0, e::out_of_range},
      {"9999999999999999999", 0, e::out_of_range},
      {"18446744073709551617", 0, e::out_of_range},
      {"1e19", 0, e::out_of_range},
      {"1e400", 0, e::out_of_range},
      {"1e99999999999999999999", 0, e::out_of_range},
      {"0.5", 0, e::too_precise},
      {"1e-1", 0, e::too_precise},
      {"1e-99999999999999999999", 0, e::too_precise},
      {"123456789012345678901234567890.5", 0, e::too_precise},
      {"", 0, e::not_a_number},
      {"-", 0, e::not_a_number},
      {"+1", 0, e::not_a_number},
      {"01", 0, e::not_a_number},
      {"00", 0, e::not_a_number},
      {".5", 0, e::not_a_number},
      {"5.", 0, e::not_a_number},
      {"1e", 0, e::not_a_number},
      {"1e+", 0, e::not_a_number},
      {"1x", 0, e::not_a_number},
      {" 1", 0, e::not_a_number},
      {"1 ", 0, e::not_a_number},
      {"--1", 0, e::not_a_number},
      {"0x1", 0, e::not_a_number},
  }));
  CAPTURE(r.text);
  const auto got = parse_integer(r.text);
  CHECK(got.error == r.error);
  CHECK(got.value == r.value);
}

TEST_CASE("a query uses the same table") {
  constexpr auto place = field_place::query;
  static constexpr field rows[] = {
      {.name = "limit", .kind = field_kind::integer, .value_min = 1, .value_max = 200},
      {.name = "state", .kind = field_kind::strings, .items_max = 2, .words = sides},
      {.name = "open", .kind = field_kind::boolean},
      {.name = "account", .kind = field_kind::id, .required = true},
      {.name = "leg", .kind = field_kind::object, .type = &leg},
  };
  static constexpr object_type list{"ListQuery", "", rows};

  const std::vector<name_value> fine{
      {"limit", "50"}, {"state", "BUY"}, {"account", "7"}, {"state", "SELL"}, {"open", "false"}};
  const auto read = read_query(fine, list);
  REQUIRE(std::holds_alternative<field_values>(read));
  const auto& v = std::get<field_values>(read);
  CHECK(v.integer("limit") == 50);
  CHECK(v.texts("state").size() == 2);
  CHECK_FALSE(v.flag("open"));
  CHECK(v.id<account_id>("account") == account_id{7});

  struct row {
    std::vector<name_value> parameters;
    std::string name;
    problem_code code;
  };
  using c = problem_code;
  const auto r = GENERATE(values<row>({
      {{}, "account", c::validation_required},
      {{{"account", "7"}, {"account", "7"}}, "account", c::validation_duplicate_parameter},
      {{{"account", "7"}, {"page", "1"}}, "page", c::validation_unknown_field},
      {{{"account", ""}}, "account", c::validation_not_a_number},
      {{{"account", "+7"}}, "account", c::validation_not_a_number},
      {{{"account", "7"}, {"limit", "201"}}, "limit", c::validation_number_out_of_range},
      {{{"account", "7"}, {"limit", "1.5"}}, "limit", c::validation_too_precise},
      {{{"account", "7"}, {"open", "1"}}, "open", c::validation_wrong_type},
      {{{"account", "7"}, {"state", "X"}}, "state", c::validation_not_allowed},
      {{{"account", "7"}, {"state", "BUY"}, {"state", "BUY"}, {"state", "BUY"}}, "state", c::validation_too_many},
      {{{"account", "7"}, {"leg", "x"}}, "leg", c::validation_wrong_type},
  }));
  const auto refused = read_query(r.parameters, list);
  REQUIRE(std::holds_alternative<std::vector<field_error>>(refused));
  const auto& errors = std::get<std::vector<field_error>>(refused);
  REQUIRE(errors.size() == 1);
  CHECK(errors.front().place == place);
  CHECK(errors.front().pointer == r.name);
  CHECK(entry_of(errors.front().code).text == entry_of(r.code).text);
}

TEST_CASE("a path's parameter is refused as one of the path") {
  static constexpr field rows[] = {{.name = "id", .kind = field_kind::id, .required = true}};
  static constexpr object_type path{"Path", "", rows};
  const std::vector<name_value> wrong{{"id", "abc"}};
  const auto read = read_path(wrong, path);
  REQUIRE(std::holds_alternative<std::vector<field_error>>(read));
  const auto& error = std::get<std::vector<field_error>>(read).front();
  CHECK(error.place == field_place::path);
  CHECK(error.code == problem_code::validation_not_a_number);
}
