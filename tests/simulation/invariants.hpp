#pragma once
#include <cstdint>

#include "domain/limits/risk_book.hpp"
#include "domain/orders/order.hpp"
#include "runtime/messages.hpp"
#include "storage/journal.hpp"

/// The sentences that must be true, one function each, by their numbers. Each throws broken_invariant with what it
/// found. What is left out speaks of alerts (I12) and of tenants at the edge (I13), which do not exist here.
///
///   I1  no reservation exceeds a limit       I8  a row's epoch is the one in force       I15 nothing is reserved after
///   I2  an order ends once                   I9  positions are the broker's                  a revocation
///   I3  every answer has its intent          I10 a snapshot is what its history makes    I16 the hash chain holds
///   I4  the broker gets what was intended    I11 a projection is what its journal makes  I17 told only after the
///   commit I5  the broker gets it once              I14 no answer is older than its question    I18 no work stays open
///   I6  what is released is never accepted
///   I7  no gap in shards and streams         and: days, ownership, void, one key, settlement
namespace sb::simulation {

class database;
struct exchange_order;
class world;

// ---- while it happens ----------------------------------------------------------------------------------------------
/// I8: `in_force` is the epoch of the shard's last claim.
void stored_under_the_epoch_in_force(const shard_append& part, std::int64_t in_force);
/// Ownership: a shard that this node has lost, as it thinks, really is another's or at another head.
void only_what_is_lost_is_given_up(const shard_head& before, const shard_head& fence);
/// I7: `version` is the stream's last one.
void follows_its_stream(const journal_row& row, std::int64_t version);
/// Days: a clock that is wrong by more than is noticed must not decide which day it is.
void belongs_to_a_day_that_is_here(const order_event& fact, wall_ms now);
void rolls_to_a_day_that_is_here(const risk_book& before, const risk_event& fact, wall_ms now);
/// Void: an attempt that an order was told is closed is closed for good.
void what_was_voided_is_never_reserved(const database& db, const risk_event& fact);
/// I4: what is sent is what was stored, it is reserved at the worst price that it may fill at, for whoever pays, and it
/// is sent within its window; I1: its account may trade the symbol.
void only_what_is_authorized_is_sent(const world& all, const broker_call& call);
/// I6: what fills is still held, except of an order that arrived beyond every window.
void nothing_released_trades(const world& all, const exchange_order& order);
/// I5
void reaches_the_broker_once(const world& all, const order_id& id);
/// I6. With a broker that has only a tag an absent order may arrive, but only from a sender that was stopped
/// between its last look at the clock and the write: `beyond_every_window`.
void what_was_released_is_never_accepted(const world& all, const entity_key& order, bool beyond_every_window);
/// I17
void only_what_is_stored_is_told(const world& all, const entity_key& key, std::int64_t version);
/// I17: the order as it is told is what the journal makes of it at that version.
void told_as_it_is_stored(const database& db, const order_id& id, const order_answer& told);
/// I10, when it is saved.
void snapshot_equals_its_history(const database& db, organization_id organization, const stored_snapshot& snapshot);
/// I14: `before` is the version that was stored when the question was asked, wherever it went.
void no_answer_is_older_than_its_question(const entity_key& key, std::int64_t version, std::int64_t before);
/// One key, one command; I3: and it is stored.
void is_the_order_that_was_asked_for(const order_answer& told, const order_id& id, const std::string& fingerprint);

// ---- of what a run leaves behind -----------------------------------------------------------------------------------
void no_reservation_exceeds_a_limit(const world& all);        ///< I1, and every overrun is stated
void every_order_ends_once(const world& all);                 ///< I2
void every_answer_has_its_intent(const world& all);           ///< I3
void every_broker_order_was_intended_once(const world& all);  ///< I4, I5
void nothing_works_at_the_broker(const world& all);           ///< I6
void the_journal_has_no_gap(world& all);                      ///< I7, I8
void positions_equal_the_brokers(const world& all);           ///< I9
void snapshots_equal_their_history(world& all);               ///< I10
/// I11, at any moment: of the rows up to the tables' own cursor.
void the_tables_equal_their_journal(const world& all);
void nothing_reserved_after_a_revocation(const world& all);  ///< I15
void the_hash_chain_holds(world& all);                       ///< I16
void every_fact_is_settled_once(const world& all);           ///< settlement: exactly once, in order
void no_work_is_open(const world& all);                      ///< I18
void require_all_invariants(world& all);

}  // namespace sb::simulation
