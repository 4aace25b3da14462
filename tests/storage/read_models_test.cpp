#include "storage/postgres/read_models.hpp"

#include <algorithm>
#include <utility>

#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;
using namespace sb::postgres;

const node_identity self{"node-a", 7};

order_row order(const std::string& id, std::int64_t created, std::int64_t seq) {
  order_row row;
  row.id = id;
  row.organization = {7};
  row.user = {12};
  row.account = {456};
  row.client_order_id = "c-" + id;
  row.exchange = "NSE";
  row.symbol = "RELIANCE";
  row.side = "BUY";
  row.order_type = "LIMIT";
  row.product_type = "INTRADAY";
  row.validity = "DAY";
  row.quantity = 100;
  row.price = money{15'000'500};
  row.state = "new";
  row.cancel_requested = true;
  row.broker_order_id = "b-1";
  row.filled_quantity = 40;
  row.average_price = money{15'000'000};
  row.reason = "none \"yet\"";
  row.version = 3;
  row.created_at = {created};
  row.updated_at = {created + 5};
  row.day = {19'700};
  row.shard = 5;
  row.seq = seq;
  return row;
}

position_row position(const std::string& symbol, std::int64_t net, std::int64_t seq) {
  position_row row;
  row.organization = {7};
  row.account = {456};
  row.exchange = "NSE";
  row.symbol = symbol;
  row.product_type = "INTRADAY";
  row.day = {19'700};
  row.day_buy_quantity = 1;
  row.day_sell_quantity = 2;
  row.day_buy_value = money{3};
  row.day_sell_value = money{4};
  row.net_buy_quantity = 5;
  row.net_sell_quantity = 6;
  row.net_buy_value = money{7};
  row.net_sell_value = money{8};
  row.net_quantity = net;
  row.average_price = money{9};
  row.realized_pnl = money{-10};
  row.last_price = money{11};
  row.last_fill_at = {12};
  row.updated_at = {13};
  row.shard = 5;
  row.seq = seq;
  return row;
}

std::vector<std::string> ids(const std::vector<order_row>& rows) {
  std::vector<std::string> out;
  for (const auto& row : rows) out.push_back(row.id);
  return out;
}

using names = std::vector<std::string>;

bool apply(read_models& models, const std::string& projection, const projection_batch& part) {
  return models.apply(projection, {part}, generous) == std::vector<shard_id>{part.shard};
}

}  // namespace

TEST_CASE("a batch writes rows and cursor together, or nothing", "[read models]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  read_models models{world.conninfo(), self};
  REQUIRE(apply(models, "orders", {5, 0, 10, {order("A", 100, 9), order("B", 200, 10)}, {position("X", 3, 10)}}));
  CHECK(models.list_orders({{7}, {}, {}, {}, {}, {}, {}}, 10, {}, generous) ==
        std::vector<order_row>{order("B", 200, 10), order("A", 100, 9)});
  CHECK(models.list_positions({7}, {456}, generous) == std::vector<position_row>{position("X", 3, 10)});

  auto changed = order("A", 100, 12);
  changed.state = "filled";
  SECTION("from the stored cursor it goes on, in another shard's cursor from zero") {
    CHECK(apply(models, "orders", {5, 10, 12, {changed}, {position("X", 4, 12), position("Y", 1, 12)}}));
    CHECK(apply(models, "orders", {6, 0, 3, {}, {}}));
    CHECK(models.list_orders({{7}, {}, {}, {}, {}, {}, {}}, 10, {}, generous).at(1) == changed);
    CHECK(models.list_positions({7}, {456}, generous).at(0).net_quantity == 4);
    const auto cursors = models.cursors("orders", generous);
    REQUIRE(cursors.size() == 2);
    CHECK(cursors[0].shard == 5);
    CHECK(cursors[0].seq == 12);
    CHECK(cursors[1].seq == 3);
    CHECK(models.cursors("positions", generous).empty());
  }
  SECTION("from any other place it is refused whole") {
    const auto expected = GENERATE(0, 9, 11, 12);
    CHECK_FALSE(apply(models, "orders", {5, expected, 12, {changed}, {position("X", 4, 12)}}));
    CHECK_FALSE(apply(models, "never seen", {5, 1, 12, {changed}, {position("X", 4, 12)}}));
    CHECK(models.list_orders({{7}, {}, {}, {}, {}, {}, {}}, 10, {}, generous).at(1) == order("A", 100, 9));
    CHECK(models.list_positions({7}, {456}, generous).at(0).net_quantity == 3);
    CHECK(models.cursors("orders", generous).at(0).seq == 10);
  }
  SECTION("an older row does not replace a newer one, and of twins the newer counts") {
    auto older = order("B", 200, 8);
    older.state = "old";
    CHECK(apply(models, "orders", {5, 10, 13, {older, changed, order("A", 100, 11)}, {position("X", 1, 10)}}));
    const auto rows = models.list_orders({{7}, {}, {}, {}, {}, {}, {}}, 10, {}, generous);
    CHECK(rows.at(0).state == "new");
    CHECK(rows.at(1).state == "filled");
    CHECK(models.list_positions({7}, {456}, generous).at(0).net_quantity == 3);
  }
}

TEST_CASE("of several shards in one statement each stands for itself", "[read models]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  read_models models{world.conninfo(), self};
  const auto in = [](shard_id shard, const std::string& id, const std::string& symbol, std::int64_t seq) {
    projection_batch part{shard, seq - 1, seq, {order(id, 100, seq)}, {position(symbol, seq, seq)}};
    part.orders[0].shard = part.positions[0].shard = shard;
    return part;
  };
  REQUIRE(models.apply("orders", {in(5, "A", "X", 1), in(6, "B", "Y", 1), in(7, "C", "Z", 1)}, generous) ==
          std::vector<shard_id>{5, 6, 7});
  SECTION("one whose cursor stands elsewhere is left out whole") {
    REQUIRE(models.apply("orders", {in(6, "B", "Y", 2)}, generous) == std::vector<shard_id>{6});
    CHECK(models.apply("orders", {in(5, "A", "X", 2), in(6, "B2", "Y", 2), in(7, "C", "Z", 2), in(8, "D", "W", 2)},
                       generous) == std::vector<shard_id>{5, 7});
    CHECK(models.find_order("A", generous)->seq == 2);
    CHECK(models.find_order("C", generous)->shard == 7);
    CHECK_FALSE(models.find_order("B2", generous));
    CHECK_FALSE(models.find_order("D", generous));
    for (const auto& held : models.list_positions({7}, {456}, generous)) CHECK(held.net_quantity == 2);
    CHECK(models.cursors("orders", generous).size() == 3);
  }
  SECTION("what is refused in one keeps all of them out") {
    auto refused = in(6, "B", "Y", 2);
    refused.orders[0].reason = std::string("\0", 1);
    CHECK_THROWS_AS(models.apply("orders", {in(5, "A", "X", 2), refused}, generous), statement_error);
    CHECK(models.find_order("A", generous)->seq == 1);
  }
  SECTION("a row of another shard is a mistake of ours") {
    auto wrong = in(5, "A", "X", 2);
    wrong.positions[0].shard = 6;
    CHECK_THROWS_AS(models.apply("orders", {wrong}, generous), std::invalid_argument);
  }
}

TEST_CASE("lists filter, page and keep tenants apart", "[read models]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  read_models models{world.conninfo(), self};
  std::vector<order_row> rows;
  for (int n = 0; n < 6; ++n) rows.push_back(order(std::string(1, static_cast<char>('A' + n)), 100 + n / 2, n + 1));
  rows[1].account = {457};
  rows[2].user = {13};
  rows[3].state = "filled";
  rows[4].symbol = "TCS";
  rows[5].day = {19'701};
  rows.push_back(order("Z", 150, 7));
  rows.back().organization = {8};
  REQUIRE(apply(models, "orders", {5, 0, 7, rows, {}}));

  struct row {
    const char* what;
    order_filter filter;
    names expected;
  };
  const auto r = GENERATE(values<row>({
      {"all, newest first, then by id downwards", {{7}, {}, {}, {}, {}, {}, {}}, {"F", "E", "D", "C", "B", "A"}},
      {"another organization", {{8}, {}, {}, {}, {}, {}, {}}, {"Z"}},
      {"no such organization", {{9}, {}, {}, {}, {}, {}, {}}, {}},
      {"account", {{7}, account_id{457}, {}, {}, {}, {}, {}}, {"B"}},
      {"another organization's account", {{8}, account_id{457}, {}, {}, {}, {}, {}}, {}},
      {"user", {{7}, {}, user_id{13}, {}, {}, {}, {}}, {"C"}},
      {"state", {{7}, {}, {}, "filled", {}, {}, {}}, {"D"}},
      {"symbol", {{7}, {}, {}, {}, "TCS", {}, {}}, {"E"}},
      {"from is included", {{7}, {}, {}, {}, {}, wall_ms{101}, {}}, {"F", "E", "D", "C"}},
      {"to is not", {{7}, {}, {}, {}, {}, {}, wall_ms{101}}, {"B", "A"}},
      {"all together", {{7}, account_id{456}, user_id{12}, "new", "RELIANCE", wall_ms{100}, wall_ms{102}}, {"A"}},
      {"a quote is only text", {{7}, {}, {}, {}, "' or true --", {}, {}}, {}},
  }));
  INFO(r.what);
  CHECK(ids(models.list_orders(r.filter, 100, {}, generous)) == r.expected);

  names paged;
  std::optional<order_cursor> after;
  for (int page = 0; page < 10; ++page) {
    const auto some = models.list_orders(r.filter, 1, after, generous);
    if (some.empty()) break;
    REQUIRE(some.size() == 1);
    paged.push_back(some[0].id);
    after = order_cursor{some[0].created_at, some[0].id};
  }
  CHECK(paged == r.expected);

  CHECK(models.count_orders({7}, {}, {19'700}, generous) == 5);
  CHECK(models.count_orders({7}, user_id{12}, {19'700}, generous) == 4);
  CHECK(models.count_orders({7}, {}, {19'701}, generous) == 1);
  CHECK(models.count_orders({8}, user_id{13}, {19'700}, generous) == 0);
}

TEST_CASE("another organization's positions are not listed", "[read models]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  read_models models{world.conninfo(), self};
  REQUIRE(apply(models, "positions", {5, 0, 1, {}, {position("B", 1, 1), position("A", 1, 1)}}));
  const auto rows = models.list_positions({7}, {456}, generous);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].symbol == "A");
  CHECK(models.list_positions({8}, {456}, generous).empty());
  CHECK(models.list_positions({7}, {457}, generous).empty());
}

TEST_CASE("a shard's open orders are those that somebody must look after", "[read models]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  read_models models{world.conninfo(), self};
  const auto in = [](const std::string& id, const char* state, std::int32_t day = 19'700, shard_id shard = 5) {
    auto row = order(id, id < "C" ? 200 : 100, 9);
    row.shard = shard;
    row.state = state;
    row.day = {day};
    return row;
  };
  REQUIRE(apply(models, "orders",
                {5,
                 0,
                 10,
                 {in("D", "unknown", 1), in("E", "filled"), in("F", "canceled", 19'800), in("H", "absent", 19'694),
                  in("I", "absent", 19'693)},
                 {}}));
  REQUIRE(
      apply(models, "orders",
            {5, 10, 20, {in("A", "pending_new"), in("B", "new"), in("C", "partially_filled"), in("G", "absent")}, {}}));
  REQUIRE(apply(models, "orders", {6, 0, 10, {in("K", "new", 19'700, 6)}, {}}));
  const auto page = [&](const std::optional<order_cursor>& after, std::int32_t limit) {
    names ids;
    for (const auto& [organization, place] : models.open_orders(5, after, limit, generous)) {
      CHECK(organization == organization_id{7});
      CHECK(place.created_at == wall_ms{place.id < "C" ? 200 : 100});
      ids.push_back(place.id);
    }
    return ids;
  };
  CHECK(page({}, 100) == names{"C", "D", "G", "H", "A", "B"});
  CHECK(page({}, 3) == names{"C", "D", "G"});
  CHECK(page(order_cursor{{100}, "G"}, 2) == names{"H", "A"});
  CHECK(page(order_cursor{{200}, "A"}, 4) == names{"B"});
  CHECK(page(order_cursor{{200}, "B"}, 4).empty());
}

TEST_CASE("page by page each open order is told once, oldest first", "[read models]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  read_models models{world.conninfo(), self};
  constexpr int orders = 300;
  std::vector<order_row> upper;  // stored before those with a lower id
  std::vector<order_row> lower;
  std::vector<std::pair<std::int64_t, order_id>> expected;
  for (int number = 0; number < orders; ++number) {
    const int id = number * 7 % orders;
    auto row = order("O" + std::to_string(1'000 + id), number / 30, 1 + number);  // thirty in each millisecond
    row.state = number % 3 == 0 ? "absent" : number % 3 == 1 ? "new" : "filled";
    if (number % 3 != 2) expected.emplace_back(row.created_at.value, row.id);
    (id < orders / 2 ? lower : upper).push_back(std::move(row));
  }
  std::sort(expected.begin(), expected.end());
  REQUIRE(apply(models, "orders", {5, 0, orders, upper, {}}));
  REQUIRE(apply(models, "orders", {5, orders, 2 * orders, lower, {}}));

  std::vector<std::pair<std::int64_t, order_id>> told;
  std::optional<order_cursor> last;
  while (told.size() <= expected.size()) {
    const auto page = models.open_orders(5, last, 7, generous);
    if (page.empty()) break;
    for (const auto& [organization, place] : page) told.emplace_back(place.created_at.value, place.id);
    last = page.back().place;
  }
  CHECK(told == expected);
}
