#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>

#include "app/input_file.hpp"
#include "app/replay/instrument_file.hpp"
#include "app/replay/order_flow.hpp"

using namespace sb;
using namespace sb::replay;

namespace {

const std::string header = "seq,t_ms_utc,event,order_id,side,price,qty\n";

instrument equity(const std::string& symbol, std::int64_t reference) {
  return {"NSE", symbol, 1, money{500}, 0, 20, money{reference * money::unit}};
}
instrument future() { return {"NSE", "NIFTY_FUT", 65, money{1'000}, 1'800, 10, money{25'000 * money::unit}}; }

/// The recording, or an empty path with a word about why not.
std::filesystem::path recording() {
  const char* shared = std::getenv("SB_SHARED");
  std::filesystem::path path =
      shared != nullptr ? std::filesystem::path{shared} : std::filesystem::path{SB_SOURCE_DIR "/../shared"};
  path /= "data/orderflow/derived_bitstamp_replay.csv.xz";
  if (std::filesystem::exists(path)) return path;
  const char* ci = std::getenv("CI");
  if (ci != nullptr && std::string{ci} == "true") FAIL("SKIPPED: no recorded order flow at " << path);
  WARN("SKIPPED: no recorded order flow at " << path);
  return {};
}

}  // namespace

TEST_CASE("a recording is read row by row") {
  const auto parsed = parse_order_flow(header +
                                           "1,1000,SUBMIT,7,BUY,236.47,200000000\n"
                                           "2,1000,SUBMIT,8,SELL,240,50\r\n"
                                           "\n"
                                           "3,1500,EXECUTE,7,BUY,236.47,21144331\n"
                                           "4,1600,CANCEL,7,BUY,236.47,178855669",
                                       0);
  REQUIRE(parsed.mistakes.empty());
  const auto& flow = parsed.flow;
  REQUIRE(flow.rows.size() == 4);
  CHECK(flow.orders == 2);
  CHECK(flow.quantity_max == 200'000'000);
  CHECK(flow.rows[0].kind == flow_kind::submit);
  CHECK(flow.rows[0].price == money{2'364'700});
  CHECK(flow.rows[1].direction == side::sell);
  CHECK(flow.rows[1].order_index == 1);
  CHECK(flow.rows[2].kind == flow_kind::execute);
  CHECK(flow.rows[2].order_index == 0);
  CHECK(flow.rows[2].quantity == 21'144'331);
  CHECK(flow.rows[3].kind == flow_kind::cancel);
  CHECK(flow.rows[3].at_ms == 1'600);
}

TEST_CASE("a limit on rows cuts the recording off") {
  const auto parsed = parse_order_flow(header + "1,1,SUBMIT,7,BUY,2,3\n2,2,CANCEL,7,BUY,2,3\nthis is never read\n", 2);
  CHECK(parsed.mistakes.empty());
  CHECK(parsed.flow.rows.size() == 2);
}

TEST_CASE("what is no order flow is refused with its line") {
  struct row {
    const char* what;
    std::string text;
    std::string mistake;
  };
  const std::string submit = "1,1000,SUBMIT,7,BUY,236.47,20\n";
  const auto r = GENERATE_COPY(values<row>({
      {"nothing", "", "line 1: the header"},
      {"another header", "a,b\n", "line 1: the header"},
      {"no rows", header, "line 1: no rows follow"},
      {"a field too few", header + "1,1000,SUBMIT,7,BUY,236.47\n", "line 2: not 7 fields"},
      {"a field too many", header + "1,1000,SUBMIT,7,BUY,236.47,20,1\n", "line 2: not 7 fields"},
      {"time no number", header + "1,x,SUBMIT,7,BUY,236.47,20\n", "line 2: t_ms_utc"},
      {"time 0", header + "1,0,SUBMIT,7,BUY,236.47,20\n", "line 2: t_ms_utc"},
      {"time goes back", header + submit + "2,999,CANCEL,7,BUY,236.47,20\n", "line 3: t_ms_utc goes back"},
      {"unknown event", header + "1,1000,submit,7,BUY,236.47,20\n", "line 2: event"},
      {"order no number", header + "1,1000,SUBMIT,7a,BUY,236.47,20\n", "line 2: order_id"},
      {"negative order", header + "1,1000,SUBMIT,-7,BUY,236.47,20\n", "line 2: order_id"},
      {"order beyond 64 bits", header + "1,1000,SUBMIT,9223372036854775808,BUY,236.47,20\n", "line 2: order_id"},
      {"unknown side", header + "1,1000,SUBMIT,7,HOLD,236.47,20\n", "line 2: side"},
      {"price no number", header + "1,1000,SUBMIT,7,BUY,abc,20\n", "line 2: price"},
      {"price 0", header + "1,1000,SUBMIT,7,BUY,0.00,20\n", "line 2: price"},
      {"price too precise", header + "1,1000,SUBMIT,7,BUY,1.00001,20\n", "line 2: price"},
      {"quantity 0", header + "1,1000,SUBMIT,7,BUY,236.47,0\n", "line 2: qty"},
      {"quantity with decimals", header + "1,1000,SUBMIT,7,BUY,236.47,1.5\n", "line 2: qty"},
      {"second SUBMIT", header + submit + submit, "line 3: a second SUBMIT"},
      {"CANCEL first", header + "1,1000,CANCEL,7,BUY,236.47,20\n", "line 2: CANCEL of an order without a SUBMIT"},
      {"EXECUTE first", header + "1,1000,EXECUTE,7,BUY,236.47,20\n", "line 2: EXECUTE of an order without a SUBMIT"},
  }));
  INFO(r.what);
  const auto parsed = parse_order_flow(r.text, 0);
  REQUIRE(parsed.mistakes.size() == 1);
  INFO(parsed.mistakes.front());
  CHECK(parsed.mistakes.front().starts_with(r.mistake));
}

TEST_CASE("mistakes are reported together but bounded") {
  std::string text = header;
  for (int i = 0; i < 100; ++i) text += "x\n";
  CHECK(parse_order_flow(text, 0).mistakes.size() == 20);
}

TEST_CASE("a run's name is a token that leaves room for the order") {
  struct row {
    std::string name;
    bool good;
  };
  const auto r = GENERATE(values<row>({{"r1", true},
                                       {"A.b_c:d-9", true},
                                       {std::string(40, 'x'), true},
                                       {std::string(41, 'x'), false},
                                       {"", false},
                                       {"a b", false},
                                       {"a/b", false},
                                       {"\xc3\xa4", false}}));
  INFO(r.name);
  CHECK(is_run_name(r.name) == r.good);
  CHECK(client_order_id("run", 65595247) == "run-65595247");
}

TEST_CASE("a recorded order becomes one of ours") {
  order_flow flow;
  flow.orders = 1;
  flow.quantity_max = 20'000'000'000;  // 200 coins
  flow.price_median = money{2'000'000};
  const order_mapping mapping{flow, {equity("SBIN", 800), future()}, 3, money{5'000'000 * money::unit}};

  SECTION("the account is the order's number modulo the accounts, the instrument goes by the rest") {
    CHECK(mapping.account_of(7) == 1);
    CHECK(mapping.account_of(9) == 0);
    CHECK(mapping.instrument_of(0).symbol == "SBIN");
    CHECK(mapping.instrument_of(2).symbol == "SBIN");
    CHECK(mapping.instrument_of(3).symbol == "NIFTY_FUT");
    CHECK(mapping.instrument_of(6).symbol == "SBIN");
  }
  SECTION("prices are relative to the median, on a tick, inside the band") {
    struct row {
      std::int64_t order;
      std::int64_t recorded;
      const char* expected;
    };
    const auto r = GENERATE(values<row>({
        {0, 2'000'000, "800.00"},
        {0, 2'100'000, "840.00"},
        {0, 2'000'100, "800.05"},  // 800.04
        {0, 2'000'050, "800.00"},  // 800.02
        {0, 9'000'000, "960.00"},  // band 20 %
        {0, 1, "640.00"},
        {3, 2'000'000, "25000.00"},
        {3, 2'500'000, "27500.00"},  // band 10 %
        {3, 1'000'000, "22500.00"},
    }));
    flow_row row;
    row.order = r.order;
    row.price = money{r.recorded};
    INFO(r.order << ' ' << r.recorded);
    CHECK(format(mapping.price_of(row)) == r.expected);
  }
  SECTION("a coin is a share; where 200 would be worth too much the scale is wider, down to one lot") {
    struct row {
      std::int64_t order;
      std::int64_t recorded;
      std::int64_t expected;
    };
    const auto r = GENERATE(values<row>({
        {0, 1, 1},
        {0, 99'999'999, 1},
        {0, 100'000'000, 1},
        {0, 250'000'000, 2},
        {0, 20'000'000'000, 200},
        {3, 1, 65},
        {3, 20'000'000'000, 2 * 65},  // 3 lots are worth 4,875,000; the largest recorded order stays below that
    }));
    flow_row row;
    row.order = r.order;
    row.quantity = r.recorded;
    INFO(r.order << ' ' << r.recorded);
    CHECK(mapping.quantity_of(row) == r.expected);
  }
  SECTION("the freeze quantity is kept") {
    auto frozen = equity("X", 1);
    frozen.freeze_quantity = 10;
    const order_mapping narrow{flow, {frozen}, 1, money{5'000'000 * money::unit}};
    flow_row row;
    row.quantity = flow.quantity_max;
    CHECK(narrow.quantity_of(row) <= 10);
  }
}

TEST_CASE("a mapping without anything to map to is refused") {
  order_flow flow;
  flow.price_median = money{1};
  const money value_max{1'000'000};
  auto unpriced = equity("X", 1);
  unpriced.reference_price = money{};
  CHECK_THROWS_AS((order_mapping{flow, {}, 1, value_max}), std::invalid_argument);
  CHECK_THROWS_AS((order_mapping{flow, {equity("X", 1)}, 0, value_max}), std::invalid_argument);
  CHECK_THROWS_AS((order_mapping{flow, {unpriced}, 1, value_max}), std::invalid_argument);
  CHECK_THROWS_AS((order_mapping{order_flow{}, {equity("X", 1)}, 1, value_max}), std::invalid_argument);
}

TEST_CASE("a file that is not there, is no whole xz or is too large is refused by name") {
  const auto path = recording();
  CHECK_THROWS_WITH(read_input_file("/nonexistent/flow.csv", 1'000),
                    Catch::Matchers::Contains("/nonexistent/flow.csv: cannot be opened"));
  CHECK_THROWS_WITH(read_input_file("/nonexistent/flow.csv.xz", 1'000), Catch::Matchers::Contains("cannot be opened"));
  CHECK_THROWS_WITH(read_input_file(SB_SOURCE_DIR "/config/instruments.csv", 100),
                    Catch::Matchers::Contains("instruments.csv: larger than"));
  if (path.empty()) return;
  CHECK_THROWS_WITH(read_input_file(path, 100'000), Catch::Matchers::Contains("unpacked"));
}

TEST_CASE("the whole recording becomes orders that our instruments take") {
  const auto path = recording();
  if (path.empty()) return;
  const auto parsed = parse_order_flow(read_input_file(path, std::size_t{64} << 20U), 0);
  REQUIRE(parsed.mistakes.empty());
  const auto& flow = parsed.flow;
  CHECK(flow.rows.size() == 50'180);
  CHECK(flow.orders == 24'894);

  const money value_max{5'000'000 * money::unit};
  const order_mapping mapping{flow, read_priced_instruments(SB_SOURCE_DIR "/config/instruments.csv"), 6, value_max};
  std::set<std::pair<std::size_t, std::string>> met;
  std::size_t wrong = 0;
  std::size_t beyond_one = 0;
  for (const auto& row : flow.rows) {
    const auto& what = mapping.instrument_of(row.order);
    const auto price = mapping.price_of(row);
    const auto quantity = mapping.quantity_of(row);
    met.emplace(mapping.account_of(row.order), what.symbol);
    if (check_price(what, price) != instrument_refusal::none) ++wrong;
    if (check_band(what, price, what.reference_price) != instrument_refusal::none) ++wrong;
    if (row.kind == flow_kind::submit) {
      if (check_quantity(what, quantity) != instrument_refusal::none) ++wrong;
      if (saturating_mul(price, quantity) > money{10'000'000 * money::unit}) ++wrong;
      if (quantity > what.lot) ++beyond_one;
    }
  }
  CHECK(wrong == 0);
  CHECK(met.size() > 6 * 50);  // every account meets every instrument
  CHECK(beyond_one > 10'000);  // sizes still differ: partial fills stay possible
}
