#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <unordered_set>

#include "actors/trade/brokers/dice.hpp"
#include "actors/trade/brokers/paper_desk.hpp"
#include "actors/trade/brokers/paper_log.hpp"
#include "tests/brokers/paper_fixture.hpp"
#include "tests/file_size_limit.hpp"

using namespace sb;
using namespace sb::paper_test;
using broker::book_state;

namespace {

constexpr broker::moment noon{{1'000'000}, {1'800'000'000'000}};

std::vector<paper_output> place(paper_desk& desk, const broker::place& order) {
  const paper_input input = paper_request<broker::place>{1, order};
  return desk.run({&input, 1}, noon);
}
std::vector<broker::book_order> book_of(paper_desk& desk, account_id account) {
  const paper_input input = paper_request<broker::read_book>{1, {account, false, "", 5000}};
  return std::get<broker::book_page>(std::get<broker::book_answer>(desk.run({&input, 1}, noon).front().body)).orders;
}
paper_log_summary summary_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return summarize_paper_log(in);
}
std::string line_of(std::int64_t number, const paper::record& fact) {
  std::string line;
  paper::append_line(line, number, fact);
  return line;
}

/// A day of everything: orders, ticks, cancels, faults, from one seed.
std::vector<std::vector<paper_input>> day_of(std::uint64_t seed, int batches) {
  dice roll{seed};
  std::vector<std::vector<paper_input>> day;
  int orders = 0;
  for (int i = 0; i < batches; ++i) {
    auto& batch = day.emplace_back();
    for (auto left = roll.between(1, 4); left > 0; --left) {
      const auto what = roll.between(1, 10);
      const auto paise = 150'000 + 5 * roll.between(-20, 20);
      if (what <= 5) {
        auto order = roll.between(0, 1) == 0 ? buy("", 1, paise) : sell("", 1, paise);
        order.id = "o" + std::to_string(roll.between(1, 8) == 1 ? roll.between(1, orders + 1) : ++orders);
        order.quantity = roll.between(1, 50);
        order.account = roll.between(0, 1) == 0 ? anna : ben;
        if (roll.between(1, 6) == 1) order = ioc(order);
        if (roll.between(1, 6) == 1) order = at_market(order);
        if (roll.between(1, 20) == 1) order.price.ticks += 1;
        batch.emplace_back(paper_request<broker::place>{static_cast<request_token>(i), order});
      } else if (what <= 7) {
        const std::string id = "o" + std::to_string(roll.between(1, orders + 3));
        batch.emplace_back(paper_request<broker::cancel>{static_cast<request_token>(i), {id, anna, ""}});
      } else if (what == 10 && roll.between(1, 20) == 1) {
        batch.emplace_back(trading_day_end{});
      } else {
        batch.emplace_back(broker::price_tick{"NSE", "INFY", rupees(paise), roll.between(0, 80), noon.wall});
      }
    }
  }
  return day;
}
void set_all_faults(fault_switches& faults) {
  using enum paper_fault;
  for (const auto fault :
       {reject, slow, accept_then_hang, drop_before_accept, late_accept, late_reject, duplicate_fill})
    REQUIRE(faults.set({fault, broker_operation::place, {}, 100'000, 0, 40}));
  for (const auto fault : {reject, slow, accept_then_hang, drop_before_accept, late_accept})
    REQUIRE(faults.set({fault, broker_operation::cancel, {}, 100'000, 0, 40}));
}

broker::moment after(int batches) { return {{noon.boot.value + batches * 10}, {noon.wall.value + batches * 10}}; }

}  // namespace

TEST_CASE("every record reads back as it was written") {
  auto strange = buy("o1 %\n\t\x80\xff-", 65, 2'500'000, "M&M");
  strange.direction = side::sell;
  strange.type = order_type::sl_market;
  strange.product = product_type::mtf;
  strange.valid = validity::ioc;
  strange.exchange = "-";
  strange.price = {-1};
  const auto r = GENERATE_COPY(values<paper::record>({
      paper::placed{1, buy("o1", 1, 150'000), {7}},
      paper::placed{std::numeric_limits<std::int64_t>::max(), strange, {-1}},
      paper::rejected{2, 0, strange, "CODE", "", {7}},
      paper::rejected{2, 9, buy("o1", 1, 150'000), "", "a message with blanks", {7}},
      paper::filled{3, 10, {"PB3-1", 5, rupees(150'000), {7}}},
      paper::repeated{3, 11, "PB3-1", {7}},
      paper::canceled{3, 12, {7}},
      paper::expired{3, 13, {7}},
      paper::revoked{3, 14, "C", "late", {7}},
      paper::blocked{"o9", anna, {7}},
  }));
  const std::string line = line_of(17, r);
  CAPTURE(line);
  REQUIRE(line.ends_with('\n'));
  const std::string_view body = std::string_view{line}.substr(0, line.size() - 1);
  CHECK(body.find('\n') == std::string_view::npos);
  const auto decoded = paper::decode_line(body, 17);
  CHECK_THAT(decoded.error, Catch::Equals(""));
  CHECK(decoded.fact == r);
  CHECK(paper::decode_line(body, 18).error == "the line number is not its place in the file");
  for (std::size_t at = 0; at < body.size(); ++at) {
    std::string damaged{body};
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK_FALSE(paper::decode_line(damaged, 17).error.empty());
  }
  for (std::size_t length = 0; length < body.size(); ++length)
    CHECK_FALSE(paper::decode_line(body.substr(0, length), 17).error.empty());
}

SCENARIO("the book finds everything again") {
  scratch_directory directory;
  const auto file = directory / "book";
  std::vector<broker::book_order> before;
  {
    paper_desk desk{file, market(), {}};
    place(desk, buy("resting", 10, 140'000));
    place(desk, buy("in part", 10, 150'000));
    place(desk, buy("done", 5, 150'100));
    place(desk, buy("refused", 5, 150'101));
    const std::vector<paper_input> more{
        broker::price_tick{"NSE", "INFY", rupees(150'000), 9, noon.wall},
        paper_request<broker::cancel>{2, {"unseen", anna, ""}},
    };
    desk.run(more, noon);
    before = book_of(desk, anna);
    REQUIRE(before.size() == 4);
    REQUIRE(desk.broker().last_report() == 2);
  }
  GIVEN("a new start") {
    paper_desk desk{file, market(), {}};
    THEN("orders, fills and the count of reports are the same") {
      CHECK(book_of(desk, anna) == before);
      CHECK(desk.broker().last_report() == 2);
      CHECK(desk.broker().working_orders() == 2);
      CHECK(summary_of(file).orders == before);
    }
    THEN("ids stay used, refused and blocked") {
      CHECK(accepted(place(desk, buy("in part", 10, 150'000))).fills.size() == 1);
      CHECK(rejection_code(place(desk, buy("refused", 5, 150'100))) == "PRICE_OFF_TICK");
      CHECK(rejection_code(place(desk, buy("unseen", 5, 150'100))) == "CLIENT_ID_BLOCKED");
    }
    THEN("what rested trades on") {
      const paper_input tick = broker::price_tick{"NSE", "INFY", rupees(140'000), 100, noon.wall};
      CHECK(shares(desk.run({&tick, 1}, noon)) ==
            std::vector<std::pair<order_id, std::int64_t>>{{"in part", 6}, {"resting", 10}});
    }
  }
  GIVEN("a last line that is torn at any place") {
    const std::string whole = content_of(file);
    const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t size = last_line; size < whole.size(); ++size) {
      overwrite(file, whole.substr(0, size));
      CHECK_THAT(summary_of(file).error, Catch::Equals(""));
      {
        paper_desk desk{file, market(), {}};
        CHECK(content_of(file) == whole.substr(0, last_line));
        // The torn line was the block of an id: its answer never left, so the order may live.
        CHECK(accepted(place(desk, buy("unseen", 5, 150'100))).broker_order_id == "PB5");
      }
      CHECK_THAT(summary_of(file).error, Catch::Equals(""));
    }
  }
  GIVEN("a file that is torn in its first line") {
    overwrite(file, "stocksbl");
    paper_desk desk{file, market(), {}};
    CHECK(content_of(file) == paper::header_line());
  }
  GIVEN("an instrument that is no longer listed") {
    const auto other = std::make_shared<const instrument_master>(
        std::vector<instrument>{{"NSE", "SBIN", 1, rupees(5), 0, 20, rupees(80'000)}});
    paper_desk desk{file, other, {}};
    THEN("its orders are still there, can be canceled and expire, and new ones are refused") {
      CHECK(book_of(desk, anna) == before);
      CHECK(rejection_code(place(desk, buy("new", 1, 150'000))) == "SYMBOL_UNKNOWN");
      const paper_input cancel = paper_request<broker::cancel>{2, {"resting", anna, ""}};
      desk.run({&cancel, 1}, noon);
      const paper_input end = trading_day_end{};
      desk.run({&end, 1}, noon);
      CHECK(desk.broker().working_orders() == 0);
    }
  }
}

TEST_CASE("a book that cannot be trusted is refused with its line and left alone") {
  const std::string header = paper::header_line();
  const std::string first = line_of(2, paper::placed{1, buy("o1", 10, 150'000), {7}});
  const auto filled = [](std::int64_t line, std::int64_t report, std::int64_t quantity) {
    return line_of(line, paper::filled{1, report, {"PB1-" + std::to_string(report), quantity, rupees(150'000), {7}}});
  };
  std::string flipped = first;
  flipped[20] = static_cast<char>(flipped[20] ^ 1);
  struct row {
    std::string what;
    std::string content;
    std::string error;
  };
  const auto r = GENERATE_COPY(values<row>({
      {"another header", "something else\n" + first, "line 1: this is not a paper book"},
      {"a flipped bit", header + flipped + filled(3, 1, 1), "line 2: the checksum does not match"},
      {"an empty line", header + "\n" + first, "line 2: the line is too short"},
      {"a missing line", header + filled(3, 1, 1), "line 2: the line number is not its place"},
      {"a doubled line", header + first + first, "line 3: the line number is not its place"},
      {"an endless line", header + std::string(5000, 'x'), "line 2: longer than a record can be"},
      {"the longest line", header + std::string(paper::line_length_max - 1, 'x') + "\n", "line 2: the checksum"},
      {"a longer line that is torn", header + std::string(paper::line_length_max, 'x'), "line 2: longer than"},
      {"a line of zeros", header + std::string(100, '\0') + "\n" + first, "line 2: the checksum does not match"},
      {"a longer line", header + std::string(paper::line_length_max, 'x') + "\n",
       "line 2: longer than a record can be"},
      {"a fill of nothing", header + filled(2, 1, 1), "line 2: "},
      {"a fill too many", header + first + filled(3, 1, 10) + filled(4, 2, 1), "line 4: "},
      {"a fill too large", header + first + filled(3, 1, 11), "line 3: a fill beyond"},
      {"a report left out", header + first + filled(3, 2, 1), "line 3: a report number is out of order"},
      {"an order left out", header + line_of(2, paper::placed{2, buy("o1", 10, 150'000), {7}}),
       "line 2: an order number is out of order"},
      {"closed twice", header + first + line_of(3, paper::canceled{1, 1, {7}}) + line_of(4, paper::expired{1, 2, {7}}),
       "line 4: "},
      {"a repeat of no fill", header + first + line_of(3, paper::repeated{1, 1, "PB1-1", {7}}),
       "line 3: a fill is repeated"},
  }));
  CAPTURE(r.what);
  scratch_directory directory;
  const auto file = directory / "book";
  overwrite(file, r.content);
  CHECK_THROWS_WITH((paper_desk{file, market(), {}}), Catch::Contains(r.error));
  CHECK(content_of(file) == r.content);
  CHECK_THAT(summary_of(file).error, Catch::StartsWith(r.error.substr(0, 7)));
}

TEST_CASE("a book that cannot be read is not taken for a short one") {
  scratch_directory directory;
  CHECK_THAT(summary_of(directory / "").error, Catch::Equals("line 1: cannot be read: Is a directory"));
  CHECK_THAT(summary_of(directory / "missing").error, Catch::StartsWith("line 1: cannot be read"));

  const std::string lines = paper::header_line() + line_of(2, paper::placed{1, buy("o1", 10, 150'000), {7}});
  std::string readable = lines + line_of(3, paper::canceled{1, 1, {7}}).substr(0, 20);
  struct broken_disk : std::streambuf {
    explicit broken_disk(std::string& text) { setg(text.data(), text.data(), text.data() + text.size()); }
    int_type underflow() override {
      errno = EIO;
      throw std::runtime_error{"the disk"};
    }
  } disk{readable};
  std::istream file{&disk};
  paper_log log{file};
  CHECK(log.next().has_value());
  CHECK_FALSE(log.next().has_value());
  CHECK_THAT(log.error(), Catch::Equals("line 3: cannot be read: Input/output error"));
  CHECK_FALSE(log.torn());
  CHECK_FALSE(log.next().has_value());
  CHECK(log.whole_bytes() == std::ssize(lines));
}

TEST_CASE("a torn line is cut off, however long it can be") {
  const std::string tail = GENERATE(std::string(paper::line_length_max - 1, 'x'), std::string(100, '\0'));
  scratch_directory directory;
  const auto file = directory / "book";
  overwrite(file, paper::header_line() + tail);
  CHECK(paper_desk{file, market(), {}}.broker().orders() == 0);
  CHECK(content_of(file) == paper::header_line());
}

TEST_CASE("a book has one owner and needs its directory") {
  scratch_directory directory;
  const auto file = directory / "book";
  paper_desk desk{file, market(), {}};
  CHECK_THROWS_WITH((paper_desk{file, market(), {}}), Catch::Contains("in use"));
  CHECK_THROWS_WITH((paper_desk{directory / "no/such/book", market(), {}}), Catch::Contains("cannot be opened"));
}

TEST_CASE("when the disk refuses, no answer leaves and the book takes nothing more until it is opened again") {
  scratch_directory directory;
  const auto file = directory / "book";
  const test::file_size_limit limit;
  {
    paper_desk desk{file, market(), {}};
    REQUIRE(place(desk, buy("o1", 1, 150'000)).size() == 1);
    limit.set(std::filesystem::file_size(file) + 10);  // the next line is cut in the middle
    CHECK_THROWS_AS(place(desk, buy("o2", 1, 150'000)), paper_book_error);
    limit.lift();
    CHECK_THROWS_WITH(place(desk, buy("o3", 1, 150'000)), Catch::Contains("not written any more"));
  }
  paper_desk desk{file, market(), {}};
  CHECK(book_of(desk, anna).size() == 1);
  CHECK(accepted(place(desk, buy("o2", 1, 150'000))).broker_order_id == "PB2");
}

TEST_CASE("a broker that has read its book goes on as the one that wrote it") {
  const std::uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  CAPTURE(seed);
  auto day = day_of(seed, 200);
  // What is left of a tick's volume is not in the book, so each batch begins with another.
  std::int64_t paise = 149'980;
  for (auto& batch : day) {
    paise = paise == 150'020 ? 149'980 : paise + 5;
    batch.insert(batch.begin(), broker::price_tick{"NSE", "INFY", rupees(paise), 30, noon.wall});
  }
  const auto run = [&](paper_broker& broker, std::size_t batch) {
    paper_effects effects;
    for (const auto& input : day[batch]) broker.handle(input, after(static_cast<int>(batch)), effects);
    return effects;
  };
  std::vector<paper_effects> lived;
  paper_broker first{market(), {}};
  first.open();
  for (std::size_t i = 0; i < day.size(); ++i) lived.push_back(run(first, i));
  REQUIRE(first.last_report() > 100);

  for (std::size_t start = 0; start < day.size(); start += 20) {
    CAPTURE(start);
    paper_broker again{market(), {}};
    for (std::size_t i = 0; i < start; ++i) {
      for (const auto& fact : lived[i].facts) REQUIRE_THAT(again.restore(fact), Catch::Equals(""));
    }
    again.open();
    for (std::size_t i = start; i < day.size(); ++i) {
      const auto effects = run(again, i);
      REQUIRE(effects.facts == lived[i].facts);
      REQUIRE(effects.outputs == lived[i].outputs);
    }
  }
}

TEST_CASE("a paper broker takes facts until it is open, and inputs from then on") {
  paper_broker broker{market(), {}};
  paper_effects effects;
  const paper::record first = paper::placed{1, buy("o1", 1, 150'000), {}};
  REQUIRE_THAT(broker.restore(first), Catch::Equals(""));
  CHECK_THROWS_AS(broker.handle(trading_day_end{}, noon, effects), std::logic_error);
  CHECK_THROWS_AS(broker.advance(noon, effects), std::logic_error);
  CHECK_THROWS_AS(broker.orders_with_id("o1"), std::logic_error);
  broker.open();
  CHECK(broker.orders_with_id("o1").size() == 1);
  CHECK_THROWS_AS(broker.restore(paper::placed{2, buy("o2", 1, 150'000), {}}), std::logic_error);
  CHECK_THROWS_AS(broker.open(), std::logic_error);
  broker.handle(trading_day_end{}, noon, effects);
  CHECK(broker.orders_with_id("o1").size() == 1);
  CHECK(broker.working_orders() == 0);
}

TEST_CASE("the same seed gives the same day, and a new start at any moment the same book") {
  const std::uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  const auto mode = GENERATE(client_id_mode::unique, client_id_mode::tag_only);
  CAPTURE(seed, mode);
  const auto day = day_of(seed, 300);
  scratch_directory directory;
  const paper::closed_store_settings on_disk{.directory = directory / "", .block = 200};
  const auto live = [&](std::vector<paper::record>* facts, const paper::closed_store_settings& closed) {
    paper_broker broker{market(), {.seed = seed, .id_mode = mode, .closed = closed}};
    broker.open();
    set_all_faults(broker.faults());
    std::vector<paper_output> outputs;
    for (int i = 0; i < static_cast<int>(day.size()); ++i) {
      paper_effects effects;
      broker.advance(after(i), effects);
      for (const auto& input : day[static_cast<std::size_t>(i)]) broker.handle(input, after(i), effects);
      outputs.insert(outputs.end(), effects.outputs.begin(), effects.outputs.end());
      if (facts != nullptr) facts->insert(facts->end(), effects.facts.begin(), effects.facts.end());
    }
    return std::pair{std::move(outputs), std::move(broker)};
  };
  std::vector<paper::record> facts;
  const auto first = live(&facts, {});
  const auto second = live(nullptr, on_disk);
  REQUIRE(second.second.closed_bytes_in_memory() < first.second.closed_bytes_in_memory());
  CHECK(first.first == second.first);
  REQUIRE(first.second.last_report() > 100);

  // The reports that left are counted without a gap; and the independent fold agrees with the engine's, the live one
  // and that of the facts.
  std::int64_t told = 0;
  for (const auto& output : first.first) {
    if (const auto* report = std::get_if<broker::report>(&output.body)) CHECK(report->sequence == ++told);
  }
  std::string text = paper::header_line();
  paper_broker again{market(), {.closed = on_disk}};
  std::int64_t line = 1;
  for (const auto& fact : facts) {
    paper::append_line(text, ++line, fact);
    REQUIRE_THAT(again.restore(fact), Catch::Equals(""));
  }
  again.open();
  CHECK(told == again.last_report());
  std::istringstream file{text};
  const auto summary = summarize_paper_log(file);
  CHECK_THAT(summary.error, Catch::Equals(""));
  CHECK(summary.reports == again.last_report());
  CHECK(static_cast<std::int64_t>(summary.orders.size()) == again.orders());
  std::int64_t working = 0;
  std::map<order_id, std::vector<broker::book_order>> of_id;
  for (const auto& order : summary.orders) {
    working += order.state == book_state::working ? 1 : 0;
    of_id[order.order.id].push_back(order);
  }
  for (const auto& [id, orders] : of_id) {
    CHECK(first.second.orders_with_id(id) == orders);
    CHECK(second.second.orders_with_id(id) == orders);
    CHECK(again.orders_with_id(id) == orders);
  }
  CHECK(working == again.working_orders());
  const bool doubled = std::ranges::any_of(of_id, [](const auto& entry) { return entry.second.size() > 1; });
  CHECK(doubled == (mode == client_id_mode::tag_only));
}

SCENARIO("kill -9 in the middle of traffic loses nothing that was answered") {
  scratch_directory directory;
  const auto file = directory / "book";
  std::array<int, 2> channel{};
  REQUIRE(::pipe(channel.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Only what the desk let out is told to the parent, so the parent knows what a client would know.
    ::close(channel[0]);
    try {
      paper_desk desk{file, market(), {}};
      const paper_input tick = broker::price_tick{"NSE", "INFY", rupees(150'000), 7, noon.wall};
      for (int i = 1; i <= 1'000'000; ++i) {
        std::vector<paper_input> batch{paper_request<broker::place>{1, buy("o" + std::to_string(i), 10, 150'000)},
                                       tick};
        for (const auto& output : desk.run(batch, noon)) {
          std::string told;
          if (std::holds_alternative<broker::place_answer>(output.body)) {
            told = "o" + std::to_string(i) + '\n';
          } else if (const auto* report = std::get_if<broker::report>(&output.body)) {
            told = std::get<broker::fill_report>(report->what).filled.fill_id + '\n';
          }
          if (::write(channel[1], told.data(), told.size()) < 0) ::_exit(1);
        }
      }
    } catch (...) {
    }
    ::_exit(1);
  }
  ::close(channel[1]);
  std::string told;
  std::array<char, 4096> chunk{};
  while (told.size() < 20'000) {
    const ssize_t count = ::read(channel[0], chunk.data(), chunk.size());
    REQUIRE(count > 0);
    told.append(chunk.data(), static_cast<std::size_t>(count));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  for (ssize_t count = 0; (count = ::read(channel[0], chunk.data(), chunk.size())) > 0;)
    told.append(chunk.data(), static_cast<std::size_t>(count));
  ::close(channel[0]);

  paper_desk desk{file, market(), {}};
  const auto summary = summary_of(file);
  CHECK_THAT(summary.error, Catch::Equals(""));
  std::unordered_set<std::string> known;
  for (const auto& order : summary.orders) {
    CHECK(known.insert(order.order.id).second);
    for (const auto& fill : order.fills) CHECK(known.insert(fill.fill_id).second);
  }
  std::istringstream lines{told};
  std::size_t answered = 0;
  for (std::string line; std::getline(lines, line) && !lines.eof(); ++answered) {
    if (!known.contains(line)) FAIL_CHECK("told and lost: " << line);
  }
  CHECK(answered > 1000);
  CHECK(desk.broker().orders() == static_cast<std::int64_t>(summary.orders.size()));
}
