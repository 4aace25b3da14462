#include <utility>

#include "actors/projection/projection_actor.hpp"

namespace sb {

postgres::order_row row_of(projected_order&& projected) {
  auto& order = projected.state;
  auto& c = order.command;
  postgres::order_row row;
  row.id = std::move(projected.id);
  row.organization = projected.organization;
  row.user = c.user;
  row.account = c.account;
  row.client_order_id = std::move(c.client_order_id);
  row.exchange = std::move(c.exchange);
  row.symbol = std::move(c.symbol);
  row.side = word(c.direction);
  row.order_type = word(c.type);
  row.product_type = word(c.product);
  row.validity = word(c.valid);
  row.quantity = c.quantity;
  row.price = c.price;
  row.state = word(order.status);
  row.cancel_requested = order.cancel_requested;
  row.broker_order_id = std::move(order.broker_order_id);
  row.filled_quantity = order.filled_quantity;
  row.average_price = average_price(order);
  row.reason = std::move(order.reason);
  row.version = order.version;
  row.created_at = order.created_at;
  row.updated_at = order.updated_at;
  row.day = order.day;
  row.shard = projected.shard;
  row.seq = projected.seq;
  return row;
}

order_state state_of(const postgres::order_row& row) {
  order_state order;
  auto& c = order.command;
  c.organization = row.organization;
  c.user = row.user;
  c.account = row.account;
  c.client_order_id = row.client_order_id;
  c.exchange = row.exchange;
  c.symbol = row.symbol;
  c.direction = side_from(row.side).value_or(side::buy);
  c.type = order_type_from(row.order_type).value_or(order_type::limit);
  c.product = product_type_from(row.product_type).value_or(product_type::intraday);
  c.valid = validity_from(row.validity).value_or(validity::day);
  c.quantity = row.quantity;
  c.price = row.price;
  order.status = order_status_from(row.state).value_or(order_status::none);
  order.cancel_requested = row.cancel_requested;
  order.broker_order_id = row.broker_order_id;
  order.filled_quantity = row.filled_quantity;
  order.filled_value = saturating_mul(row.average_price, row.filled_quantity);
  order.reason = row.reason;
  order.version = row.version;
  order.created_at = row.created_at;
  order.updated_at = row.updated_at;
  order.day = row.day;
  return order;
}

postgres::position_row row_of(const projected_position& projected) {
  const auto& held = projected.held;
  postgres::position_row row;
  row.organization = projected.key.owner.organization;
  row.account = projected.key.owner.account;
  row.exchange = projected.key.exchange;
  row.symbol = projected.key.symbol;
  row.product_type = word(projected.key.product);
  row.day = held.day;
  row.day_buy_quantity = held.day_buy_quantity;
  row.day_sell_quantity = held.day_sell_quantity;
  row.day_buy_value = held.day_buy_value;
  row.day_sell_value = held.day_sell_value;
  row.net_buy_quantity = held.net_buy_quantity;
  row.net_sell_quantity = held.net_sell_quantity;
  row.net_buy_value = held.net_buy_value;
  row.net_sell_value = held.net_sell_value;
  row.net_quantity = held.net_quantity;
  row.average_price = average_price(held);
  row.realized_pnl = held.realized;
  row.shard = shard_of(shard_role::trade, projected.key.owner.organization);
  row.seq = projected.seq;
  return row;
}

std::optional<position_key> key_of(const postgres::position_row& row) {
  const auto product = product_type_from(row.product_type);
  if (!product) return std::nullopt;
  return position_key{{row.organization, row.account}, row.exchange, row.symbol, *product};
}

position position_of(const postgres::position_row& row) {
  position held;
  held.day = row.day;
  held.day_buy_quantity = row.day_buy_quantity;
  held.day_sell_quantity = row.day_sell_quantity;
  held.day_buy_value = row.day_buy_value;
  held.day_sell_value = row.day_sell_value;
  held.net_buy_quantity = row.net_buy_quantity;
  held.net_sell_quantity = row.net_sell_quantity;
  held.net_buy_value = row.net_buy_value;
  held.net_sell_value = row.net_sell_value;
  held.net_quantity = row.net_quantity;
  held.realized = row.realized_pnl;
  // What the open quantity cost: all that was paid and received, less what has been realized of it.
  held.net_cost = saturating_add(saturating_add(row.net_buy_value, {-row.net_sell_value.ticks}), row.realized_pnl);
  return held;
}

}  // namespace sb
