#include "tests/actor_simulation/node_world.hpp"

#include <unistd.h>

#include <algorithm>
#include <caf/all.hpp>
#include <fstream>
#include <iterator>

#include "actors/protocol/order_key.hpp"
#include "actors/supervision/supervisor.hpp"
#include "actors/trade/brokers/paper_log.hpp"
#include "actors/trade/market_messages.hpp"
#include "app/replay/checks.hpp"

namespace sb::actor_simulation {
namespace {

constexpr organization_id organizations[] = {{7}, {8}};
constexpr user_id trader{12};
constexpr money last_price{8'000'000};
constexpr std::int64_t wall_begin = 1'800'000'000'000;
constexpr std::int64_t offset_minutes = 330;
constexpr std::int64_t rest_ms = 300'000;     ///< within which a healed node must be quiet
constexpr std::int64_t gone_per_mille = 150;  ///< of the clients, when the trouble is over
constexpr std::uint64_t messages_max = 20'000'000;
constexpr lease_times lease{300, 3'000, 500};

std::filesystem::path make_directory() {
  const std::filesystem::path memory{"/dev/shm"};
  const bool usable = ::access(memory.c_str(), W_OK) == 0;
  auto name = ((usable ? memory : std::filesystem::temp_directory_path()) / "actor-simulation-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{name + ": cannot be made"};
  return name;
}

order_rules rules_of_orders(client_id_mode ids) {
  order_rules rules;
  rules.times.reserve_deadline_ms = 800;
  rules.times.send_window_ms = 1'500;
  rules.times.broker_answer_ms = 1'000;
  rules.times.grace_ms = 3'000;
  rules.times.unknown_retry_ms = {500, 1'000, 2'000};
  rules.broker_enforces_ids = ids == client_id_mode::unique;
  return rules;
}

}  // namespace

void tally::add(const tally& other) {
  for (const auto& [what, times] : other.struck) struck[what] += times;
  messages += other.messages;
}

swarm draw_swarm(dice& chance) {
  swarm drawn;
  const auto rate = [&](std::int64_t most) { return chance.chance(500) ? 0 : chance.between(1, most); };
  drawn.storage = {rate(150), rate(400), rate(60)};
  drawn.ids = chance.chance(500) ? client_id_mode::unique : client_id_mode::tag_only;
  for (const auto what : {paper_fault::reject, paper_fault::slow, paper_fault::accept_then_hang,
                          paper_fault::drop_before_accept, paper_fault::late_accept, paper_fault::duplicate_fill}) {
    fault_rule rule;
    rule.fault = what;
    rule.probability_ppm = static_cast<std::int32_t>(rate(250) * 1'000);
    rule.delay_ms = chance.between(5, 2'500);
    if (rule.probability_ppm > 0) drawn.broker.push_back(rule);
  }
  drawn.orders = chance.between(3, 30);
  drawn.trouble_ms = chance.between(500, 8'000);
  drawn.disturbed_every_ms = chance.chance(250) ? 0 : chance.between(200, 3'000);
  drawn.slow = chance.chance(500) ? 0 : chance.between(1, 30);
  drawn.root_restarts = chance.chance(200) ? 3 : 1'000;
  return drawn;
}

node_world::node_world(std::uint64_t seed)
    : chance_{seed},
      config_{draw_swarm(chance_)},
      tables_{[this] {
        const bool away = system_.now() < away_until_;
        if (away || chance_.chance(faults_.read)) throw storage_unavailable{"the connection broke"};
      }},
      directory_{make_directory()},
      instruments_{std::make_shared<const instrument_master>(
          std::vector<instrument>{{"NSE", "SBIN", 1, {500}, 0, 20, last_price}})} {}

node_world::~node_world() {
  troubled_ = false;
  caf::anon_send_exit(root_, caf::exit_reason::user_shutdown);
  root_ = nullptr;
  tree_ = nullptr;
  while (system_.step()) {
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

// ---- the node -----------------------------------------------------------------------------------------------------

node_plan node_world::plan() {
  node_plan p;
  p.own_threads = false;
  p.self = {"n1", ++incarnation_};
  p.clock = [this] {
    const auto now = system_.now();
    const wall_ms wall{wall_begin + now};
    return clock_reading{wall, {now}, day_of(wall, offset_minutes)};
  };
  p.log = [this](severity, const std::string&, const std::string& what) {
    if (what == "restarted by an operator") ++seen_.struck["service or shard restarted, as it says"];
  };
  p.first_incarnation = static_cast<std::uint64_t>(incarnation_) << 20U;
  p.connect = [this]() -> std::unique_ptr<journal> {
    return std::make_unique<faulty_journal>(store_, chance_, faults_, [this] { return system_.now() < away_until_; });
  };
  p.reads.connect = p.connect;
  tables_.give(p.reads);
  p.writer.self = p.cluster.self = p.claims.self = p.self;
  p.cluster.times = lease;
  p.orders = rules_of_orders(config_.ids);
  p.books.look_up_after_ms = p.orders.times.send_window_ms + p.orders.times.grace_ms;
  p.books.look_up_retry_ms = 1'000;
  p.books.snapshot_events_min = 10;
  p.broker.book = directory_ / "book.log";
  p.broker.instruments = instruments_;
  p.broker.paper.external_market = true;
  p.broker.paper.id_mode = config_.ids;
  if (troubled_) p.broker.faults = config_.broker;
  p.connect_tables = [this] { return tables_.for_projection(); };
  p.projected = {};
  p.start_gateway = [this](caf::event_based_actor* parent, const node_services& services) {
    auto actor = parent->spawn([this, services](caf::event_based_actor* self) { return edge(self, services); });
    const take_answer tell = [this](std::uint64_t number, answer&& told) { take(number, std::move(told)); };
    caf::anon_send(services.router, gateway_ready{1, actor, tell});
    return actor;
  };
  p.root = {config_.root_restarts, 60'000};
  p.shard_restarts = p.root;
  p.shards.crashes = {1'000, 60'000};
  return p;
}

caf::behavior node_world::edge(caf::event_based_actor*, const node_services&) {
  open_.clear();
  return {[this](const shard_open& in) { open_[in.shard] = true; },
          [this](const shard_gone& in) { open_.erase(in.shard); }, [](const lease_told&) {}};
}

void node_world::start_node() {
  tree_ = std::make_shared<node_tree>();
  tree_->plan = plan();
  root_ended_ = std::make_shared<bool>(false);
  broker_ended_ = std::make_shared<bool>(true);
  root_ = system_.actors().spawn(supervisor, tree_->plan.clock, tree_->plan.log, control_tree(tree_), shard_start{});
  root_->attach_functor([ended = root_ended_](const caf::error&) { *ended = true; });
}

/// The next one is started when the former has let go of the paper broker's book, which is a matter of the same file
/// and not of the journal; what else is left of it may still act.
void node_world::kill_node() {
  ++seen_.struck["node killed"];
  const auto broker = tree_->services.broker;  // none: the tree was not that far
  broker_ended_ = std::make_shared<bool>(!broker);
  if (broker) broker->attach_functor([ended = broker_ended_](const caf::error&) { *ended = true; });
  caf::anon_send_exit(root_, caf::exit_reason::kill);
}

// ---- time ---------------------------------------------------------------------------------------------------------

void node_world::at(std::int64_t when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }

void node_world::run_until(std::int64_t until, const std::function<bool()>& done) {
  while (system_.now() < until && !(done && done())) {
    while (!agenda_.empty() && agenda_.begin()->first <= system_.now()) {
      const auto what = std::move(agenda_.extract(agenda_.begin()).mapped());
      what();
    }
    // Whoever runs the process starts it again when it has ended.
    if (*root_ended_ && *broker_ended_) start_node();
    const bool handled = system_.step();
    if (!handled || chance_.chance(troubled_ ? config_.slow : 0)) system_.pass(chance_.between(1, 20));
    if (!complaint_.empty()) throw broken_invariant{"answer", complaint_};
    if (system_.messages() > messages_max) throw broken_invariant{"liveness", "it never comes to rest"};
  }
}

// ---- what happens -------------------------------------------------------------------------------------------------

void node_world::run() {
  start_node();
  set_up();

  troubled_ = true;
  faults_ = config_.storage;
  caf::anon_send(tree_->services.broker, set_faults{config_.broker});
  const auto from = system_.now();
  const auto to = from + config_.trouble_ms;
  for (std::int64_t i = 0; i < config_.orders; ++i) plan_order(from, to);
  plan_disturbances(from, to);
  run_until(to, {});

  heal();
  for (auto& each : intents_) each.gone = chance_.chance(gone_per_mille);
  const auto healed = system_.now();
  std::string wrong = "it was never looked at";
  auto look_at = healed;
  run_until(healed + rest_ms, [&] {
    if (system_.now() < look_at || !agenda_.empty()) return false;
    look_at = system_.now() + 1'000;
    wrong = what_is_wrong();
    if (wrong.empty()) return true;
    repeat_what_is_unanswered();
    return false;
  });
  seen_.messages = system_.messages();
  for (const auto& [id, order] : audit_.orders()) ++seen_.struck["order " + std::string{word(order.status)}];
  if (!wrong.empty()) throw broken_invariant{"rest", wrong};
}

void node_world::set_up() {
  const auto opened = [this] { return std::ssize(open_) == shard_count; };
  run_until(system_.now() + rest_ms, opened);
  if (!opened()) throw broken_invariant{"liveness", "the node does not open its shards"};
  std::vector<std::uint64_t> waiting;
  for (const auto organization : organizations) {
    set_permissions_request grant;
    grant.what.grant = {trader, true, true, true, {}};
    waiting.push_back(ask(request::verb::setup, 0, book_key(organization), grant));
    set_limits_request limits;
    limits.what.scope = {scope_kind::organization, organization.value};
    limits.what.limits = {{limit_type::orders_per_day, chance_.between(4, 30), {}},
                          {limit_type::daily_value, chance_.between(20, 400) * last_price.ticks, {}}};
    waiting.push_back(ask(request::verb::setup, 0, book_key(organization), limits));
  }
  run_until(system_.now() + rest_ms, [&] {
    return std::all_of(waiting.begin(), waiting.end(), [&](auto number) { return requests_.at(number).answered; });
  });
}

void node_world::plan_order(std::int64_t from, std::int64_t to) {
  const auto of = intents_.size();
  intent made;
  auto& c = made.body.command;
  c.organization = organizations[chance_.index(std::size(organizations))];
  c.account = {c.organization.value * 10 + chance_.between(0, 1)};
  c.user = trader;
  c.client_order_id = "c" + std::to_string(of);
  c.exchange = "NSE";
  c.symbol = "SBIN";
  c.direction = chance_.chance(500) ? side::buy : side::sell;
  c.quantity = chance_.between(1, 20);
  c.price = last_price;
  made.body.fingerprint = fingerprint(c);
  made.body.wait_ms = chance_.chance(700) ? 2'000 : 0;
  made.known.id = derive_order_id(c.organization, c.account, c.client_order_id);
  made.known.client_order_id = c.client_order_id;
  made.known.organization = c.organization;
  made.known.account = c.account;
  made.known.exchange = c.exchange;
  made.known.symbol = c.symbol;
  made.known.direction = c.direction;
  made.known.quantity = c.quantity;
  made.known.price = c.price;
  intents_.push_back(std::move(made));

  const auto when = chance_.between(from, to);
  const auto twins = chance_.chance(400) ? chance_.between(2, 4) : 1;
  for (std::int64_t twin = 0; twin < twins; ++twin) {
    at(when + (twin == 0 ? 0 : chance_.between(0, 40)), [this, of] { place(of); });
  }
  if (chance_.chance(300)) at(when + chance_.between(500, 5'000), [this, of] { place(of); });
  if (chance_.chance(400)) {
    at(when + (chance_.chance(600) ? chance_.between(0, 30) : chance_.between(0, 4'000)), [this, of] { cancel(of); });
  }
  for (auto fills = chance_.between(0, 3); fills > 0; --fills) {
    const auto quantity = chance_.between(1, 12);
    const auto execution = "x" + std::to_string(++last_execution_);
    const auto moment = when + chance_.between(1, 4'000);
    at(moment, [=, this] { fill(of, quantity, execution); });
    if (chance_.chance(300)) at(moment + chance_.between(0, 2'000), [=, this] { fill(of, quantity, execution); });
  }
}

void node_world::plan_disturbances(std::int64_t from, std::int64_t to) {
  if (config_.disturbed_every_ms == 0) return;
  for (auto when = from; when < to; when += chance_.between(1, 2 * config_.disturbed_every_ms))
    at(when, [this] { disturb(); });
}

void node_world::disturb() {
  if (*root_ended_) return;
  const auto drawn = chance_.between(0, 99);
  if (drawn < 8) return kill_node();
  if (drawn < 20) {
    ++seen_.struck["storage away"];
    away_until_ = system_.now() + chance_.between(50, 4'500);
    return;
  }
  static constexpr const char* services[] = {"router",     "journal/writer", "journal/reader", "snapshots", "cluster",
                                             "claims",     "market-data",    "broker",         "user",      "trade",
                                             "settlement", "projection",     "gateway"};
  if (drawn < 50 || intents_.empty()) return restart(services[chance_.index(std::size(services))]);
  const auto& about = intents_[chance_.index(intents_.size())].known;
  const bool book = chance_.chance(400);
  const auto key = book ? book_key(about.organization) : order_key(about.organization, about.id);
  auto path = std::string{book ? "user" : "trade"} + "/shard-" + std::to_string(shard_of(key));
  if (drawn >= 65) path += "/" + stream_of(key);
  restart(path);
}

void node_world::restart(const std::string& path) {
  const auto kind = path.substr(0, path.find("/shard-"));
  const auto parts = std::count(path.begin(), path.end(), '/');
  const bool service = kind == path;
  ++seen_.struck[service ? kind + " restarted" : kind + (parts > 1 ? "'s entity restarted" : "'s shard restarted")];
  caf::anon_send(root_, restart_ask{"n1/" + path});
}

void node_world::heal() {
  troubled_ = false;
  faults_ = {};
  away_until_ = 0;
  if (!*root_ended_) caf::anon_send(tree_->services.broker, set_faults{});
}

void node_world::repeat_what_is_unanswered() {
  for (std::size_t of = 0; of < intents_.size(); ++of) {
    const auto& wanted = intents_[of];
    if (wanted.known.placed == replay::acknowledged_order::answer::none && !wanted.gone) place(of);
  }
}

// ---- the clients --------------------------------------------------------------------------------------------------

std::uint64_t node_world::ask(request::verb what, std::size_t of, entity_key to, message body) {
  const auto number = ++last_request_;
  requests_[number] = {what, of, false};
  envelope head;
  head.from = {1, number};
  head.by.who = principal::kind::user;
  head.by.organization = to.organization;
  head.by.user = trader;
  head.to = std::move(to);
  // A node that has only just begun hears nothing.
  if (const auto& routes = tree_->services.routes) routes->send(std::move(head), std::move(body));
  return number;
}

void node_world::place(std::size_t of) {
  const auto& wanted = intents_[of];
  ask(request::verb::place, of, order_key(wanted.known.organization, wanted.known.id), wanted.body);
}

void node_world::cancel(std::size_t of) {
  const auto& known = intents_[of].known;
  ask(request::verb::cancel, of, order_key(known.organization, known.id), cancel_order{2'000});
}

void node_world::fill(std::size_t of, std::int64_t quantity, const std::string& execution) {
  const auto number = ++last_request_;
  requests_[number] = {request::verb::fill, of, false};
  caf::anon_send(tree_->services.broker,
                 paper_fill{{1, number}, intents_[of].known.id, quantity, last_price, execution});
}

void node_world::take(std::uint64_t number, answer&& told) {
  auto& asked = requests_.at(number);
  asked.answered = true;
  if (const auto* order = std::get_if<order_answer>(&told)) return note_order(asked, *order);
  const auto* filled = std::get_if<fill_answer>(&told);
  if (filled == nullptr) return;
  auto& fills = intents_[asked.of].known.fills;
  const auto same = [&](const auto& known) { return known.fill_id == filled->fill.fill_id; };
  if (std::any_of(fills.begin(), fills.end(), same)) return;  // the same execution, told again
  fills.push_back({filled->fill.fill_id, filled->fill.quantity, filled->fill.price});
}

void node_world::note_order(const request& asked, const order_answer& told) {
  using kind = replay::acknowledged_order::answer;
  auto& known = intents_[asked.of].known;
  if (told.id != known.id) complaint_ = "about " + told.id + ", and " + known.id + " was asked for";
  const auto status = told.order.status;
  if (asked.what == request::verb::cancel) {
    known.canceled = known.canceled || (status == order_status::canceled && !told.cancel_pending);
    return;
  }
  if (status == order_status::denied) {
    if (known.placed == kind::accepted) complaint_ = known.id + " was accepted, and is denied";
    known.placed = kind::denied;
  } else if (status == order_status::new_ || status == order_status::partially_filled ||
             status == order_status::filled) {
    if (known.placed == kind::denied) complaint_ = known.id + " was denied, and works";
    known.placed = kind::accepted;
  } else if (known.placed == kind::none) {
    known.placed = kind::pending;
  }
}

// ---- the judge ----------------------------------------------------------------------------------------------------

std::string node_world::what_is_wrong() {
  using namespace replay;
  memory_journal journal{store_};
  for (shard_id shard = 0; shard < shard_count; ++shard) {
    for (const auto& row : journal.read_after(shard, audit_.seq_of(shard), 1'000'000, {})) audit_.take(row);
  }
  std::ifstream file{directory_ / "book.log", std::ios::binary};
  const auto broker = summarize_paper_log(file);
  if (!broker.error.empty()) return "broker's log: " + broker.error;
  std::vector<acknowledged_order> known;
  for (const auto& wanted : intents_) {
    if (wanted.known.placed != acknowledged_order::answer::none) {
      known.push_back(wanted.known);
    } else if (!wanted.gone) {
      return wanted.known.id + " was never answered";
    }
  }
  const auto orders = tables_.orders();
  const check_result checks[] = {
      audit_.rows(),
      audit_.steps(),
      audit_.limits(),
      check_acknowledged(audit_, known),
      check_at_most_once(audit_, broker),
      check_broker_agrees(audit_, broker),
      check_reservations(audit_),
      check_no_open_work(audit_),
      check_working_orders(audit_, broker),
      check_positions(positions_of(audit_), positions_of(broker), tables_.positions()),
      check_projected_orders(audit_, orders),
  };
  for (const auto& check : checks) {
    if (!check.holds()) return format_check(check);
  }
  return {};
}

std::uint64_t node_world::hash() {
  memory_journal journal{store_};
  simulation::trace all{false};
  std::vector<shard_id> shards;
  for (shard_id shard = 0; shard < shard_count; ++shard) shards.push_back(shard);
  for (const auto& head : journal.heads(shards, {})) {
    if (head.head == 0) continue;
    const std::string_view bytes{reinterpret_cast<const char*>(head.head_hash.data()), head.head_hash.size()};
    all.note(head.shard, head.head, head.epoch, bytes);
  }
  all.note(system_.now(), system_.messages());
  return all.hash();
}

}  // namespace sb::actor_simulation
