#pragma once
#include <caf/error.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/sec.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "actors/protocol/enumerators.hpp"
#include "actors/protocol/tree_node.hpp"
#include "runtime/messages.hpp"
#include "storage/event_record.hpp"

/// How every struct that travels between actors is serialized: integers, strings and containers of them, never a
/// floating point number. Found by CAF through argument-dependent look-up; the domain knows nothing of it. All nodes of
/// a cluster run the same version of this layout. A std::variant has no form: its alternative is sent.
namespace sb::wire {

/// An optional member: a flag, and the value where there is one.
template <class T>
struct optional_member {
  std::optional<T>& value;
};
template <class T>
optional_member<T> maybe(std::optional<T>& value) {
  return {value};
}
template <class Inspector, class T>
typename Inspector::result_type inspect(Inspector& f, optional_member<T>& member) {
  if constexpr (Inspector::writes_state) {
    bool present = false;
    if (auto failed = f(present)) return failed;
    member.value.reset();
    if (!present) return caf::none;
    return f(member.value.emplace());
  } else {
    bool present = member.value.has_value();
    if (!present) return f(present);
    return f(present, *member.value);
  }
}

/// An enum member: its underlying integer, refused on arrival when no enumerator has that value.
template <class Enum>
struct enum_member {
  Enum& value;
};
template <class Enum>
enum_member<Enum> enumerator(Enum& value) {
  return {value};
}
template <class Inspector, class Enum>
typename Inspector::result_type inspect(Inspector& f, enum_member<Enum>& member) {
  auto number = static_cast<std::underlying_type_t<Enum>>(member.value);
  if constexpr (Inspector::writes_state) {
    if (auto failed = f(number)) return failed;
    if (!known(static_cast<Enum>(number))) return caf::make_error(caf::sec::invalid_argument, "unknown enumerator");
    member.value = static_cast<Enum>(number);
    return caf::none;
  } else {
    return f(number);
  }
}

/// A map member: a sequence of pairs. CAF's own way of reading a map writes through the const of its keys.
template <class Key, class Value>
struct map_member {
  std::map<Key, Value>& value;
};
template <class Key, class Value>
map_member<Key, Value> entries(std::map<Key, Value>& value) {
  return {value};
}
template <class Inspector, class Key, class Value>
typename Inspector::result_type inspect(Inspector& f, map_member<Key, Value>& member) {
  if constexpr (Inspector::writes_state) {
    std::vector<std::pair<Key, Value>> pairs;
    if (auto failed = f(pairs)) return failed;
    member.value.clear();
    for (auto& [key, value] : pairs) member.value.insert_or_assign(std::move(key), std::move(value));
    return caf::none;
  } else {
    std::vector<std::pair<Key, Value>> pairs(member.value.begin(), member.value.end());
    return f(pairs);
  }
}

}  // namespace sb::wire

namespace sb {

template <class Inspector, class Tag>
typename Inspector::result_type inspect(Inspector& f, integer_id<Tag>& x) {
  return f(x.value);
}

// ---- identities and amounts
// ------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, money& x) {
  return f(caf::meta::type_name("money"), x.ticks);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wall_ms& x) {
  return f(caf::meta::type_name("wall_ms"), x.value);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, boot_ms& x) {
  return f(caf::meta::type_name("boot_ms"), x.value);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, trading_day& x) {
  return f(caf::meta::type_name("trading_day"), x.value);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, entity_key& x) {
  return f(caf::meta::type_name("entity_key"), x.organization, wire::enumerator(x.kind), x.id);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, requester& x) {
  return f(caf::meta::type_name("requester"), x.gateway, x.request);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, principal& x) {
  return f(caf::meta::type_name("principal"), wire::enumerator(x.who), x.organization, x.user, x.credential,
           x.auth_method);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, envelope& x) {
  return f(caf::meta::type_name("envelope"), x.to, x.from, x.deadline, x.by, x.correlation, x.causation, x.from_host,
           x.to_host);
}

// ---- the journal
// -----------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event_record& x) {
  return f(caf::meta::type_name("event_record"), x.type, x.schema, x.by, x.correlation, x.causation, x.body);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, journal_row& x) {
  return f(caf::meta::type_name("journal_row"), x.shard, x.seq, x.stream, x.version, x.events, x.at, x.epoch, x.hash,
           x.body);
}

// ---- limits and risk
// -------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, limit_scope& x) {
  return f(caf::meta::type_name("limit_scope"), wire::enumerator(x.kind), x.id);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, violation& x) {
  return f(caf::meta::type_name("violation"), wire::enumerator(x.failed), x.scope, wire::enumerator(x.type), x.limit,
           x.usage, x.attempted, x.head_room, x.word);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, limit& x) {
  return f(caf::meta::type_name("limit"), wire::enumerator(x.type), x.value, x.words);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permission_grant& x) {
  return f(caf::meta::type_name("permission_grant"), x.user, x.place_order, x.cancel_order, x.view, x.accounts);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_capacity& x) {
  return f(caf::meta::type_name("reserve_capacity"), x.order, x.attempt, x.fingerprint, x.user, x.account, x.exchange,
           x.symbol, wire::enumerator(x.product), x.quantity, x.price, x.day);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, close_attempt& x) {
  return f(caf::meta::type_name("close_attempt"), x.order, x.attempt);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_limits& x) {
  return f(caf::meta::type_name("set_limits"), x.scope, x.limits);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_permissions& x) {
  return f(caf::meta::type_name("set_permissions"), x.grant);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_fact& x) {
  return f(caf::meta::type_name("order_fact"), wire::enumerator(x.what), x.seq, x.order, x.quantity, x.price, x.day,
           x.user, x.account);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, settle_facts& x) {
  return f(caf::meta::type_name("settle_facts"), x.prev_seq, x.seq, x.facts);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, scope_usage& x) {
  return f(caf::meta::type_name("scope_usage"), x.used, x.reserved, x.orders, x.open_orders, x.used_ahead, x.ahead_day);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, risk_check& x) {
  return f(caf::meta::type_name("risk_check"), x.violations, wire::maybe(x.quantity_max));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_answer& x) {
  return f(caf::meta::type_name("reserve_answer"), wire::enumerator(x.what), x.violations, wire::maybe(x.quantity_max));
}

// ---- orders
// ----------------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_command& x) {
  return f(caf::meta::type_name("order_command"), x.organization, x.account, x.user, x.client_order_id, x.exchange,
           x.symbol, wire::enumerator(x.direction), wire::enumerator(x.type), wire::enumerator(x.product),
           wire::enumerator(x.valid), x.quantity, x.price, x.market_protection, x.comments, x.reference_price,
           x.reference_at);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_state& x) {
  return f(caf::meta::type_name("order_state"), wire::enumerator(x.status), x.command, x.fingerprint, x.attempt, x.day,
           x.send_window_ms, x.cancel_requested, x.broker_order_id, x.reason_code, x.reason,
           wire::enumerator(x.denied_because), x.violations, wire::maybe(x.quantity_max), x.filled_quantity,
           x.filled_value, x.fill_ids, x.version, x.created_at, x.updated_at);
}

// ---- users, organizations, accounts
// ----------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, role_set& x) {
  return f(caf::meta::type_name("role_set"), x.bits);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, user_state& x) {
  return f(caf::meta::type_name("user_state"), x.user, x.roles, x.exists, x.active, x.version, x.created_at);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, organization_state& x) {
  return f(caf::meta::type_name("organization_state"), x.organization, x.name, x.exists, x.version, x.created_at);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, account_state& x) {
  return f(caf::meta::type_name("account_state"), x.account, x.name, x.broker, x.exists, x.version, x.created_at);
}

// ---- to an order
// -----------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, place_order& x) {
  return f(caf::meta::type_name("place_order"), x.command, x.fingerprint, x.wait_ms);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_order& x) {
  return f(caf::meta::type_name("cancel_order"), x.wait_ms);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_order&) {
  return f(caf::meta::type_name("get_order"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_answered& x) {
  return f(caf::meta::type_name("reserve_answered"), x.attempt, x.incarnation, x.answer);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, close_answered& x) {
  return f(caf::meta::type_name("close_answered"), x.attempt, x.incarnation, x.reserved);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_order& x) {
  return f(caf::meta::type_name("probe_order"), x.attempt);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, broker_fill& x) {
  return f(caf::meta::type_name("broker_fill"), x.fill_id, x.quantity, x.price, x.at);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, broker_view& x) {
  return f(caf::meta::type_name("broker_view"), wire::enumerator(x.is), x.broker_order_id, x.code, x.message, x.fills);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, broker_answered& x) {
  return f(caf::meta::type_name("broker_answered"), wire::enumerator(x.of), x.incarnation, wire::enumerator(x.what),
           x.view, x.detail);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, broker_reported& x) {
  return f(caf::meta::type_name("broker_reported"), x.report, x.view);
}

// ---- to a risk book
// --------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reserve_request& x) {
  return f(caf::meta::type_name("reserve_request"), x.what, x.incarnation, x.deadline);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, close_request& x) {
  return f(caf::meta::type_name("close_request"), x.what, x.incarnation);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, settle_request& x) {
  return f(caf::meta::type_name("settle_request"), x.what);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ask_settled&) {
  return f(caf::meta::type_name("ask_settled"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_limits_request& x) {
  return f(caf::meta::type_name("set_limits_request"), x.what, wire::maybe(x.if_version));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_limits&) {
  return f(caf::meta::type_name("get_limits"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, validate_order& x) {
  return f(caf::meta::type_name("validate_order"), x.what);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_permissions_request& x) {
  return f(caf::meta::type_name("set_permissions_request"), x.what);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_permissions& x) {
  return f(caf::meta::type_name("get_permissions"), x.user);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_permission_request& x) {
  return f(caf::meta::type_name("check_permission_request"), x.user, x.account, wire::enumerator(x.action));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_answered& x) {
  return f(caf::meta::type_name("probe_answered"), x.order);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, orders_seen& x) {
  return f(caf::meta::type_name("orders_seen"), x.orders);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, orders_looked_up& x) {
  return f(caf::meta::type_name("orders_looked_up"), x.stored, x.missing);
}

// ---- to users, organizations, accounts
// -------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, create_user& x) {
  return f(caf::meta::type_name("create_user"), x.roles);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_user&) {
  return f(caf::meta::type_name("get_user"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, create_organization& x) {
  return f(caf::meta::type_name("create_organization"), x.name);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_organization&) {
  return f(caf::meta::type_name("get_organization"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, open_account& x) {
  return f(caf::meta::type_name("open_account"), x.name, x.broker);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_account&) {
  return f(caf::meta::type_name("get_account"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, alarm& x) {
  return f(caf::meta::type_name("alarm"), x.id);
}

// ---- to the broker
// ---------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, broker_call& x) {
  return f(caf::meta::type_name("broker_call"), wire::enumerator(x.what), x.order, x.incarnation, x.command,
           x.broker_order_id, x.not_after, x.from_host);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, paper_fill& x) {
  return f(caf::meta::type_name("paper_fill"), x.from, x.order, x.quantity, x.price, x.execution_id);
}

// ---- to market data
// --------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, price_query& x) {
  return f(caf::meta::type_name("price_query"), x.from, x.exchange, x.symbol);
}

// ---- to the edge
// -----------------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, rejected& x) {
  return f(caf::meta::type_name("rejected"), wire::enumerator(x.why), x.detail);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_answer& x) {
  return f(caf::meta::type_name("order_answer"), x.order, x.id, x.replayed, x.cancel_pending, x.held);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_stored& x) {
  return f(caf::meta::type_name("order_stored"), x.answer);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, limits_answer& x) {
  return f(caf::meta::type_name("limits_answer"), x.limits_version, x.book_version, x.day, wire::entries(x.limits),
           wire::entries(x.usage));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, validate_answer& x) {
  return f(caf::meta::type_name("validate_answer"), x.check);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permissions_answer& x) {
  return f(caf::meta::type_name("permissions_answer"), x.grant);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permission_checked& x) {
  return f(caf::meta::type_name("permission_checked"), x.allowed, wire::maybe(x.why));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, user_answer& x) {
  return f(caf::meta::type_name("user_answer"), x.user);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, organization_answer& x) {
  return f(caf::meta::type_name("organization_answer"), x.organization);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, account_answer& x) {
  return f(caf::meta::type_name("account_answer"), x.account);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fill_answer& x) {
  return f(caf::meta::type_name("fill_answer"), x.order, x.fill);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, price_answer& x) {
  return f(caf::meta::type_name("price_answer"), x.price, x.at);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, settled& x) {
  return f(caf::meta::type_name("settled"), x.organization, x.accepted, x.settled_seq);
}

// ---- the supervision tree
// --------------------------------------------------------------------------------------------
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, tree_node& x) {
  return f(caf::meta::type_name("tree_node"), x.id, x.kind, x.role, x.shard, x.state, x.restarts, x.failure,
           x.failed_at, x.mailbox, x.oldest_ms, x.messages_per_s, x.children_count, x.children);
}

}  // namespace sb
