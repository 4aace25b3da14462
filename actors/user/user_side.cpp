#include "actors/user/user_side.hpp"

#include <stdexcept>

#include "runtime/tenant_entities.hpp"

namespace sb {

std::unique_ptr<entity> make_user_side(const entity_key& key, const book_rules& rules, const snapshot_places& places) {
  switch (key.kind) {
    case entity_kind::user:
      return std::make_unique<user_entity>(key);
    case entity_kind::organization:
      return std::make_unique<organization_entity>(key);
    case entity_kind::book:
      return std::make_unique<book_entity>(key, rules, places);
    case entity_kind::account:
    case entity_kind::order:
      break;
  }
  throw std::logic_error{"not an entity of the user role: " + stream_of(key)};
}

}  // namespace sb
