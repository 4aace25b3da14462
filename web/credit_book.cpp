#include "web/credit_book.hpp"

#include <numeric>

namespace sb::web {
namespace {

template <class Count>
bool below(const Count& counts, const typename Count::key_type& key, std::int32_t max) {
  const auto found = counts.find(key);
  return found == counts.end() || found->second < max;
}

template <class Count>
void lower(Count& counts, const typename Count::key_type& key) {
  const auto found = counts.find(key);
  if (found != counts.end() && --found->second <= 0) counts.erase(found);
}

}  // namespace

bool credit_book::take(const credit& wanted) {
  return std::visit([this](const auto& kind) { return admit(kind); }, wanted);
}

void credit_book::give_back(const credit& held) {
  std::visit([this](const auto& kind) { release(kind); }, held);
}

bool credit_book::admit(const shard_credit& wanted) {
  if (all_shards_ >= limits_.all_shards || !below(organizations_, wanted.organization, limits_.per_organization) ||
      !below(shards_, wanted.shard, limits_.per_shard) ||
      (wanted.user && !below(users_, wanted.user, limits_.per_user))) {
    return false;
  }
  if (wanted.user) ++users_[wanted.user];
  ++organizations_[wanted.organization];
  ++shards_[wanted.shard];
  ++all_shards_;
  return true;
}

void credit_book::release(const shard_credit& held) {
  if (held.user) lower(users_, held.user);
  lower(organizations_, held.organization);
  lower(shards_, held.shard);
  --all_shards_;
}

bool credit_book::admit(service_credit wanted) {
  auto& taken = services_[static_cast<std::size_t>(wanted)];
  if (taken >= limits_.per_service) return false;
  ++taken;
  return true;
}

void credit_book::release(service_credit held) { --services_[static_cast<std::size_t>(held)]; }

std::int32_t credit_book::in_flight() const { return std::accumulate(services_.begin(), services_.end(), all_shards_); }

}  // namespace sb::web
