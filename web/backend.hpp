#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/protocol/tree_node.hpp"
#include "runtime/address.hpp"
#include "runtime/messages.hpp"

/// What handlers ask of the rest of the node. Every call is made on the io thread and answers exactly once, later, on
/// the io thread; nothing blocks. Implemented over the actors by web/gateway.hpp and over PostgreSQL by
/// app/database_reader.hpp.
namespace sb::web {

/// Who asks, and under which names the work runs.
struct request_context {
  principal by;
  std::string correlation;  ///< X-Correlation-ID, made when absent
  std::string causation;    ///< X-Request-ID
  bool urgent = false;      ///< goes before its user's other requests
};

/// What became of the wish to restart an actor. unknown: the part that was asked restarted itself meanwhile.
enum class restart_outcome : std::uint8_t { under_way, no_such_actor, unknown };

class entity_port {
 public:
  virtual ~entity_port() = default;
  using on_answer = std::function<void(answer&&)>;

  /// Asks an entity. After `wait_ms` without a final answer: the order_answer of an order_stored that came before, else
  /// rejected{storage_unavailable}. rejected{overloaded} at once where the user, organization or shard has no credit
  /// left; what the two services below are asked counts against credits of their own.
  virtual void ask(const entity_key& to, message body, const request_context& context, std::int64_t wait_ms,
                   on_answer done) = 0;
  /// price_answer; price zero when there is none.
  virtual void last_price(const std::string& exchange, const std::string& symbol, on_answer done) = 0;
  /// fill_answer, or rejected{not_found} (not at the broker), {order_closed}, {storage_unavailable}.
  /// `fill.from` is set here. Repeated with its execution_id it is answered as the first time, and fills once;
  /// rejected{key_reused} when the repeat has another price or quantity.
  virtual void paper_fill(sb::paper_fill fill, std::int64_t wait_ms, on_answer done) = 0;
  /// A root that is stopped and says why in `failure` where the tree does not answer.
  virtual void supervision(std::function<void(tree_node&&)> done) = 0;
  virtual void restart_actor(const std::string& id, const request_context& context,
                             std::function<void(restart_outcome)> done) = 0;
  /// This node owns its shards, and its lease is valid.
  virtual bool ready() const = 0;
};

/// nullopt or false stand for "not there"; `unavailable` is true when PostgreSQL could not answer in time.
template <class T>
struct db_result {
  T value{};
  bool unavailable = false;
};

struct login_record {
  organization_id organization;
  user_id user;
};
struct person_record {
  organization_id organization;
  user_id user;
  std::string email;
  std::string display_name;
};
struct order_record {
  order_id id;
  organization_id organization;
  order_state state;  ///< as far as the projection keeps it: no violations, no fill ids
};
struct order_filter {
  organization_id organization;
  std::optional<user_id> user;
  std::optional<account_id> account;
  std::optional<order_status> status;
  std::optional<std::string> symbol;
  std::optional<wall_ms> from;  ///< created_at >= from
  std::optional<wall_ms> to;    ///< created_at < to
  std::int32_t limit = 50;
  std::optional<std::pair<wall_ms, order_id>> after;  ///< keyset cursor: strictly older than this
};
struct position_record {
  std::string exchange;
  std::string symbol;
  product_type product = product_type::intraday;
  std::int64_t net_quantity = 0;
  money average_price;
  std::int64_t day_buy_quantity = 0;
  std::int64_t day_sell_quantity = 0;
  money day_buy_value;
  money day_sell_value;
  money net_cost;
  money realized;
  trading_day day;
};
struct timeline_record {
  std::int64_t seq = 0;
  std::int64_t version = 0;
  wall_ms at;
  event_record event;
};

/// Tables and projections. Each answer may be as old as the projection's lag.
class database_port {
 public:
  virtual ~database_port() = default;
  template <class T>
  using on_result = std::function<void(db_result<T>&&)>;

  /// Who logs in with this e-mail address and password; nullopt after the same work when either is wrong.
  virtual void verify_login(const std::string& email, const std::string& password,
                            on_result<std::optional<login_record>> done) = 0;
  virtual void find_person(organization_id organization, user_id user,
                           on_result<std::optional<person_record>> done) = 0;
  virtual void list_persons(organization_id organization, user_id after, std::int32_t limit,
                            on_result<std::vector<person_record>> done) = 0;
  /// Claims the e-mail for this user before UserCreated; false = taken. A claim that is never confirmed expires.
  virtual void claim_email(const std::string& email, organization_id organization, user_id user,
                           on_result<bool> done) = 0;
  /// After UserCreated: person and credential, then the claim becomes final. The password is hashed here, off the io
  /// thread. Safe to repeat; false when the claim is not this user's (any more).
  virtual void store_person(const person_record& person, const std::string& password, on_result<bool> done) = 0;
  virtual void store_session(const std::string& token_id, organization_id organization, user_id user, wall_ms issued,
                             wall_ms expires, on_result<bool> done) = 0;
  /// The session's tokens are not to be accepted any more, by no node: since when, once that is stored. Safe to repeat.
  virtual void end_session(const std::string& token_id, organization_id organization, user_id user, wall_ms expires,
                           on_result<wall_ms> done) = 0;
  /// A new integer id of "user", "organization" or "account".
  virtual void next_id(const std::string& kind, on_result<std::int64_t> done) = 0;

  virtual void list_orders(const order_filter& filter, on_result<std::vector<order_record>> done) = 0;
  virtual void find_order(const order_id& order, on_result<std::optional<order_record>> done) = 0;
  virtual void count_orders(organization_id organization, std::optional<user_id> user, trading_day day,
                            on_result<std::int64_t> done) = 0;
  virtual void list_positions(organization_id organization, account_id account,
                              on_result<std::vector<position_record>> done) = 0;
  virtual void timeline(organization_id organization, const order_id& order,
                        on_result<std::vector<timeline_record>> done) = 0;
  /// Another number, or 0, before any row of the organization's orders is written (other tenants of its shard change it
  /// as well). 0: this node cannot tell, so what is read is not to be kept. Asked before a read, it is that of what is
  /// read, or an older one.
  virtual std::uint64_t orders_version(organization_id organization) const = 0;
  /// Age of the projection in milliseconds, as last measured.
  virtual std::int64_t projection_age_ms() const = 0;
};

}  // namespace sb::web
