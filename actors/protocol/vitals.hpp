#pragma once
#include <caf/scheduled_actor.hpp>
#include <cstdint>
#include <string>

#include "actors/protocol/node_messages.hpp"

namespace sb {

/// What an actor can say of itself: CAF neither counts messages nor tells mailbox sizes. Lives in the actor's state,
/// counts in its handlers.
class vitals {
 public:
  vitals() = default;
  vitals(std::string id, std::string kind, std::string role = "", std::int32_t shard = -1)
      : id_{std::move(id)}, kind_{std::move(kind)}, role_{std::move(role)}, shard_{shard} {}

  void count() { ++handled_; }
  const std::string& id() const { return id_; }

  tree_node describe(caf::scheduled_actor* self, const tree_ask& ask, boot_ms now) {
    tree_node node;
    node.id = id_;
    node.kind = kind_;
    node.role = role_;
    node.shard = shard_;
    node.mailbox = static_cast<std::int64_t>(self->mailbox().size());
    node.oldest_ms = ask.sent.value > 0 ? now.value - ask.sent.value : 0;
    const auto elapsed = now.value - described_.value;
    if (described_.value > 0 && elapsed > 0) node.messages_per_s = (handled_ - handled_then_) * 1000 / elapsed;
    described_ = now;
    handled_then_ = handled_;
    return node;
  }

 private:
  std::string id_;
  std::string kind_;
  std::string role_;
  std::int32_t shard_ = -1;
  std::int64_t handled_ = 0;
  std::int64_t handled_then_ = 0;
  boot_ms described_;
};

}  // namespace sb
