#pragma once
#include <cstdint>
#include <memory>

#include "runtime/entity.hpp"
#include "runtime/order_entity.hpp"

namespace sb {

/// The entities of the trade role: trading accounts and orders.
std::unique_ptr<entity> make_trade_side(const entity_key& key, const order_rules& rules, std::uint64_t incarnation);

}  // namespace sb
