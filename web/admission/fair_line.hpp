#pragma once
#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>

#include "domain/ids.hpp"

namespace sb::web {

/// Whose request it is.
struct line_member {
  organization_id organization;
  user_id user;
  friend auto operator<=>(const line_member&, const line_member&) = default;
};

/// How many requests of one organization and of one user may be in the core; what is held of a user counts among his
/// for one that is not urgent.
struct core_shares {
  std::int32_t organization = 0;
  std::int32_t user = 0;
};

/// What waits for the core, and who is in there. Organizations take turns, in each its users; a user's requests go in
/// their order, urgent ones before the others. An organization of which nothing waited and nothing was in the core is a
/// newcomer until its first turn. Newcomers and the others alternate: who asks seldom does not wait for those who ask
/// all the time, nor they for many who ask seldom. What is held counts among its member's own, for requests that are
/// not urgent, and not in the core. The caller bounds what waits. For the io thread.
class fair_line {
 public:
  /// Puts a request at the end of its member's line.
  void wait(std::uint64_t request, const line_member& whose, bool urgent);
  /// Whether one of this member's may enter without waiting: nothing of his waits that would go before it, and his
  /// shares are not used up.
  bool may_pass(const line_member& whose, bool urgent, const core_shares& shares) const;
  /// Whether something of this member's waits that is not urgent.
  bool waits(const line_member& whose) const;
  void enter(const line_member& whose);
  void leave(const line_member& whose);
  /// Until a release() for each of them.
  void hold(const line_member& whose);
  void release(const line_member& whose);
  /// The next one whose shares allow it, taken from the line and counted as in the core; nullopt: there is none.
  std::optional<std::uint64_t> next(const core_shares& shares);
  /// One that gives up; false when it does not wait.
  bool remove(std::uint64_t request);

  std::size_t waiting() const { return places_.size(); }
  std::int32_t in_core() const { return in_core_; }

 private:
  using requests = std::list<std::uint64_t>;
  using organization_turns = std::list<organization_id>;
  struct user_line {
    requests urgent;
    requests others;
    std::int32_t in_core = 0;
    std::int32_t held = 0;
    std::list<user_id>::iterator turn;  ///< while something waits
    bool empty() const { return urgent.empty() && others.empty(); }
    bool has_room(bool for_urgent, std::int32_t share) const { return in_core + (for_urgent ? 0 : held) < share; }
  };
  struct organization_line {
    std::map<user_id, user_line> users;
    std::list<user_id> turns;  ///< users of whom something waits
    std::int32_t in_core = 0;
    bool newcomer = false;
    organization_turns::iterator turn;  ///< while something waits
  };
  struct place {
    line_member whose;
    bool urgent = false;
    requests::iterator at;
  };

  organization_turns& turns_of(const organization_line& line) { return line.newcomer ? newcomers_ : others_; }
  std::optional<std::uint64_t> next_of(organization_turns& turns, const core_shares& shares);
  std::optional<user_id> next_user(organization_line& line, const core_shares& shares);
  std::uint64_t take_first(organization_line& line, const line_member& whose);
  void forget_if_idle(const line_member& whose);

  std::map<organization_id, organization_line> organizations_;
  organization_turns newcomers_;  ///< of them something waits, as of
  organization_turns others_;
  bool newcomers_turn_ = true;
  std::unordered_map<std::uint64_t, place> places_;
  std::int32_t in_core_ = 0;
};

}  // namespace sb::web
