#pragma once
#include <vector>

#include "runtime/messages.hpp"
#include "storage/journal.hpp"

namespace sb {

/// Reads what look_up_out asks for. Throws storage_unavailable.
orders_looked_up look_up(journal& store, organization_id organization, const std::vector<order_id>& orders,
                         deadline within);

}  // namespace sb
