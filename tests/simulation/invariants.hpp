#pragma once

namespace sb::simulation {

class world;

/// The sentences that must be true of what a run leaves behind, by their numbers in docs/ARCHITECTURE.md. Each throws
/// broken_invariant with what it found. (I4, I5, I6, I8 and I17 are checked while it happens.)
void no_reservation_exceeds_a_limit(world& all);        ///< I1
void every_order_ends_once(world& all);                 ///< I2
void every_answer_has_its_intent(world& all);           ///< I3
void every_broker_order_was_intended_once(world& all);  ///< I4, I5
void nothing_released_trades(world& all);               ///< I6
void the_journal_has_no_gap(world& all);                ///< I7, I8
void positions_equal_the_brokers(world& all);           ///< I9
void snapshots_equal_their_history(world& all);         ///< I10
void nothing_reserved_after_a_revocation(world& all);   ///< I15
void the_hash_chain_holds(world& all);                  ///< I16
void every_fact_is_settled_once(world& all);            ///< settlement: exactly once, in order
void no_work_is_open(world& all);                       ///< I18
void require_all_invariants(world& all);

}  // namespace sb::simulation
