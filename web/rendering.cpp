#include "web/rendering.hpp"

#include <algorithm>

#include "domain/positions/position.hpp"
#include "web/date_time.hpp"

namespace sb::web {
namespace {

void write_text_or_null(json_writer& out, std::string_view name, std::string_view text) {
  out.key(name);
  if (text.empty()) {
    out.null();
  } else {
    out.string(text);
  }
}

limit_amount amount_of(limit_type type, std::int64_t value) {
  if (is_money(type)) return money{value};
  return value;
}

std::string text_of(limit_type type, std::int64_t value, const std::string& currency) {
  return is_money(type) ? format(money{value}) + ' ' + currency : std::to_string(value);
}

problem_code exceeded_code(limit_type type) {
  switch (type) {
    case limit_type::single_order_value:
      return problem_code::limit_single_order_value_exceeded;
    case limit_type::daily_value:
      return problem_code::limit_daily_value_exceeded;
    case limit_type::orders_per_day:
      return problem_code::limit_orders_per_day_exceeded;
    case limit_type::open_orders:
      return problem_code::limit_open_orders_exceeded;
    case limit_type::order_quantity:
      return problem_code::limit_order_quantity_exceeded;
    case limit_type::allowed_exchanges:
      return problem_code::limit_exchange_not_allowed;
    case limit_type::allowed_symbols:
      return problem_code::limit_symbol_not_allowed;
    case limit_type::allowed_products:
      return problem_code::limit_product_not_allowed;
  }
  return problem_code::limit_exceeded;
}

}  // namespace

void write_order(json_writer& out, const order_id& id, organization_id organization, const order_state& order,
                 std::optional<money> held) {
  const auto& command = order.command;
  out.begin_object();
  out.member("order_id", std::string_view{id});
  out.member("client_order_id", std::string_view{command.client_order_id});
  out.member("organization_id", organization).member("user_id", command.user);
  out.member("trading_account_id", command.account);
  out.member("exchange", std::string_view{command.exchange}).member("symbol", std::string_view{command.symbol});
  out.member("trade_type", word(command.direction)).member("order_type", word(command.type));
  out.member("product_type", word(command.product)).member("validity", word(command.valid));
  out.member("quantity", command.quantity).member("price", command.price);
  out.member("state", word(order.status)).member("cancel_requested", order.cancel_requested);
  write_text_or_null(out, "broker_order_id", order.broker_order_id);
  out.member("filled_quantity", order.filled_quantity).member("pending_quantity", pending_quantity(order));
  out.member("average_price", average_price(order));
  write_text_or_null(out, "reason", order.reason);
  const auto denied = denial_code(order);
  write_text_or_null(out, "reason_code", denied ? entry_of(*denied).text : std::string_view{order.reason_code});
  if (held) out.key("reservation").begin_object().member("reserved", *held).end_object();
  out.member("degraded", false).member("version", order.version);
  out.member("created_at", order.created_at).member("updated_at", order.updated_at);
  out.member("trading_day", std::string_view{format_date(order.day)});
  out.end_object();
}

void write_roles(json_writer& out, role_set roles) {
  out.key("roles").begin_array();
  for (const auto text : words(roles)) out.string(text);
  out.end_array();
}

void write_user(json_writer& out, organization_id organization, const user_state& user, const person_record& person) {
  out.begin_object().member("user_id", user.user).member("organization_id", organization);
  out.member("email", std::string_view{person.email});
  write_text_or_null(out, "display_name", person.display_name);
  const auto all = words(user.roles);
  write_text_or_null(out, "role", all.empty() ? std::string_view{} : all.front());
  write_roles(out, user.roles);
  out.member("active", user.active).member("created_at", user.created_at).end_object();
}

void write_organization(json_writer& out, const organization_state& organization) {
  out.begin_object().member("organization_id", organization.organization);
  out.member("name", std::string_view{organization.name}).member("created_at", organization.created_at).end_object();
}

void write_account(json_writer& out, organization_id organization, const account_state& account) {
  out.begin_object().member("trading_account_id", account.account).member("organization_id", organization);
  out.member("name", std::string_view{account.name}).member("broker", std::string_view{account.broker});
  out.member("created_at", account.created_at).end_object();
}

void write_grant(json_writer& out, const permission_grant& grant) {
  out.begin_object().member("user_id", grant.user).key("actions").begin_array();
  if (grant.place_order) out.string(word(trade_action::place_order));
  if (grant.cancel_order) out.string(word(trade_action::cancel_order));
  if (grant.view) out.string(word(trade_action::view));
  out.end_array().key("trading_account_ids").begin_array();
  for (const auto account : grant.accounts) out.integer(account.value);
  out.end_array().end_object();
}

void write_position(json_writer& out, const position_record& held, money last_price, trading_day today) {
  // The row was written by its last fill: on a later day nothing has been traded yet.
  const bool traded_today = held.day == today;
  position open;
  open.net_quantity = held.net_quantity;
  open.net_cost = held.net_cost;
  const bool priced = last_price.ticks > 0;
  out.begin_object()
      .member("exchange", std::string_view{held.exchange})
      .member("symbol", std::string_view{held.symbol});
  out.member("product_type", word(held.product)).member("net_quantity", held.net_quantity);
  out.member("average_price", held.average_price);
  out.member("day_buy_quantity", traded_today ? held.day_buy_quantity : 0);
  out.member("day_sell_quantity", traded_today ? held.day_sell_quantity : 0);
  out.member("day_buy_value", traded_today ? held.day_buy_value : money{});
  out.member("day_sell_value", traded_today ? held.day_sell_value : money{});
  out.member("realized_pnl", held.realized);
  out.member("unrealized_pnl",
             priced || held.net_quantity == 0 ? std::optional{unrealized(open, last_price)} : std::nullopt);
  out.member("last_price", priced ? std::optional{last_price} : std::nullopt);
  out.member("trading_day", std::string_view{format_date(today)}).end_object();
}

void write_timeline_event(json_writer& out, const timeline_record& event) {
  constexpr std::string_view kinds[] = {"system", "user", "service"};
  const auto& by = event.event.by;
  out.begin_object().member("seq", event.seq).member("version", event.version);
  out.member("type", std::string_view{event.event.type}).member("at", event.at);
  out.key("by").begin_object().member("kind", kinds[static_cast<std::size_t>(by.who)]);
  out.member("user_id", by.user ? std::optional{by.user.value} : std::nullopt).end_object();
  out.key("body").raw(event.event.body.empty() ? std::string_view{"{}"} : std::string_view{event.event.body});
  out.end_object();
}

void write_tree(json_writer& out, const tree_node& node, std::int64_t depth_max) {
  const std::string_view id = node.id;
  out.begin_object().member("id", id).member("kind", std::string_view{node.kind});
  write_text_or_null(out, "role", node.role);
  out.member("node", id.substr(0, id.find('/')));
  out.member("shard", node.shard >= 0 ? std::optional{node.shard} : std::nullopt);
  out.member("state", std::string_view{node.state}).member("restarts", node.restarts);
  out.key("last_failure");
  if (node.failure.empty()) {
    out.null();
  } else {
    out.begin_object().member("reason", std::string_view{node.failure}).member("at", node.failed_at).end_object();
  }
  out.member("mailbox", node.mailbox).member("oldest_ms", node.oldest_ms);
  out.member("messages_per_s", node.messages_per_s);
  const bool listed = depth_max > 0;
  const auto unlisted = listed ? 0 : static_cast<std::int64_t>(node.children.size());
  out.member("children_count", node.children_count + unlisted).key("children").begin_array();
  if (listed) {
    for (const auto& child : node.children) write_tree(out, child, depth_max - 1);
  }
  out.end_array().end_object();
}

problem_code code_for(const sb::violation& found) {
  switch (found.failed) {
    case check::permission:
      return problem_code::perm_not_granted;
    case check::limit:
    case check::not_allowed:
      return exceeded_code(found.type);
    case check::deadline_passed:
    case check::attempt_closed:
      return problem_code::risk_unavailable;
  }
  return problem_code::limit_exceeded;
}

violation violation_of(const sb::violation& found) {
  violation out;
  out.code = code_for(found);
  out.scope = word(found.scope.kind);
  out.scope_id = found.scope.id;
  out.word = found.word;
  if (found.failed == check::not_allowed) out.limit_type = word(found.type);
  if (found.failed != check::limit) return out;
  const auto projected = saturating_add(found.usage, found.attempted);
  out.limit_type = word(found.type);
  out.limit_value = amount_of(found.type, found.limit);
  out.current_usage = amount_of(found.type, found.usage);
  out.attempted_value = amount_of(found.type, found.attempted);
  out.projected_usage = amount_of(found.type, projected);
  out.breach_amount = amount_of(found.type, std::max<std::int64_t>(0, saturating_add(projected, -found.limit)));
  out.head_room = amount_of(found.type, found.head_room);
  return out;
}

std::string describe(const sb::violation& found, const std::string& currency) {
  const auto whose = std::string{word(found.scope.kind)} + ' ' + std::to_string(found.scope.id);
  switch (found.failed) {
    case check::permission:
      return "The permission " + found.word + " is not granted to " + whose + '.';
    case check::limit:
      return std::string{word(found.type)} + " of " + whose + " would be exceeded: limit " +
             text_of(found.type, found.limit, currency) + ", used " + text_of(found.type, found.usage, currency) +
             ", attempted " + text_of(found.type, found.attempted, currency) + '.';
    case check::not_allowed:
      return found.word + " is not among the " + std::string{word(found.type)} + " of " + whose + '.';
    case check::deadline_passed:
    case check::attempt_closed:
      return "The risk check was not answered in time.";
  }
  return {};
}

std::optional<problem_code> denial_code(const order_state& order) {
  switch (order.denied_because) {
    case denial::none:
      return std::nullopt;
    case denial::limits:
      return order.violations.empty() ? problem_code::limit_exceeded : code_for(order.violations.front());
    case denial::no_reference_price:
      return problem_code::risk_no_reference_price;
    case denial::risk_unavailable:
    case denial::never_requested:
      return problem_code::risk_unavailable;
    case denial::not_sent:
      return problem_code::broker_unavailable;
    case denial::market_closed:
      return problem_code::state_market_closed;
  }
  return std::nullopt;
}

problem denial_problem(const order_state& order, const std::string& currency) {
  problem why;
  why.code = denial_code(order).value_or(problem_code::limit_exceeded);
  why.stored_denial = true;
  why.detail = order.violations.empty() ? order.reason : describe(order.violations.front(), currency);
  for (const auto& each : order.violations) why.violations.push_back(violation_of(each));
  why.quantity_max = order.quantity_max;
  return why;
}

}  // namespace sb::web
