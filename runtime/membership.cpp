#include "runtime/membership.hpp"

namespace sb {

void membership::observe(const std::vector<node_heartbeat>& counters, boot_ms now) {
  if (!read_) first_read_ = now;
  read_ = true;
  for (const auto& beat : counters) {
    auto [node, first] = nodes_.try_emplace(beat.node, seen{beat.incarnation, beat.counter, now});
    if (first) continue;
    if (node->second.incarnation != beat.incarnation || node->second.counter != beat.counter) {
      node->second = {beat.incarnation, beat.counter, now};
    }
  }
}

void membership::blind(boot_ms now) {
  first_read_ = now;
  for (auto& [name, node] : nodes_) node.changed = now;
}

bool membership::dead(const std::string& node, std::int64_t incarnation, boot_ms now) const {
  if (!read_) return false;
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return now.value - first_read_.value >= times_.ttl_ms;
  if (found->second.incarnation > incarnation) return true;  // a later incarnation of it is running: that one is over
  if (found->second.incarnation < incarnation) return false;
  return now.value - found->second.changed.value >= times_.ttl_ms;
}

std::int64_t membership::counter(const std::string& node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? 0 : found->second.counter;
}

std::vector<claim_request> claimable(const std::vector<shard_head>& heads, const node_identity& self,
                                     const membership& members, const std::set<shard_id>& held, boot_ms now) {
  std::vector<claim_request> wanted;
  for (const auto& head : heads) {
    if (held.contains(head.shard)) continue;
    const bool released = head.owner.empty();
    const bool ours = head.owner == self.node && head.incarnation <= self.incarnation;
    const bool orphaned = !released && head.owner != self.node && members.dead(head.owner, head.incarnation, now);
    if (!released && !ours && !orphaned) continue;
    auto& claim = wanted.emplace_back(claim_request{head.shard, head.epoch, head.incarnation, std::nullopt});
    if (orphaned) claim.counter_seen = members.counter(head.owner);
  }
  return wanted;
}

std::vector<shard_id> taken_away(const std::vector<shard_head>& heads, const node_identity& self,
                                 const std::set<shard_id>& held) {
  std::vector<shard_id> taken;
  for (const auto& head : heads) {
    const bool still_ours = head.owner == self.node && head.incarnation == self.incarnation;
    if (held.contains(head.shard) && !still_ours) taken.push_back(head.shard);
  }
  return taken;
}

}  // namespace sb
