#include "app/control_plane.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <caf/all.hpp>
#include <ctime>
#include <filesystem>
#include <future>
#include <thread>

#include "actors/protocol/type_ids.hpp"
#include "actors/supervision/tree.hpp"
#include "app/anchor_log.hpp"
#include "app/database_reader.hpp"
#include "app/market_setup.hpp"
#include "app/version.hpp"
#include "metrics/metrics.hpp"
#include "runtime/node_clock.hpp"
#include "storage/postgres/journal.hpp"
#include "storage/postgres/migrations.hpp"
#include "web/api.hpp"
#include "web/auth/authenticator.hpp"
#include "web/auth/token_issuer.hpp"
#include "web/gateway.hpp"
#include "web/server/http_server.hpp"

namespace sb {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds database_answers_within{60};
constexpr std::chrono::minutes schema_changes_within{30};  // indexes of full tables; another node's change first

wall_ms wall_now() {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
}
boot_ms boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return {std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000};
}

void write_log(severity level, const std::string& who, const std::string& what) {
  switch (level) {
    case severity::debug:
      return spdlog::debug("{}: {}", who, what);
    case severity::info:
      return spdlog::info("{}: {}", who, what);
    case severity::warning:
      return spdlog::warn("{}: {}", who, what);
    case severity::alarm:
      return spdlog::error("{}: {}", who, what);
  }
}

struct actor_config : caf::actor_system_config {
  explicit actor_config(const scheduler_settings& scheduler) {
    register_messages(*this);
    set("scheduler.max-threads", static_cast<std::size_t>(scheduler.threads));
    set("scheduler.policy",
        scheduler.policy == scheduler_policy::sharing ? caf::atom("sharing") : caf::atom("stealing"));
  }
};

/// Holds a lock on the data directory for as long as it lives: two nodes must not share one.
class directory_lock {
 public:
  explicit directory_lock(const fs::path& directory) {
    fs::create_directories(directory);
    const auto path = directory / "node.lock";
    file_ = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (file_ < 0) throw std::runtime_error{path.string() + " cannot be opened"};
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      ::close(file_);
      throw std::runtime_error{"another node runs on the data directory " + directory.string()};
    }
  }
  ~directory_lock() { ::close(file_); }
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace

struct control_plane::impl {
  settings chosen;
  fs::path data;
  node_identity self;
  std::shared_ptr<const instrument_master> instruments;
  feed_factory feed;
  metrics counters;
  const std::shared_ptr<entity_counts> entities = std::make_shared<entity_counts>();
  std::array<gauge, entity_kind_count> entity_gauges;
  node_clock clock{wall_now(), boot_now()};
  std::unique_ptr<directory_lock> lock;
  std::unique_ptr<web::signing_key> key;

  // In the order in which they are built; torn down in reverse by stop().
  std::unique_ptr<web::http_server> server;
  std::unique_ptr<database_reader> database;
  std::unique_ptr<web::gateway> edge;
  std::unique_ptr<web::api> api;
  std::unique_ptr<actor_config> config;
  std::unique_ptr<caf::actor_system> actors;
  std::shared_ptr<node_tree> tree;
  caf::actor root;
  std::atomic<bool> root_ended{false};
  std::int64_t ticks = 0;
  std::atomic<std::int64_t> commit_us{0};  ///< smoothed; written by the writer's thread

  clock_reading read_clock() const {
    const auto now = boot_now();
    const auto wall = clock.at(now);
    return {wall, now, day_of(wall, chosen.trading.utc_offset_minutes)};
  }
  std::chrono::milliseconds statement_deadline() const {
    return std::chrono::milliseconds{chosen.database.statement_deadline_ms};
  }
  std::unique_ptr<journal> connect() const {
    return std::make_unique<postgres_journal>(chosen.database.conninfo, self);
  }

  node_plan plan();
  read_side reads();
  web::http_server_settings listeners() const;
  web::api_settings api_settings() const;
  void prepare_database();
  void on_tick();
  void end_sessions();
  void end(const std::vector<postgres::directory::ended_session>& sessions);
};

read_side control_plane::impl::reads() {
  read_side side;
  // One connection for the three questions, opened with the first; the reader's thread is the only one that asks.
  const auto models = std::make_shared<postgres::read_models>(chosen.database.conninfo, self);
  const auto within = statement_deadline();
  side.connect = [this] { return connect(); };
  side.open_orders = [models, within](shard_id shard, const std::optional<postgres::order_cursor>& after,
                                      std::int32_t limit) { return models->open_orders(shard, after, limit, within); };
  side.cursor = [models, within](const std::string& projection, shard_id shard) -> std::int64_t {
    for (const auto& cursor : models->cursors(projection, within)) {
      if (cursor.shard == shard) return cursor.seq;
    }
    return 0;
  };
  side.save_cursor = [models, within](const std::string& projection, shard_id shard, std::int64_t seq) {
    models->save_cursor(projection, shard, seq, within);
  };
  return side;
}

node_plan control_plane::impl::plan() {
  node_plan p;
  const auto& o = chosen.orders;
  p.self = self;
  p.clock = [this] { return read_clock(); };
  p.log = write_log;
  p.first_incarnation = static_cast<std::uint64_t>(self.incarnation) << 20U;
  p.connect = [this] { return connect(); };
  p.reads = reads();
  p.writer.self = self;
  p.writer.rows_max = static_cast<std::size_t>(chosen.database.batch_rows_max);
  p.writer.statement_deadline = statement_deadline();
  p.writer.lock_wait = std::chrono::milliseconds{chosen.database.lock_wait_ms};
  p.writer.lazy = std::chrono::milliseconds{chosen.database.lazy_append_ms};
  std::array<counter, append_status_count> failures;  // there before the first, for who takes rates; of `stored` none
  for (std::size_t status = 1; status < failures.size(); ++status)
    failures[status] = counters.journal_append_failures(word(static_cast<append_status>(status)));
  p.appended = [this, seconds = counters.journal_append_seconds(), rows = counters.journal_batch_rows(), failures](
                   double took, std::size_t count, const std::vector<append_outcome>& outcomes) {
    constexpr std::int64_t smooth = 8;
    const auto before = commit_us.load(std::memory_order_relaxed);
    commit_us.store(before + (static_cast<std::int64_t>(took * 1'000'000) - before) / smooth,
                    std::memory_order_relaxed);
    seconds.observe(took);
    rows.observe(static_cast<double>(count));
    for (const auto& each : outcomes) failures[static_cast<std::size_t>(each.status)].add();
  };
  p.entities = entities;
  p.restarted = [this](const std::string& child) { counters.actor_restarts(child).add(); };
  p.cluster.self = self;
  p.cluster.times = {chosen.cluster.heartbeat_ms, chosen.cluster.ttl_ms, chosen.cluster.lease_margin_ms};
  p.cluster.statement_deadline = statement_deadline();
  p.cluster.system_clock = wall_now;
  p.cluster.trust_clock = [this](wall_ms system, boot_ms now) { clock.trust(system, now); };
  p.claims.self = self;
  p.claims.statement_deadline = statement_deadline();
  p.claims.lock_wait = p.writer.lock_wait;
  p.claims.anchor = [this](const std::vector<shard_head>& heads) {
    append_anchor(data / "anchors.log", *key, wall_now(), heads);
  };
  p.shards.held_max = static_cast<std::size_t>(chosen.admission.entity_queue);
  p.shards.queue_max = p.shards.held_max;
  p.shards.book_queue_max = static_cast<std::size_t>(chosen.admission.per_shard);
  p.shards.crashes = {chosen.supervision.entity_crashes - 1, chosen.supervision.entity_window_ms};
  p.orders.times.reserve_deadline_ms = o.reserve_deadline_ms;
  p.orders.times.send_window_ms = o.send_window_ms;
  p.orders.times.grace_ms = o.grace_ms;
  p.orders.times.unknown_retry_ms.assign(o.unknown_retry_ms.begin(), o.unknown_retry_ms.end());
  p.orders.reference_age_max_ms = o.reference_price_age_ms;
  p.orders.broker_enforces_ids = chosen.broker.id_mode == broker_id_mode::unique;
  p.orders.open_minute = chosen.trading.open_minute;
  p.orders.close_minute = chosen.trading.close_minute;
  p.orders.days = chosen.trading.days;
  p.orders.utc_offset_minutes = chosen.trading.utc_offset_minutes;
  p.books.look_up_after_ms = o.send_window_ms + o.grace_ms;
  p.books.tombstone_ms = o.reserve_deadline_ms + book_rules::beyond_deadline_ms;
  p.broker.book = data / "paper" / "book.log";
  p.broker.instruments = instruments;
  p.broker.utc_offset_minutes = chosen.trading.utc_offset_minutes;
  p.broker.paper.seed = static_cast<std::uint64_t>(chosen.broker.seed);
  p.broker.paper.external_market = chosen.broker.feed == feed_kind::external;
  p.broker.paper.id_mode =
      chosen.broker.id_mode == broker_id_mode::unique ? client_id_mode::unique : client_id_mode::tag_only;
  p.broker.faults = fault_rules(chosen.broker.faults);
  p.feed = feed;
  p.settlement.utc_offset_minutes = chosen.trading.utc_offset_minutes;
  p.projection.utc_offset_minutes = chosen.trading.utc_offset_minutes;
  p.projection.statement_deadline = statement_deadline();
  p.connect_tables = [this] {
    const auto models =
        std::make_shared<postgres::read_models>(chosen.database.conninfo, self, postgres::plans::generic);
    projection_tables tables;
    tables.apply = [models](const auto& projection, const auto& parts, deadline within) {
      return models->apply(projection, parts, within);
    };
    tables.cursors = [models](const auto& projection, deadline within) { return models->cursors(projection, within); };
    tables.positions = [models](organization_id organization, account_id account, deadline within) {
      return models->list_positions(organization, account, within);
    };
    return tables;
  };
  p.projected.age = [this, lag = counters.projection_lag_rows("orders")](std::int64_t age_ms, std::int64_t lag_rows) {
    database->set_projection_age(age_ms);
    lag.set(lag_rows);
  };
  p.projected.written = [this](shard_id shard) { database->orders_written(shard); };
  p.projected.out_of_sight = [this](shard_id shard) { database->orders_out_of_sight(shard); };
  p.start_gateway = [this](caf::event_based_actor* parent, const node_services& services) {
    return edge->start(parent, services);
  };
  p.root = {chosen.supervision.restarts, chosen.supervision.window_ms};
  p.shard_restarts = p.root;
  return p;
}

web::http_server_settings control_plane::impl::listeners() const {
  web::http_server_settings s;
  for (const int offset : {0, 2, 4, 6}) {
    const auto port = chosen.web.port == 0 ? 0 : chosen.web.port + offset;
    s.listeners.push_back({chosen.web.address, static_cast<std::uint16_t>(port)});
  }
  auto& l = s.limits;
  l.header_bytes_max = static_cast<std::size_t>(chosen.web.header_bytes_max);
  l.target_bytes_max = static_cast<std::size_t>(chosen.web.target_bytes_max);
  l.fields_max = static_cast<std::size_t>(chosen.web.header_fields_max);
  l.body_bytes_max = static_cast<std::size_t>(chosen.web.body_bytes_max);
  l.connections_max = static_cast<std::size_t>(chosen.web.connections_max);
  l.connections_per_address_max = static_cast<std::size_t>(chosen.web.connections_per_address_max);
  l.header_time_max = std::chrono::milliseconds{chosen.web.header_deadline_ms};
  l.body_time_max = std::chrono::milliseconds{chosen.web.body_deadline_ms};
  l.body_bytes_per_second_min = static_cast<std::size_t>(chosen.web.body_bytes_per_s_min);
  l.body_grace = std::chrono::milliseconds{
      std::min(5'000, chosen.web.body_deadline_ms)};  // a lost packet or two is no slow client
  l.idle_time_max = std::chrono::milliseconds{chosen.web.idle_ms};
  l.write_time_max = std::chrono::milliseconds{chosen.web.write_deadline_ms};
  return s;
}

web::api_settings control_plane::impl::api_settings() const {
  web::api_settings s;
  s.order_body_bytes_max = static_cast<std::size_t>(chosen.web.order_body_bytes_max);
  s.client_wait_ms = chosen.orders.client_wait_ms;
  s.market_protection = chosen.orders.market_protection;
  s.reference_age_max_ms = chosen.orders.reference_price_age_ms;
  s.utc_offset_minutes = chosen.trading.utc_offset_minutes;
  s.currency = chosen.trading.currency;
  s.version = version_text;
  return s;
}

/// Schema, and settings that are decided once for all nodes.
void control_plane::impl::prepare_database() {
  postgres::connection connection{chosen.database.conninfo, self, postgres::plans::generic};
  connection.script("select 1", postgres::from_now(database_answers_within));
  const auto applied = postgres::migrate(connection, postgres::from_now(schema_changes_within));
  if (applied > 0) spdlog::info("database: {} migrations applied", applied);
  // Incarnations rise even when the wall clock was set back between two starts.
  for (const auto& beat : postgres_journal{chosen.database.conninfo, self}.heartbeats(std::chrono::seconds{10})) {
    if (beat.node == self.node) self.incarnation = std::max(self.incarnation, beat.incarnation + 1);
  }
  const auto stored = postgres::fixed_setting(connection, "shards_per_role", std::to_string(shards_per_role),
                                              postgres::from_now(database_answers_within));
  if (stored != std::to_string(shards_per_role)) {
    throw std::runtime_error{"the database was made for " + stored + " shards a role; this binary has " +
                             std::to_string(shards_per_role)};
  }
}

/// Also those that other nodes have ended.
void control_plane::impl::end_sessions() {
  database->ended_sessions([this](std::vector<postgres::directory::ended_session>&& told) { end(told); });
}

void control_plane::impl::end(const std::vector<postgres::directory::ended_session>& sessions) {
  for (const auto& each : sessions) api->session_ended(each.token, each.expires_at);
}

void control_plane::impl::on_tick() {
  edge->on_tick();
  const auto& door = edge->door();
  edge->commit_takes(commit_us.load(std::memory_order_relaxed) / 1'000);
  counters.requests_in_flight().set(door.in_flight());
  counters.requests_waiting().set(static_cast<std::int64_t>(door.waiting()));
  counters.core_limit().set(door.core_limit_now());
  for (std::size_t kind = 0; kind < entity_kind_count; ++kind) {
    entity_gauges[kind].set((*entities)[kind].load(std::memory_order_relaxed));
  }
  ++ticks;
  if (ticks % 6'000 == 0) database->clean_up();  // each minute
  if (ticks % 200 == 0) end_sessions();          // each two seconds
}

control_plane::control_plane(const settings& chosen) : impl_{std::make_unique<impl>()} {
  auto& m = *impl_;
  m.chosen = chosen;
  m.data = chosen.node.data_dir;
  m.self = {chosen.node.name, wall_now().value};
  if (chosen.database.conninfo.empty()) {
    throw std::runtime_error{
        "no database: set STOCKSBLITZ_DATABASE or database.conninfo_file to a libpq connection string"};
  }
  m.instruments = load_instruments(chosen);
  m.feed = make_feed(chosen, m.instruments);
}

control_plane::~control_plane() { stop(std::chrono::seconds{1}); }

void control_plane::prepare() {
  auto& m = *impl_;
  m.lock = std::make_unique<directory_lock>(m.data);
  fs::create_directories(m.data / "paper");
  const fs::path key_file{m.chosen.auth.key_file};
  m.key = std::make_unique<web::signing_key>(
      web::signing_key::load_or_create(key_file.is_absolute() ? key_file : m.data / key_file));
  m.prepare_database();
}

void control_plane::start() {
  auto& m = *impl_;
  m.server = std::make_unique<web::http_server>(
      m.listeners(),
      [&m](web::http_request&& request, web::responder to) { m.api->handle(std::move(request), std::move(to)); },
      [&m] { m.on_tick(); });
  const auto post = [&m](std::function<void()> work) { m.server->post(std::move(work)); };
  m.database =
      std::make_unique<database_reader>(m.chosen.database.conninfo, m.self, m.statement_deadline(), wall_now, post);
  const auto& a = m.chosen.admission;
  web::admission_limits door;
  door.credits = {a.per_user, a.per_organization, a.per_shard, 4 * a.per_shard};
  door.core.took_ms = a.core_ms;
  door.line_ms = a.line_ms;
  door.user_share = a.user_share;
  m.edge = std::make_unique<web::gateway>(door, boot_now, post);
  std::array<counter, web::short_of_count> refused;
  for (std::size_t i = 1; i < refused.size(); ++i)
    refused[i] = m.counters.admission_refused(word(static_cast<web::short_of>(i)));
  m.edge->on_refused([refused](web::short_of lacking) { refused[static_cast<std::size_t>(lacking)].add(); });
  for (std::size_t kind = 0; kind < entity_kind_count; ++kind)
    m.entity_gauges[kind] = m.counters.entities(word(static_cast<entity_kind>(kind)));
  web::issuer_settings issuer{m.chosen.auth.issuer, m.chosen.auth.audience, m.chosen.auth.token_lifetime_s};
  m.api = std::make_unique<web::api>(m.api_settings(), *m.edge, *m.database, web::token_issuer{issuer, *m.key}, *m.key,
                                     m.instruments, m.counters, wall_now);
  m.end(m.database->read_ended_sessions());
  m.server->start();

  m.config = std::make_unique<actor_config>(m.chosen.scheduler);
  m.actors = std::make_unique<caf::actor_system>(*m.config);
  m.tree = std::make_shared<node_tree>();
  m.tree->plan = m.plan();
  m.root = m.actors->spawn(supervisor, m.tree->plan.clock, m.tree->plan.log, control_tree(m.tree), shard_start{});
  m.root->attach_functor([&m](const caf::error&) { m.root_ended = true; });
  m.server->post([&m] { m.edge->set_root(m.root); });
}

std::vector<std::uint16_t> control_plane::ports() const {
  return impl_->server ? impl_->server->ports() : std::vector<std::uint16_t>{};
}

bool control_plane::wait(const std::function<bool()>& stop_asked) {
  while (!stop_asked()) {
    if (impl_->root_ended) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return true;
}

void control_plane::stop(std::chrono::milliseconds patience) {
  auto& m = *impl_;
  if (!m.server) return;
  const auto until = std::chrono::steady_clock::now() + patience;
  const auto left = [&] {
    return std::max(std::chrono::milliseconds{1},
                    std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()));
  };
  if (m.edge) m.edge->refuse_at_once();
  m.server->drain();
  m.server->wait_until_drained(left());
  std::vector<shard_head> heads;
  if (m.actors && !m.root_ended) {
    // Nothing new comes in; what is out is stored.
    caf::scoped_actor me{*m.actors};
    caf::anon_send(m.tree->services.router, stop_requests{});
    me->send(m.tree->services.writer, drain_ask{});
    me->receive([&](drained_told& told) { heads = std::move(told.heads); },
                caf::after(left()) >> [] { spdlog::warn("stopping with appends that are not confirmed"); });
    me->send_exit(m.root, caf::exit_reason::user_shutdown);
    me->wait_for(m.root);
  }
  m.root = nullptr;
  m.server->stop();
  m.edge->set_root(nullptr);
  m.edge->forget_actors();
  m.tree.reset();
  m.actors.reset();  // returns when every actor has ended: only now nobody can append or send any more
  if (!heads.empty()) m.connect()->release(heads, std::chrono::seconds{2});
  m.config.reset();
  m.api.reset();
  m.edge.reset();
  m.database.reset();
  m.server.reset();
  m.lock.reset();
}

}  // namespace sb
