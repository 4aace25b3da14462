#include "app/database_reader.hpp"

#include <spdlog/spdlog.h>

#include "actors/projection/projection_actor.hpp"
#include "runtime/address.hpp"
#include "storage/event_codec.hpp"
#include "storage/postgres/journal.hpp"
#include "web/auth/token_verifier.hpp"

namespace sb {
namespace {

constexpr std::size_t queue_max = 1'024;
constexpr std::int32_t id_block_size = 100;
constexpr std::int64_t claim_lifetime_ms = 10 * 60 * 1'000;
constexpr std::int64_t session_kept_ms = 24 * 60 * 60 * 1'000;  // after its tokens have expired
constexpr std::int64_t commit_ms_max = 120'000;                 // from an end's time until it can be read

web::order_record record_of(const postgres::order_row& row) { return {row.id, row.organization, state_of(row)}; }

}  // namespace

work_thread::work_thread(std::size_t queue_max_in) : queue_max_{queue_max_in}, thread_{[this] { run(); }} {}

work_thread::~work_thread() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    queue_.clear();  // nobody waits for it any more
  }
  changed_.notify_all();
  thread_.join();
}

bool work_thread::push(std::function<void()> work) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void work_thread::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

database_reader::database_reader(std::string conninfo, node_identity self, std::chrono::milliseconds within,
                                 std::function<wall_ms()> clock, std::function<void(std::function<void()>)> post)
    : self_{self},
      within_{within},
      clock_{std::move(clock)},
      post_{std::move(post)},
      identity_connection_{conninfo, self, postgres::plans::generic},
      session_connection_{conninfo, self, postgres::plans::generic},
      ids_{std::make_unique<postgres_journal>(conninfo, self)},
      history_{std::make_unique<postgres_journal>(conninfo, self)},
      models_{conninfo, self},
      identity_{queue_max},
      reads_{queue_max} {}

database_reader::~database_reader() = default;

/// `work` runs on `thread`; what it returns, or that PostgreSQL was not there, is told on the io thread.
template <class T, class Work>
void database_reader::run(work_thread& thread, on_result<T> done, Work work) {
  const auto shared = std::make_shared<on_result<T>>(std::move(done));
  const auto tell = [this, shared](web::db_result<T> result) {
    post_([shared, result = std::make_shared<web::db_result<T>>(std::move(result))] { (*shared)(std::move(*result)); });
  };
  const bool queued = thread.push([tell, work = std::move(work)] {
    try {
      tell({work(), false});
    } catch (const storage_unavailable&) {
      tell({{}, true});
    } catch (const std::exception&
                 error) {  // argon2 without memory, a row that cannot be read: this request's trouble alone
      spdlog::error("edge query: {}", error.what());
      tell({{}, true});
    }
  });
  if (!queued) tell({{}, true});
}

void database_reader::clean_up() {
  identity_.push([this] {
    try {
      const auto now = clock_().value;
      postgres::directory::release_orphan_claims(identity_connection_, {now - claim_lifetime_ms}, until());
      postgres::directory::forget_sessions(identity_connection_, {now - session_kept_ms}, until());
    } catch (const storage_unavailable&) {  // the next call finds them again
    }
  });
}

void database_reader::verify_login(const std::string& email, const std::string& password,
                                   on_result<std::optional<web::login_record>> done) {
  run<std::optional<web::login_record>>(
      identity_, std::move(done), [this, email, password]() -> std::optional<web::login_record> {
        const auto found = postgres::directory::find_login(identity_connection_, email, until());
        if (!found) {
          web::verify_password_of_nobody(password);
          return std::nullopt;
        }
        if (!web::verify_password(found->password_hash, password)) return std::nullopt;
        return web::login_record{found->organization, found->user};
      });
}

void database_reader::find_person(organization_id organization, user_id user,
                                  on_result<std::optional<web::person_record>> done) {
  run<std::optional<web::person_record>>(identity_, std::move(done), [=, this]() -> std::optional<web::person_record> {
    const auto found = postgres::directory::find_person(identity_connection_, organization, user, until());
    if (!found) return std::nullopt;
    return web::person_record{found->organization, found->user, found->email, found->display_name};
  });
}

void database_reader::list_persons(organization_id organization, user_id after, std::int32_t limit,
                                   on_result<std::vector<web::person_record>> done) {
  run<std::vector<web::person_record>>(identity_, std::move(done), [=, this] {
    std::vector<web::person_record> page;
    for (const auto& who : postgres::directory::list_persons(identity_connection_, organization, until())) {
      if (who.user <= after) continue;
      if (page.size() >= static_cast<std::size_t>(limit)) break;
      page.push_back({who.organization, who.user, who.email, who.display_name});
    }
    return page;
  });
}

void database_reader::claim_email(const std::string& email, organization_id organization, user_id user,
                                  on_result<bool> done) {
  run<bool>(identity_, std::move(done), [=, this] {
    return postgres::directory::claim_email(identity_connection_, email, organization, user, clock_(), until()) ==
           postgres::directory::email_claim::claimed;
  });
}

void database_reader::store_person(const web::person_record& person, const std::string& password,
                                   on_result<bool> done) {
  run<bool>(identity_, std::move(done), [=, this] {
    const auto hash = web::hash_password(password);
    postgres::directory::save_person(identity_connection_,
                                     {person.organization, person.user, person.email, person.display_name, {}}, hash,
                                     clock_(), until());
    return postgres::directory::confirm_email(identity_connection_, person.email, person.organization, person.user,
                                              until());
  });
}

void database_reader::store_session(const std::string& token_id, organization_id organization, user_id user,
                                    wall_ms issued, wall_ms expires, on_result<bool> done) {
  run<bool>(identity_, std::move(done), [=, this] {
    postgres::directory::create_session(identity_connection_, token_id, organization, user, issued, expires, until());
    return true;
  });
}

void database_reader::end_session(const std::string& token_id, organization_id organization, user_id user,
                                  wall_ms expires, on_result<wall_ms> done) {
  run<wall_ms>(reads_, std::move(done), [=, this] {
    return postgres::directory::end_session(session_connection_, token_id, organization, user, expires, until());
  });
}

std::vector<postgres::directory::ended_session> database_reader::read_ended_sessions() {
  const wall_ms since{ended_seen_.value - commit_ms_max};
  const wall_ms good_tokens_expire_after{clock_().value - web::token_skew_s * 1'000};
  auto ended = postgres::directory::ended_sessions(session_connection_, since, good_tokens_expire_after, until());
  if (!ended.empty()) ended_seen_ = ended.back().ended_at;
  return ended;
}

void database_reader::ended_sessions(std::function<void(std::vector<postgres::directory::ended_session>&&)> done) {
  using sessions = std::vector<postgres::directory::ended_session>;
  if (std::exchange(asking_for_ended_, true)) return;
  run<sessions>(
      reads_,
      [this, done = std::move(done)](web::db_result<sessions>&& read) {
        asking_for_ended_ = false;
        done(std::move(read.value));
      },
      [this] { return read_ended_sessions(); });
}

void database_reader::next_id(const std::string& kind, on_result<std::int64_t> done) {
  run<std::int64_t>(identity_, std::move(done), [=, this] {
    auto& block = blocks_[kind];
    if (block.next == block.end) {
      block.next = ids_->reserve_ids(kind, id_block_size, within_);
      block.end = block.next + id_block_size;
    }
    return block.next++;
  });
}

void database_reader::list_orders(const web::order_filter& filter, on_result<std::vector<web::order_record>> done) {
  run<std::vector<web::order_record>>(reads_, std::move(done), [=, this] {
    postgres::order_filter wanted;
    wanted.organization = filter.organization;
    wanted.account = filter.account;
    wanted.user = filter.user;
    if (filter.status) wanted.state = std::string{word(*filter.status)};
    wanted.symbol = filter.symbol;
    wanted.from = filter.from;
    wanted.to = filter.to;
    std::optional<postgres::order_cursor> after;
    if (filter.after) after = postgres::order_cursor{filter.after->first, filter.after->second};
    std::vector<web::order_record> page;
    for (const auto& row : models_.list_orders(wanted, filter.limit, after, within_)) page.push_back(record_of(row));
    return page;
  });
}

void database_reader::find_order(const order_id& order, on_result<std::optional<web::order_record>> done) {
  run<std::optional<web::order_record>>(reads_, std::move(done), [=, this]() -> std::optional<web::order_record> {
    const auto row = models_.find_order(order, within_);
    if (!row) return std::nullopt;
    return record_of(*row);
  });
}

void database_reader::count_orders(organization_id organization, std::optional<user_id> user, trading_day day,
                                   on_result<std::int64_t> done) {
  run<std::int64_t>(reads_, std::move(done),
                    [=, this] { return models_.count_orders(organization, user, day, within_); });
}

void database_reader::list_positions(organization_id organization, account_id account,
                                     on_result<std::vector<web::position_record>> done) {
  run<std::vector<web::position_record>>(reads_, std::move(done), [=, this] {
    std::vector<web::position_record> all;
    for (const auto& row : models_.list_positions(organization, account, within_)) {
      const auto held = position_of(row);
      web::position_record out;
      out.exchange = row.exchange;
      out.symbol = row.symbol;
      out.product = product_type_from(row.product_type).value_or(product_type::intraday);
      out.net_quantity = held.net_quantity;
      out.average_price = row.average_price;
      out.day_buy_quantity = held.day_buy_quantity;
      out.day_sell_quantity = held.day_sell_quantity;
      out.day_buy_value = held.day_buy_value;
      out.day_sell_value = held.day_sell_value;
      out.net_cost = held.net_cost;
      out.realized = held.realized;
      out.day = held.day;
      all.push_back(std::move(out));
    }
    return all;
  });
}

void database_reader::timeline(organization_id organization, const order_id& order,
                               on_result<std::vector<web::timeline_record>> done) {
  run<std::vector<web::timeline_record>>(reads_, std::move(done), [=, this] {
    std::vector<web::timeline_record> all;
    const auto key = order_key(organization, order);
    const auto histories = history_->read_streams(shard_of(key), {stream_of(key)}, within_);
    for (const auto& row : histories.at(0).rows) {
      std::string why;
      const auto events = unpack(row.body, why);
      if (!events)
        throw storage_unavailable{"row " + std::to_string(row.seq) + " of " + row.stream + " cannot be read: " + why};
      std::int64_t version = row.version;
      for (const auto& event : *events) all.push_back({row.seq, version++, row.at, event});
    }
    return all;
  });
}

}  // namespace sb
