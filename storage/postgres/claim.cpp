#include "storage/postgres/claim.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <thread>

namespace sb::postgres {
namespace {

using namespace std::chrono_literals;

// The claim waits for locks no longer than its caller does, so that a timeout is a clean refusal and not an unknown
// outcome.
constexpr statement session_of_claim{"claim_session", R"(
select set_config('lock_timeout', $1::text, false), a.pid, (extract(epoch from a.backend_start) * 1000000)::bigint
from pg_stat_get_activity(pg_backend_pid()) a)"};

constexpr statement session_of_append{"claim_session_end", "select set_config('lock_timeout', '0', false)"};

// The owners that were found dead are locked, so that a beat and this claim come one after the other; a select that
// locks reads the newest version of a row, so it sees who has beaten since. Only owners of shards that are still as
// they were seen: a live node's beat must not wait for a claim that is lost anyhow. The row locks of the shards are
// taken in ascending order, so that two claims cannot wait for each other, with the comparison again on the newest
// version of a row that was waited for. A counter of -1 in $7 means that the owner's life does not matter.
constexpr statement compare_and_set{"claim", R"(
with asked as materialized (
  select w.* from unnest($1::int[], $2::bigint[], $3::bigint[], $7::bigint[]) w(id, epoch, incarnation, counter)),
believed_dead as materialized (
  select n.node, n.counter
  from node n
  where n.node in (
    select s.owner
    from asked w
    join shard s on s.id = w.id and s.epoch = w.epoch and s.incarnation = w.incarnation
    where w.counter >= 0)
  order by n.node
  for share of n),
wanted as (
  select s.id
  from asked w
  join shard s on s.id = w.id
  where s.epoch = w.epoch and s.incarnation = w.incarnation
    and (w.counter < 0 or w.counter = coalesce((select n.counter from believed_dead n where n.node = s.owner), 0))
  order by s.id
  for no key update of s)
update shard s
set epoch = s.epoch + 1, owner = $4::text, incarnation = $5::bigint, claim_nonce = $6::bytea,
    claimed_at = clock_timestamp()
from wanted w where s.id = w.id
returning s.id, s.epoch, s.head, s.head_hash)"};

// Only connections of an owner that this claim replaces, or our own late ones, may be ended.
constexpr statement end_blockers{"claim_end_blockers", R"(
with replaced as (
  select $5::text as name
  union
  select 'stocksblitz/' || s.owner || '/' || s.incarnation
  from unnest($1::int[], $2::bigint[], $3::bigint[]) w(id, epoch, incarnation)
  join shard s on s.id = w.id and s.epoch = w.epoch and s.incarnation = w.incarnation
  where s.owner <> '')
select pg_terminate_backend(a.pid)
from unnest(pg_blocking_pids($4::int)) b(pid)
join pg_stat_activity a on a.pid = b.pid
join replaced r on r.name = a.application_name)"};

constexpr statement end_late{"claim_end_late", R"(
select pg_terminate_backend(a.pid, $4::bigint)
from pg_stat_activity a
where a.pid = $1::int and (extract(epoch from a.backend_start) * 1000000)::bigint = $2::bigint
  and a.application_name = $3::text)"};

constexpr statement is_alive{"claim_is_alive", R"(
select exists (
  select from pg_stat_activity a
  where a.pid = $1::int and (extract(epoch from a.backend_start) * 1000000)::bigint = $2::bigint))"};

constexpr statement read_claimed{"claim_read", R"(
select s.id, s.epoch, s.incarnation, s.head, s.head_hash, s.claim_nonce is not distinct from $2::bytea
from shard s where s.id = any($1::int[]))"};

constexpr auto pause_between_looks = 20ms;

std::string fresh_nonce() {
  std::string nonce(16, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), static_cast<int>(nonce.size())) != 1) {
    throw std::runtime_error("no randomness for a claim");
  }
  return nonce;
}

std::int64_t ms_left(instant until) {
  return std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
}

digest to_digest(std::string_view bytes) {
  digest hash{};
  if (bytes.size() != hash.size()) throw std::logic_error("a stored hash is not 32 bytes long");
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

}  // namespace

shard_claim::shard_claim(connection& work, const std::string& conninfo, const node_identity& self, deadline lock_wait,
                         instant until, const std::vector<claim_request>& wanted)
    : work_{work},
      watch_{conninfo, self, plans::custom},
      self_{self},
      lock_wait_{std::max(lock_wait, deadline{1})},
      until_{until},
      send_until_{until - std::min<deadline>(1s, deadline{std::max<std::int64_t>(ms_left(until), 0) / 4})},
      nonce_{fresh_nonce()},
      wanted_{wanted} {
  std::vector<shard_id> ids;
  for (const auto& one : wanted_) {
    ids.push_back(one.shard);
    outcomes_.push_back({one.shard, claim_status::unknown, {}});
  }
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) {
    throw std::invalid_argument("a claim names a shard twice");
  }
}

std::vector<claim_outcome> shard_claim::run() {
  while (is_pending() && std::chrono::steady_clock::now() < send_until_) {
    if (!try_once()) break;
  }
  return outcomes_;
}

/// False when nothing could be sent: the caller tries later, with its own back-off.
bool shard_claim::try_once() {
  server_process process;
  try {
    process = prepare_session();
    work_.prepare(compare_and_set, send_until_);
  } catch (const storage_unavailable&) {
    return false;
  }
  try {
    work_.send(compare_and_set,
               pending_arrays().text(self_.node).int8(self_.incarnation).text(nonce_).add(pending_counters()));
    for (;;) {
      const auto look_at = std::min(send_until_, std::chrono::steady_clock::now() + lock_wait_);
      if (work_.wait(look_at)) break;
      if (look_at == send_until_) {
        work_.close();
        resolve(process);
        return true;
      }
      terminate_blockers(process.pid);
    }
    settle(work_.take());
    restore_session();
  } catch (const statement_error&) {
    if (work_.is_open()) {  // an answer with its end: rolled back (lock timeout, deadlock, canceled)
      restore_session();
      std::this_thread::sleep_for(pause_between_looks);
    } else {
      resolve(process);
    }
  }
  return true;
}

shard_claim::server_process shard_claim::prepare_session() {
  const auto lock_ms = std::max<std::int64_t>(ms_left(send_until_) - 50, 1);
  const auto session = work_.run(session_of_claim, parameters{}.text(std::to_string(lock_ms)), send_until_);
  return {session.int4(0, 1), session.int8(0, 2)};
}

/// Appends wait for a lock until their own deadline; a session that cannot be set back is given up.
void shard_claim::restore_session() noexcept {
  try {
    work_.run(session_of_append, {}, until_);
  } catch (const std::exception&) {
    work_.close();
  }
}

void shard_claim::terminate_blockers(std::int32_t waiting) noexcept {
  try {
    watch_.run(end_blockers, pending_arrays().int4(waiting).text(application_name(self_)),
               std::min(send_until_, from_now(1s)));
  } catch (const std::exception&) {
    watch_.close();  // the claim goes on waiting, and the next look opens a new connection
  }
}

/// The claim may or may not have landed, and may still land. Until its server process is gone nothing is certain.
void shard_claim::resolve(const server_process& late) {
  while (std::chrono::steady_clock::now() < until_) {
    try {
      if (resolve_once(late)) return;
    } catch (const storage_unavailable&) {  // PostgreSQL is restarting, perhaps
    }
    std::this_thread::sleep_for(pause_between_looks);
  }
}

bool shard_claim::resolve_once(const server_process& late) {
  const auto own_name = application_name(self_);
  const auto wait_ms = std::clamp<std::int64_t>(ms_left(until_) / 2, 1, 1000);
  work_.run(end_late, parameters{}.int4(late.pid).int8(late.started_us).text(own_name).int8(wait_ms), until_);
  if (work_.run(is_alive, parameters{}.int4(late.pid).int8(late.started_us), until_).boolean(0, 0)) return false;

  // A new statement, so that it sees whatever the process committed before it went.
  auto ids = array::of_int4(wanted_.size());
  for (const auto& one : wanted_) ids.put4(one.shard);
  const auto rows = work_.run(read_claimed, parameters{}.add(std::move(ids)).text(nonce_), until_);
  for (std::size_t at = 0; at < wanted_.size(); ++at) {
    auto& outcome = outcomes_[at];
    if (outcome.status != claim_status::unknown) continue;
    outcome.status = claim_status::lost;
    for (int row = 0; row < rows.rows(); ++row) {
      if (rows.int4(row, 0) != outcome.shard) continue;
      if (rows.boolean(row, 5)) {
        outcome.status = claim_status::claimed;
        outcome.head = {outcome.shard, rows.int8(row, 1), rows.int8(row, 3), to_digest(rows.bytes(row, 4)),
                        self_.node,    self_.incarnation};
      } else if (rows.int8(row, 1) == wanted_[at].epoch_seen && rows.int8(row, 2) == wanted_[at].incarnation_seen) {
        outcome.status = claim_status::unknown;  // did not land and no longer can: run() tries again
      }
    }
  }
  return true;
}

void shard_claim::settle(const result& claimed) {
  for (auto& outcome : outcomes_) {
    if (outcome.status != claim_status::unknown) continue;
    outcome.status = claim_status::lost;
    for (int row = 0; row < claimed.rows(); ++row) {
      if (claimed.int4(row, 0) != outcome.shard) continue;
      outcome.status = claim_status::claimed;
      outcome.head = {outcome.shard, claimed.int8(row, 1), claimed.int8(row, 2), to_digest(claimed.bytes(row, 3)),
                      self_.node,    self_.incarnation};
    }
  }
}

bool shard_claim::is_pending() const {
  return std::any_of(outcomes_.begin(), outcomes_.end(),
                     [](const claim_outcome& one) { return one.status == claim_status::unknown; });
}

parameters shard_claim::pending_arrays() const {
  auto ids = array::of_int4(wanted_.size());
  auto epochs = array::of_int8(wanted_.size());
  auto incarnations = array::of_int8(wanted_.size());
  for (std::size_t at = 0; at < wanted_.size(); ++at) {
    if (outcomes_[at].status != claim_status::unknown) continue;
    ids.put4(wanted_[at].shard);
    epochs.put8(wanted_[at].epoch_seen);
    incarnations.put8(wanted_[at].incarnation_seen);
  }
  parameters values;
  values.add(std::move(ids)).add(std::move(epochs)).add(std::move(incarnations));
  return values;
}

/// In the order of pending_arrays().
array shard_claim::pending_counters() const {
  auto counters = array::of_int8(wanted_.size());
  for (std::size_t at = 0; at < wanted_.size(); ++at) {
    if (outcomes_[at].status == claim_status::unknown) counters.put8(wanted_[at].counter_seen.value_or(-1));
  }
  return counters;
}

}  // namespace sb::postgres
