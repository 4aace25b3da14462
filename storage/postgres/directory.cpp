#include "storage/postgres/directory.hpp"

namespace sb::postgres::directory {
namespace {

constexpr statement claim_address{"directory_claim_email", R"(
insert into login_email as l (email_lower, organization, user_id, claimed_at)
values ($1::text, $2::bigint, $3::bigint, $4::bigint)
on conflict (email_lower) do update set claimed_at = excluded.claimed_at
where l.organization = excluded.organization and l.user_id = excluded.user_id
returning 1)"};

constexpr statement confirm_address{"directory_confirm_email", R"(
update login_email set confirmed = true
where email_lower = $1::text and organization = $2::bigint and user_id = $3::bigint
returning 1)"};

constexpr statement free_addresses{"directory_release_claims", R"(
with freed as (delete from login_email where not confirmed and claimed_at < $1::bigint returning 1)
select count(*) from freed)"};

constexpr statement put_person{"directory_save_person", R"(
with secret as (
  insert into credential (user_id, organization, password_hash, updated_at)
  values ($2::bigint, $1::bigint, $6::text, $7::bigint)
  on conflict (user_id) do update
  set organization = excluded.organization, password_hash = excluded.password_hash, updated_at = excluded.updated_at)
insert into person (organization, user_id, email, display_name, phone)
values ($1::bigint, $2::bigint, $3::text, $4::text, $5::text)
on conflict (user_id) do update
set organization = excluded.organization, email = excluded.email, display_name = excluded.display_name,
    phone = excluded.phone)"};

constexpr statement read_person{"directory_person", R"(
select organization, user_id, email, display_name, phone from person
where organization = $1::bigint and user_id = $2::bigint)"};

constexpr statement read_persons{"directory_persons", R"(
select organization, user_id, email, display_name, phone from person where organization = $1::bigint order by user_id)"};

constexpr statement read_login{"directory_login", R"(
select c.organization, c.user_id, c.password_hash
from login_email l
join credential c on c.user_id = l.user_id and c.organization = l.organization
where l.email_lower = $1::text and l.confirmed)"};

constexpr statement put_session{"directory_create_session", R"(
insert into session (token_id, organization, user_id, issued_at, expires_at)
values ($1::text, $2::bigint, $3::bigint, $4::bigint, $5::bigint)
on conflict (token_id) do nothing)"};

constexpr statement mark_ended{"directory_end_session", R"(
with now as (select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms)
insert into session (token_id, organization, user_id, issued_at, expires_at, revoked_at)
select $1::text, $2::bigint, $3::bigint, now.ms, $4::bigint, now.ms from now
on conflict (token_id) do update set revoked_at = coalesce(session.revoked_at, excluded.revoked_at)
returning revoked_at)"};

constexpr statement read_ended{"directory_ended_sessions", R"(
select token_id, expires_at, revoked_at from session
where revoked_at >= $1::bigint and expires_at > $2::bigint order by revoked_at, token_id)"};

constexpr statement drop_expired{"directory_forget_sessions", R"(
with expired as (
  delete from session where token_id in (
    select token_id from session where expires_at < $1::bigint order by expires_at limit 10000) returning 1)
select count(*) from expired)"};

/// PostgreSQL's lower() depends on the database's locale; a unique key must not.
std::string ascii_lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

person to_person(const result& rows, int row) {
  return {organization_id{rows.int8(row, 0)}, user_id{rows.int8(row, 1)}, rows.text(row, 2), rows.text(row, 3),
          rows.text(row, 4)};
}

}  // namespace

email_claim claim_email(connection& database, const std::string& email, organization_id organization, user_id user,
                        wall_ms now, instant until) {
  parameters values;
  values.text(ascii_lower(email)).int8(organization.value).int8(user.value).int8(now.value);
  return database.run(claim_address, values, until).rows() == 1 ? email_claim::claimed : email_claim::taken;
}

bool confirm_email(connection& database, const std::string& email, organization_id organization, user_id user,
                   instant until) {
  parameters values;
  values.text(ascii_lower(email)).int8(organization.value).int8(user.value);
  return database.run(confirm_address, values, until).rows() == 1;
}

std::int64_t release_orphan_claims(connection& database, wall_ms before, instant until) {
  return database.run(free_addresses, parameters{}.int8(before.value), until).int8(0, 0);
}

void save_person(connection& database, const person& who, const std::string& password_hash, wall_ms now,
                 instant until) {
  parameters values;
  values.int8(who.organization.value).int8(who.user.value).text(who.email).text(who.display_name).text(who.phone);
  values.text(password_hash).int8(now.value);
  database.run(put_person, values, until);
}

std::optional<person> find_person(connection& database, organization_id organization, user_id user, instant until) {
  const auto rows = database.run(read_person, parameters{}.int8(organization.value).int8(user.value), until);
  if (rows.rows() == 0) return std::nullopt;
  return to_person(rows, 0);
}

std::vector<person> list_persons(connection& database, organization_id organization, instant until) {
  const auto rows = database.run(read_persons, parameters{}.int8(organization.value), until);
  std::vector<person> out;
  for (int row = 0; row < rows.rows(); ++row) out.push_back(to_person(rows, row));
  return out;
}

std::optional<login> find_login(connection& database, const std::string& email, instant until) {
  const auto rows = database.run(read_login, parameters{}.text(ascii_lower(email)), until);
  if (rows.rows() == 0) return std::nullopt;
  return login{organization_id{rows.int8(0, 0)}, user_id{rows.int8(0, 1)}, rows.text(0, 2)};
}

void create_session(connection& database, const std::string& token, organization_id organization, user_id user,
                    wall_ms issued_at, wall_ms expires_at, instant until) {
  parameters values;
  values.text(token).int8(organization.value).int8(user.value).int8(issued_at.value).int8(expires_at.value);
  database.run(put_session, values, until);
}

wall_ms end_session(connection& database, const std::string& token, organization_id organization, user_id user,
                    wall_ms expires_at, instant until) {
  parameters values;
  values.text(token).int8(organization.value).int8(user.value).int8(expires_at.value);
  return {database.run(mark_ended, values, until).int8(0, 0)};
}

std::vector<ended_session> ended_sessions(connection& database, wall_ms ended_since, wall_ms expires_after,
                                          instant until) {
  const auto rows = database.run(read_ended, parameters{}.int8(ended_since.value).int8(expires_after.value), until);
  std::vector<ended_session> ended;
  for (int row = 0; row < rows.rows(); ++row)
    ended.push_back({rows.text(row, 0), wall_ms{rows.int8(row, 1)}, wall_ms{rows.int8(row, 2)}});
  return ended;
}

std::int64_t forget_sessions(connection& database, wall_ms expired_before, instant until) {
  return database.run(drop_expired, parameters{}.int8(expired_before.value), until).int8(0, 0);
}

}  // namespace sb::postgres::directory
