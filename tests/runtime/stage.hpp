#pragma once
#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/entity.hpp"
#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"

namespace sb::test {

/// Plays everybody around one entity: its clock, its journal and its neighbors. The test says when an append is stored,
/// when time moves and when the entity is gone and comes back.
class stage {
 public:
  using maker = std::function<std::unique_ptr<entity>()>;

  stage(entity_key key, maker make, std::size_t queue_max = 8)
      : key_{std::move(key)}, make_{std::move(make)}, queue_max_{queue_max} {}
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  virtual ~stage() = default;

  // ---- inputs ----
  void give(message body, requester from = {}, boot_ms deadline = {}) {
    delivery in;
    in.head.to = key_;
    in.head.from = from;
    in.head.deadline = deadline;
    in.head.by = {principal::kind::user, key_.organization, {1}, "t1", "jwt"};
    in.head.correlation = "saga-1";
    in.head.causation = "request-1";
    in.head.from_host = 9;
    in.body = std::move(body);
    core->deliver(std::move(in), now(), out);
  }
  /// The oldest append that is out is committed.
  void store() {
    const auto append = waiting();
    journal_row row;
    row.stream = stream_of(key_);
    row.seq = static_cast<std::int64_t>(rows.size()) + 1;
    row.version = append.version;
    row.events = static_cast<std::int32_t>(append.facts.size());
    row.at = append.at;
    row.body = pack(append.facts);
    rows.push_back(std::move(row));
    core->appended(append_verdict::stored, through(append), now(), out);
  }
  void store_all() {
    while (appending()) store();
  }
  /// The oldest append that is out will never be stored.
  void lose() { core->appended(append_verdict::not_stored, through(waiting()), now(), out); }
  /// A new incarnation, from what the journal has.
  void come_back(predecessor former = predecessor::lost) {
    core = std::make_unique<entity_core>(key_, make_(), queue_max_);
    out.clear();
    acknowledged_ = 0;
    core->recover({stream_of(key_), snapshot, rows}, former, now(), out);
  }
  void pass(std::int64_t ms) { clock_ms += ms; }

  // ---- outputs since they were last cleared ----
  template <class Output>
  std::vector<Output> all() const {
    std::vector<Output> found;
    for (const auto& one : out) {
      if (const auto* match = std::get_if<Output>(&one)) found.push_back(*match);
    }
    return found;
  }
  template <class Body>
  std::vector<Body> messages() const {
    std::vector<Body> found;
    for (const auto& one : all<send_out>()) {
      if (const auto* match = std::get_if<Body>(&one.body)) found.push_back(*match);
    }
    return found;
  }
  template <class Body>
  std::vector<Body> replies(std::uint64_t request) const {
    std::vector<Body> found;
    for (const auto& one : all<reply_out>()) {
      const auto* match = std::get_if<Body>(&one.body);
      if (one.to.request == request && match != nullptr) found.push_back(*match);
    }
    return found;
  }
  std::size_t reply_count(std::uint64_t request) const {
    std::size_t count = 0;
    for (const auto& one : all<reply_out>()) count += one.to.request == request ? 1 : 0;
    return count;
  }
  std::optional<std::int64_t> alarm_after(std::int32_t id) const {
    std::optional<std::int64_t> after;
    for (const auto& one : all<alarm_out>()) {
      if (one.id == id) after = one.after_ms;
    }
    return after;
  }
  bool appending() const { return appends() > acknowledged_; }
  bool failed() const { return !all<fail_out>().empty(); }
  /// Forgets the outputs; what is out stays out.
  void clear() {
    auto open = all<append_out>();
    open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(acknowledged_));
    out.assign(std::move_iterator{open.begin()}, std::move_iterator{open.end()});
    acknowledged_ = 0;
  }

  std::vector<event_record> events() const {
    std::vector<event_record> found;
    for (const auto& row : rows) {
      std::string why;
      auto packed = unpack(row.body, why).value();
      std::move(packed.begin(), packed.end(), std::back_inserter(found));
    }
    return found;
  }
  /// Type names of everything that is stored.
  std::vector<std::string> story() const {
    std::vector<std::string> names;
    for (const auto& event : events()) names.push_back(event.type);
    return names;
  }
  /// A history that others wrote.
  void given_row(const std::vector<event_record>& facts, wall_ms at = {1}) {
    journal_row row;
    row.stream = stream_of(key_);
    row.seq = static_cast<std::int64_t>(rows.size()) + 1;
    row.version = rows.empty() ? 1 : rows.back().version + rows.back().events;
    row.events = static_cast<std::int32_t>(facts.size());
    row.at = at;
    row.body = pack(facts);
    rows.push_back(std::move(row));
  }

  clock_reading now() const { return {{wall_start + clock_ms}, {clock_ms}, day_of({wall_start + clock_ms}, 330)}; }

  std::int64_t wall_start = 1'767'249'000'000;  // 2026-01-01T12:00+05:30, a Thursday
  std::int64_t clock_ms = 1'000'000;
  std::unique_ptr<entity_core> core;
  outputs out;
  std::vector<journal_row> rows;
  std::optional<stored_snapshot> snapshot;

 private:
  std::size_t appends() const { return all<append_out>().size(); }
  append_out waiting() {
    if (!appending()) throw std::logic_error{"no append is out"};
    ++acknowledged_;
    return all<append_out>()[acknowledged_ - 1];
  }

  entity_key key_;
  maker make_;
  std::size_t queue_max_;
  std::size_t acknowledged_ = 0;
};

}  // namespace sb::test
