#include "app/replay/journal_audit.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "runtime/address.hpp"
#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"

namespace sb::replay {
namespace {

std::string place_of(const journal_row& row) {
  return "shard " + std::to_string(row.shard) + " seq " + std::to_string(row.seq) + " (" + row.stream + ')';
}

/// What a limit is compared with after a reservation; nullopt where the reservation alone does not tell.
std::optional<std::int64_t> measured(limit_type type, const scope_usage& usage, const limit_reserved& reserved) {
  switch (type) {
    case limit_type::single_order_value:
      return saturating_mul(reserved.price, reserved.quantity).ticks;
    case limit_type::daily_value:
      return saturating_add(usage.used, usage.reserved).ticks;
    case limit_type::orders_per_day:
      return usage.orders;
    case limit_type::open_orders:
      return usage.open_orders;
    case limit_type::order_quantity:
      return reserved.quantity;
    case limit_type::allowed_exchanges:
    case limit_type::allowed_symbols:
    case limit_type::allowed_products:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string amount(limit_type type, std::int64_t value) {
  return is_money(type) ? format(money{value}) : std::to_string(value);
}

}  // namespace

std::vector<std::string> broken_limits(const risk_book& book, const limit_reserved& reserved) {
  std::vector<std::string> broken;
  for (const auto scope : scopes_of(book, reserved.user, reserved.account)) {
    const auto limits = book.limits.find(scope);
    if (limits == book.limits.end()) continue;
    for (const auto& limit : limits->second) {
      const auto value = measured(limit.type, usage_of(book, scope), reserved);
      if (!value || *value <= limit.value) continue;
      broken.push_back(std::string{word(scope.kind)} + ' ' + std::to_string(scope.id) + ": " +
                       std::string{word(limit.type)} + ' ' + amount(limit.type, limit.value) +
                       " is exceeded: " + amount(limit.type, *value));
    }
  }
  return broken;
}

std::int64_t journal_audit::seq_of(shard_id shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? 0 : found->second.seq;
}

void journal_audit::take(const journal_row& row) {
  ++row_check_.checked;
  auto& end = shards_[row.shard];
  if (row.seq != end.seq + 1) row_check_.offend(place_of(row) + ": follows seq " + std::to_string(end.seq));
  if (row.epoch < end.epoch) row_check_.offend(place_of(row) + ": its epoch goes back");
  if (chain(end.hash, row) != row.hash) row_check_.offend(place_of(row) + ": its hash does not match");
  end = {row.seq, row.epoch, row.hash};

  auto& version = versions_[row.stream];
  if (row.version != version + 1)
    row_check_.offend(place_of(row) + ": version " + std::to_string(row.version) + " follows " +
                      std::to_string(version));
  version = row.version + row.events - 1;

  const auto key = key_of(row.stream);
  if (!key) return row_check_.offend(place_of(row) + ": no such stream can be");
  if (shard_of(*key) != row.shard) row_check_.offend(place_of(row) + ": its stream belongs to another shard");
  std::string why;
  const auto events = unpack(row.body, why);
  if (!events) return row_check_.offend(place_of(row) + ": " + why);
  if (static_cast<std::int64_t>(events->size()) != row.events)
    row_check_.offend(place_of(row) + ": holds " + std::to_string(events->size()) + " events");
  for (const auto& record : *events) {
    if (key->kind == entity_kind::order) take_order_event(row, key->id, key->organization, record);
    if (key->kind == entity_kind::book) take_book_event(row, key->organization, record);
  }
}

void journal_audit::take_order_event(const journal_row& row, const order_id& id, organization_id organization,
                                     const event_record& record) {
  std::string why;
  const auto event = decode_order_event(record, why);
  if (!event) return row_check_.offend(place_of(row) + ": " + why);
  ++step_check_.checked;
  auto& order = orders_[id];
  ++order.events;
  order.organization = organization;
  const auto to = next_status(order.status, kind_of(*event));
  if (to) {
    order.status = *to;
  } else {
    step_check_.offend(place_of(row) + ": " + record.type + " after " + std::string{word(order.status)});
  }
  if (const auto* requested = std::get_if<order_requested>(&*event)) {
    const auto& command = requested->command;
    if (command.organization != organization) step_check_.offend(place_of(row) + ": names another organization");
    order.account = command.account;
    order.client_order_id = command.client_order_id;
    order.exchange = command.exchange;
    order.symbol = command.symbol;
    order.direction = command.direction;
    order.product = command.product;
    order.quantity = command.quantity;
    order.price = command.price;
  } else if (const auto* accepted = std::get_if<order_accepted>(&*event)) {
    order.broker_order_id = accepted->broker_order_id;
  } else if (std::holds_alternative<order_marked_absent>(*event)) {
    order.was_absent = true;
  } else if (const auto* fill = std::get_if<order_filled>(&*event)) {
    fold_fill(place_of(row), order, *fill);
  }
}

void journal_audit::fold_fill(const std::string& at, audited_order& order, const order_filled& fill) {
  const auto same = [&fill](const audited_fill& known) { return known.fill_id == fill.fill_id; };
  if (std::any_of(order.fills.begin(), order.fills.end(), same))
    step_check_.offend(at + ": fill " + fill.fill_id + " is there twice");
  order.fills.push_back({fill.fill_id, fill.quantity, fill.price});
  order.filled_quantity = saturating_add(order.filled_quantity, fill.quantity);
  if (order.filled_quantity > order.quantity) step_check_.offend(at + ": filled beyond its quantity");
  if (fill.last != (order.filled_quantity == order.quantity))
    step_check_.offend(at + ": the last fill is not the last");
  if (fill.account != order.account || fill.exchange != order.exchange || fill.symbol != order.symbol ||
      fill.direction != order.direction || fill.product != order.product)
    step_check_.offend(at + ": the fill is of another order");
}

void journal_audit::take_book_event(const journal_row& row, organization_id organization, const event_record& record) {
  std::string why;
  const auto event = decode_risk_event(record, why);
  if (!event) return row_check_.offend(place_of(row) + ": " + why);
  auto& book = books_[organization];
  book.organization = organization;
  evolve(book, *event);
  const auto* reserved = std::get_if<limit_reserved>(&*event);
  if (reserved == nullptr) return;
  ++limit_check_.checked;
  for (const auto& broken : broken_limits(book, *reserved))
    limit_check_.offend(place_of(row) + ' ' + reserved->order + ": " + broken);
  auto& order = orders_[reserved->order];
  if (order.reserved) limit_check_.offend(place_of(row) + ' ' + reserved->order + ": reserved twice");
  order.reserved = true;
}

}  // namespace sb::replay
