#include "web/admission/credit_book.hpp"

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

std::string_view word(short_of what) {
  switch (what) {
    case short_of::nothing:
      return "nothing";
    case short_of::user:
      return "user";
    case short_of::organization:
      return "organization";
    case short_of::shard:
      return "shard";
    case short_of::node:
      return "node";
    case short_of::service:
      return "service";
    case short_of::time:
      return "time";
  }
  return {};
}

short_of credit_book::take(const credit& wanted) {
  return std::visit([this](const auto& kind) { return admit(kind); }, wanted);
}

void credit_book::give_back(const credit& held) {
  std::visit([this](const auto& kind) { release(kind); }, held);
}

short_of credit_book::admit(const shard_credit& wanted) {
  if (wanted.user && !below(users_, wanted.user, limits_.per_user)) return short_of::user;
  if (!below(organizations_, wanted.organization, limits_.per_organization)) return short_of::organization;
  if (!below(shards_, wanted.shard, limits_.per_shard)) return short_of::shard;
  if (all_shards_ >= limits_.all_shards) return short_of::node;
  if (wanted.user) ++users_[wanted.user];
  ++organizations_[wanted.organization];
  ++shards_[wanted.shard];
  ++all_shards_;
  return short_of::nothing;
}

void credit_book::release(const shard_credit& held) {
  if (held.user) lower(users_, held.user);
  lower(organizations_, held.organization);
  lower(shards_, held.shard);
  --all_shards_;
}

short_of credit_book::admit(service_credit wanted) {
  auto& taken = services_[static_cast<std::size_t>(wanted)];
  if (taken >= limits_.per_service) return short_of::service;
  ++taken;
  return short_of::nothing;
}

void credit_book::release(service_credit held) { --services_[static_cast<std::size_t>(held)]; }

std::int32_t credit_book::in_flight() const { return std::accumulate(services_.begin(), services_.end(), all_shards_); }

}  // namespace sb::web
