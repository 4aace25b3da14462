#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "domain/ids.hpp"

/// What makes a simulation repeatable: one source of chance, one order of events, and a record of both.
namespace sb::simulation {

/// A sentence that must always hold does not. Ends the run.
struct broken_invariant : std::runtime_error {
  /// `which`: "I7", "liveness". The same sentence broken in another way has the same name.
  broken_invariant(std::string_view which, const std::string& how)
      : std::runtime_error{std::string{which} + ": " + how}, name{which} {}
  std::string name;
};

/// SplitMix64: the same numbers on every machine.
class dice {
 public:
  explicit dice(std::uint64_t seed) : state_{seed} {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// [from, to]
  std::int64_t between(std::int64_t from, std::int64_t to) {
    return from + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(to - from + 1));
  }
  std::size_t index(std::size_t size) { return static_cast<std::size_t>(next() % size); }
  bool chance(std::int64_t per_mille) { return static_cast<std::int64_t>(next() % 1'000) < per_mille; }

 private:
  std::uint64_t state_;
};

/// Everything that happened, as a hash; and as lines where somebody wants to read it.
class trace {
 public:
  explicit trace(bool keep) : keep_{keep} {}

  template <class... Parts>
  void note(std::int64_t now, const Parts&... parts) {
    mix(static_cast<std::uint64_t>(now));
    (take(parts), ...);
    if (!keep_) return;
    std::string line = std::to_string(now);
    ((line += ' ', line += text(parts)), ...);
    lines_.push_back(std::move(line));
  }
  std::uint64_t hash() const { return hash_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL ^ (hash_ >> 29); }
  template <class Part>
  void take(const Part& part) {
    if constexpr (std::is_integral_v<Part>) {
      mix(static_cast<std::uint64_t>(part));
    } else {
      const std::string_view bytes{part};
      mix(bytes.size());
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, std::min(sizeof word, bytes.size() - at));
        mix(word);
      }
    }
  }
  template <class Part>
  static std::string text(const Part& part) {
    if constexpr (std::is_integral_v<Part>) {
      return std::to_string(part);
    } else {
      return std::string{std::string_view{part}};
    }
  }

  bool keep_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::vector<std::string> lines_;
};

/// Virtual time in milliseconds. Events of the same moment happen in the order in which they were planned.
class timeline {
 public:
  std::int64_t now() const { return now_; }
  /// What o'clock it really is: PostgreSQL's and the exchange's clock. A node's own may be wrong.
  wall_ms wall() const { return {wall_base_ + now_}; }
  void set_wall(wall_ms at) { wall_base_ = at.value - now_; }

  void at(std::int64_t when, std::function<void()> what) {
    auto place = events_.size();
    if (free_.empty()) {
      events_.push_back(std::move(what));
    } else {
      place = free_.back();
      free_.pop_back();
      events_[place] = std::move(what);
    }
    moments_.push_back({std::max(when, now_), ++planned_, place});
    std::push_heap(moments_.begin(), moments_.end(), later);
  }
  void after(std::int64_t delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  /// Runs everything up to and including `until`.
  void run(std::int64_t until) {
    while (!moments_.empty() && moments_.front().when <= until) {
      std::pop_heap(moments_.begin(), moments_.end(), later);
      const auto next = moments_.back();
      moments_.pop_back();
      now_ = next.when;
      if (++done_ > events_max) throw broken_invariant{"liveness", "the nodes are busy for ever"};
      const auto what = std::exchange(events_[next.place], nullptr);
      free_.push_back(next.place);
      what();
    }
    now_ = std::max(now_, until);
  }
  std::uint64_t done() const { return done_; }

 private:
  static constexpr std::uint64_t events_max = 5'000'000;  ///< a run has a few thousand, and a long one some 100,000
  /// Small, because the heap moves it about.
  struct moment {
    std::int64_t when;
    std::uint64_t order;
    std::size_t place;  ///< of what happens then, in events_
  };
  static bool later(const moment& a, const moment& b) { return a.when != b.when ? a.when > b.when : a.order > b.order; }

  std::int64_t now_ = 1'000'000;  ///< not zero: 0 means "no deadline" in an envelope
  std::int64_t wall_base_ = 0;
  std::uint64_t planned_ = 0;
  std::uint64_t done_ = 0;
  std::vector<moment> moments_;  ///< a heap
  std::vector<std::function<void()>> events_;
  std::vector<std::size_t> free_;  ///< places in events_
};

}  // namespace sb::simulation
