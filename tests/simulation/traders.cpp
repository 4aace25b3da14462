#include "tests/simulation/traders.hpp"

#include <algorithm>

#include "tests/simulation/invariants.hpp"
#include "tests/simulation/world.hpp"

namespace sb::simulation {
namespace {

constexpr std::int64_t first_organization = 7;
constexpr money price{100 * money::unit};
constexpr std::int64_t gone_per_mille = 150;  ///< of the clients, when the faults are over

/// The number comes early: names that differ late are slow to compare.
order_id id_of(std::size_t number) {
  auto digits = std::to_string(number);
  return "ORD" + digits + std::string(29 - digits.size(), 'A');
}

std::string fingerprint_of(const order_command& c) {
  return std::to_string(c.quantity) + c.symbol + std::string{word(c.direction)} + std::string{word(c.type)} +
         std::to_string(c.price.ticks) + std::string{word(c.valid)};
}

principal by(organization_id organization, user_id user) {
  return {principal::kind::user, organization, user, "t1", "jwt"};
}

}  // namespace

traders::traders(world& all)
    : world_{all}, organization_count_{all.chance.chance(300) ? std::size_t{2} : std::size_t{1}} {}

std::vector<organization_id> traders::organizations() const {
  std::vector<organization_id> all;
  for (std::size_t i = 0; i < organization_count_; ++i)
    all.push_back({first_organization + static_cast<std::int64_t>(i)});
  return all;
}

void traders::set_up() {
  world_.time.run(world_.time.now() + 10'000);
  for (const auto organization : organizations()) {
    for (std::int64_t user = 1; user <= 2; ++user) change_permissions(true, {user}, organization);
    set_limits_request whole;
    whole.what.scope = {scope_kind::organization, organization.value};
    whole.what.limits = {{limit_type::daily_value, 400 * price.ticks, {}}, {limit_type::orders_per_day, 25, {}}};
    set_limits(organization, whole);
    set_limits_request own;
    own.what.scope = {scope_kind::user, 1};
    own.what.limits = {{limit_type::open_orders, 4, {}}, {limit_type::order_quantity, 60, {}}};
    set_limits(organization, own);
    set_limits_request account;
    account.what.scope = {scope_kind::account, 10};
    account.what.limits = {{limit_type::single_order_value, 65 * price.ticks, {}},
                           {limit_type::daily_value, 300 * price.ticks, {}},
                           {limit_type::allowed_symbols, 0, {"SBIN", "TCS"}}};
    set_limits(organization, account);
  }
  world_.time.run(world_.time.now() + 5'000);
  for (const auto& [number, each] : requests_) {
    if (!each.answered) throw broken_invariant{"liveness", "without any fault a request was not answered"};
  }
}

void traders::trade(std::int64_t ms) {
  const auto from = world_.time.now();
  for (std::int64_t i = 0; i < world_.config.orders; ++i) {
    plan_order(from + world_.chance.between(0, ms * 9 / 10), from + ms);
  }
  for (std::int64_t i = world_.chance.between(0, 2); i > 0; --i) {
    world_.time.after(world_.chance.between(0, ms), [this] { change_limits(); });
  }
  if (!world_.chance.chance(400)) return;
  const organization_id organization{first_organization};
  for (std::int64_t i = world_.chance.between(1, 3); i > 0; --i) {
    world_.time.after(world_.chance.between(0, ms), [=, this] { change_permissions(false, {1}, organization); });
    world_.time.after(world_.chance.between(0, ms), [=, this] { change_permissions(true, {1}, organization); });
  }
}

void traders::plan_order(std::int64_t at, std::int64_t until) {
  auto& chance = world_.chance;
  intent made;
  made.organization = {first_organization + chance.between(0, static_cast<std::int64_t>(organization_count_) - 1)};
  made.id = id_of(intents_.size());
  auto& c = made.command;
  c.organization = made.organization;
  c.user = {chance.between(1, 2)};
  c.account = {chance.between(10, 11)};
  c.client_order_id = "c" + std::to_string(intents_.size());
  c.exchange = "NSE";
  const auto symbol = chance.between(0, 99);
  c.symbol = symbol < 8 ? "INFY" : symbol < 54 ? "SBIN" : "TCS";
  c.direction = chance.chance(500) ? side::buy : side::sell;
  c.type = chance.chance(300) ? order_type::market : order_type::limit;
  c.valid = chance.chance(250) ? validity::ioc : validity::day;
  c.quantity = chance.between(1, 70);
  if (c.type == order_type::limit) c.price = {price.ticks + chance.between(-10, 10) * money::unit};
  made.fingerprint = fingerprint_of(c);
  const auto of = intents_.size();
  intents_.push_back(std::move(made));

  const auto twins = chance.chance(400) ? chance.between(2, 5) : 1;
  for (std::int64_t twin = 0; twin < twins; ++twin) {
    world_.time.at(at + (twin == 0 ? 0 : chance.between(0, 60)), [=, this] { place(of, false, false); });
  }
  if (chance.chance(200)) world_.time.at(at + chance.between(0, 100), [=, this] { place(of, true, false); });
  if (chance.chance(500)) world_.time.at(at + chance.between(4'000, 8'000), [=, this] { place(of, false, false); });
  if (chance.chance(550)) {
    const auto soon = chance.chance(700) ? chance.between(0, 30) : chance.between(0, 6'000);
    world_.time.at(at + soon, [=, this] {
      ask(verb::cancel, of, cancel_order{world_.chance.chance(500) ? 2'000 : 0}, {}, false);
    });
  }
  if (chance.chance(300)) {
    world_.time.at(at + chance.between(0, 5'000), [=, this] { ask(verb::read, of, get_order{}, {}, false); });
  }
  for (std::int64_t i = chance.between(0, 2); i > 0; --i) {  // of an old order too
    world_.time.at(chance.between(at, until), [=, this] { ask(verb::read, of, get_order{}, {}, false); });
  }
}

void traders::place(std::size_t of, bool other_command, bool repeated) {
  intents_[of].asked = true;
  place_order body;
  body.command = intents_[of].command;
  if (other_command) body.command.quantity += 1;
  body.fingerprint = fingerprint_of(body.command);
  body.wait_ms = world_.chance.chance(700) ? 2'000 : 0;
  if (body.command.type == order_type::market && !world_.chance.chance(30)) {
    body.command.reference_price = price;
    body.command.reference_at = world_.time.wall();
  }
  const auto fingerprint = body.fingerprint;
  const auto number = ask(verb::place, of, std::move(body), fingerprint, repeated);
  if (repeated) repeating_[of] = number;
}

void traders::repeat_most() {
  for (std::size_t of = 0; of < intents_.size(); ++of) {
    if (!world_.chance.chance(gone_per_mille)) repeat(of);
  }
}

void traders::repeat(std::size_t of) {
  intents_[of].insisted = true;
  place(of, false, true);
  world_.time.after(5'000, [=, this] {
    if (repeating_.contains(of)) repeat(of);
  });
}

void traders::change_limits() {
  const auto organization = organizations()[world_.chance.index(organization_count_)];
  set_limits_request change;
  change.what.scope = {scope_kind::organization, organization.value};
  change.what.limits = {{limit_type::daily_value, world_.chance.between(50, 800) * price.ticks, {}},
                        {limit_type::orders_per_day, world_.chance.between(5, 40), {}}};
  set_limits(organization, change);
}

void traders::change_permissions(bool may_trade, user_id user, organization_id organization) {
  set_permissions_request change;
  change.what.grant = {user, may_trade, may_trade, may_trade, {}};
  ask(verb::permissions, book_key(organization), change, permissions_set{change.what.grant});
}

void traders::set_limits(organization_id organization, const set_limits_request& change) {
  auto sorted = change.what.limits;
  std::sort(sorted.begin(), sorted.end(), [](const limit& a, const limit& b) { return a.type < b.type; });
  ask(verb::limits, book_key(organization), change, limits_set{change.what.scope, std::move(sorted)});
}

std::uint64_t traders::ask(verb what, std::size_t of, message body, const std::string& fingerprint, bool repeated) {
  const auto number = ++last_request_;
  auto& asked = requests_[number];
  asked.what = what;
  asked.of = of;
  asked.fingerprint = fingerprint;
  asked.repeated = repeated;
  send(number, order_key(intents_[of].organization, intents_[of].id), std::move(body));
  return number;
}

std::uint64_t traders::ask(verb what, entity_key to, message body, std::optional<risk_event> change) {
  const auto number = ++last_request_;
  requests_[number].what = what;
  requests_[number].change = std::move(change);
  requests_[number].facts_before = world_.db.facts().size();
  send(number, std::move(to), std::move(body));
  return number;
}

void traders::send(std::uint64_t number, entity_key to, message body) {
  delivery out;
  out.head.from = {1, number};
  out.head.by = by(to.organization, {1});
  out.head.correlation = "r" + std::to_string(number);
  out.head.causation = out.head.correlation;
  if (world_.chance.chance(300)) out.head.deadline = {world_.time.now() + 2'000};
  out.head.to = std::move(to);
  out.body = std::move(body);
  requests_[number].organization = out.head.to.organization;
  requests_[number].stored_before = world_.db.version(stream_of(out.head.to));
  world_.record.note(world_.time.now(), "ask", stream_of(out.head.to), static_cast<std::int64_t>(out.body.index()),
                     number);
  world_.send(world_.chance.index(world_.nodes.size()), std::move(out));
}

void traders::leaves(const requester& to, const answer& what) {
  const auto found = requests_.find(to.request);
  if (found == requests_.end()) throw broken_invariant{"I3", "an answer to a request that nobody made"};
  const auto& asked = found->second;
  world_.record.note(world_.time.now(), "answer", to.request, static_cast<std::int64_t>(what.index()));
  const auto stored = [&](const entity_key& key, std::int64_t version) {
    only_what_is_stored_is_told(world_, key, version);
    no_answer_is_older_than_its_question(key, version, asked.stored_before);
  };
  if (const auto* no = std::get_if<rejected>(&what)) return refused(asked, no->why);
  if (const auto* limits = std::get_if<limits_answer>(&what)) {
    for (const auto& [scope, each] : limits->limits) {
      if (scope.kind != scope_kind::organization) continue;
      stored(book_key({scope.id}), limits->book_version);
      if (asked.change) change_is_stored(asked, {scope.id});
    }
    return;
  }
  if (std::holds_alternative<permissions_answer>(what)) return change_is_stored(asked, asked.organization);
  const auto* told = std::get_if<order_answer>(&what);
  if (const auto* early = std::get_if<order_stored>(&what)) told = &early->answer;
  if (told == nullptr) return;
  auto& wanted = intents_[asked.of];
  const auto key = order_key(wanted.organization, wanted.id);
  stored(key, told->order.version);
  told_as_it_is_stored(world_.db, wanted.id, *told);
  is_the_order_that_was_asked_for(*told, wanted.id, asked.what == verb::place ? asked.fingerprint : std::string{});
  wanted.version_told = std::max(wanted.version_told, told->order.version);
  if (asked.what == verb::read) wanted.version_read = std::max(wanted.version_read, told->order.version);
}

/// A refusal says something of the order, too.
void traders::refused(const request& asked, rejection why) const {
  if (asked.what != verb::place && asked.what != verb::cancel && asked.what != verb::read) return;
  const auto& wanted = intents_[asked.of];
  const auto& order = world_.db.order(wanted.id);
  if (why == rejection::not_found && asked.stored_before > 0) {
    throw broken_invariant{"I14", wanted.id + " is not found, and it was stored before that was asked"};
  }
  if (why == rejection::order_closed && !is_closed(order.status) && order.status != order_status::absent) {
    throw broken_invariant{"I17", wanted.id + " is told to be closed, and it is " + std::string{word(order.status)}};
  }
  if (why == rejection::key_reused && order.fingerprint == asked.fingerprint) {
    throw broken_invariant{"one key, two commands", wanted.id + " is the order that was asked for, and was refused"};
  }
}

/// A change of limits or permissions that is acknowledged is in the journal, since it was asked for.
void traders::change_is_stored(const request& asked, organization_id organization) const {
  const auto& facts = world_.db.facts();
  const bool stored = std::any_of(
      facts.begin() + static_cast<std::ptrdiff_t>(asked.facts_before), facts.end(), [&](const stored_fact& one) {
        const auto* fact = std::get_if<risk_event>(&one.what);
        return fact != nullptr && one.key->organization == organization && *fact == *asked.change;
      });
  if (!stored) throw broken_invariant{"I17", "a change of the book is acknowledged, and it is not stored"};
}

void traders::take(const requester& to, const answer& what) {
  auto& asked = requests_.at(to.request);
  asked.answered = true;
  const auto open = repeating_.find(asked.of);
  if (!asked.repeated || open == repeating_.end()) return;
  const auto* no = std::get_if<rejected>(&what);
  // The key may belong to the other command that was tried with it; that is an answer too.
  if (no == nullptr || no->why == rejection::key_reused) repeating_.erase(open);
}

void traders::read_everything() {
  for (auto& each : intents_) each.version_read = 0;
  std::vector<std::uint64_t> reads;
  for (std::size_t of = 0; of < intents_.size(); ++of) reads.push_back(ask(verb::read, of, get_order{}, {}, false));
  for (const auto organization : organizations())
    reads.push_back(ask(verb::limits, book_key(organization), get_limits{}));
  world_.time.run(world_.time.now() + 10'000);
  for (const auto number : reads) {
    if (!requests_.at(number).answered) throw broken_invariant{"liveness", "all is quiet, and a read was not answered"};
  }
  for (const auto& each : intents_) {
    const auto version = world_.db.version(stream_of(order_key(each.organization, each.id)));
    if (each.version_read != version) {
      throw broken_invariant{"I14", "all is quiet, and a read of " + each.id + " tells version " +
                                        std::to_string(each.version_read) + " where the journal has " +
                                        std::to_string(version)};
    }
  }
}

}  // namespace sb::simulation
