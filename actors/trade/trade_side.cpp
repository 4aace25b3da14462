#include "actors/trade/trade_side.hpp"

#include <stdexcept>

#include "runtime/tenant_entities.hpp"

namespace sb {

std::unique_ptr<entity> make_trade_side(const entity_key& key, const order_rules& rules, std::uint64_t incarnation) {
  switch (key.kind) {
    case entity_kind::account:
      return std::make_unique<account_entity>(key);
    case entity_kind::order:
      return std::make_unique<order_entity>(key, rules, incarnation);
    case entity_kind::user:
    case entity_kind::organization:
    case entity_kind::book:
      break;
  }
  throw std::logic_error{"not an entity of the trade role: " + stream_of(key)};
}

}  // namespace sb
