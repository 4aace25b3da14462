#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "domain/instruments/instrument.hpp"

using namespace sb;

namespace {

const instrument nifty{"NSE", "NIFTY_31-DEC-2026_FUT", 65, {1000}, 1800, 10, {250'000'000}};
const std::string header = "exchange,symbol,lot,tick,freeze_quantity,price_band_percent,reference_price\n";

}  // namespace

TEST_CASE("a quantity is positive, whole lots and not above the freeze quantity") {
  struct row {
    std::int64_t quantity;
    instrument_refusal why;
  };
  const auto r = GENERATE(values<row>({
      {65, instrument_refusal::none},
      {1755, instrument_refusal::none},
      {0, instrument_refusal::quantity_not_positive},
      {-65, instrument_refusal::quantity_not_positive},
      {1, instrument_refusal::quantity_not_lot_multiple},
      {66, instrument_refusal::quantity_not_lot_multiple},
      {1800, instrument_refusal::quantity_not_lot_multiple},  // the freeze quantity need not be a multiple of the lot
      {1820, instrument_refusal::quantity_above_freeze},
  }));
  CAPTURE(r.quantity);
  CHECK(check_quantity(nifty, r.quantity) == r.why);
}

TEST_CASE("a price is positive, on the tick and inside the band") {
  CHECK(check_price(nifty, {250'001'000}) == instrument_refusal::none);
  CHECK(check_price(nifty, {250'000'500}) == instrument_refusal::price_off_tick);
  CHECK(check_price(nifty, {0}) == instrument_refusal::price_not_positive);
  CHECK(check_price(nifty, {-1000}) == instrument_refusal::price_not_positive);
  CHECK(check_band(nifty, {275'000'000}, {250'000'000}) == instrument_refusal::none);
  CHECK(check_band(nifty, {275'001'000}, {250'000'000}) == instrument_refusal::price_outside_band);
  CHECK(check_band(nifty, {224'999'000}, {250'000'000}) == instrument_refusal::price_outside_band);
  CHECK(check_band(nifty, {1}, {0}) == instrument_refusal::none);
  auto unbanded = nifty;
  unbanded.price_band_percent = 0;
  CHECK(check_band(unbanded, {1}, {250'000'000}) == instrument_refusal::none);
  CHECK(check_band(nifty, {money::ticks_max}, {money::ticks_max}) == instrument_refusal::none);
}

TEST_CASE("prices round to the nearest tick and never to zero") {
  const instrument infy{"NSE", "INFY", 1, {500}, 0, 0, {}};
  CHECK(round_to_tick(infy, {2'393'700}) == money{2'393'500});
  CHECK(round_to_tick(infy, {2'393'750}) == money{2'394'000});
  CHECK(round_to_tick(infy, {2'393'500}) == money{2'393'500});
  CHECK(round_to_tick(infy, {1}) == money{500});
}

TEST_CASE("the shipped instrument file is right and lists what it promises") {
  std::ifstream file{std::string{SB_SOURCE_DIR} + "/config/instruments.csv"};
  REQUIRE(file);
  const auto parsed = parse_instruments(std::string{std::istreambuf_iterator<char>{file}, {}});
  for (const auto& mistake : parsed.mistakes) FAIL_CHECK("line " << mistake.line << ": " << mistake.text);
  CHECK(parsed.master.size() == 52);
  for (const auto& listed : parsed.master.all()) {
    CAPTURE(listed.symbol);
    CHECK(parsed.master.find(listed.exchange, listed.symbol) == &listed);
    CHECK(check_price(listed, listed.reference_price) == instrument_refusal::none);
  }
  const auto* bank = parsed.master.find("NSE", "BANKNIFTY_31-DEC-2026_FUT");
  REQUIRE(bank != nullptr);
  CHECK(bank->lot == 30);
  CHECK(parsed.master.find("BSE", "INFY") == nullptr);
  CHECK(parsed.master.find("NSE", "INF") == nullptr);
  CHECK(parsed.master.find("", "") == nullptr);
}

TEST_CASE("every mistake of an instrument file is reported with its line") {
  struct row {
    std::string text;
    std::size_t line;
    std::string part;
  };
  const auto r = GENERATE_COPY(values<row>({
      {"", 0, "empty"},
      {"# only a remark\n", 0, "empty"},
      {header, 0, "no instrument"},
      {"symbol,lot\nINFY,1\n", 1, "first line must be"},
      {header + "NSE,INFY,1,0.05,0,20\n", 2, "7 columns"},
      {header + "NSE,INFY,1,0.05,0,20,100,9\n", 2, "7 columns"},
      {header + "\n#\nNSE,,1,0.05,0,20,100\n", 4, "symbol"},
      {header + "N SE,INFY,1,0.05,0,20,100\n", 2, "exchange"},
      {header + "NSE,INFY,0,0.05,0,20,100\n", 2, "lot"},
      {header + "NSE,INFY,1.5,0.05,0,20,100\n", 2, "lot"},
      {header + "NSE,INFY,99999999999999999999,0.05,0,20,100\n", 2, "lot"},
      {header + "NSE,INFY,1,0,0,20,100\n", 2, "tick"},
      {header + "NSE,INFY,1,0.00005,0,20,100\n", 2, "tick"},
      {header + "NSE,INFY,1,0.05,-1,20,100\n", 2, "freeze_quantity"},
      {header + "NSE,INFY,65,0.05,64,20,100\n", 2, "below one lot"},
      {header + "NSE,INFY,1,0.05,0,101,100\n", 2, "price_band_percent"},
      {header + "NSE,INFY,1,0.05,0,20,-1\n", 2, "reference_price"},
      {header + "NSE,INFY,1,0.05,0,20,100.01\n", 2, "not a multiple of the tick"},
      {header + "NSE,INFY,1,0.05,0,20,100\nNSE,INFY,1,0.05,0,20,100", 3, "already in line 2"},
  }));
  CAPTURE(r.text);
  const auto parsed = parse_instruments(r.text);
  REQUIRE(parsed.mistakes.size() == 1);
  CHECK(parsed.mistakes[0].line == r.line);
  CHECK_THAT(parsed.mistakes[0].text, Catch::Contains(r.part));
  CHECK(parsed.master.size() == 0);
}

TEST_CASE("all mistakes of an instrument file are found at once") {
  const auto parsed = parse_instruments(header + "NSE,,0,0,x,101,y\nNSE,SBIN,1,0.05,0,20,800\r\nNSE\n");
  CHECK(parsed.mistakes.size() == 7);
  CHECK(parsed.mistakes.back().line == 4);
}
