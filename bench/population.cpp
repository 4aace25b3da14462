/// Makes many organizations, users and accounts with permissions and limits in the store of a site whose node does not
/// run: the facts that REST would have made, but hundreds of a book's in one row, and the rows of the directory, but
/// for passwords, of which each would take 20 ms. Prints a line "token account" a user; the tokens are good for an
/// hour. For `./dev bench`.
///
///   bench_population CONNINFO KEY_FILE ORGANIZATIONS USERS
#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "runtime/journal_writer.hpp"
#include "storage/event_codec.hpp"
#include "storage/postgres/directory.hpp"
#include "storage/postgres/journal.hpp"
#include "storage/risk_events.hpp"
#include "storage/tenant_events.hpp"
#include "web/auth/token_issuer.hpp"

namespace {

using namespace sb;
constexpr deadline patience{60'000};
constexpr std::size_t rows_max = 1'000;
constexpr std::size_t events_max = 500;  // of a row
const node_identity self{"bench-population", 1};

wall_ms now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

event_record made_here(event_record event) {
  event.correlation = event.causation = self.node;
  return event;
}

/// The product's writer before shards that nobody has, until close().
class writer {
 public:
  explicit writer(journal& store) : store_{store} {}

  /// One row of the stream, which continues it after `version` events.
  void add(const entity_key& key, std::int64_t version, const std::vector<event_record>& events) {
    own(shard_of(key));
    append_out what;
    what.version = version + 1;
    what.facts = events;
    what.at = now();
    writer_events told;
    core_.enqueue({0, shard_of(key), stream_of(key), 0, std::move(what)}, told);
    if (!told.empty()) throw std::logic_error(stream_of(key) + ": the writer does not take the row");
    if (core_.queued() >= rows_max) store();
  }
  void close() {
    store();
    store_.release(core_.owned(), patience);
  }

 private:
  void own(shard_id shard) {
    if (core_.owns(shard)) return;
    const auto before = store_.heads({shard}, patience).front();
    if (!before.owner.empty()) throw std::runtime_error(before.owner + " has shard " + std::to_string(shard));
    const auto claimed = store_.claim({{shard, before.epoch, before.incarnation}}, self, patience, patience).front();
    if (claimed.status != claim_status::claimed)
      throw std::runtime_error("a node runs: shard " + std::to_string(shard));
    writer_events told;
    core_.own(claimed.head, told);
  }
  void store() {
    while (core_.has_work()) {
      const auto step = std::get<append_step>(core_.next());
      const auto outcomes = store_.append(step.parts, patience);
      for (const auto& each : outcomes) {
        if (each.status != append_status::stored)
          throw std::runtime_error("shard " + std::to_string(each.shard) + ": " + std::string{word(each.status)} + ' ' +
                                   each.detail);
      }
      writer_events told;
      core_.append_done(outcomes, told);
    }
  }

  journal& store_;
  journal_writer core_{rows_max, rows_max + 1};
};

/// The book's facts, some hundreds in a row.
class book_writer {
 public:
  book_writer(writer& rows, organization_id organization) : rows_{rows}, key_{book_key(organization)} {}

  void add(const risk_event& fact) {
    facts_.push_back(made_here(encode(fact)));
    if (facts_.size() >= events_max) store();
  }
  void store() {
    if (facts_.empty()) return;
    rows_.add(key_, version_, facts_);
    version_ += std::ssize(facts_);
    facts_.clear();
  }

 private:
  writer& rows_;
  entity_key key_;
  std::int64_t version_ = 0;
  std::vector<event_record> facts_;
};

/// In force, and beyond what a load reaches: those of bench/tenants.py.
std::vector<limit> generous() {
  return {{limit_type::single_order_value, 10'000'000 * money::unit, {}},
          {limit_type::daily_value, 50'000'000'000 * money::unit, {}},
          {limit_type::orders_per_day, 10'000'000, {}},
          {limit_type::open_orders, 5'000'000, {}},
          {limit_type::order_quantity, 100'000, {}}};
}

class population {
 public:
  population(const std::string& conninfo, const std::filesystem::path& key)
      : store_{conninfo, self},
        directory_{conninfo, self, postgres::plans::generic},
        tokens_{{"stocksblitz", "stocksblitz", web::token_lifetime_s_max}, web::signing_key::load(key)} {}

  void make_organization(std::int32_t users) {
    const organization_id organization{store_.reserve_ids("organization", 1, patience)};
    const auto first_user = store_.reserve_ids("user", users, patience);
    const auto first_account = store_.reserve_ids("account", users, patience);
    book_writer book{rows_, organization};
    rows_.add(organization_key(organization), 0,
              {made_here(
                  encode(organization_event{organization_created{organization, "Many " + text(organization.value)}}))});
    book.add(limits_set{{scope_kind::organization, organization.value}, generous()});
    directory_.script("begin", until());
    for (std::int32_t n = 0; n < users; ++n) {
      const user_id user{first_user + n};
      const account_id account{first_account + n};
      rows_.add(user_key(organization, user), 0,
                {made_here(encode(user_event{user_created{user, roles({role::trader})}}))});
      rows_.add(account_key(organization, account), 0,
                {made_here(encode(account_event{account_opened{account, "MANY" + text(account.value), "paper"}}))});
      allow(book, user, account);
      make_person(organization, user);
      print_client(organization, user, account);
    }
    directory_.script("commit", until());
    book.store();
  }
  void close() { rows_.close(); }

 private:
  static std::string text(std::int64_t number) { return std::to_string(number); }
  static postgres::instant until() { return postgres::from_now(patience); }

  static void allow(book_writer& book, user_id user, account_id account) {
    book.add(permissions_set{{user, true, true, true, {account}}});
    book.add(limits_set{{scope_kind::user, user.value}, generous()});
    book.add(limits_set{{scope_kind::account, account.value}, generous()});
  }

  void make_person(organization_id organization, user_id user) {
    const auto email = "many-" + text(user.value) + "@example.com";
    namespace directory = postgres::directory;
    const bool claimed = directory::claim_email(directory_, email, organization, user, now(), until()) ==
                         directory::email_claim::claimed;
    directory::save_person(directory_, {organization, user, email, "", ""}, "no password", now(), until());
    if (!claimed || !directory::confirm_email(directory_, email, organization, user, until()))
      throw std::runtime_error(email + " is somebody else's");
  }

  void print_client(organization_id organization, user_id user, account_id account) const {
    web::token_claims who;
    who.user = user;
    who.organization = organization;
    who.roles = {std::string{word(role::trader)}};
    std::cout << tokens_.issue(who, now()).text << ' ' << account.value << '\n';
  }

  postgres_journal store_;
  writer rows_{store_};
  postgres::connection directory_;
  web::token_issuer tokens_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) throw std::runtime_error("usage: bench_population CONNINFO KEY_FILE ORGANIZATIONS USERS");
  const auto organizations = std::stoi(argv[3]);
  const auto users = std::stoi(argv[4]);
  if (organizations < 1 || users < organizations || users % organizations != 0)
    throw std::runtime_error("each organization needs a user, and all of them as many");
  population all{argv[1], argv[2]};
  for (int n = 0; n < organizations; ++n) all.make_organization(users / organizations);
  all.close();
  std::cout.flush();
  return std::cout ? 0 : 2;
} catch (const std::exception& failed) {
  std::cerr << "bench_population: " << failed.what() << '\n';
  return 2;
}
