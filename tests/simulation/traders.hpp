#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/limits/risk_book.hpp"
#include "runtime/messages.hpp"

namespace sb::simulation {

class world;

/// Gateways below are the traders'; from here on settlement of node (gateway - settlement_gateway).
constexpr std::uint32_t settlement_gateway = 100;

/// What one client order id was used for.
struct intent {
  organization_id organization;
  order_id id;
  order_command command;
  std::string fingerprint;
  bool asked = false;             ///< somebody has asked for it
  bool insisted = false;          ///< ... and went on until there was an answer
  std::int64_t version_told = 0;  ///< the newest state that anybody was told
  std::int64_t version_read = 0;  ///< ... by a read of read_everything
};

/// The clients: they place orders, often twice, cancel them at the worst moment, reuse their keys, and change limits
/// and permissions meanwhile. They believe an answer and check what it promises.
class traders {
 public:
  explicit traders(world& all);

  std::vector<organization_id> organizations() const;
  /// Permissions and limits, before anything fails. Returns when all are acknowledged.
  void set_up();
  /// Plans all requests of the coming `ms`.
  void trade(std::int64_t ms);
  /// Orders once more with their own keys, until each has been answered. Some clients do not come back: what they left
  /// has to come to rest without them.
  void repeat_most();
  bool repeating() const { return !repeating_.empty(); }
  /// Reads every order and compares with the journal.
  void read_everything();

  /// An answer leaves a node: what it says must be stored by now.
  void leaves(const requester& to, const answer& what);
  void take(const requester& to, const answer& what);

  const std::vector<intent>& intents() const { return intents_; }

 private:
  enum class verb : std::uint8_t { place, cancel, read, limits, permissions };
  struct request {
    verb what = verb::place;
    std::size_t of = 0;  ///< index of the intent
    std::string fingerprint;
    std::int64_t stored_before = 0;  ///< version of the stream when it was asked
    std::size_t facts_before = 0;    ///< all that was stored then
    organization_id organization;
    std::optional<risk_event> change;  ///< of limits or permissions
    bool repeated = false;
    bool answered = false;
  };

  std::uint64_t ask(verb what, std::size_t of, message body, const std::string& fingerprint, bool repeated);
  std::uint64_t ask(verb what, entity_key to, message body, std::optional<risk_event> change = std::nullopt);
  void refused(const request& asked, rejection why) const;
  void change_is_stored(const request& asked, organization_id organization) const;
  void send(std::uint64_t number, entity_key to, message body);
  void place(std::size_t of, bool other_command, bool repeated);
  void repeat(std::size_t of);
  void plan_order(std::int64_t at, std::int64_t until);
  void change_limits();
  void set_limits(organization_id organization, const set_limits_request& change);
  void change_permissions(bool may_trade, user_id user, organization_id organization);

  world& world_;
  std::size_t organization_count_;
  std::vector<intent> intents_;
  std::map<std::uint64_t, request> requests_;
  std::map<std::size_t, std::uint64_t> repeating_;  ///< intent -> newest request
  std::uint64_t last_request_ = 0;
};

}  // namespace sb::simulation
