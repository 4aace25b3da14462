#pragma once
#include <memory>

#include "runtime/book_entity.hpp"
#include "runtime/entity.hpp"

namespace sb {

/// The entities of the user role: users, organizations and their risk books.
std::unique_ptr<entity> make_user_side(const entity_key& key, const book_rules& rules, const snapshot_places& places);

}  // namespace sb
