#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "domain/ids.hpp"
#include "web/admission/core_limit.hpp"
#include "web/admission/credit_book.hpp"
#include "web/admission/fair_line.hpp"

namespace sb::web {

struct admission_limits {
  credit_limits credits;
  core_limit_settings core;
  std::int32_t user_share = 1;            ///< what a user may have in the core while others are there as well, at least
  std::int64_t line_ms = 1'500;           ///< longest wait for the core; then `overloaded`
  std::int64_t stay_ms = 250;             ///< after that a request makes room in the core: it waits for something else
  std::int32_t refusals = 10;             ///< of one user in one second that are answered at once; the others after
  std::int64_t refusal_ms = 750;          ///< by how much: one to two times this for each step
  std::int32_t refusals_of_a_step = 100;  ///< in that second or the one before; the first step needs none
  std::int32_t steps_max = 4;
};

/// What admission knows of one request; whoever waits for its answer keeps it.
struct admission_ticket {
  enum class place : std::uint8_t { line, core, beyond };
  credit held;
  place where = place::beyond;
  bool urgent = false;
  boot_ms entered;  ///< the core
};

/// Decides which requests go on to the actors, and when. Three bounds, from the outside in:
/// - credits: what may be in flight at all, per user, organization, shard and node. Beyond: refused.
/// - the line: what is in flight and not in the core waits there in fair turns, no longer than `line_ms`.
/// - the core: as many as it answers quickly (core_limit). While others were active in the last second, an organization
///   gets half of it at most, and a user his part, or `user_share` where that is more: what one has in there, the
///   others wait for. An order is in there until it is stored; see stored().
/// Service credits have neither line nor core. Pure: time comes in. For the io thread.
class admission {
 public:
  explicit admission(const admission_limits& limits) : limits_{limits}, credits_{limits.credits}, core_{limits.core} {}

  /// nothing: `ticket` says where the request is now. Else it is refused, and holds nothing.
  short_of take(std::uint64_t request, admission_ticket& ticket, bool urgent, boot_ms now);
  /// The core has stored what the request asks for, and has its answer to make: another one may enter. Of who wants
  /// more than his turn, while others are there, this one's place is free for his next that is not urgent when this one
  /// is answered, or at the first call after `core.took_ms`: what is done for an order after it is stored takes the
  /// time of the others as well.
  void stored(std::uint64_t request, admission_ticket& ticket, boot_ms now);
  /// The end of a request that was answered when its order was stored; the order goes on. In place of give_back. Nobody
  /// tells of its answer: what stored() says holds for as long as the request was in the core, a millisecond at least
  /// and `core.took_ms` at most.
  void answered_early(std::uint64_t request, admission_ticket& ticket, boot_ms now);
  /// The core has answered the request, or is not waited for: another one may enter.
  void leave_core(admission_ticket& ticket, boot_ms now);
  /// The end of the request, wherever it is.
  void give_back(std::uint64_t request, admission_ticket& ticket, boot_ms now);
  /// The next one of the line that may enter; call entered() with its ticket. Call it when something has left, and
  /// every few milliseconds, for what is held too long.
  std::optional<std::uint64_t> next(boot_ms now);
  void entered(std::uint64_t request, admission_ticket& ticket, boot_ms now);
  /// Those that joined the line `line_ms` ago; some may not be in it any more.
  std::vector<std::uint64_t> waited_too_long(boot_ms now);
  /// Those that entered the core `stay_ms` ago; some may not be in it any more.
  std::vector<std::uint64_t> long_in_core(boot_ms now);
  /// How long the refusal of this user's request is to be kept back. Who is refused more often than a program that
  /// minds Retry-After ever is gets his answers late, the later the more he is refused, so that his programs come back
  /// seldom and not all at the same moment: else refusing him takes the time of the others.
  std::int64_t refusal_delay(user_id user, boot_ms now);

  void commit_takes(std::int64_t ms) { core_.commit_takes(ms); }
  std::int32_t in_flight() const { return credits_.in_flight(); }
  std::size_t waiting() const { return line_.waiting(); }
  std::int32_t core_limit_now() const { return core_.now(); }

 private:
  /// Who asked for something within a second.
  struct second {
    std::int64_t number = 0;
    std::unordered_set<user_id> users;
    std::unordered_map<user_id, std::int32_t> refused;
    std::set<organization_id> organizations;
    std::int32_t new_users = 0;  ///< that were not there in the second before
    std::int32_t new_organizations = 0;
  };
  using due = std::pair<boot_ms, std::uint64_t>;

  second& current(boot_ms now);
  void note(const shard_credit& who, boot_ms now);
  std::int32_t users_active(boot_ms now);
  bool wants_more(const admission_ticket& ticket, boot_ms now);
  void hold(std::uint64_t request, const line_member& whose, std::int64_t ms, boot_ms now);
  void end_hold(std::uint64_t request);
  void end_holds_due(boot_ms now);
  core_shares shares(boot_ms now);

  admission_limits limits_;
  credit_book credits_;
  fair_line line_;
  core_limit core_;
  second before_;
  second now_;
  std::deque<due> in_line_;  ///< by when they joined it
  std::deque<due> in_core_;  ///< by when they entered it
  std::unordered_map<std::uint64_t, line_member>
      held_;                                          ///< no more than left the core within `core.took_ms` and a call
  std::multimap<boot_ms, std::uint64_t> held_until_;  ///< some may not be held any more
  std::uint32_t refused_ = 0;                         ///< spreads what comes back
};

}  // namespace sb::web
