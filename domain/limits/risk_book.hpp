#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "domain/ids.hpp"
#include "domain/limits/violation.hpp"
#include "domain/money.hpp"
#include "domain/orders/order.hpp"

/// The risk book of one organization: every limit, permission and reservation, decided by one writer. Invariant: no
/// limit_reserved makes used + reserved exceed a limit in force at that event; facts may, each with a limit_overrun.
namespace sb {

/// One limit of a scope. The book keeps a scope's limits sorted by type and their words sorted, without repetition.
struct limit {
  limit_type type = limit_type::single_order_value;
  std::int64_t value = 0;          ///< money ticks or a count; unused for word lists
  std::vector<std::string> words;  ///< allowed exchanges, symbols or products; an empty list allows nothing
  friend bool operator==(const limit&, const limit&) = default;
};

/// What a user may do. `accounts` empty = every account of the organization; the book keeps them sorted.
struct permission_grant {
  user_id user;
  bool place_order = false;
  bool cancel_order = false;
  bool view = false;
  std::vector<account_id> accounts;
  friend bool operator==(const permission_grant&, const permission_grant&) = default;
};
enum class trade_action : std::uint8_t { place_order, cancel_order, view };
std::string_view word(trade_action action);  ///< "place_order", "cancel_order", "view"
std::optional<trade_action> trade_action_from(std::string_view text);

// ---- commands -------------------------------------------------------------------------------------------------------
/// What capacity an order needs. Idempotent by (order, attempt); another fingerprint under the same pair is refused.
/// A higher attempt is taken up only after the former was denied or closed; while the former is held, and once the
/// order is settled, every other attempt is refused as closed: an order never holds capacity twice.
struct reserve_capacity {
  order_id order;
  std::int32_t attempt = 1;
  std::string fingerprint;
  user_id user;
  account_id account;
  std::string exchange;
  std::string symbol;
  product_type product = product_type::intraday;
  std::int64_t quantity = 0;  ///< below 1 is denied: it would free capacity
  money price;                ///< per unit, protection included; below zero is denied
  trading_day day;            ///< the day in which the order can fill
};
/// After this the attempt can never be reserved, whatever arrives late; answers whether it had been. Where the book
/// already holds a record that settles this for good (held, denied, closed, settled, a later attempt) nothing is
/// appended.
struct close_attempt {
  order_id order;
  std::int32_t attempt = 1;
};
/// Replaces the limits of one scope.
struct set_limits {
  limit_scope scope;
  std::vector<limit> limits;
};
struct set_permissions {
  permission_grant grant;  ///< all flags false = revoked
};
/// One committed fact of an order, in the order of its shard.
struct order_fact {
  enum class kind : std::uint8_t { fill = 0, closed = 1, absent = 2 };
  kind what = kind::fill;
  std::int64_t seq = 0;  ///< the trade shard's row
  order_id order;
  std::int64_t quantity = 0;  ///< fill
  money price;                ///< fill
  trading_day day;            ///< fill: the day on which it was made
  user_id user;               ///< fill: for ids that the book does not know
  account_id account;
  friend bool operator==(const order_fact&, const order_fact&) = default;
};
/// Facts in (prev_seq, seq] of a trade shard, complete for this organization.
struct settle_facts {
  std::int64_t prev_seq = 0;
  std::int64_t seq = 0;
  std::vector<order_fact> facts;
};

// ---- facts ----------------------------------------------------------------------------------------------------------
struct limits_set {
  limit_scope scope;
  std::vector<limit> limits;
  friend bool operator==(const limits_set&, const limits_set&) = default;
};
struct permissions_set {
  permission_grant grant;
  friend bool operator==(const permissions_set&, const permissions_set&) = default;
};
struct limit_reserved {
  order_id order;
  std::int32_t attempt = 1;
  std::string fingerprint;
  user_id user;
  account_id account;
  std::int64_t quantity = 0;
  money price;
  trading_day day;  ///< the command's, or the book's where that is later
  friend bool operator==(const limit_reserved&, const limit_reserved&) = default;
};
struct limit_denied {
  order_id order;
  std::int32_t attempt = 1;
  std::string fingerprint;
  std::vector<violation> violations;
  std::optional<std::int64_t> quantity_max;
  trading_day day;
  friend bool operator==(const limit_denied&, const limit_denied&) = default;
};
struct attempt_closed {
  order_id order;
  std::int32_t attempt = 1;
  trading_day day;
  friend bool operator==(const attempt_closed&, const attempt_closed&) = default;
};
struct facts_settled {
  std::int64_t seq = 0;  ///< settled_seq after it
  std::vector<order_fact> facts;
  friend bool operator==(const facts_settled&, const facts_settled&) = default;
};
struct day_rolled {
  trading_day day;
  friend bool operator==(const day_rolled&, const day_rolled&) = default;
};
/// A fact (fill, late find, lowered limit) took a scope over a limit. Raised once for each crossing.
struct limit_overrun {
  limit_scope scope;
  limit_type type = limit_type::daily_value;
  std::int64_t limit = 0;
  std::int64_t usage = 0;
  order_id order;  ///< empty when a lowered limit did it
  friend bool operator==(const limit_overrun&, const limit_overrun&) = default;
};
/// The tombstones with a number up to `through` are gone, but for those of a day to come: their reservations count in
/// it.
struct tombstones_dropped {
  std::int64_t through = 0;
  friend bool operator==(const tombstones_dropped&, const tombstones_dropped&) = default;
};

using risk_event = std::variant<limits_set, permissions_set, limit_reserved, limit_denied, attempt_closed,
                                facts_settled, day_rolled, limit_overrun, tombstones_dropped>;

// ---- state ----------------------------------------------------------------------------------------------------------
enum class reservation_state : std::uint8_t {
  held = 0,     ///< capacity is held; open work of the book
  settled = 1,  ///< its order is closed; nothing is held; a tombstone
  denied = 2,   ///< was refused; a tombstone, so that a late copy of the Reserve gets the same answer
  closed = 3,   ///< attempt closed before it was reserved; a tombstone
};
struct reservation {
  std::int32_t attempt = 1;
  std::string fingerprint;
  reservation_state state = reservation_state::held;
  user_id user;
  account_id account;
  std::int64_t quantity = 0;  ///< 0: nothing was ever reserved for this order
  std::int64_t filled = 0;
  money price;
  money held;                                ///< price x (quantity - filled), never negative; zero unless `held`
  trading_day day;                           ///< the day into which it was reserved; tombstones: the day they were made
  std::vector<violation> violations;         ///< denied only
  std::optional<std::int64_t> quantity_max;  ///< denied only
  std::int64_t tombstone = 0;                ///< its number, counted as tombstones are made; 0: none
  friend bool operator==(const reservation&, const reservation&) = default;
};
struct scope_usage {
  money used;                    ///< filled value of the book's current day, `used_ahead` included
  money reserved;                ///< value held by open reservations, carried over the day roll
  std::int64_t orders = 0;       ///< reservations of the current day
  std::int64_t open_orders = 0;  ///< reservations held
  money used_ahead{};            ///< of fills that count after the book's day: they stay used when it rolls
  trading_day ahead_day{};       ///< the latest of their days
  friend bool operator==(const scope_usage&, const scope_usage&) = default;
};
struct risk_book {
  organization_id organization;
  trading_day day;                  ///< 0 before the first roll
  std::int64_t version = 0;         ///< events folded
  std::int64_t limits_version = 0;  ///< limits_set folded: the ETag of the limits
  std::int64_t settled_seq = 0;
  std::map<limit_scope, std::vector<limit>> limits;
  std::map<user_id, permission_grant> permissions;
  std::map<limit_scope, scope_usage> usage;
  std::unordered_map<order_id, reservation> reservations;
  std::int64_t held_count = 0;
  std::map<std::int64_t, order_id> tombstones;  ///< by their numbers: those of `reservations` that are not held
  std::int64_t last_tombstone = 0;
  std::int64_t dropped_through = 0;
  friend bool operator==(const risk_book&, const risk_book&) = default;
};

/// Total and deterministic: any event on any book, sums saturate, counts never go below zero. Takes the book by
/// reference: a big book is changed in place. Nothing releases a held reservation but the closed or absent fact of its
/// order.
///
/// A fill counts as used on its own day, and while capacity is held for its order not before the day for which that was
/// reserved: the clock of who dates fills may be behind the book's day, which never goes back. When that day is after
/// the book's (the clock may be ahead by a moment) it counts at once as well, which errs to the safe side. A fill of an
/// earlier day only reduces what is held: told late, it was of that day; but where a clock went ahead for a while and
/// the book with it, what was held then is used on no day, and neither is a fill that is found after its order's end.
///
/// day_rolled never goes back; it leaves used what was filled ahead for the new day, sets orders to zero, counts the
/// reservations made in advance for the new day into `orders`, and drops tombstones made before the trading day that
/// ends; tombstones_dropped does so with the day's own.
void evolve(risk_book& book, const risk_event& event);

// ---- readings -------------------------------------------------------------------------------------------------------
/// The scopes whose limits bind an order, in the order of checking: organization, user, account.
std::array<limit_scope, 3> scopes_of(const risk_book& book, user_id user, account_id account);
/// Zeros for a scope without usage. The reference lives until the book changes.
const scope_usage& usage_of(const risk_book& book, limit_scope scope);
/// What counts against a limit of this type before the next order: money ticks or a count; zero for the types that look
/// at one order alone.
std::int64_t usage_against(const scope_usage& usage, limit_type type);

// ---- decisions ------------------------------------------------------------------------------------------------------
/// All failed checks of this order against the book as it stands, in a fixed order: permission, then for organization,
/// user and account in turn every limit. Empty = allowed. `quantity_max` is the largest quantity that would pass every
/// check that depends on quantity (0 if none would; not set when a check fails that no quantity can mend).
/// Without any limit the organization is still bound by money::ticks_max, for one order and for the day: beyond it
/// amounts could not be counted. A value beyond it is attempted as ticks_max and exceeds every money limit.
struct risk_check {
  std::vector<violation> violations;
  std::optional<std::int64_t> quantity_max;
};
risk_check check_order(const risk_book& book, const reserve_capacity& order);

/// Why a user may not do something on an account; nullopt = may. The scope is the user's where the grant lacks the
/// action, the account's where it does not cover the account.
std::optional<violation> check_permission(const risk_book& book, user_id user, account_id account, trade_action action);

/// Appends day_rolled where `today` is later than the book's day, and applies it. Each decision below does this before
/// its own first fact; call it alone where figures of the new day are read before any command came.
void roll_day(risk_book& book, trading_day today, std::vector<risk_event>& facts);

struct reserve_answer {
  enum class verdict : std::uint8_t { reserved = 0, denied = 1, closed = 2, fingerprint_differs = 3, too_late = 4 };
  verdict what = verdict::reserved;
  std::vector<violation> violations;         ///< denied only
  std::optional<std::int64_t> quantity_max;  ///< denied only
};
/// Appends to `facts` what follows from the command (a day roll first where `today` is later than the book's day; never
/// backwards) and applies each to `book` as it goes: after the call `book` is what the facts make of it.
/// An order that the book knows gets its stored answer, deadline or not, and no facts.
/// `too_late`: the caller found the absolute deadline passed; nothing is reserved, and nothing is stored.
reserve_answer decide(risk_book& book, const reserve_capacity& command, trading_day today, bool too_late,
                      std::vector<risk_event>& facts);

struct close_answer {
  bool reserved = false;  ///< the attempt had been reserved: the order may have been sent
};
close_answer decide(risk_book& book, const close_attempt& command, trading_day today, std::vector<risk_event>& facts);

struct settle_answer {
  bool accepted = false;  ///< false: start again after settled_seq
  std::int64_t settled_seq = 0;
};
/// seq <= settled: accepted, nothing happens. prev != settled: refused, nothing happens. Else one facts_settled with
/// all facts, then a limit_overrun for each scope whose daily value is over its limit after them and was not before,
/// naming the order whose fill took it over.
settle_answer decide(risk_book& book, const settle_facts& command, trading_day today, std::vector<risk_event>& facts);

/// Drops the tombstones up to number `through`, once no Reserve that began before they were made can be granted any
/// more: it has a deadline of seconds, and an order that is over asks nothing. A CloseAttempt that comes later closes
/// what is not there, and a fill counts as that of an order that the book does not know.
void drop_tombstones(risk_book& book, std::int64_t through, std::vector<risk_event>& facts);

/// Overruns follow where a new limit is below what counts against it now and the former limit was not.
void decide(risk_book& book, const set_limits& command, trading_day today, std::vector<risk_event>& facts);
void decide(risk_book& book, const set_permissions& command, trading_day today, std::vector<risk_event>& facts);

}  // namespace sb
