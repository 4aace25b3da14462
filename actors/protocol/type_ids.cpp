#include "actors/protocol/type_ids.hpp"

#include <caf/actor_system_config.hpp>

namespace sb {

void register_messages(caf::actor_system_config& config) { config.add_message_types<caf::id_block::stocksblitz>(); }

}  // namespace sb
