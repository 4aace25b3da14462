#include "actors/projection/settlement_actor.hpp"

#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "quiet_system.hpp"
#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"

using namespace sb;
using namespace sb::test;
using namespace std::chrono_literals;

namespace {

constexpr organization_id organization{7};

/// A settlement whose books are one actor, and whose other neighbors say nothing.
struct desk : quiet_system {
  const shard_id shard = shard_of(shard_role::trade, organization);
  std::vector<std::pair<envelope, orders_seen>> seen;
  std::vector<envelope> asked;  ///< who is asked how far it has settled
  std::vector<committed_rows> rows{{shard, {}}};
  caf::actor settling;

  desk() {
    const auto silent = keep(system.spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler([](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
        return caf::message{};  // caf::drop would answer with an error, which ends who asked
      });
      return {[](const get_order&) {}};
    }));
    services.router = services.writer = services.claims = services.reader = silent;
    const auto books = keep(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const envelope& head, const orders_seen& in) { seen.emplace_back(head, in); },
              [this](const envelope& head, const ask_settled&) { asked.push_back(head); }};
    }));
    services.routes = routes_to(services, books);
    settling = keep(system.spawn(settlement_actor, services, settlement_settings{}));
    caf::anon_send(settling, cursor_told{shard, 0});
    run();
  }
  void happened(const order_id& order, const order_event& fact) {
    journal_row row;
    row.shard = shard;
    row.seq = std::ssize(rows.front().rows) + 1;
    row.stream = stream_of(order_key(organization, order));
    row.version = row.events = 1;
    row.body = pack({encode(fact)});
    rows.front().rows.push_back(std::move(row));
  }
};

}  // namespace

SCENARIO("a risk book is told of its new orders, and asked what it has settled") {
  desk d;
  d.happened("O1", order_requested{});
  d.happened("O2", order_canceled{});
  WHEN("they have been committed") {
    caf::anon_send(d.settling, committed_told{std::make_shared<const std::vector<committed_rows>>(d.rows)});
    d.advance(1s);
    REQUIRE(d.seen.size() == 1);
    CHECK(d.seen[0].first.to == book_key(organization));
    CHECK(d.seen[0].first.from == requester{});  // nobody waits for an answer
    CHECK(d.seen[0].second.orders == std::vector<order_id>{"O1", "O2"});
  }
  WHEN("they are read later") {
    auto rows = std::make_shared<const std::vector<journal_row>>(d.rows.front().rows);
    caf::anon_send(d.settling, rows_told{d.shard, 0, std::move(rows)});
    d.advance(1s);
    CHECK(d.seen.empty());
  }
  REQUIRE(d.asked.size() == 1);
  CHECK(d.asked[0].to == book_key(organization));
  CHECK(d.asked[0].from.request != 0);
}
