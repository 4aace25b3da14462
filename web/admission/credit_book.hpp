#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "runtime/address.hpp"

namespace sb::web {

/// Requests in flight; beyond them `overloaded`.
struct credit_limits {
  std::int32_t per_user = 64;
  std::int32_t per_organization = 1'024;
  std::int32_t per_shard = 4'096;
  std::int32_t all_shards = 16'384;
  std::int32_t per_service = 4'096;
};

/// What answers a request: an entity in its shard, or a service of the node that has no shard.
struct shard_credit {
  user_id user;  ///< 0: not counted
  organization_id organization;
  shard_id shard = 0;
};
enum class service_credit : std::uint8_t { market_data, broker };
using credit = std::variant<shard_credit, service_credit>;
/// What there is no credit of; time: it was not its turn in time.
enum class short_of : std::uint8_t { nothing, user, organization, shard, node, service, time };
inline constexpr std::size_t short_of_count = 7;
std::string_view word(short_of what);

/// Counts requests in flight per user, organization and shard, and apart from these per service, so that neither
/// orders nor what services are asked can take the other's place. A shard's credit comes back when the shard has
/// answered or is gone, never by time-out: what a client no longer waits for may still be queued.
class credit_book {
 public:
  explicit credit_book(credit_limits limits) : limits_{limits} {}
  /// Takes nothing when it is short of something.
  short_of take(const credit& wanted);
  void give_back(const credit& held);
  std::int32_t in_flight() const;

 private:
  short_of admit(const shard_credit& wanted);
  short_of admit(service_credit wanted);
  void release(const shard_credit& held);
  void release(service_credit held);

  credit_limits limits_;
  std::unordered_map<user_id, std::int32_t> users_;
  std::unordered_map<organization_id, std::int32_t> organizations_;
  std::unordered_map<shard_id, std::int32_t> shards_;
  std::int32_t all_shards_ = 0;
  std::array<std::int32_t, 2> services_{};
};

}  // namespace sb::web
