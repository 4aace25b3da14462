#include "actors/protocol/order_key.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <set>

using namespace sb;

namespace {

order_command some_command() {
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
  command.comments = "x";
  return command;
}

}  // namespace

// The expected values were computed by another program (Python's hashlib and base64) from the description in the
// header.
TEST_CASE("an order id is the one that it has always been", "[order_key]") {
  CHECK(derive_order_id({7}, {12}, "c-1") == "ORDEPWLZWARC2NLFBBCM6EYLPTILL3AT");
  CHECK(derive_order_id({7}, {12}, "") == "ORDJ246J7TY2WZKPYKKCGD3WWR5DFAU7");
  std::string rupees;
  for (int n = 0; n < 20; ++n) rupees += "₹";
  using limits = std::numeric_limits<std::int64_t>;
  CHECK(derive_order_id({limits::max()}, {limits::min()}, rupees) == "ORDLASPRU6F6JNV6XAAX2VQA4VYF5LVR");
}

TEST_CASE("an order id has 32 characters of A-Z2-7", "[order_key]") {
  for (int n = 0; n < 100; ++n) {
    const auto id = derive_order_id({7}, {12}, std::to_string(n));
    CHECK(id.size() == 32);
    CHECK(id.starts_with("ORD"));
    CHECK(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == std::string::npos);
  }
}

TEST_CASE("different orders have different ids", "[order_key]") {
  std::set<order_id> seen;
  seen.insert(derive_order_id({1}, {2}, "3"));
  seen.insert(derive_order_id({2}, {1}, "3"));
  seen.insert(derive_order_id({1}, {23}, ""));
  seen.insert(derive_order_id({12}, {3}, ""));
  seen.insert(derive_order_id({1}, {2}, "03"));
  seen.insert(derive_order_id({1}, {2}, std::string{"3\0", 2}));
  seen.insert(derive_order_id({1}, {2}, "3 "));
  CHECK(seen.size() == 7);
}

TEST_CASE("a fingerprint is the one that it has always been", "[order_key]") {
  CHECK(fingerprint(some_command()) == "eff1e98284a1e3ddcaf4d5e9ba9b9947");
}

TEST_CASE("whatever the client asked for is in the fingerprint", "[order_key]") {
  struct row {
    std::string name;
    void (*change)(order_command&);
  };
  std::set<std::string> seen{fingerprint(some_command())};
  const row rows[] = {
      {"organization", [](order_command& c) { c.organization = {8}; }},
      {"account", [](order_command& c) { c.account = {13}; }},
      {"client order id", [](order_command& c) { c.client_order_id = "c-2"; }},
      {"exchange", [](order_command& c) { c.exchange = "BSE"; }},
      {"symbol", [](order_command& c) { c.symbol = "TCS"; }},
      {"text moved to the next field", [](order_command& c) { c.exchange = "NSEI", c.symbol = "NFY"; }},
      {"side", [](order_command& c) { c.direction = side::sell; }},
      {"type", [](order_command& c) { c.type = order_type::market; }},
      {"product", [](order_command& c) { c.product = product_type::delivery; }},
      {"validity", [](order_command& c) { c.valid = validity::ioc; }},
      {"quantity", [](order_command& c) { c.quantity = 101; }},
      {"price", [](order_command& c) { c.price = {15'000'501}; }},
      {"protection", [](order_command& c) { c.market_protection = 501; }},
      {"comments", [](order_command& c) { c.comments = ""; }},
  };
  for (const auto& r : rows) {
    INFO(r.name);
    auto command = some_command();
    r.change(command);
    CHECK(seen.insert(fingerprint(command)).second);
  }
}

TEST_CASE("what is ours or who repeats it is not in the fingerprint", "[order_key]") {
  auto command = some_command();
  command.user = {4};
  command.reference_price = {9};
  command.reference_at = {9};
  CHECK(fingerprint(command) == fingerprint(some_command()));
}
