#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "storage/journal.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/directory.hpp"
#include "storage/postgres/read_models.hpp"
#include "web/auth/password.hpp"
#include "web/backend.hpp"

namespace sb {

/// A thread with a bounded queue of work. What does not fit is refused, so a slow database cannot make the queue grow.
class work_thread {
 public:
  explicit work_thread(std::size_t queue_max);
  ~work_thread();  ///< finishes what runs, drops what is queued
  work_thread(const work_thread&) = delete;
  work_thread& operator=(const work_thread&) = delete;
  bool push(std::function<void()> work);

 private:
  void run();
  std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The edge's side of PostgreSQL: identity tables and read models, each on a thread and a connection of its own, so
/// that a burst of log-ins (argon2) does not hold up lists. Answers go to the io thread through `post`.
class database_reader final : public web::database_port {
 public:
  database_reader(std::string conninfo, node_identity self, std::chrono::milliseconds within,
                  std::function<wall_ms()> clock, std::function<void(std::function<void()>)> post);
  ~database_reader() override;

  void set_projection_age(std::int64_t age_ms) { projection_age_ms_ = age_ms; }
  /// From any thread: the orders of a trade shard were written by this node's projection, and by nobody else since.
  void orders_written(shard_id shard) { orders_versions_.at(place_of(shard)) = ++last_version_; }
  /// From any thread: somebody else may write them now.
  void orders_out_of_sight(shard_id shard) { orders_versions_.at(place_of(shard)) = 0; }
  /// Frees e-mail addresses that no user came of, and forgets sessions whose tokens expired long ago; call it now and
  /// then.
  void clean_up();
  /// Sessions that were ended, by whatever node, since they were read last; the first time, all whose tokens may still
  /// be good. Blocks, and throws storage_unavailable: for a start, before the io thread begins.
  std::vector<postgres::directory::ended_session> read_ended_sessions();
  /// The same later, for the io thread. While PostgreSQL is away nothing is told, and nothing is forgotten. Asked again
  /// before it has told, it does nothing.
  void ended_sessions(std::function<void(std::vector<postgres::directory::ended_session>&&)> done);

  void verify_login(const std::string& email, const std::string& password,
                    on_result<std::optional<web::login_record>> done) override;
  void find_person(organization_id organization, user_id user,
                   on_result<std::optional<web::person_record>> done) override;
  void list_persons(organization_id organization, user_id after, std::int32_t limit,
                    on_result<std::vector<web::person_record>> done) override;
  void claim_email(const std::string& email, organization_id organization, user_id user, on_result<bool> done) override;
  void store_person(const web::person_record& person, const std::string& password, on_result<bool> done) override;
  void store_session(const std::string& token_id, organization_id organization, user_id user, wall_ms issued,
                     wall_ms expires, on_result<bool> done) override;
  void end_session(const std::string& token_id, organization_id organization, user_id user, wall_ms expires,
                   on_result<wall_ms> done) override;
  void next_id(const std::string& kind, on_result<std::int64_t> done) override;
  void list_orders(const web::order_filter& filter, on_result<std::vector<web::order_record>> done) override;
  void find_order(const order_id& order, on_result<std::optional<web::order_record>> done) override;
  void count_orders(organization_id organization, std::optional<user_id> user, trading_day day,
                    on_result<std::int64_t> done) override;
  void list_positions(organization_id organization, account_id account,
                      on_result<std::vector<web::position_record>> done) override;
  void timeline(organization_id organization, const order_id& order,
                on_result<std::vector<web::timeline_record>> done) override;
  std::uint64_t orders_version(organization_id organization) const override {
    return orders_versions_.at(place_of(shard_of(shard_role::trade, organization)));
  }
  std::int64_t projection_age_ms() const override { return projection_age_ms_; }

 private:
  template <class T, class Work>
  void run(work_thread& thread, on_result<T> done, Work work);
  static std::size_t place_of(shard_id trade) { return static_cast<std::size_t>(trade - shards_per_role); }
  postgres::instant until() const { return postgres::from_now(within_); }

  node_identity self_;
  std::chrono::milliseconds within_;
  std::function<wall_ms()> clock_;
  std::function<void(std::function<void()>)> post_;
  std::atomic<std::int64_t> projection_age_ms_{0};
  std::atomic<std::uint64_t> last_version_{0};
  std::array<std::atomic<std::uint64_t>, shards_per_role> orders_versions_{};  ///< of the trade shards
  postgres::connection identity_connection_;
  postgres::connection session_connection_;  ///< reads thread: the end of a session waits for nobody's password
  std::unique_ptr<journal> ids_;
  std::unique_ptr<journal> history_;
  postgres::read_models models_;
  struct id_block {
    std::int64_t next = 0;
    std::int64_t end = 0;
  };
  std::map<std::string, id_block> blocks_;  ///< identity thread only
  wall_ms ended_seen_;                      ///< as session_connection_: when the latest session that was told ended
  bool asking_for_ended_ = false;           ///< io thread only
  work_thread identity_;
  work_thread reads_;
};

}  // namespace sb
