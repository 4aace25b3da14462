// The plan: a file named by the environment variable SB_PAUSE_PLAN with one line, "STEP N stop" or "STEP N kill". At
// the N-th passing of STEP since the plan was first seen, the process removes the plan, appends "STEP N" to the file
// PLAN.reached and stops or kills itself. The plan is gone before that, so that a process which is started again does
// not repeat it.
#include "actors/protocol/pause_points.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <string_view>
#include <variant>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"

namespace sb::pause {
namespace {

// A new fact or call has to be thought about here: does it belong to the saga? (That tombstones are dropped moves no
// order, and goes with a fact that is a step.)
static_assert(std::variant_size_v<risk_event> == 9 && order_event_kind_count == 11);
constexpr std::array<std::string_view, order_event_kind_count> event_words{
    "requested", "denied", "accepted", "rejected", "unknown", "filled_in_part",
    "filled",    "cancel", "canceled", "expired",  "absent"};
constexpr std::array<std::string_view, 4> book_facts{"risk.reserved", "risk.denied", "risk.attempt_closed",
                                                     "risk.settled"};
constexpr std::string_view call_words[] = {"place", "cancel", "query"};  // by broker_verb
constexpr std::string_view fill_word = "fill";

std::string order_step(order_status from, order_event_kind event) {
  return "order/" + std::string{word(from)} + '/' + std::string{event_words[static_cast<std::size_t>(event)]};
}
std::string book_step(std::string_view type) { return "book/" + std::string{type.substr(type.find('.') + 1)}; }
std::string broker_step(std::string_view call) { return "broker/" + std::string{call}; }
std::string_view word_of(broker_verb what) { return call_words[static_cast<std::size_t>(what)]; }

struct plan {
  std::string step;
  std::int64_t passing = 0;
  std::string how;
  friend bool operator==(const plan&, const plan&) = default;
};

std::optional<plan> read_plan(const char* path) {
  std::ifstream file{path};
  plan found;
  if (!(file >> found.step >> found.passing >> found.how)) return std::nullopt;
  return found;
}

/// One write, which is there when the process is not any more.
void write_reached(const std::string& path, const plan& reached) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto line = reached.step + ' ' + std::to_string(reached.passing) + '\n';
  if (file < 0 || ::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  ::close(file);
}

/// Called on the threads of the scheduler and of the broker.
void pass(const std::string& step) {
  static std::mutex one_at_a_time;
  static plan seen;
  static std::int64_t passings = 0;
  static const char* const path = std::getenv("SB_PAUSE_PLAN");
  if (path == nullptr) return;
  const std::lock_guard guard{one_at_a_time};
  const auto wanted = read_plan(path);
  if (!wanted || wanted->step != step) return;
  if (*wanted != seen) {
    seen = *wanted;
    passings = 0;
  }
  if (++passings < wanted->passing) return;
  ::unlink(path);
  seen = {};
  write_reached(std::string{path} + ".reached", *wanted);
  if (wanted->how == "kill") {
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
  ::raise(SIGSTOP);  // to this very thread, which goes no step further
}

}  // namespace

std::vector<std::string> saga_steps() {
  std::vector<std::string> steps;
  const auto add_fact = [&](const std::string& fact) {
    steps.push_back(fact + "/decided");
    steps.push_back(fact + "/stored");
  };
  const auto add_call = [&](std::string_view call) {
    steps.push_back(broker_step(call) + "/called");
    steps.push_back(broker_step(call) + "/answered");
  };
  for (const auto& row : order_transitions()) add_fact(order_step(row.from, row.event));
  for (const auto type : book_facts) add_fact(book_step(type));
  for (const auto call : call_words) add_call(call);
  add_call(fill_word);
  return steps;
}

/// Follows the events of one row; the names of the steps among them.
std::vector<std::string> stream_watch::take(const entity_key& key, const std::vector<event_record>& events) {
  std::vector<std::string> steps;
  std::string why;
  for (const auto& event : events) {
    if (key.kind == entity_kind::book) {
      if (std::find(book_facts.begin(), book_facts.end(), event.type) != book_facts.end())
        steps.push_back(book_step(event.type));
    } else if (key.kind == entity_kind::order) {
      const auto fact = decode_order_event(event, why);
      if (!fact) continue;
      const auto kind = kind_of(*fact);
      const auto to = next_status(status_, kind);
      if (!to) continue;
      steps.push_back(order_step(status_, kind));
      status_ = *to;
    }
  }
  return steps;
}

void stream_watch::replayed(const entity_key& key, const stream_history& history) {
  if (key.kind != entity_kind::order) return;
  std::string why;
  for (const auto& row : history.rows) {
    if (const auto events = unpack(row.body, why)) take(key, *events);
  }
}

void stream_watch::appending(const entity_key& key, const append_out& append) {
  out_.push_back({through(append), take(key, append.facts)});
  for (const auto& step : out_.back().steps) pass(step + "/decided");
}

void stream_watch::appended(append_verdict verdict, std::int64_t through) {
  if (verdict != append_verdict::stored) return;  // the entity is replayed by another host
  for (; !out_.empty() && out_.front().through <= through; out_.pop_front()) {
    for (const auto& step : out_.front().steps) pass(step + "/stored");
  }
}

void broker_called(broker_verb what) { pass(broker_step(word_of(what)) + "/called"); }
void fill_called() { pass(broker_step(fill_word) + "/called"); }
void broker_answers(broker_verb what) { pass(broker_step(word_of(what)) + "/answered"); }
void fill_answers() { pass(broker_step(fill_word) + "/answered"); }

}  // namespace sb::pause
