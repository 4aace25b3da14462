#pragma once
#include <span>
#include <string>

#include "storage/postgres/connection.hpp"

namespace sb::postgres {

/// One step of the database's schema. Steps are append-only: a released step never changes, the next one amends it.
struct migration {
  int version;  ///< 1, 2, ... without gaps
  const char* name;
  const char* sql;
};

/// Every step this binary knows, in order.
std::span<const migration> migrations();

/// The database was written by a newer binary, or by one whose steps differ. Nothing was changed; an operator decides.
struct schema_mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Brings the database to the newest step, all missing steps in one transaction. An advisory lock makes nodes that
/// start together take turns. Returns how many steps were applied. Throws schema_mismatch, storage_unavailable.
int migrate(connection& database, instant until);

/// A setting that is decided once: stores `value` unless the key has one already, and returns what is stored. The shard
/// count, for example, must be that of the first start for ever.
std::string fixed_setting(connection& database, const std::string& key, const std::string& value, instant until);

}  // namespace sb::postgres
