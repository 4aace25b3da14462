#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/ids.hpp"
#include "storage/event_record.hpp"

/// Who is who: entities, their streams and their shards.
namespace sb {

enum class entity_kind : std::uint8_t { user = 0, organization = 1, book = 2, account = 3, order = 4 };
constexpr std::size_t entity_kind_count = 5;
std::string_view word(entity_kind kind);

enum class shard_role : std::uint8_t { user = 0, trade = 1 };
constexpr shard_id shards_per_role = 64;
constexpr shard_id shard_count = 2 * shards_per_role;

/// An entity's name. It begins with its organization, so that another organization's entity cannot even be named.
struct entity_key {
  organization_id organization;
  entity_kind kind = entity_kind::order;
  std::string id;  ///< the order id, or the decimal number of a user, organization, book or account
  friend auto operator<=>(const entity_key&, const entity_key&) = default;
};
entity_key order_key(organization_id organization, const order_id& order);
entity_key book_key(organization_id organization);
entity_key account_key(organization_id organization, account_id account);
entity_key user_key(organization_id organization, user_id user);
entity_key organization_key(organization_id organization);

/// "7/order/ORD..."
stream_id stream_of(const entity_key& key);
std::optional<entity_key> key_of(std::string_view stream);

shard_role role_of(entity_kind kind);
shard_role role_of_shard(shard_id shard);
/// role x 64 + hash(organization) mod 64. The hash is SplitMix64's finalizer and must never change.
shard_id shard_of(shard_role role, organization_id organization);
shard_id shard_of(const entity_key& key);

}  // namespace sb
