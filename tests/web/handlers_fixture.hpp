#pragma once
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.hpp"
#include "web/api.hpp"
#include "web/json.hpp"
#include "web/routes.hpp"
#include "web/server/request_ids.hpp"

/// An api whose node is scripted: entities and tables are maps, and every question is recorded.
namespace sb::web::testing {

inline constexpr wall_ms test_now{1'705'312'800'000};  // 2024-01-15T10:00:00Z: 15:30 in Kolkata
inline constexpr organization_id alpha{1};
inline constexpr organization_id beta{2};
inline constexpr account_id alpha_account{11};
inline constexpr account_id beta_account{21};
inline constexpr user_id trader{101};
inline constexpr user_id colleague{102};
inline constexpr user_id admin{103};
inline constexpr user_id stranger{201};  // of beta

/// Answers later, as the contract says: when the test runs what is due.
class later {
 public:
  void push(std::function<void()> work) { due_.push_back(std::move(work)); }
  void run() {
    for (int rounds = 0; rounds < 1'000 && !due_.empty(); ++rounds) {
      const auto work = std::move(due_.front());
      due_.pop_front();
      work();
    }
  }

 private:
  std::deque<std::function<void()>> due_;
};

class scripted_entities final : public entity_port {
 public:
  struct question {
    entity_key to;
    message body;
    request_context context;
    std::int64_t wait_ms = 0;
  };
  explicit scripted_entities(later& soon) : soon_{soon} {}

  std::vector<question> asked;
  /// What an order answers; by default place_order is stored as `new`.
  std::function<sb::answer(const entity_key&, const message&)> on_order;
  /// Answers every entity question instead of the maps.
  std::optional<rejection> refuse_all;
  std::map<order_id, order_answer> orders;  // of alpha
  std::map<std::pair<organization_id, user_id>, role_set> users;
  std::map<std::pair<organization_id, user_id>, permission_grant> grants;
  std::map<organization_id, std::string> organizations;
  std::map<std::pair<organization_id, account_id>, std::string> accounts;
  limits_answer limits;
  risk_check check;
  money price{5'000'000};
  wall_ms priced_at = test_now;
  sb::answer fill = rejected{rejection::not_found, ""};
  std::vector<sb::paper_fill> fills_asked;
  tree_node tree;
  bool is_ready = true;
  std::string restarted;

  void ask(const entity_key& to, message body, const request_context& context, std::int64_t wait_ms,
           on_answer done) override;
  void last_price(const std::string& exchange, const std::string& symbol, on_answer done) override;
  void paper_fill(sb::paper_fill what, std::int64_t wait_ms, on_answer done) override;
  void supervision(std::function<void(tree_node&&)> done) override;
  void restart_actor(const std::string& id, const request_context& context,
                     std::function<void(restart_outcome)> done) override;
  bool ready() const override { return is_ready; }

  template <class Body>
  std::vector<const question*> questions() const {
    std::vector<const question*> found;
    for (const auto& each : asked)
      if (std::holds_alternative<Body>(each.body)) found.push_back(&each);
    return found;
  }

 private:
  sb::answer answer_of(const entity_key& to, const message& body);
  sb::answer book_answer(organization_id organization, const message& body);
  later& soon_;
};

class scripted_database final : public database_port {
 public:
  explicit scripted_database(later& soon) : soon_{soon} {}
  struct credential {
    login_record who;
    std::string password;
  };
  bool unavailable = false;
  std::map<std::string, credential> logins;
  std::map<std::pair<organization_id, user_id>, person_record> persons;
  std::map<std::string, user_id> claims;
  std::vector<std::string> sessions;
  std::vector<std::string> ended;
  std::int64_t last_id = 1'000;
  std::vector<order_record> orders;
  std::optional<order_filter> filter;
  int lists_read = 0;
  std::function<void()> when_read;
  std::uint64_t version = 0;  ///< of every organization's orders
  std::optional<user_id> counted;
  std::optional<trading_day> counted_day;
  std::vector<position_record> positions;
  std::vector<timeline_record> events;

  void verify_login(const std::string& email, const std::string& password,
                    on_result<std::optional<login_record>> done) override;
  void find_person(organization_id organization, user_id user, on_result<std::optional<person_record>> done) override;
  void list_persons(organization_id organization, user_id after, std::int32_t limit,
                    on_result<std::vector<person_record>> done) override;
  void claim_email(const std::string& email, organization_id organization, user_id user, on_result<bool> done) override;
  void store_person(const person_record& person, const std::string& password, on_result<bool> done) override;
  void store_session(const std::string& token_id, organization_id organization, user_id user, wall_ms issued,
                     wall_ms expires, on_result<bool> done) override;
  void end_session(const std::string& token_id, organization_id organization, user_id user, wall_ms expires,
                   on_result<wall_ms> done) override;
  void next_id(const std::string& kind, on_result<std::int64_t> done) override;
  void list_orders(const order_filter& wanted, on_result<std::vector<order_record>> done) override;
  void find_order(const order_id& order, on_result<std::optional<order_record>> done) override;
  void count_orders(organization_id organization, std::optional<user_id> user, trading_day day,
                    on_result<std::int64_t> done) override;
  void list_positions(organization_id organization, account_id account,
                      on_result<std::vector<position_record>> done) override;
  void timeline(organization_id organization, const order_id& order,
                on_result<std::vector<timeline_record>> done) override;
  std::uint64_t orders_version(organization_id) const override { return version; }
  std::int64_t projection_age_ms() const override { return 120; }

 private:
  template <class T>
  void tell(on_result<T> done, T value) {
    soon_.push([done = std::move(done), value = std::move(value), gone = unavailable]() mutable {
      done({gone ? T{} : std::move(value), gone});
    });
  }
  later& soon_;
};

struct reply {
  int answers = 0;
  http_response response;
  json_value body;

  int status() const { return response.status; }
  std::string header(std::string_view name) const;
  /// A member's text, "true", "false", "null" or "[n]"; "absent" when it is not there. A pointer such as
  /// "/data/0/state".
  std::string at(std::string_view pointer) const;
  std::string code() const { return at("/code"); }
};

struct call {
  std::string method = "GET";
  std::string target{};
  std::string body{};
  std::string token{};
  std::vector<name_value> headers{};
  std::size_t listener = 0;
};

class api_world {
 public:
  api_world();

  reply operator()(const call& what);
  /// A token for that user of that organization.
  std::string token(user_id user, organization_id organization, std::vector<std::string> roles) const;
  std::string trader_token() const { return token(trader, alpha, {"trader"}); }
  std::string admin_token() const { return token(admin, alpha, {"admin"}); }
  std::string platform_token() const { return token({900}, {90}, {"platform_admin"}); }

  later soon;
  scripted_entities entities{soon};
  scripted_database database{soon};
  metrics counters;
  wall_ms now = test_now;
  request_ids ids;
  api subject;
};

/// A LIMIT order of alpha's account; `more` is put behind its members.
std::string order_body(const std::string& more = "", const std::string& without = "");
/// An order that works at the broker.
order_answer working_order(const order_id& id, user_id owner);

}  // namespace sb::web::testing
