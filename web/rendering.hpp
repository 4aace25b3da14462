#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "actors/protocol/tree_node.hpp"
#include "domain/limits/risk_book.hpp"
#include "domain/orders/order.hpp"
#include "runtime/messages.hpp"
#include "web/backend.hpp"
#include "web/json_writer.hpp"
#include "web/problem.hpp"

/// How the product's values look outside. Pure; the shapes are those of web/answer_types.hpp.
namespace sb::web {

/// `held`: capacity in the risk book, where the answer comes from the order itself and not from a projection.
void write_order(json_writer& out, const order_id& id, organization_id organization, const order_state& order,
                 std::optional<money> held);
void write_user(json_writer& out, organization_id organization, const user_state& user, const person_record& person);
void write_organization(json_writer& out, const organization_state& organization);
void write_account(json_writer& out, organization_id organization, const account_state& account);
void write_grant(json_writer& out, const permission_grant& grant);
void write_roles(json_writer& out, role_set roles);
void write_position(json_writer& out, const position_record& held, money last_price, trading_day today);
void write_timeline_event(json_writer& out, const timeline_record& event);
/// `depth_max` levels below this one are listed, the rest is counted.
void write_tree(json_writer& out, const tree_node& node, std::int64_t depth_max);

/// The risk book's finding with the API's code and typed amounts.
violation violation_of(const sb::violation& found);
/// "daily_trading_limit of organization 1 would be exceeded: limit 50000.00 INR, used ..."
std::string describe(const sb::violation& found, const std::string& currency);
problem_code code_for(const sb::violation& found);

/// Why a denied order was denied; nullopt where only the projection is known, which does not keep it.
std::optional<problem_code> denial_code(const order_state& order);
/// The 403 for an order that is stored as denied.
problem denial_problem(const order_state& order, const std::string& currency);

}  // namespace sb::web
