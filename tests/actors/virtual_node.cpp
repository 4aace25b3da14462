#include "virtual_node.hpp"

#include <caf/all.hpp>
#include <chrono>

#include "actors/journal/snapshots.hpp"
#include "actors/protocol/order_key.hpp"

namespace sb::test {
namespace {

/// An entity that fails when the test wants it to.
class fragile final : public entity {
 public:
  fragile(std::unique_ptr<entity> inner, int& throw_at) : inner_{std::move(inner)}, throw_at_{throw_at} {}
  bool replay(const event_record& event, wall_ms at, std::string& why) override {
    return inner_->replay(event, at, why);
  }
  bool restore(const stored_snapshot& snapshot, std::string& why) override { return inner_->restore(snapshot, why); }
  void recovered(turn& now, predecessor former) override { inner_->recovered(now, former); }
  void handle(const delivery& in, turn& now) override {
    if (throw_at_ > 0 && --throw_at_ == 0) throw std::logic_error{"state that is not to be trusted"};
    inner_->handle(in, now);
  }
  void committed(const clock_reading& now, outputs& out) override { inner_->committed(now, out); }
  bool busy() const override { return inner_->busy(); }

 private:
  std::unique_ptr<entity> inner_;
  int& throw_at_;
};

}  // namespace

virtual_node::virtual_node()
    : system{config_},
      scheduler{dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())},
      store_{std::make_shared<memory_store>()} {
  scheduler.clock().current_time += std::chrono::hours{1'000};
  services.node = "virtual";
  services.clock = [this] { return now(); };
  services.log = [this](severity, const std::string& who, const std::string& what) {
    log.push_back(who + ": " + what);
  };
  services.incarnations = std::make_shared<std::atomic<std::uint64_t>>(0);
  services.routes = std::make_shared<route_table>(services.clock);
  services.router = system.spawn(router, services);
  services.routes->reports_to(services.router);

  writer_settings writing;
  writing.self = {"virtual", 1};
  services.writer = system.spawn(
      writer, services, writing,
      [this]() -> std::unique_ptr<journal> {
        auto own = std::make_unique<memory_journal>(store_);
        writer_store = own.get();
        return own;
      },
      [this](double, std::size_t, const std::vector<append_outcome>& outcomes) {
        for (const auto& each : outcomes) {
          if (each.status != append_status::stored) not_stored.emplace_back(word(each.status));
        }
      });
  read_side reading;
  reading.connect = [this]() -> std::unique_ptr<journal> { return std::make_unique<memory_journal>(store_); };
  reading.open_orders = [](shard_id, const std::optional<postgres::order_cursor>&, std::int32_t) {
    return std::vector<postgres::open_order_row>{};
  };
  reading.cursor = [](const std::string&, shard_id) { return std::int64_t{0}; };
  reading.save_cursor = [](const std::string&, shard_id, std::int64_t) {};
  services.reader = system.spawn(reader, services, reading, std::chrono::milliseconds{1'000});
  services.snapshots = system.spawn(snapshots, services, reading.connect, std::chrono::milliseconds{1'000});
  services.broker = system.spawn([this](caf::event_based_actor*) -> caf::behavior {
    return {[this](const broker_call& call) { broker_calls.push_back(call); },
            [](broker_ready_ask) { return broker_ready{}; }};
  });
  const auto edge = system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](const shard_open&) {}, [](const shard_gone&) {}, [](const lease_told&) {}};
  });
  const take_answer keep = [this](std::uint64_t request, answer&& told) {
    answers[request].push_back(std::move(told));
  };
  all_ = {services.router, services.writer, services.reader, services.snapshots, services.broker, edge};
  settle_down();

  memory_journal claims{store_};
  own_ask own;
  for (const auto role : {shard_role::user, shard_role::trade}) {
    const auto outcome = claims.claim({{shard_of(role, organization), 0, 0}}, {"virtual", 1}, {}, {});
    own.heads.push_back(outcome.at(0).head);
  }
  caf::anon_send(services.writer, own);
  caf::anon_send(services.router, lease_told{{now().boot.value + 1'000'000'000}});
  caf::anon_send(services.router, gateway_ready{1, edge, keep});
  settle_down();
  for (const auto role : {shard_role::user, shard_role::trade}) spawn_shard(role);
  settle_down();
}

virtual_node::~virtual_node() {
  for (const auto& [role, shard] : shards_) caf::anon_send_exit(shard, caf::exit_reason::user_shutdown);
  for (const auto& actor : all_) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  settle_down();
}

caf::actor virtual_node::spawn_shard(shard_role role) {
  const entity_factory make = [this](const entity_key& key, std::uint64_t incarnation) -> std::unique_ptr<entity> {
    auto body = role_of(key.kind) == shard_role::user ? make_user_side(key, book_rules{}, places_)
                                                      : make_trade_side(key, order_rules{}, incarnation);
    return std::make_unique<fragile>(std::move(body), throw_at_handle);
  };
  shards_[role] = system.spawn(shard, services, shard_of(role, organization), shard_rules{}, make);
  return shards_[role];
}

clock_reading virtual_node::now() const {
  const auto since =
      std::chrono::duration_cast<std::chrono::milliseconds>(scheduler.clock().current_time.time_since_epoch()).count();
  const wall_ms wall{1'800'000'000'000 + since};
  return {wall, {since}, day_of(wall, 330)};
}

void virtual_node::settle_down() {
  while (scheduler.try_run_once()) {
  }
}

void virtual_node::advance(std::chrono::milliseconds time) {
  for (auto left = time; left.count() > 0; left -= std::chrono::milliseconds{10}) {
    scheduler.clock().advance_time(std::chrono::milliseconds{10});
    settle_down();
  }
}

std::uint64_t virtual_node::ask(const entity_key& to, message body) {
  const auto request = ++last_request_;
  envelope head;
  head.to = to;
  head.from = {1, request};
  head.by.who = principal::kind::user;
  head.by.organization = organization;
  head.by.user = trader;
  head.correlation = "test";
  services.routes->send(std::move(head), std::move(body));
  return request;
}

void virtual_node::broker_says(const order_id& order, broker_answered told) {
  envelope head;
  head.to = order_key(organization, order);
  services.routes->send(std::move(head), std::move(told));
  settle_down();
}

void virtual_node::grant(user_id user) {
  permission_grant all;
  all.user = user;
  all.place_order = all.cancel_order = all.view = true;
  ask(book_key(organization), set_permissions_request{{all}});
  settle_down();
}

place_order virtual_node::order(const std::string& key, std::int64_t quantity, std::int32_t wait_ms) const {
  place_order place;
  auto& c = place.command;
  c.organization = organization;
  c.account = account;
  c.user = trader;
  c.client_order_id = key;
  c.exchange = "NSE";
  c.symbol = "SBIN";
  c.quantity = quantity;
  c.price = {8'000'000};
  place.fingerprint = fingerprint(c);
  place.wait_ms = wait_ms;
  return place;
}

std::int64_t virtual_node::stored_rows(shard_role role) {
  memory_journal look{store_};
  return look.heads({shard_of(role, organization)}, {}).at(0).head;
}

}  // namespace sb::test
