#pragma once
#include <caf/fwd.hpp>
#include <caf/type_id.hpp>
#include <variant>

#include "actors/protocol/inspect.hpp"

/// The single place where message types are registered. New types go at the end of the block.
CAF_BEGIN_TYPE_ID_BLOCK(stocksblitz, caf::first_custom_type_id)

// what surrounds messages, and the journal
CAF_ADD_TYPE_ID(stocksblitz, (sb::envelope))
CAF_ADD_TYPE_ID(stocksblitz, (sb::requester))
CAF_ADD_TYPE_ID(stocksblitz, (sb::entity_key))
CAF_ADD_TYPE_ID(stocksblitz, (sb::principal))
CAF_ADD_TYPE_ID(stocksblitz, (sb::event_record))
CAF_ADD_TYPE_ID(stocksblitz, (sb::journal_row))
// to entities: the alternatives of sb::message
CAF_ADD_TYPE_ID(stocksblitz, (sb::place_order))
CAF_ADD_TYPE_ID(stocksblitz, (sb::cancel_order))
CAF_ADD_TYPE_ID(stocksblitz, (sb::get_order))
CAF_ADD_TYPE_ID(stocksblitz, (sb::reserve_answered))
CAF_ADD_TYPE_ID(stocksblitz, (sb::close_answered))
CAF_ADD_TYPE_ID(stocksblitz, (sb::probe_order))
CAF_ADD_TYPE_ID(stocksblitz, (sb::broker_answered))
CAF_ADD_TYPE_ID(stocksblitz, (sb::broker_reported))
CAF_ADD_TYPE_ID(stocksblitz, (sb::reserve_request))
CAF_ADD_TYPE_ID(stocksblitz, (sb::close_request))
CAF_ADD_TYPE_ID(stocksblitz, (sb::settle_request))
CAF_ADD_TYPE_ID(stocksblitz, (sb::ask_settled))
CAF_ADD_TYPE_ID(stocksblitz, (sb::set_limits_request))
CAF_ADD_TYPE_ID(stocksblitz, (sb::get_limits))
CAF_ADD_TYPE_ID(stocksblitz, (sb::validate_order))
CAF_ADD_TYPE_ID(stocksblitz, (sb::set_permissions_request))
CAF_ADD_TYPE_ID(stocksblitz, (sb::get_permissions))
CAF_ADD_TYPE_ID(stocksblitz, (sb::check_permission_request))
CAF_ADD_TYPE_ID(stocksblitz, (sb::probe_answered))
CAF_ADD_TYPE_ID(stocksblitz, (sb::create_user))
CAF_ADD_TYPE_ID(stocksblitz, (sb::get_user))
CAF_ADD_TYPE_ID(stocksblitz, (sb::create_organization))
CAF_ADD_TYPE_ID(stocksblitz, (sb::get_organization))
CAF_ADD_TYPE_ID(stocksblitz, (sb::open_account))
CAF_ADD_TYPE_ID(stocksblitz, (sb::get_account))
CAF_ADD_TYPE_ID(stocksblitz, (sb::alarm))
// to the broker
CAF_ADD_TYPE_ID(stocksblitz, (sb::broker_call))
CAF_ADD_TYPE_ID(stocksblitz, (sb::paper_fill))
// to market data
CAF_ADD_TYPE_ID(stocksblitz, (sb::price_query))
// the alternatives of sb::answer: given to functions inside a node (only settled is sent), and fit to leave it
CAF_ADD_TYPE_ID(stocksblitz, (sb::rejected))
CAF_ADD_TYPE_ID(stocksblitz, (sb::order_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::order_stored))
CAF_ADD_TYPE_ID(stocksblitz, (sb::limits_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::validate_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::permissions_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::permission_checked))
CAF_ADD_TYPE_ID(stocksblitz, (sb::user_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::organization_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::account_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::fill_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::price_answer))
CAF_ADD_TYPE_ID(stocksblitz, (sb::settled))
// the supervision tree
CAF_ADD_TYPE_ID(stocksblitz, (sb::tree_node))
// to entities, added later
CAF_ADD_TYPE_ID(stocksblitz, (sb::orders_seen))
CAF_ADD_TYPE_ID(stocksblitz, (sb::orders_looked_up))

CAF_END_TYPE_ID_BLOCK(stocksblitz)

namespace sb::wire {

template <class Variant>
inline constexpr bool registered = false;
template <class... Alternatives>
inline constexpr bool registered<std::variant<Alternatives...>> = (caf::has_type_id<Alternatives>::value && ...);

static_assert(registered<message>, "an alternative of sb::message is missing above");
static_assert(registered<answer>, "an alternative of sb::answer is missing above");

}  // namespace sb::wire

namespace sb {

/// Makes every message type known to the actor system that `config` will start: without it a message cannot be read
/// from another node.
void register_messages(caf::actor_system_config& config);

}  // namespace sb
