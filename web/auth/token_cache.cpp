#include "web/auth/token_cache.hpp"

#include <algorithm>

namespace sb::web {

token_cache::token_cache(std::size_t entries_max) : entries_max_(std::max<std::size_t>(entries_max, 1)) {}

std::shared_ptr<const verified_token> token_cache::find(const sha256_digest& digest, wall_ms now) {
  const auto* found = tokens_.find(digest);
  if (found == nullptr) return nullptr;
  if (now < found->second->good_until) return found->second;
  tokens_.erase(digest);
  return nullptr;
}

void token_cache::remember(const sha256_digest& digest, std::shared_ptr<const verified_token> token) {
  tokens_.put(digest, std::move(token));
  if (tokens_.size() > entries_max_) tokens_.take_oldest();
}

void token_cache::clear() { tokens_.clear(); }

token_revocations::token_revocations(std::size_t sessions_max) : sessions_max_(sessions_max) {}

void token_revocations::revoke(std::string_view session, wall_ms good_until, wall_ms now) {
  forget_expired(now);
  if (good_until <= now) return;
  const auto found = sessions_.find(std::string{session});
  if (found != sessions_.end()) {
    if (found->second >= good_until) return;
  } else if (sessions_.size() == sessions_max_) {
    refuse_issued_until_s_ = std::max(refuse_issued_until_s_, now.value / 1'000);
    sessions_.clear();
    by_end_ = {};
    return;
  }
  sessions_[std::string{session}] = good_until;
  by_end_.emplace(good_until, session);
}

bool token_revocations::is_revoked(const token_claims& claims) const {
  return claims.issued_s <= refuse_issued_until_s_ || sessions_.contains(claims.session);
}

void token_revocations::forget_expired(wall_ms now) {
  while (!by_end_.empty() && by_end_.top().first <= now) {
    const auto found = sessions_.find(by_end_.top().second);
    // A session that was revoked again for a longer time has a later entry in the queue.
    if (found != sessions_.end() && found->second <= now) sessions_.erase(found);
    by_end_.pop();
  }
}

}  // namespace sb::web
