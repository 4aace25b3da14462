#include "storage/postgres/migrations.hpp"

namespace sb::postgres {
namespace {

// Money is a bigint of 1/10000 of the currency unit; times are bigint milliseconds since 1970 (UTC), except in columns
// for operators' eyes only (timestamptz).

constexpr const char* journal_sql = R"(
create table setting (
  key text primary key,
  value text not null);

create table node (
  node text primary key,
  incarnation bigint not null,
  counter bigint not null,
  seen_at timestamptz not null default clock_timestamp())
with (fillfactor = 50);

-- One row a shard: its fence and the end of its journal. Every append updates it, so the pages keep room for HOT updates.
create table shard (
  id int primary key,
  owner text not null default '',
  incarnation bigint not null default 0,
  epoch bigint not null default 0,
  head bigint not null default 0,
  head_hash bytea not null default decode(repeat('00', 32), 'hex'),
  claim_nonce bytea,
  claimed_at timestamptz)
with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
insert into shard (id) select generate_series(0, 255);

-- One row is one append of one stream with all events of that turn. No foreign key to shard: its lock would cost more than
-- the fence, which checks the same thing.
create table journal (
  seq bigint not null,
  version bigint not null,
  at bigint not null,
  epoch bigint not null,
  shard int not null,
  events int not null,
  hash bytea not null,
  stream text collate "C" not null,
  body bytea not null,
  primary key (shard, seq),
  unique (shard, stream, version),
  constraint journal_row_is_sound check (
    seq > 0 and version > 0 and events > 0 and octet_length(hash) = 32 and octet_length(stream) between 1 and 96));
alter table journal alter column body set storage external;

-- Append-only, also for a hand at the console. (An auditor's tool is the hash chain, which nobody can talk out of it.)
create function journal_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the journal is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger journal_is_append_only before update or delete or truncate on journal
  for each statement execute function journal_is_append_only();

-- The events one by one, for people. A body names principal and correlation only where they change.
create view journal_event as
select j.shard, j.seq, j.stream, j.version + e.place - 1 as version, to_timestamp(j.at / 1000.0) as at, j.epoch,
  e.event ->> 't' as type, (e.event ->> 'v')::int as schema, by.principal, c.correlation,
  e.event ->> 'k' as causation, e.event -> 'b' as body
from journal j
cross join lateral (select convert_from(j.body, 'UTF8')::jsonb as events) parsed
cross join lateral jsonb_array_elements(parsed.events) with ordinality as e(event, place)
cross join lateral (
  select f.event -> 'p' as principal from jsonb_array_elements(parsed.events) with ordinality as f(event, place)
  where f.place <= e.place and f.event ? 'p' order by f.place desc limit 1) by
cross join lateral (
  select f.event ->> 'c' as correlation from jsonb_array_elements(parsed.events) with ordinality as f(event, place)
  where f.place <= e.place and f.event ? 'c' order by f.place desc limit 1) c;

create table snapshot (
  shard int not null,
  stream text collate "C" not null,
  version bigint not null,
  body bytea not null,
  saved_at timestamptz not null default clock_timestamp(),
  primary key (shard, stream));

create table id_block (
  kind text primary key,
  next_id bigint not null);
)";

constexpr const char* directory_sql = R"(
-- What the journal must not hold: names, addresses, secrets. Erasing a person is deleting these rows.
create table person (
  organization bigint not null,
  user_id bigint primary key,
  email text not null,
  display_name text not null,
  phone text not null default '');
create index person_of_organization on person (organization, user_id);

create table credential (
  user_id bigint primary key,
  organization bigint not null,
  password_hash text not null,
  updated_at bigint not null);

-- Whose e-mail it is. Claimed before the user is created; a claim that never became a user expires.
create table login_email (
  email_lower text primary key,
  organization bigint not null,
  user_id bigint not null,
  claimed_at bigint not null,
  confirmed boolean not null default false);
create index login_email_unconfirmed on login_email (claimed_at) where not confirmed;

create table session (
  token_id text primary key,
  user_id bigint not null,
  organization bigint not null,
  issued_at bigint not null,
  expires_at bigint not null,
  revoked_at bigint);
create index session_of_user on session (user_id);
create index session_by_end on session (expires_at);
)";

constexpr const char* read_models_sql = R"(
create table projection_cursor (
  projection text not null,
  shard int not null,
  seq bigint not null,
  primary key (projection, shard))
with (fillfactor = 50);

create table orders (
  order_id text collate "C" primary key,
  organization bigint not null,
  user_id bigint not null,
  account_id bigint not null,
  client_order_id text not null,
  exchange text not null,
  symbol text not null,
  side text not null,
  order_type text not null,
  product_type text not null,
  validity text not null,
  quantity bigint not null,
  price bigint not null,
  state text not null,
  cancel_requested boolean not null,
  broker_order_id text not null,
  filled_quantity bigint not null,
  average_price bigint not null,
  reason text not null,
  version bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  trading_day int not null,
  shard int not null,
  seq bigint not null)
with (fillfactor = 80);
create index orders_of_organization on orders (organization, created_at desc, order_id desc);
create index orders_of_account on orders (account_id, created_at desc, order_id desc);
create index orders_of_user on orders (user_id, trading_day);
create index orders_open on orders (shard) where state in ('pending_new', 'new', 'partially_filled', 'unknown');

create table positions (
  organization bigint not null,
  account_id bigint not null,
  exchange text collate "C" not null,
  symbol text collate "C" not null,
  product_type text collate "C" not null,
  trading_day int not null,
  day_buy_quantity bigint not null,
  day_sell_quantity bigint not null,
  day_buy_value bigint not null,
  day_sell_value bigint not null,
  net_buy_quantity bigint not null,
  net_sell_quantity bigint not null,
  net_buy_value bigint not null,
  net_sell_value bigint not null,
  net_quantity bigint not null,
  average_price bigint not null,
  realized_pnl bigint not null,
  last_price bigint not null,
  last_fill_at bigint not null,
  updated_at bigint not null,
  shard int not null,
  seq bigint not null,
  primary key (account_id, exchange, symbol, product_type))
with (fillfactor = 80);
)";

constexpr const char* orders_absent_sql = R"(
create index orders_absent on orders (shard, trading_day) where state = 'absent';
)";

// In the order in which a shard's open orders are read, a page at a time.
constexpr const char* orders_open_sql = R"(
create index orders_open_in_order on orders (shard, order_id)
  where state in ('pending_new', 'new', 'partially_filled', 'unknown');
drop index orders_open;
)";

constexpr const char* session_ended_sql = R"(
create index session_ended on session (revoked_at) where revoked_at is not null;
)";

// A page's orders are put in order by id only where they were created in the same millisecond, so the id, which is long
// and drawn at random, need not be in the index; and one that grows at its end keeps its pages full.
constexpr const char* orders_by_time_sql = R"(
create index orders_of_organization_by_time on orders (organization, created_at);
create index orders_of_account_by_time on orders (account_id, created_at);
drop index orders_of_organization;
drop index orders_of_account;
)";

// An account is of one organization. Who takes the two for independent expects a twentieth of an account's orders where
// there are twenty organizations, and reads them all to sort them.
constexpr const char* account_orders_sql = R"(
create statistics orders_of_account_are_of_organization (dependencies) on organization, account_id from orders;
)";

// The open orders of a shard, oldest first. A new order's entry is the last of its shard's, where one by id would be
// anywhere; the id is not in it for the reason that orders_by_time has.
constexpr const char* orders_open_by_time_sql = R"(
create index orders_open_by_time on orders (shard, created_at)
  where state in ('pending_new', 'new', 'partially_filled', 'unknown');
drop index orders_open_in_order;
)";

// What no query chooses by needs no statistics: analyzing a column takes a sample of 30,000 rows and sorts it, and a
// table that grows is analyzed again and again beside those who write it. The journal is only read along its indexes.
// What an older store has of these columns stays as it is, and chooses nothing either.
constexpr const char* statistics_sql = R"(
alter table journal
  alter column seq set statistics 0, alter column version set statistics 0, alter column at set statistics 0,
  alter column epoch set statistics 0, alter column shard set statistics 0, alter column events set statistics 0,
  alter column hash set statistics 0, alter column stream set statistics 0, alter column body set statistics 0;
alter table orders
  alter column client_order_id set statistics 0, alter column exchange set statistics 0,
  alter column side set statistics 0, alter column order_type set statistics 0,
  alter column product_type set statistics 0, alter column validity set statistics 0,
  alter column quantity set statistics 0, alter column price set statistics 0,
  alter column cancel_requested set statistics 0, alter column broker_order_id set statistics 0,
  alter column filled_quantity set statistics 0, alter column average_price set statistics 0,
  alter column reason set statistics 0, alter column version set statistics 0,
  alter column updated_at set statistics 0, alter column seq set statistics 0;
)";

constexpr migration steps[] = {
    {1, "journal", journal_sql},
    {2, "directory", directory_sql},
    {3, "read_models", read_models_sql},
    {4, "orders_absent", orders_absent_sql},
    {5, "orders_open_in_order", orders_open_sql},
    {6, "session_ended", session_ended_sql},
    {7, "orders_by_time", orders_by_time_sql},
    {8, "account_orders", account_orders_sql},
    {9, "orders_open_by_time", orders_open_by_time_sql},
    {10, "statistics", statistics_sql},
};

}  // namespace

std::span<const migration> migrations() { return steps; }

}  // namespace sb::postgres
