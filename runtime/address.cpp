#include "runtime/address.hpp"

#include <algorithm>
#include <array>

namespace sb {
namespace {

constexpr std::array<std::string_view, entity_kind_count> kind_words{"user", "organization", "book", "account",
                                                                     "order"};

std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::string_view word(entity_kind kind) { return kind_words[static_cast<std::size_t>(kind)]; }

entity_key order_key(organization_id organization, const order_id& order) {
  return {organization, entity_kind::order, order};
}
entity_key book_key(organization_id organization) {
  return {organization, entity_kind::book, std::to_string(organization.value)};
}
entity_key account_key(organization_id organization, account_id account) {
  return {organization, entity_kind::account, std::to_string(account.value)};
}
entity_key user_key(organization_id organization, user_id user) {
  return {organization, entity_kind::user, std::to_string(user.value)};
}
entity_key organization_key(organization_id organization) {
  return {organization, entity_kind::organization, std::to_string(organization.value)};
}

stream_id stream_of(const entity_key& key) {
  std::string stream = std::to_string(key.organization.value);
  stream += '/';
  stream += word(key.kind);
  stream += '/';
  stream += key.id;
  return stream;
}

std::optional<entity_key> key_of(std::string_view stream) {
  const auto first = stream.find('/');
  if (first == std::string_view::npos || first == 0 || first > 18) return std::nullopt;
  const auto second = stream.find('/', first + 1);
  if (second == std::string_view::npos || second + 1 == stream.size()) return std::nullopt;
  std::int64_t organization = 0;
  for (const char c : stream.substr(0, first)) {
    if (c < '0' || c > '9') return std::nullopt;
    organization = organization * 10 + (c - '0');
  }
  const auto found = std::find(kind_words.begin(), kind_words.end(), stream.substr(first + 1, second - first - 1));
  if (found == kind_words.end()) return std::nullopt;
  return entity_key{
      {organization}, static_cast<entity_kind>(found - kind_words.begin()), std::string{stream.substr(second + 1)}};
}

shard_role role_of(entity_kind kind) {
  switch (kind) {
    case entity_kind::user:
    case entity_kind::organization:
    case entity_kind::book:
      return shard_role::user;
    case entity_kind::account:
    case entity_kind::order:
      return shard_role::trade;
  }
  return shard_role::user;
}

shard_role role_of_shard(shard_id shard) { return shard < shards_per_role ? shard_role::user : shard_role::trade; }
shard_id shard_of(shard_role role, organization_id organization) {
  const auto slot = mix(static_cast<std::uint64_t>(organization.value)) % static_cast<std::uint64_t>(shards_per_role);
  return static_cast<shard_id>(role) * shards_per_role + static_cast<shard_id>(slot);
}
shard_id shard_of(const entity_key& key) { return shard_of(role_of(key.kind), key.organization); }

}  // namespace sb
