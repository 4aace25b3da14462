#include "web/admission/credit_book.hpp"

#include <catch2/catch.hpp>

using namespace sb;
using namespace sb::web;

namespace {

shard_credit of(std::int64_t user, std::int64_t organization, shard_id shard) {
  return {{user}, {organization}, shard};
}

}  // namespace

TEST_CASE("a credit that is refused takes nothing") {
  struct row {
    const char* what;
    short_of lacking;
    credit_limits limits;
    credit next;
    credit other;  ///< is not concerned
  };
  const auto r = GENERATE(values<row>({
      {"user", short_of::user, {1, 9, 9, 9, 9}, of(1, 7, 1), of(2, 7, 1)},
      {"organization", short_of::organization, {9, 1, 9, 9, 9}, of(2, 7, 2), of(1, 8, 1)},
      {"shard", short_of::shard, {9, 9, 1, 9, 9}, of(2, 8, 1), of(1, 7, 2)},
      {"all shards", short_of::node, {9, 9, 9, 1, 9}, of(2, 8, 2), service_credit::broker},
  }));
  INFO(r.what);
  credit_book book{r.limits};
  const credit first = of(1, 7, 1);
  REQUIRE(book.take(first) == short_of::nothing);
  CHECK(book.take(r.next) == r.lacking);
  CHECK(book.in_flight() == 1);
  CHECK(book.take(r.other) == short_of::nothing);
  book.give_back(r.other);
  book.give_back(first);
  CHECK(book.in_flight() == 0);
  CHECK(book.take(r.next) == short_of::nothing);
}

TEST_CASE("a service's credits are its own") {
  credit_book book{{1, 1, 1, 1, 2}};
  const credit market = service_credit::market_data;
  const credit broker = service_credit::broker;
  CHECK(book.take(market) == short_of::nothing);
  CHECK(book.take(market) == short_of::nothing);
  CHECK(book.take(market) == short_of::service);
  CHECK(book.take(broker) == short_of::nothing);
  CHECK(book.take(of(1, 7, 1)) == short_of::nothing);
  CHECK(book.in_flight() == 4);
  book.give_back(market);
  CHECK(book.take(market) == short_of::nothing);
}
