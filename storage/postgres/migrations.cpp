#include "storage/postgres/migrations.hpp"

#include "storage/hash_chain.hpp"

namespace sb::postgres {
namespace {

// One number per kind of lock in the whole program; this is the only one so far.
constexpr const char* begin_alone = R"(begin;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
select pg_advisory_xact_lock(7305801);
create table if not exists schema_migration (
  version int primary key,
  name text not null,
  sql_hash bytea not null,
  applied_at timestamptz not null default clock_timestamp()))";

constexpr statement list_applied{"migration_list",
                                 "select version, name, sql_hash from schema_migration order by version"};

constexpr statement note_applied{
    "migration_note", "insert into schema_migration (version, name, sql_hash) values ($1::int, $2::text, $3::bytea)"};

constexpr statement fix_setting{"setting_fix", R"(
with kept as (insert into setting (key, value) values ($1::text, $2::text) on conflict (key) do nothing returning value)
select value from kept union all select value from setting where key = $1::text limit 1)"};

std::string_view view(const digest& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

/// How many of our steps the database has. Throws when what it has is not a prefix of ours.
std::size_t applied(connection& database, instant until) {
  const auto known = migrations();
  const auto rows = database.run(list_applied, {}, until);
  for (int row = 0; row < rows.rows(); ++row) {
    const auto at = static_cast<std::size_t>(row);
    const auto label = "migration " + std::to_string(rows.int4(row, 0)) + " (" + rows.text(row, 1) + ")";
    if (at >= known.size()) throw schema_mismatch("the database is newer than this binary: it has " + label);
    if (rows.int4(row, 0) != known[at].version || rows.bytes(row, 2) != view(sha256(known[at].sql))) {
      throw schema_mismatch("the database has another " + label + " than this binary");
    }
  }
  return static_cast<std::size_t>(rows.rows());
}

}  // namespace

int migrate(connection& database, instant until) {
  try {
    database.script(begin_alone, until);
    const auto known = migrations();
    const auto present = applied(database, until);
    for (const auto& step : known.subspan(present)) {
      database.script(step.sql, until);
      database.run(note_applied, parameters{}.int4(step.version).text(step.name).text(view(sha256(step.sql))), until);
    }
    database.script("commit", until);
    return static_cast<int>(known.size() - present);
  } catch (...) {
    database.close();  // the server rolls back
    throw;
  }
}

std::string fixed_setting(connection& database, const std::string& key, const std::string& value, instant until) {
  const auto stored = database.run(fix_setting, parameters{}.text(key).text(value), until);
  if (stored.rows() == 1) return stored.text(0, 0);
  // A twin stored the key after this statement's snapshot was taken; the next statement sees it.
  return database.run(fix_setting, parameters{}.text(key).text(value), until).text(0, 0);
}

}  // namespace sb::postgres
