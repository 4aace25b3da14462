#include "app/replay/checks.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sb::replay {
namespace {

using answer = acknowledged_order::answer;
using broker::book_state;

check_result sentence(std::string text) { return {std::move(text), 0, 0, {}}; }

bool waits_for_outcome(order_status status) {
  return status == order_status::pending_new || status == order_status::unknown;
}

/// What is wrong with one acknowledged order; nullopt when nothing is.
std::optional<std::string> contradiction(const audited_order& stored, const acknowledged_order& told) {
  // Capacity was reserved for an intent that was never stored: the order refused itself for ever, whoever asks.
  const bool refused_itself = stored.status == order_status::denied && stored.client_order_id.empty();
  if (refused_itself && told.placed == answer::denied) return std::nullopt;
  if (stored.status == order_status::none || stored.client_order_id.empty()) return "it was never requested";
  if (stored.client_order_id != told.client_order_id || stored.organization != told.organization ||
      stored.account != told.account || stored.exchange != told.exchange || stored.symbol != told.symbol ||
      stored.direction != told.direction || stored.quantity != told.quantity || stored.price != told.price)
    return "it is not what was sent";
  const bool denied = stored.status == order_status::denied;
  if (told.placed == answer::denied && !denied) return "answered as denied, but " + std::string{word(stored.status)};
  if (told.placed == answer::accepted && denied) return "answered as accepted, but denied";
  if (told.canceled && stored.status != order_status::canceled && stored.status != order_status::filled)
    return "answered as canceled, but " + std::string{word(stored.status)};
  for (const auto& fill : told.fills) {
    const bool found = std::any_of(stored.fills.begin(), stored.fills.end(), [&fill](const audited_fill& known) {
      return known.fill_id == fill.fill_id && known.quantity == fill.quantity && known.price == fill.price;
    });
    if (!found) return "the acknowledged fill " + fill.fill_id + " is missing";
  }
  return std::nullopt;
}

bool same_state(order_status ours, book_state theirs) {
  switch (theirs) {
    case book_state::working:
      return is_working(ours);
    case book_state::filled:
      return ours == order_status::filled;
    case book_state::canceled:
      return ours == order_status::canceled;
    case book_state::expired:
      return ours == order_status::expired;
    case book_state::rejected:
      return ours == order_status::rejected;
  }
  return false;
}

std::string_view word_of(book_state state) {
  switch (state) {
    case book_state::working:
      return "working";
    case book_state::filled:
      return "filled";
    case book_state::canceled:
      return "canceled";
    case book_state::expired:
      return "expired";
    case book_state::rejected:
      return "rejected";
  }
  return {};
}

bool same_fills(const audited_order& ours, const broker::book_order& theirs) {
  if (ours.fills.size() != theirs.fills.size()) return false;
  return std::all_of(theirs.fills.begin(), theirs.fills.end(), [&ours](const broker::fill& fill) {
    return std::any_of(ours.fills.begin(), ours.fills.end(), [&fill](const audited_fill& known) {
      return known.fill_id == fill.fill_id && known.quantity == fill.quantity && known.price == fill.price;
    });
  });
}

std::optional<std::string> disagreement(const audited_order& ours, const broker::book_order& theirs) {
  if (!same_state(ours.status, theirs.state))
    return std::string{word(ours.status)} + " here, " + std::string{word_of(theirs.state)} + " there";
  if (!same_fills(ours, theirs))
    return "filled " + std::to_string(ours.filled_quantity) + " here, " + std::to_string(theirs.filled_quantity) +
           " there";
  const auto& sent = theirs.order;
  if (sent.organization != ours.organization || sent.account != ours.account || sent.exchange != ours.exchange ||
      sent.symbol != ours.symbol || sent.direction != ours.direction || sent.product != ours.product ||
      sent.quantity != ours.quantity || sent.price != ours.price)
    return "the broker has another order under this id";
  if (theirs.state != book_state::rejected && ours.broker_order_id != theirs.broker_order_id)
    return "broker id " + ours.broker_order_id + " here, " + theirs.broker_order_id + " there";
  return std::nullopt;
}

/// The broker has, or had, this order, as far as the journal knows.
bool known_at_broker(const audited_order& order) { return !order.broker_order_id.empty() || !order.fills.empty(); }

void add_fill(net_positions& into, position_key key, side direction, std::int64_t quantity) {
  auto& net = into[std::move(key)];
  net = saturating_add(net, direction == side::buy ? quantity : -quantity);
}

void drop_flat(net_positions& positions) {
  std::erase_if(positions, [](const auto& item) { return item.second == 0; });
}

std::int64_t quantity_at(const net_positions& positions, const position_key& key) {
  const auto found = positions.find(key);
  return found == positions.end() ? 0 : found->second;
}

}  // namespace

check_result check_acknowledged(const journal_audit& journal, std::span<const acknowledged_order> orders) {
  auto result = sentence("every acknowledged order is in the journal as it was answered");
  for (const auto& told : orders) {
    if (told.placed == answer::none) continue;
    ++result.checked;
    const auto stored = journal.orders().find(told.id);
    if (stored == journal.orders().end()) {
      result.offend(told.id + " (" + told.client_order_id + "): it is not there");
    } else if (const auto wrong = contradiction(stored->second, told)) {
      result.offend(told.id + " (" + told.client_order_id + "): " + *wrong);
    }
  }
  return result;
}

check_result check_at_most_once(const journal_audit& journal, const paper_log_summary& broker) {
  auto result = sentence("each order is at most once at the broker, under a reservation");
  std::unordered_set<std::string_view> seen;
  for (const auto& theirs : broker.orders) {
    ++result.checked;
    const auto& id = theirs.order.id;
    if (!seen.insert(id).second) result.offend(id + ": there again as " + theirs.broker_order_id);
    const auto ours = journal.orders().find(id);
    if (ours == journal.orders().end() || !ours->second.reserved) result.offend(id + ": nothing was reserved for it");
  }
  return result;
}

check_result check_broker_agrees(const journal_audit& journal, const paper_log_summary& broker) {
  auto result = sentence("journal and broker agree on every order's state and fills");
  std::unordered_set<std::string_view> there;
  for (const auto& theirs : broker.orders) {
    ++result.checked;
    there.insert(theirs.order.id);
    const auto ours = journal.orders().find(theirs.order.id);
    if (ours == journal.orders().end()) {
      result.offend(theirs.order.id + ": only the broker knows it");
    } else if (const auto wrong = disagreement(ours->second, theirs)) {
      result.offend(theirs.order.id + ": " + *wrong);
    }
  }
  for (const auto& [id, order] : journal.orders()) {
    if (known_at_broker(order) && !there.contains(id)) result.offend(id + ": the broker does not know it");
  }
  return result;
}

check_result check_no_open_work(const journal_audit& journal) {
  auto result = sentence("no order waits for its outcome");
  for (const auto& [id, order] : journal.orders()) {
    ++result.checked;
    if (waits_for_outcome(order.status)) result.offend(id + ": " + std::string{word(order.status)});
    if (order.status == order_status::none) result.offend(id + ": reserved, but neither requested nor denied");
  }
  return result;
}

check_result check_reservations(const journal_audit& journal) {
  auto result = sentence("capacity is held for the working orders and no others");
  std::unordered_map<std::string_view, const reservation*> held;
  for (const auto& [organization, book] : journal.books()) {
    for (const auto& [id, item] : book.reservations) {
      if (item.state != reservation_state::held) continue;
      ++result.checked;
      held.emplace(id, &item);
      const auto order = journal.orders().find(id);
      if (order == journal.orders().end() ||
          (!is_working(order->second.status) && !waits_for_outcome(order->second.status))) {
        result.offend(id + ": held for an order that is " +
                      (order == journal.orders().end() ? "unknown" : std::string{word(order->second.status)}));
      } else if (item.filled != order->second.filled_quantity) {
        result.offend(id + ": the book has settled " + std::to_string(item.filled) + " of " +
                      std::to_string(order->second.filled_quantity) + " filled");
      }
    }
  }
  for (const auto& [id, order] : journal.orders()) {
    if (is_working(order.status) && !order.was_absent && !held.contains(id))
      result.offend(id + ": working, but nothing is held for it");
  }
  return result;
}

check_result check_working_orders(const journal_audit& journal, const paper_log_summary& broker) {
  auto result = sentence("the working orders are those that work at the broker");
  std::unordered_set<std::string_view> there;
  for (const auto& theirs : broker.orders) {
    if (theirs.state == book_state::working) there.insert(theirs.order.id);
  }
  for (const auto& [id, order] : journal.orders()) {
    if (!is_working(order.status)) continue;
    ++result.checked;
    if (there.erase(id) == 0) result.offend(id + ": works only in the journal");
  }
  for (const auto id : there) result.offend(std::string{id} + ": works only at the broker");
  return result;
}

net_positions positions_of(const journal_audit& journal) {
  net_positions positions;
  for (const auto& [id, order] : journal.orders()) {
    if (order.filled_quantity != 0)
      add_fill(positions, {order.account, order.exchange, order.symbol, order.product}, order.direction,
               order.filled_quantity);
  }
  drop_flat(positions);
  return positions;
}

net_positions positions_of(const paper_log_summary& broker) {
  net_positions positions;
  for (const auto& theirs : broker.orders) {
    const auto& sent = theirs.order;
    if (theirs.filled_quantity != 0)
      add_fill(positions, {sent.account, sent.exchange, sent.symbol, sent.product}, sent.direction,
               theirs.filled_quantity);
  }
  drop_flat(positions);
  return positions;
}

check_result check_positions(const net_positions& journal, const net_positions& broker,
                             const net_positions& projected) {
  auto result = sentence("positions of journal, broker and projection are equal");
  std::set<position_key> keys;
  for (const auto* positions : {&journal, &broker, &projected}) {
    for (const auto& [key, quantity] : *positions) keys.insert(key);
  }
  for (const auto& key : keys) {
    ++result.checked;
    const auto ours = quantity_at(journal, key);
    const auto theirs = quantity_at(broker, key);
    const auto shown = quantity_at(projected, key);
    if (ours == theirs && ours == shown) continue;
    result.offend("account " + std::to_string(key.account.value) + ' ' + key.exchange + ':' + key.symbol + ' ' +
                  std::string{word(key.product)} + ": journal " + std::to_string(ours) + ", broker " +
                  std::to_string(theirs) + ", projection " + std::to_string(shown));
  }
  return result;
}

check_result check_projected_orders(const journal_audit& journal, std::span<const projected_order> rows) {
  auto result = sentence("the orders' projection shows every order as the journal has it");
  std::unordered_map<std::string_view, const projected_order*> shown;
  for (const auto& row : rows) shown.emplace(row.id, &row);
  for (const auto& [id, order] : journal.orders()) {
    if (order.client_order_id.empty()) continue;  // denied without ever being requested: nobody asks for it
    ++result.checked;
    const auto row = shown.find(id);
    if (row == shown.end()) {
      result.offend(id + ": no row");
    } else if (row->second->state != word(order.status) || row->second->filled_quantity != order.filled_quantity) {
      result.offend(id + ": " + row->second->state + " filled " + std::to_string(row->second->filled_quantity) +
                    ", in the journal " + std::string{word(order.status)} + " filled " +
                    std::to_string(order.filled_quantity));
    }
  }
  return result;
}

std::string format_check(const check_result& result) {
  std::string text = result.holds() ? "OK      " : "FAILED  ";
  text += result.sentence + " (";
  if (!result.holds()) text += std::to_string(result.failed) + " wrong, ";
  text += std::to_string(result.checked) + " checked)\n";
  for (const auto& who : result.offenders) text += "          " + who + '\n';
  return text;
}

}  // namespace sb::replay
