#pragma once
#include "storage/event_record.hpp"

namespace sb {

/// The row's link in its shard's chain: SHA-256 of previous ‖ shard ‖ seq ‖ epoch ‖ at ‖ version ‖ events ‖ stream ‖
/// body, integers as 8 bytes big endian and strings with their length before them.
digest chain(const digest& previous, const journal_row& row);

/// SHA-256 of any bytes.
digest sha256(std::string_view bytes);

}  // namespace sb
