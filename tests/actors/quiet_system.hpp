#pragma once
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "actors/protocol/node_services.hpp"
#include "actors/protocol/type_ids.hpp"

namespace sb::test {

/// A table in which every shard is this actor, and what is answered under gateway number 1 goes to `take`.
inline std::shared_ptr<route_table> routes_to(
    const node_services& services, const caf::actor& everything,
    const take_answer& take = [](std::uint64_t, answer&&) {}) {
  auto routes = std::make_shared<route_table>(services.clock);
  routes->set_lease({services.clock().boot.value + 1'000'000'000});
  for (shard_id shard = 0; shard < shard_count; ++shard) routes->set_shard(shard, everything);
  routes->set_gateway(1, take);
  return routes;
}

/// An actor system under CAF's test scheduler: nothing runs and no time passes until a test says so. `actors` are ended
/// with it.
struct quiet_system {
  struct quiet_config : caf::actor_system_config {
    quiet_config() {
      set("scheduler.policy", caf::atom("testing"));
      set("logger.inline-output", true);
      register_messages(*this);
    }
  };
  quiet_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler{dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())};
  node_services services;
  std::vector<std::string> log;
  std::vector<caf::actor> actors;

  quiet_system() {
    scheduler.clock().current_time += std::chrono::hours{1'000};
    services.node = "n1";
    services.clock = [this] {
      const auto ms = boot();
      return clock_reading{{1'767'249'000'000 + ms}, {ms}, {}};
    };
    services.log = [this](severity level, const std::string& who, const std::string& what) {
      log.push_back((level == severity::alarm ? "ALARM " : "") + who + ": " + what);
    };
  }
  ~quiet_system() {
    for (const auto& actor : actors) caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }
  quiet_system(const quiet_system&) = delete;
  quiet_system& operator=(const quiet_system&) = delete;

  std::int64_t boot() const {
    const auto since = scheduler.clock().current_time.time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  }
  void run() {
    while (scheduler.try_run_once()) {
    }
  }
  /// In steps of 10 ms, so that a timer that is set again fires again.
  void advance(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds step{10};
    for (auto done = std::chrono::milliseconds{0}; done < time; done += step) {
      scheduler.clock().advance_time(step);
      run();
    }
  }
  /// Time goes by, and nothing here runs: a process that was stopped. Timers fire late, with the next advance().
  void stop_for(std::chrono::milliseconds time) { scheduler.clock().current_time += time; }
  template <class Handle>
  Handle keep(Handle actor) {
    actors.push_back(actor);
    return actor;
  }
};

}  // namespace sb::test
