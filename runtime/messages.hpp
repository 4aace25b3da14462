#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/limits/risk_book.hpp"
#include "domain/orders/order.hpp"
#include "domain/tenants/tenants.hpp"
#include "runtime/address.hpp"
#include "storage/event_record.hpp"

/// Everything that entities, the broker and the edge say to each other. Plain structs: the simulation passes them in
/// memory, the actors as CAF messages, and each survives being lost, late or doubled (see the receiver's handler).
namespace sb {

/// Where an answer goes. request 0: nobody waits.
struct requester {
  std::uint32_t gateway = 0;
  std::uint64_t request = 0;
  friend bool operator==(const requester&, const requester&) = default;
};

/// Travels with every message to an entity.
struct envelope {
  entity_key to;
  requester from;
  boot_ms deadline;  ///< after this nobody wants the work any more; 0 = always wanted. Only within one machine
  principal by;
  std::string correlation;  ///< one order's way through everything
  std::string causation;    ///< the request that led here
  /// For whoever carries messages within a node, and nothing to whoever reads them: which host the sender has, and
  /// which one `to` had when it asked. An answer may go straight there (decision 0019). 0: by the shard.
  std::uint64_t from_host = 0;
  std::uint64_t to_host = 0;
};

// ---- to an order
// -----------------------------------------------------------------------------------------------------
struct place_order {
  order_command command;
  std::string fingerprint;
  std::int32_t wait_ms = 0;  ///< Prefer: wait; 0 = respond-async, answered as soon as it is stored
};
struct cancel_order {
  std::int32_t wait_ms = 0;
};
struct get_order {};
struct reserve_answered {
  std::int32_t attempt = 1;
  std::uint64_t incarnation = 0;  ///< of the order that asked; others drop it
  reserve_answer answer;
};
struct close_answered {
  std::int32_t attempt = 1;
  std::uint64_t incarnation = 0;
  bool reserved = false;
};
/// The risk book asks: does the order whose capacity it holds exist? An order that was never requested refuses itself
/// for ever.
struct probe_order {
  std::int32_t attempt = 1;
};

struct broker_fill {
  std::string fill_id;
  std::int64_t quantity = 0;
  money price;
  wall_ms at;
  friend bool operator==(const broker_fill&, const broker_fill&) = default;
};
/// What the broker says of an order, as an answer to place, cancel or query, or by itself.
struct broker_view {
  enum class state : std::uint8_t { working = 0, filled = 1, canceled = 2, rejected = 3, expired = 4 };
  state is = state::working;
  std::string broker_order_id;
  std::string code;
  std::string message;
  /// All that the sender knows of; known ones are dropped by fill id. A view that closes the order has every fill of
  /// it: an earlier report may be lost, and nobody asks about a closed order.
  std::vector<broker_fill> fills;
  friend bool operator==(const broker_view&, const broker_view&) = default;
};
enum class broker_verb : std::uint8_t { place = 0, cancel = 1, query = 2 };
struct broker_answered {
  enum class outcome : std::uint8_t {
    seen = 0,       ///< the broker has it: `view`
    not_sent = 1,   ///< nothing was written: no broker order can come of this call
    unknown = 2,    ///< bytes were written, no clear answer
    not_found = 3,  ///< the broker's book does not have it now; it may still arrive
    blocked = 4,    ///< cancel: the broker never had this client id and refuses it from now on
  };
  broker_verb of = broker_verb::place;
  std::uint64_t incarnation = 0;
  outcome what = outcome::unknown;
  broker_view view;
  std::string detail;
};
/// By the broker's own stream of reports; at least once, in any order.
struct broker_reported {
  std::int64_t report = 0;  ///< the broker's number of it
  broker_view view;
};

// ---- to a risk book
// ----------------------------------------------------------------------------------------------------
struct reserve_request {
  reserve_capacity what;
  std::uint64_t incarnation = 0;
  boot_ms deadline;  ///< absolute: after it nothing is reserved
};
struct close_request {
  close_attempt what;
  std::uint64_t incarnation = 0;
};
struct settle_request {
  settle_facts what;
};
struct ask_settled {};
struct set_limits_request {
  set_limits what;
  std::optional<std::int64_t> if_version;  ///< limits_version that the caller saw
};
struct get_limits {};
struct validate_order {
  reserve_capacity what;
};
struct set_permissions_request {
  set_permissions what;
};
struct get_permissions {
  user_id user;
};
struct check_permission_request {
  user_id user;
  account_id account;
  trade_action action = trade_action::place_order;
};
/// The order's shard says that it knows the order: whatever follows comes through settlement.
struct probe_answered {
  order_id order;
};
/// Settlement says: the first rows of these orders are committed, and whatever follows comes through settlement.
struct orders_seen {
  std::vector<order_id> orders;
};
/// The answer to look_up_out.
struct orders_looked_up {
  std::vector<order_id> stored;   ///< as in orders_seen
  std::vector<order_id> missing;  ///< or not to be read. Only the order can say that it will never be stored
};

// ---- to users, organizations, accounts
// ---------------------------------------------------------------------------------
struct create_user {
  role_set roles;
};
struct get_user {};
struct create_organization {
  std::string name;
};
struct get_organization {};
struct open_account {
  std::string name;
  std::string broker;
};
struct get_account {};

/// An entity's own timer has fired.
struct alarm {
  std::int32_t id = 0;
};

using message =
    std::variant<place_order, cancel_order, get_order, reserve_answered, close_answered, probe_order, broker_answered,
                 broker_reported, reserve_request, close_request, settle_request, ask_settled, set_limits_request,
                 get_limits, validate_order, set_permissions_request, get_permissions, check_permission_request,
                 probe_answered, create_user, get_user, create_organization, get_organization, open_account,
                 get_account, alarm, orders_seen, orders_looked_up>;
struct delivery {
  envelope head;
  message body;
};

// ---- to the broker
// -------------------------------------------------------------------------------------------------------
struct broker_call {
  broker_verb what = broker_verb::place;
  entity_key order;  ///< who is answered
  std::uint64_t incarnation = 0;
  order_command command;
  std::string broker_order_id;  ///< cancel, query: when known
  boot_ms not_after;            ///< place: nothing may be written after this (send window)
  std::uint64_t from_host = 0;  ///< see envelope
};

/// A fill of the paper broker's external feed; the order answers the requester when it has stored it.
struct paper_fill {
  requester from;
  order_id order;
  std::int64_t quantity = 0;  ///< clipped to what is left
  money price;
  std::string execution_id;  ///< told again, it is answered with its first fill; empty: each one is a fill of its own
};
// ---- to market data
// --------------------------------------------------------------------------------------------------------
struct price_query {
  requester from;
  std::string exchange;
  std::string symbol;
};

// ---- to the edge
// -----------------------------------------------------------------------------------------------------------
/// Why nothing was done. Published: append, keep, never reuse.
enum class rejection : std::uint8_t {
  none = 0,
  not_found = 1,
  already_exists = 2,
  key_reused = 3,           ///< same client order id, another command
  order_closed = 4,         ///< nothing left to cancel
  overloaded = 5,           ///< too many messages wait for this entity; safe to repeat
  storage_unavailable = 6,  ///< may or may not be stored: repeat with the same key
  parked = 7,               ///< the entity crashed too often; an operator must look
  shard_moved = 8,          ///< this node does not own the shard (now)
  version_conflict = 9,     ///< If-Match failed
  deadline_passed = 10,     ///< dropped because nobody waits any more
  draining = 11,            ///< the node is stopping
};
constexpr std::size_t rejection_count = 12;

struct rejected {
  rejection why = rejection::none;
  std::string detail;
};
/// An order as its actor answers for it. Every answer rests on committed events.
struct order_answer {
  order_state order;
  order_id id;
  bool replayed = false;        ///< the order was there before this request
  bool cancel_pending = false;  ///< a cancel is on its way; the order is not closed yet
  money held;                   ///< capacity that the risk book was asked for
};
/// Tells the edge that the intent is stored: from now on its time-out answers 202 with this, not 503.
struct order_stored {
  order_answer answer;
};
struct limits_answer {
  std::int64_t limits_version = 0;
  std::int64_t book_version = 0;
  trading_day day;
  std::map<limit_scope, std::vector<limit>> limits;
  std::map<limit_scope, scope_usage> usage;
};
struct validate_answer {
  risk_check check;
};
struct permissions_answer {
  permission_grant grant;
};
struct permission_checked {
  bool allowed = false;
  std::optional<violation> why;
};
struct user_answer {
  user_state user;
};
struct organization_answer {
  organization_state organization;
};
struct account_answer {
  account_state account;
};
/// A fill that somebody reported on purpose (paper broker, external feed) and that the order has stored;
/// `order.replayed`: before this request.
struct fill_answer {
  order_answer order;
  broker_fill fill;
};
/// The last price; zero when there is none.
struct price_answer {
  money price;
  wall_ms at;
};
/// To settlement.
struct settled {
  organization_id organization;
  bool accepted = false;
  std::int64_t settled_seq = 0;
};

using answer = std::variant<rejected, order_answer, order_stored, limits_answer, validate_answer, permissions_answer,
                            permission_checked, user_answer, organization_answer, account_answer, fill_answer,
                            price_answer, settled>;

}  // namespace sb
