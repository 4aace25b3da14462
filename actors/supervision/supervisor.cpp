#include "actors/supervision/supervisor.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/protocol/type_ids.hpp"

namespace sb {

supervisor_state::~supervisor_state() {
  for (auto last = children.rbegin(); last != children.rend(); ++last) {
    if (last->handle) caf::anon_send_exit(last->handle, caf::exit_reason::user_shutdown);
  }
}

namespace {

using self_ptr = caf::stateful_actor<supervisor_state>*;

void start(self_ptr self, supervisor_state::child& child) {
  child.handle = child.spec.start(self);
  self->monitor(child.handle);
}

std::string text_of(const caf::error& reason) { return caf::to_string(reason); }

void start_from(self_ptr self, std::size_t first) {
  auto& state = self->state;
  state.restarting = false;
  for (std::size_t i = first; i < state.children.size(); ++i) start(self, state.children[i]);
}

bool all_stopped_from(const supervisor_state& state, std::size_t first) {
  return std::all_of(state.children.begin() + static_cast<std::ptrdiff_t>(first), state.children.end(),
                     [](const auto& child) { return !child.handle; });
}

void child_ended(self_ptr self, const caf::down_msg& down) {
  auto& state = self->state;
  const auto found = std::find_if(state.children.begin(), state.children.end(),
                                  [&](const auto& child) { return child.handle == down.source; });
  if (found == state.children.end()) return;
  found->handle = nullptr;
  const auto index = static_cast<std::size_t>(found - state.children.begin());
  if (state.restarting && index >= state.stopping_from) {  // stopped on purpose
    if (all_stopped_from(state, state.stopping_from)) start_from(self, state.stopping_from);
    return;
  }
  const auto now = state.clock();
  found->failure = text_of(down.reason);
  found->failed_at = now.wall;
  ++found->restarts;
  state.log(severity::warning, state.spec.id, "child " + found->spec.id + " ended: " + found->failure);
  if (!state.window.allow(now.boot)) {
    state.log(severity::alarm, state.spec.id, "gives up: too many restarts, the last of " + found->spec.id);
    self->quit(caf::exit_reason::unhandled_exception);
    return;
  }
  if (state.spec.restarted) state.spec.restarted(found->spec.id);
  if (state.spec.strategy == restart_strategy::one_for_one) return start(self, *found);
  state.stopping_from = state.restarting ? std::min(state.stopping_from, index) : index;
  state.restarting = true;
  for (std::size_t i = state.children.size(); i-- > state.stopping_from;) {
    if (state.children[i].handle) self->send_exit(state.children[i].handle, caf::exit_reason::user_shutdown);
  }
  if (all_stopped_from(state, state.stopping_from)) start_from(self, state.stopping_from);
}

void shard_arrived(self_ptr self, shard_id shard) {
  auto& state = self->state;
  const bool known = std::any_of(state.children.begin(), state.children.end(),
                                 [&](const auto& child) { return child.shard == shard; });
  if (known || !state.start_shard) return;
  supervisor_state::child child;
  child.spec = state.start_shard(shard);
  child.shard = shard;
  state.children.push_back(std::move(child));
  start(self, state.children.back());
}

void shard_left(self_ptr self, shard_id shard) {
  auto& children = self->state.children;
  const auto found =
      std::find_if(children.begin(), children.end(), [&](const auto& child) { return child.shard == shard; });
  if (found == children.end()) return;
  const auto handle = found->handle;
  children.erase(found);
  if (handle) {
    self->demonitor(handle);
    self->send_exit(handle, caf::exit_reason::user_shutdown);
  }
}

/// Collects what the children say of themselves; a child that does not answer within a second is shown as hanging.
struct collection {
  caf::response_promise promise;
  tree_node node;
  std::size_t waiting = 0;
};

void describe(self_ptr self, const tree_ask& ask, caf::response_promise promise) {
  auto& state = self->state;
  auto all = std::make_shared<collection>();
  all->promise = std::move(promise);
  all->node = state.vital.describe(self, ask, state.clock().boot);
  all->node.children.resize(state.children.size());
  const auto done = [all] {
    if (--all->waiting == 0) all->promise.deliver(std::move(all->node));
  };
  all->waiting = state.children.size() + 1;
  for (std::size_t i = 0; i < state.children.size(); ++i) {
    const auto& child = state.children[i];
    const auto fill = [all, i, restarts = child.restarts, failure = child.failure,
                       at = child.failed_at](tree_node& told) {
      told.restarts = restarts;
      if (!failure.empty()) {
        told.failure = failure;
        told.failed_at = at;
      }
      all->node.children[i] = std::move(told);
    };
    tree_node absent;
    absent.id = state.spec.id + "/" + child.spec.id;
    absent.kind = "service";
    if (!child.handle) {
      absent.state = "restarting";
      fill(absent);
      done();
      continue;
    }
    self->request(child.handle, std::chrono::seconds{1}, tree_ask{state.clock().boot})
        .then(
            [fill, done](tree_node& told) {
              fill(told);
              done();
            },
            [fill, done, absent](caf::error&) mutable {
              absent.state = "stopped";
              absent.failure = "does not answer";
              fill(absent);
              done();
            });
  }
  done();
}

/// The child whose path the id is, or goes through. An error: the part that knows did not answer in time, so that it
/// may restart what was asked for.
void restart(self_ptr self, const restart_ask& ask, caf::response_promise promise) {
  for (const auto& child : self->state.children) {
    const auto path = self->state.spec.id + "/" + child.spec.id;
    if (ask.id != path && !ask.id.starts_with(path + "/")) continue;
    if (ask.id == path) {
      self->state.log(severity::warning, path, "restarted by an operator");
      if (child.handle) self->send_exit(child.handle, caf::exit_reason::kill);  // else it is about to start anyway
      promise.deliver(true);
      return;
    }
    if (!child.handle) {
      promise.deliver(caf::make_error(caf::sec::request_receiver_down));
      return;
    }
    self->request(child.handle, std::chrono::seconds{1}, ask)
        .then([promise](bool done) mutable { promise.deliver(done); },
              [promise](caf::error& why) mutable {
                const bool has_none_below = why == caf::sec::unexpected_message || why == caf::sec::unexpected_response;
                if (has_none_below) return promise.deliver(false);
                promise.deliver(std::move(why));
              });
    return;
  }
  promise.deliver(false);
}

}  // namespace

caf::behavior supervisor(self_ptr self, std::function<clock_reading()> clock, log_function log, supervisor_spec spec,
                         shard_start start_shard) {
  auto& state = self->state;
  state.clock = std::move(clock);
  state.log = std::move(log);
  state.vital = vitals{spec.id, "supervisor", spec.role};
  state.window = restart_window{spec.intensity};
  state.spec = std::move(spec);
  state.start_shard = std::move(start_shard);
  self->set_down_handler([self](caf::down_msg& down) { child_ended(self, down); });
  for (const auto& child : state.spec.children) {
    supervisor_state::child entry;
    entry.spec = child;
    state.children.push_back(std::move(entry));
  }
  start_from(self, 0);
  return {
      [self](const shard_owned& in) { shard_arrived(self, in.shard); },
      [self](const shard_gone& in) { shard_left(self, in.shard); },
      [self](const tree_ask& ask) -> caf::result<tree_node> {
        auto promise = self->make_response_promise<tree_node>();
        describe(self, ask, promise);
        return promise;
      },
      [self](const restart_ask& ask) -> caf::result<bool> {
        auto promise = self->make_response_promise<bool>();
        restart(self, ask, promise);
        return promise;
      },
  };
}

}  // namespace sb
