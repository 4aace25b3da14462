#include "web/gateway.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/protocol/node_messages.hpp"
#include "actors/protocol/type_ids.hpp"

namespace sb::web {
namespace {

constexpr std::uint32_t gateway_number = 1;
constexpr std::int64_t slot_ms = 10;
constexpr std::size_t slots = 8'192;  // 82 s round; longer waits are cut to it
constexpr std::int64_t wait_max_ms = slot_ms * static_cast<std::int64_t>(slots - 2);
constexpr std::int64_t service_wait_ms = 2'000;
constexpr std::size_t late_refusals_max = 16'384;  // beyond them a refusal is answered at once,
constexpr std::size_t late_of_user_max = 4'096;    // and beyond these of one user

/// To the bridge actor: ask the tree's root.
struct describe_tree {
  caf::actor root;
  boot_ms now;
  std::function<void(tree_node&&)> done;
};
struct restart_in_tree {
  caf::actor root;
  std::string id;
  std::function<void(restart_outcome)> done;
};

tree_node silent_tree(std::string why) {
  tree_node silent;
  silent.state = "stopped";
  silent.failure = std::move(why);
  return silent;
}

}  // namespace

gateway::gateway(const admission_limits& limits, std::function<boot_ms()> clock,
                 std::function<void(std::function<void()>)> post)
    : door_{limits},
      clock_{std::move(clock)},
      post_{std::move(post)},
      wheel_(slots),
      wheel_at_{clock_().value / slot_ms} {}

}  // namespace sb::web

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::web::describe_tree)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sb::web::restart_in_tree)

namespace sb::web {
namespace {

/// `leased` is the first thing that the router says, and then the table of routes has the gateway.
caf::behavior bridge(caf::event_based_actor* self, const node_services& services,
                     const std::function<void(const caf::actor&)>& connected, const std::function<void(shard_id)>& gone,
                     const std::function<void(shard_id)>& opened, const std::function<void(boot_ms)>& leased) {
  return {
      [gone](const shard_gone& in) { gone(in.shard); },
      [opened](const shard_open& in) { opened(in.shard); },
      [self, connected, leased, first = true](const lease_told& in) mutable {
        if (std::exchange(first, false)) connected(caf::actor_cast<caf::actor>(self));
        leased(in.until);
      },
      [self](const describe_tree& ask) {
        self->request(ask.root, std::chrono::seconds{3}, tree_ask{ask.now})
            .then([done = ask.done](tree_node& told) { done(std::move(told)); },
                  [done = ask.done](caf::error&) { done(silent_tree("the root supervisor does not answer")); });
      },
      [self](const restart_in_tree& ask) {
        self->request(ask.root, std::chrono::seconds{3}, restart_ask{ask.id})
            .then([done = ask.done](
                      bool found) { done(found ? restart_outcome::under_way : restart_outcome::no_such_actor); },
                  [done = ask.done](caf::error&) { done(restart_outcome::unknown); });
      },
      [services, id = services.node + "/gateway"](const tree_ask&) {
        tree_node node;
        node.id = id;
        node.kind = "service";
        node.role = "web";
        return node;
      },
  };
}

}  // namespace

caf::actor gateway::start(caf::event_based_actor* parent, const node_services& services) {
  const take_answer take = [this](std::uint64_t request, answer&& body) {
    if (!answers_.put({request, std::move(body)})) return;
    post_([this] { answers_.take([this](auto& told) { answered(told.first, std::move(told.second)); }); });
  };
  const std::function<void(shard_id)> gone = [this](shard_id shard) { post_([this, shard] { shard_ended(shard); }); };
  const std::function<void(shard_id)> opened = [this](shard_id shard) {
    post_([this, shard] { shard_opened(shard); });
  };
  const std::function<void(boot_ms)> leased = [this](boot_ms until) { post_([this, until] { lease_until_ = until; }); };
  const std::function<void(const caf::actor&)> connected = [this, services](const caf::actor& actor) {
    post_([this, services, actor] { connect(services, actor); });
  };
  auto actor = parent->spawn(
      [=](caf::event_based_actor* self) { return bridge(self, services, connected, gone, opened, leased); });
  caf::anon_send(services.router, gateway_ready{gateway_number, actor, take});
  return actor;
}

void gateway::connect(const node_services& services, caf::actor bridge) {
  services_ = services;
  bridge_ = std::move(bridge);
  open_.clear();
  std::vector<std::uint64_t> lost;
  for (const auto& [request, waiting] : pending_) {
    if (!waiting.unsent) lost.push_back(request);
  }
  for (const auto request : lost) {
    answered(request, rejected{rejection::storage_unavailable,
                               "a part of the node restarted: look before you repeat, or repeat with the same key"});
  }
  for (const auto& [request, done] : std::exchange(trees_, {})) done(silent_tree("the gateway restarted"));
  for (const auto& [request, done] : std::exchange(restarts_, {})) done(restart_outcome::unknown);
}

gateway::pending* gateway::admit(const credit& wanted, std::int64_t wait_ms, bool urgent, boot_ms now,
                                 on_answer& done) {
  if (!services_) {
    done(rejected{rejection::draining, "this node is starting or stopping"});
    return nullptr;
  }
  const auto request = last_request_ + 1;
  pending waiting;
  waiting.ticket.held = wanted;
  if (const auto lacking = door_.take(request, waiting.ticket, urgent, now); lacking != short_of::nothing) {
    refuse(wanted, lacking, "too many requests in flight", now, std::move(done));
    return nullptr;
  }
  last_request_ = request;
  waiting.done = std::move(done);
  schedule(request, wait_ms, now);
  return &pending_.emplace(request, std::move(waiting)).first->second;
}

void gateway::refuse(const credit& wanted, short_of lacking, const char* detail, boot_ms now, on_answer done) {
  if (refused_) refused_(lacking);
  rejected why{rejection::overloaded, detail};
  const auto* held = std::get_if<shard_credit>(&wanted);
  const auto delay = held == nullptr ? 0 : door_.refusal_delay(held->user, now);
  if (delay == 0 || !refuses_late_ || late_refusals_.size() >= late_refusals_max) return done(std::move(why));
  auto& late = late_of_user_[held->user];
  if (late >= late_of_user_max) return done(std::move(why));
  ++late;
  late_refusals_.emplace(boot_ms{now.value + delay}, late_refusal{std::move(done), std::move(why), held->user});
}

void gateway::refuse_at_once() {
  post_([this] {
    refuses_late_ = false;
    late_of_user_.clear();
    for (auto& [due, late] : std::exchange(late_refusals_, {})) late.done(std::move(late.why));
  });
}

void gateway::schedule(std::uint64_t request, std::int64_t wait_ms, boot_ms now) {
  const auto due = now.value + std::clamp<std::int64_t>(wait_ms, slot_ms, wait_max_ms);
  const auto slot = std::max(due / slot_ms + 1, wheel_at_ + 1);
  wheel_[static_cast<std::size_t>(slot) % slots].push_back(request);
}

void gateway::forget_actors() {
  services_.reset();
  bridge_ = nullptr;
  root_ = nullptr;
}

void gateway::on_tick() {
  const auto clock = clock_();
  const auto now = clock.value / slot_ms;
  // A long pause of the process fires each slot once: everything in the wheel is due then.
  for (auto rounds = std::min<std::int64_t>(now - wheel_at_, static_cast<std::int64_t>(slots)); rounds > 0; --rounds) {
    const auto due = std::exchange(wheel_[static_cast<std::size_t>(now - rounds + 1) % slots], {});
    for (const auto request : due) timed_out(request);
  }
  wheel_at_ = now;
  for (const auto request : door_.waited_too_long(clock)) {
    const auto found = pending_.find(request);
    if (found != pending_.end() && found->second.unsent) timed_out(request);
  }
  for (const auto request : door_.long_in_core(clock)) {
    const auto found = pending_.find(request);
    if (found != pending_.end()) door_.leave_core(found->second.ticket, clock);
  }
  let_in(clock_());  // later than the beginning: the door knows the time of those that were answered
  while (!late_refusals_.empty() && late_refusals_.begin()->first <= clock) {
    auto late = late_refusals_.extract(late_refusals_.begin());
    const auto of_user = late_of_user_.find(late.mapped().user);
    if (--of_user->second == 0) late_of_user_.erase(of_user);
    late.mapped().done(std::move(late.mapped().why));
  }
}

void gateway::answered(std::uint64_t request, answer&& body) {
  const auto found = pending_.find(request);
  if (found == pending_.end()) return;
  const auto now = clock_();
  if (auto* stored = std::get_if<order_stored>(&body)) {
    found->second.stored = std::make_unique<order_answer>(std::move(stored->answer));
    door_.stored(request, found->second.ticket, now);
    return let_in(now);
  }
  auto waiting = std::move(found->second);
  pending_.erase(found);
  const auto* order = waiting.places ? std::get_if<order_answer>(&body) : nullptr;
  if (order != nullptr && !order->replayed && order->order.status == order_status::pending_new) {
    door_.answered_early(request, waiting.ticket, now);
  } else {
    door_.give_back(request, waiting.ticket, now);
  }
  let_in(now);
  if (!waiting.done) return;
  const auto* refused = std::get_if<rejected>(&body);
  if (waiting.stored && refused != nullptr && refused->why == rejection::storage_unavailable) {
    return waiting.done(std::move(*waiting.stored));  // it is stored; only what came of it is not known here
  }
  waiting.done(std::move(body));
}

void gateway::timed_out(std::uint64_t request) {
  const auto found = pending_.find(request);
  if (found == pending_.end() || !found->second.done) return;
  auto done = std::exchange(found->second.done, nullptr);
  if (found->second.unsent) {
    auto waiting = std::move(found->second);
    pending_.erase(found);
    const auto now = clock_();
    door_.give_back(request, waiting.ticket, now);
    return refuse(waiting.ticket.held, short_of::time, "it was not its turn in time; nothing was done", now,
                  std::move(done));
  }
  if (found->second.stored || std::holds_alternative<service_credit>(found->second.ticket.held)) {
    // The shard has said that it took the request in; a service has a bound of its own on what waits there.
    auto waiting = std::move(found->second);
    pending_.erase(found);
    door_.give_back(request, waiting.ticket, clock_());
    if (waiting.stored) return done(*waiting.stored);
    done(rejected{rejection::storage_unavailable, "no answer in time: look before you repeat"});
  } else {
    done(rejected{rejection::storage_unavailable, "not stored in time; it may still be: repeat with the same key"});
  }
}

void gateway::shard_ended(shard_id shard) {
  open_.erase(shard);
  std::vector<std::uint64_t> lost;
  for (const auto& [request, waiting] : pending_) {
    const auto* held = std::get_if<shard_credit>(&waiting.ticket.held);
    if (held != nullptr && held->shard == shard && !waiting.unsent) lost.push_back(request);
  }
  for (const auto request : lost) answered(request, rejected{rejection::storage_unavailable, "the shard restarted"});
}

void gateway::ask(const entity_key& to, message body, const request_context& context, std::int64_t wait_ms,
                  on_answer done) {
  const auto now = clock_();
  auto* const waiting =
      admit(shard_credit{context.by.user, to.organization, shard_of(to)}, wait_ms, context.urgent, now, done);
  if (waiting == nullptr) return;
  waiting->places = std::holds_alternative<place_order>(body);
  envelope head;
  head.to = to;
  head.from = {gateway_number, last_request_};
  head.deadline = {now.value + wait_ms};
  head.by = context.by;
  head.correlation = context.correlation;
  head.causation = context.causation;
  waiting->unsent.emplace(std::move(head), std::move(body));
  if (waiting->ticket.where == admission_ticket::place::core) leave_soon(last_request_);
}

void gateway::leave_soon(std::uint64_t request) {
  leaving_.push_back(request);
  if (leaving_.size() == 1) post_([this] { leave_all(); });
}

void gateway::leave_all() {
  for (std::size_t next = 0; next < leaving_.size(); ++next) leave(leaving_[next]);  // more may join meanwhile
  leaving_.clear();
}

/// One that was answered meanwhile stays.
void gateway::leave(std::uint64_t request) {
  const auto found = pending_.find(request);
  if (found == pending_.end() || !found->second.unsent) return;
  auto [head, body] = std::move(*found->second.unsent);
  found->second.unsent.reset();  // first: who is refused at once has left
  services_->routes->send(std::move(head), std::move(body));
}

void gateway::let_in(boot_ms now) {
  if (!services_) return;
  while (const auto request = door_.next(now)) {
    auto& waiting = pending_.at(*request);
    door_.entered(*request, waiting.ticket, now);
    leave_soon(*request);
  }
}

void gateway::last_price(const std::string& exchange, const std::string& symbol, on_answer done) {
  if (admit(service_credit::market_data, service_wait_ms, false, clock_(), done) == nullptr) return;
  caf::anon_send(services_->market, price_query{{gateway_number, last_request_}, exchange, symbol});
}

void gateway::paper_fill(sb::paper_fill fill, std::int64_t wait_ms, on_answer done) {
  if (admit(service_credit::broker, wait_ms, false, clock_(), done) == nullptr) return;
  fill.from = {gateway_number, last_request_};
  caf::anon_send(services_->broker, std::move(fill));
}

void gateway::supervision(std::function<void(tree_node&&)> done) {
  if (!bridge_ || !root_) return done(silent_tree("this node is starting or stopping"));
  const auto request = ++last_request_;
  trees_.emplace(request, std::move(done));
  const std::function<void(tree_node &&)> back = [this, request](tree_node&& told) {
    post_(
        [this, request, node = std::make_shared<tree_node>(std::move(told))] { tree_told(request, std::move(*node)); });
  };
  caf::anon_send(bridge_, describe_tree{root_, clock_(), back});
}

void gateway::restart_actor(const std::string& id, const request_context&, std::function<void(restart_outcome)> done) {
  if (!bridge_ || !root_) return done(restart_outcome::unknown);
  if (services_ && id == services_->node + "/gateway") {  // the bridge that would bring the answer is what ends
    caf::anon_send(bridge_, restart_in_tree{root_, id, [](restart_outcome) {}});
    return done(restart_outcome::under_way);
  }
  const auto request = ++last_request_;
  restarts_.emplace(request, std::move(done));
  const std::function<void(restart_outcome)> back = [this, request](restart_outcome what) {
    post_([this, request, what] { restart_told(request, what); });
  };
  caf::anon_send(bridge_, restart_in_tree{root_, id, back});
}

void gateway::tree_told(std::uint64_t request, tree_node&& root) {
  if (auto waiting = trees_.extract(request)) waiting.mapped()(std::move(root));
}

void gateway::restart_told(std::uint64_t request, restart_outcome what) {
  if (auto waiting = restarts_.extract(request)) waiting.mapped()(what);
}

bool gateway::ready() const {
  return services_.has_value() && open_.size() == static_cast<std::size_t>(shard_count) && clock_() <= lease_until_;
}

}  // namespace sb::web
