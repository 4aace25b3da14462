#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/tenants/role.hpp"
#include "metrics/metrics.hpp"
#include "web/api.hpp"
#include "web/backend.hpp"
#include "web/server/http.hpp"

/// The REST API over a node that answers at once and remembers nothing: two organizations, of which the other one's
/// texts all hold a canary.
namespace sb::fuzz {

inline constexpr organization_id own{1};
inline constexpr organization_id other{2};
inline constexpr std::string_view canary = "canaryOfTheOther";

/// What the node says to whatever it is asked.
enum class mood { present, absent, overloaded, unavailable };

/// Answers later, as the ports' contract says: when run() is called.
class later {
 public:
  void push(std::function<void()> work) { due_.push_back(std::move(work)); }
  void run();

 private:
  std::deque<std::function<void()>> due_;
};

class answering_entities final : public web::entity_port {
 public:
  explicit answering_entities(later& soon) : soon_{soon} {}
  mood now = mood::present;
  bool asked_of_other = false;  ///< somebody asked for an entity of another organization than `own`

  void ask(const entity_key& to, message body, const web::request_context& context, std::int64_t wait_ms,
           on_answer done) override;
  void last_price(const std::string& exchange, const std::string& symbol, on_answer done) override;
  void paper_fill(sb::paper_fill fill, std::int64_t wait_ms, on_answer done) override;
  void supervision(std::function<void(tree_node&&)> done) override;
  void restart_actor(const std::string& id, const web::request_context& context,
                     std::function<void(web::restart_outcome)> done) override;
  bool ready() const override { return now == mood::present; }

 private:
  void tell(on_answer done, answer&& told);
  later& soon_;
};

class answering_database final : public web::database_port {
 public:
  explicit answering_database(later& soon) : soon_{soon} {}
  mood now = mood::present;
  bool asked_of_other = false;

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
  std::uint64_t orders_version(organization_id) const override { return 0; }
  std::int64_t projection_age_ms() const override { return 7; }

 private:
  template <class T>
  void tell(on_result<T> done, T value);
  void note(organization_id organization) { asked_of_other = asked_of_other || organization != own; }
  later& soon_;
};

/// The whole, made once: it takes some hundred milliseconds. What it keeps between requests (accounts that were found,
/// tokens that were verified) changes no answer.
class answering_node {
 public:
  struct told {
    web::http_response response;
    bool asked_of_other = false;
  };
  answering_node();

  /// Exactly one answer, or broken_property.
  told operator()(web::http_request&& request, mood now);
  /// Whose token the text is: "@trader" and so on stand for a token of `own` with that role. nullopt for any other
  /// text.
  static std::optional<role> role_of(std::string_view text);
  const std::string& token_of(role who) const { return tokens_.at(who); }

 private:
  later soon_;
  answering_entities entities_{soon_};
  answering_database database_{soon_};
  metrics counters_;
  std::map<role, std::string> tokens_;
  std::unique_ptr<web::api> subject_;
};

}  // namespace sb::fuzz
