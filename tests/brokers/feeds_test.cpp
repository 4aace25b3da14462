#include <lzma.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "actors/trade/brokers/feeds.hpp"
#include "tests/brokers/paper_fixture.hpp"

using namespace sb;
using namespace sb::paper_test;

namespace {

const std::string daily_header = "symbol,timestamp,open,high,low,close,volume\n";
const std::string bhavcopy_header =
    "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\n";
constexpr broker::moment start{{500}, {1'800'000'000'000}};

broker::moment later(std::int64_t ms) { return {{start.boot.value + ms}, {start.wall.value + ms}}; }

std::vector<broker::price_tick> polled(price_feed& feed, broker::moment now, std::size_t ticks_max = 1'000'000) {
  std::vector<broker::price_tick> ticks;
  feed.poll(now, ticks_max, ticks);
  return ticks;
}
loaded_price_file load(const std::string& text, const file_feed_options& options) {
  std::istringstream file{text};
  return load_price_file(file, market(), options);
}

std::filesystem::path shared_folder() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the tests are one thread
  const char* named = std::getenv("SB_SHARED");
  return named != nullptr ? std::filesystem::path{named} : std::filesystem::path{SB_SOURCE_DIR} / "../shared";
}
/// The decompressed file; nullopt (and a word) where the data is absent, a failure where it must not be.
std::optional<std::string> real_file(const std::string& name) {
  const auto path = shared_folder() / "data/prices" / name;
  std::ifstream file{path, std::ios::binary};
  if (!file) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string{ci} == "true") FAIL("real data is missing: " << path);
    WARN("skipped, no real data at " << path);
    return std::nullopt;
  }
  const std::string packed{std::istreambuf_iterator<char>{file}, {}};
  lzma_stream stream = LZMA_STREAM_INIT;
  REQUIRE(lzma_stream_decoder(&stream, 256U << 20U, 0) == LZMA_OK);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::string plain;
  std::vector<char> chunk(1U << 20U);
  lzma_ret state = LZMA_OK;
  while (state == LZMA_OK) {
    stream.next_out = reinterpret_cast<std::uint8_t*>(chunk.data());
    stream.avail_out = chunk.size();
    state = lzma_code(&stream, LZMA_FINISH);
    plain.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  lzma_end(&stream);
  REQUIRE(state == LZMA_STREAM_END);
  return plain;
}
std::shared_ptr<const instrument_master> shipped_instruments() {
  std::ifstream file{std::string{SB_SOURCE_DIR} + "/config/instruments.csv"};
  auto parsed = parse_instruments(std::string{std::istreambuf_iterator<char>{file}, {}});
  REQUIRE(parsed.mistakes.empty());
  return std::make_shared<const instrument_master>(std::move(parsed.master));
}

}  // namespace

SCENARIO("a daily file is played by its time") {
  const std::string text = daily_header +
                           "INFY,2025-09-29 00:00:00+05:30,1500.03,1520,1490,1510,401\n"
                           "INFY,2025-09-30 00:00:00+05:30,1510,1515,1500,1505,400\n"
                           "TCS,2025-09-29 00:00:00+05:30,3000,3000,3000,3000,400\n"
                           "SBIN,2025-09-29 00:00:00+05:30,800,810,790,795,80\n";
  GIVEN("the recorded speed") {
    auto loaded = load(text, {});
    CHECK(loaded.rows == 3);
    CHECK(loaded.rows_not_listed == 1);
    CHECK(loaded.rows_wrong == 0);
    REQUIRE(loaded.feed != nullptr);
    CHECK(loaded.feed->next_due() == std::nullopt);
    const auto opening = polled(*loaded.feed, start);
    THEN("the opens come at the start, rounded to the tick, with a quarter of the volume") {
      CHECK(opening == std::vector<broker::price_tick>{
                           {"NSE", "INFY", rupees(150'005), 100, start.wall},
                           {"NSE", "SBIN", rupees(80'000), 20, start.wall},
                       });
    }
    THEN("a rising day sees its low first, a falling one its high") {
      const std::int64_t quarter = 375 * 60'000 / 4;
      CHECK(loaded.feed->next_due() == later(quarter).boot);
      CHECK(polled(*loaded.feed, later(quarter - 1)).empty());
      const auto second = polled(*loaded.feed, later(quarter));
      REQUIRE(second.size() == 2);
      CHECK(second[0].price == rupees(149'000));
      CHECK(second[1].price == rupees(81'000));
      CHECK(second[0].at == later(quarter).wall);
    }
    THEN("what was late comes in order, at most as many as asked for, with the time at which it was due") {
      const auto some = polled(*loaded.feed, later(1'000'000'000), 3);
      REQUIRE(some.size() == 3);
      CHECK(some[0].at == later(375 * 60'000 / 4).wall);
      CHECK(polled(*loaded.feed, later(1'000'000'000)).size() == 7);
      CHECK(loaded.feed->next_due() == std::nullopt);
      CHECK(polled(*loaded.feed, later(2'000'000'000)).empty());
    }
  }
  GIVEN("a thousand times the speed") {
    auto loaded = load(text, {.speed_permille = 1'000'000});
    polled(*loaded.feed, start);
    CHECK(loaded.feed->next_due() == later(375 * 60 / 4).boot);
  }
  GIVEN("nights cut to a second, and repeated for ever") {
    auto loaded = load(text, {.gap_ms_max = 1000, .repeat = true});
    CHECK(polled(*loaded.feed, start).size() == 2);
    const auto rest = polled(*loaded.feed, later(7000));
    CHECK(rest.size() == 10);
    CHECK(rest.back().price == rupees(150'500));
    CHECK(loaded.feed->next_due() == later(7001).boot);
    CHECK(polled(*loaded.feed, later(7001)).front().price == rupees(150'005));
  }
}

TEST_CASE("a repeated file of one instant ends each poll at its bound") {
  const std::string text = "INFY,20221003,09:16,1500,1500,1500,1500,4,0\n";
  auto loaded =
      load(text, {.format = price_file_format::index_minutes, .speed_permille = 1'000'000'000, .repeat = true});
  REQUIRE(loaded.feed != nullptr);
  CHECK(polled(*loaded.feed, start, 10).size() == 4);
  CHECK(polled(*loaded.feed, later(1'000'000), 10).size() == 10);
}

TEST_CASE("an index is played as its future, with a volume where the file has none") {
  const std::string text =
      "NIFTY,20221003,09:16,17070.95,17081.65,17014.95,17073.80,0,0\n"
      "BANKNIFTY,20221003,09:16,17070.95,17081.65,17014.95,17073.80,0,0\n";
  auto loaded = load(text, {.format = price_file_format::index_minutes,
                            .lots_where_no_volume = 3,
                            .aliases = {{"NIFTY", "NSE", "NIFTY_31-DEC-2026_FUT"}}});
  CHECK(loaded.rows == 1);
  CHECK(loaded.rows_not_listed == 1);
  polled(*loaded.feed, start);
  const auto rest = polled(*loaded.feed, later(45'000));
  REQUIRE(rest.size() == 3);
  CHECK(rest[2] == broker::price_tick{"NSE", "NIFTY_31-DEC-2026_FUT", rupees(1'707'380), 195, later(45'000).wall});
}

TEST_CASE("rows that cannot be are counted, named and not played") {
  struct row {
    price_file_format format;
    std::string text;
  };
  using enum price_file_format;
  const auto r = GENERATE_COPY(values<row>({
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,99,90,95,1"},     // open above high
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,110,101,105,1"},  // open below low
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,110,90,120,1"},   // close above high
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,0,110,0,100,1"},      // no price
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,nan,110,90,100,1"},
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,110,90,100,-1"},
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,110,90,100,1.5"},
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,110,90,100"},
      {daily_ohlcv, "INFY,2025-09-29 00:00:00+05:30,100,110,90,100,1,1"},
      {daily_ohlcv, "INFY,2025-02-29 00:00:00+05:30,100,110,90,100,1"},
      {daily_ohlcv, "INFY,2025-13-01 00:00:00+05:30,100,110,90,100,1"},
      {daily_ohlcv, "INFY,2025-09-29,100,110,90,100,1"},
      {daily_ohlcv, "INFY,20x5-09-29 00:00:00+05:30,100,110,90,100,1"},
      {daily_ohlcv, std::string(100, ',')},
      {cash_bhavcopy, "INFY,EQ,100,110,90,100,100,100,4,5,01-FOO-2020,1,INE,"},
      {cash_bhavcopy, "INFY,EQ,100,110,90,100,100,100,x,5,01-JAN-2020,1,INE,"},
      {index_minutes, "INFY,20221003,24:00,100,110,90,100,0,0"},
      {index_minutes, "INFY,20221003,0916,100,110,90,100,0,0"},
      {index_minutes, "INFY,2022103,09:16,100,110,90,100,0,0"},
  }));
  CAPTURE(r.text);
  const std::string header = r.format == daily_ohlcv ? daily_header : r.format == cash_bhavcopy ? bhavcopy_header : "";
  const auto loaded = load(header + r.text + "\n", {.format = r.format});
  CHECK(loaded.feed == nullptr);
  CHECK(loaded.rows_wrong == 1);
  REQUIRE(loaded.mistakes.size() == 2);
  CHECK(loaded.mistakes[0].line == (header.empty() ? 1 : 2));
}

TEST_CASE("a file of another format is not played at all") {
  for (const auto format : {price_file_format::daily_ohlcv, price_file_format::cash_bhavcopy}) {
    const auto loaded = load("something,else\nINFY,2025-09-29 00:00:00+05:30,1,1,1,1,1\n", {.format = format});
    CHECK(loaded.feed == nullptr);
    REQUIRE(loaded.mistakes.size() == 1);
    CHECK(loaded.mistakes[0].line == 1);
  }
  CHECK(load("", {}).feed == nullptr);
}

TEST_CASE("of very many wrong rows only the first are kept, all are counted") {
  std::string text = daily_header + "INFY,2025-09-29 00:00:00+05:30,1500,1500,1500,1500,1\n";
  for (int i = 0; i < 100; ++i) text += "junk\n";
  const auto loaded = load(text, {});
  CHECK(loaded.feed != nullptr);
  CHECK(loaded.rows_wrong == 100);
  CHECK(loaded.mistakes.size() == loaded_price_file::mistakes_kept_max);
}

TEST_CASE("five years of real daily prices are played, all of them") {
  const auto text = real_file("nifty50_daily_2020-10_2025-09.csv.xz");
  if (!text) return;
  const auto master = shipped_instruments();
  std::istringstream file{*text};
  auto loaded = load_price_file(file, master, {.speed_permille = 1'000'000'000, .gap_ms_max = 1'000'000});
  CHECK(loaded.rows == 61'135);
  CHECK(loaded.rows_wrong == 0);
  CHECK(loaded.rows_not_listed == 0);
  REQUIRE(loaded.feed != nullptr);
  polled(*loaded.feed, start, 0);
  const auto ticks = polled(*loaded.feed, later(1'000'000'000));
  REQUIRE(ticks.size() == 4 * 61'135U);
  std::map<std::string, money> last;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    if (i > 0 && ticks[i].at < ticks[i - 1].at) FAIL_CHECK("tick " << i << " goes back in time");
    const auto* listed = master->find(ticks[i].exchange, ticks[i].symbol);
    REQUIRE(listed != nullptr);
    if (check_price(*listed, ticks[i].price) != instrument_refusal::none)
      FAIL_CHECK("tick " << i << " is off its tick");
    last[ticks[i].symbol] = ticks[i].price;
  }
  CHECK(last.size() == 50);
  CHECK(last["RELIANCE"] == rupees(136'400));
  CHECK(last["WIPRO"] == rupees(23'935));  // 239.37 to the tick
}

TEST_CASE("a real day of the cash market is played") {
  const auto text = real_file("nse_cm01Jan2020bhav.csv.xz");
  if (!text) return;
  std::istringstream file{*text};
  auto loaded = load_price_file(file, shipped_instruments(), {.format = price_file_format::cash_bhavcopy});
  CHECK(loaded.rows_wrong == 0);
  CHECK(loaded.rows + loaded.rows_not_listed == 1'910);
  CHECK(loaded.rows > 40);
  REQUIRE(loaded.feed != nullptr);
  CHECK(polled(*loaded.feed, start).size() == loaded.rows);
}

TEST_CASE("real minutes of the indexes drive their futures, and orders trade with them") {
  const auto text = real_file("nse_index_1min_2022-10_2023-01.txt.xz");
  if (!text) return;
  std::istringstream file{*text};
  auto loaded = load_price_file(
      file, shipped_instruments(),
      {.format = price_file_format::index_minutes,
       .lots_where_no_volume = 1,
       .aliases = {{"NIFTY", "NSE", "NIFTY_31-DEC-2026_FUT"}, {"BANKNIFTY", "NSE", "BANKNIFTY_31-DEC-2026_FUT"}}});
  CHECK(loaded.rows + loaded.rows_wrong == 62'115);
  CHECK(loaded.rows_wrong < 10);
  REQUIRE(loaded.feed != nullptr);
  paper_broker broker{shipped_instruments(), {}};
  broker.open();
  paper_effects effects;
  broker.handle(paper_request<broker::place>{1, buy("o1", 260, 1'710'000, "NIFTY_31-DEC-2026_FUT")}, start, effects);
  for (const auto& tick : polled(*loaded.feed, later(3'600'000))) broker.handle(tick, start, effects);
  for (const auto& tick : polled(*loaded.feed, later(7'200'000))) broker.handle(tick, start, effects);
  const auto traded = fills(effects.outputs);
  REQUIRE(traded.size() == 4);
  for (const auto& fill : traded) {
    CHECK(fill.quantity == 65);
    CHECK(fill.price <= rupees(1'710'000));
  }
}

SCENARIO("a random walk comes from its seed and stays in its range") {
  const auto master = shipped_instruments();
  const auto walk = [&](std::uint64_t seed, std::int64_t step_ms) {
    random_walk_feed feed{master, {.seed = seed}};
    std::vector<broker::price_tick> ticks;
    for (std::int64_t at = 0; at <= 300'000; at += step_ms) feed.poll(later(at), 10'000, ticks);
    return ticks;
  };
  const auto ticks = walk(1, 1000);
  CHECK(ticks.size() == 301 * master->size());
  CHECK(walk(1, 1000) == ticks);
  CHECK(walk(2, 1000) != ticks);
  std::set<std::int64_t> prices_of_infy;
  for (const auto& tick : ticks) {
    const auto* listed = master->find(tick.exchange, tick.symbol);
    REQUIRE(listed != nullptr);
    if (check_price(*listed, tick.price) != instrument_refusal::none) FAIL_CHECK(tick.symbol << " is off its tick");
    if (check_band(*listed, tick.price, listed->reference_price) != instrument_refusal::none)
      FAIL_CHECK(tick.symbol << " left its band");
    if (tick.volume <= 0 || tick.volume % listed->lot != 0) FAIL_CHECK(tick.symbol << " has a broken volume");
    if (tick.symbol == "INFY") prices_of_infy.insert(tick.price.ticks);
  }
  CHECK(prices_of_infy.size() > 10);

  GIVEN("an owner that was away for an hour") {
    random_walk_feed feed{master, {}};
    CHECK(feed.next_due() == std::nullopt);
    CHECK(polled(feed, start).size() == master->size());
    CHECK(polled(feed, later(999)).empty());
    THEN("it gets one round and the walk goes on from now") {
      CHECK(polled(feed, later(3'600'500)).size() == master->size());
      CHECK(feed.next_due() == later(3'601'500).boot);
    }
  }
  GIVEN("an owner that takes a few at a time") {
    random_walk_feed feed{master, {}};
    CHECK(polled(feed, start, 10).size() == 10);
    THEN("the rest of the round comes with the next calls") {
      CHECK(polled(feed, start, 1000).size() == master->size() - 10);
      CHECK(polled(feed, start, 1000).empty());
    }
  }
  GIVEN("a tight range") {
    random_walk_feed feed{market(), {.step_ticks_max = 1000, .range_percent = 1}};
    std::vector<broker::price_tick> narrow;
    for (int i = 0; i < 500; ++i) feed.poll(later(i * 1000), 100, narrow);
    for (const auto& tick : narrow) {
      if (tick.symbol == "INFY") CHECK((tick.price >= rupees(148'500) && tick.price <= rupees(151'500)));
    }
  }
  GIVEN("nothing listed") {
    random_walk_feed feed{std::make_shared<const instrument_master>(), {}};
    CHECK(polled(feed, start).empty());
    CHECK(feed.next_due() == std::nullopt);
  }
}
