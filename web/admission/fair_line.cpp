#include "web/admission/fair_line.hpp"

namespace sb::web {

void fair_line::wait(std::uint64_t request, const line_member& whose, bool urgent) {
  auto& organization = organizations_[whose.organization];
  auto& user = organization.users[whose.user];
  if (organization.turns.empty()) {
    organization.newcomer = organization.in_core == 0;
    auto& turns = turns_of(organization);
    organization.turn = turns.insert(turns.end(), whose.organization);
  }
  if (user.empty()) user.turn = organization.turns.insert(organization.turns.end(), whose.user);
  auto& lane = urgent ? user.urgent : user.others;
  places_.emplace(request, place{whose, urgent, lane.insert(lane.end(), request)});
}

bool fair_line::may_pass(const line_member& whose, bool urgent, const core_shares& shares) const {
  const auto organization = organizations_.find(whose.organization);
  if (organization == organizations_.end()) return true;
  if (organization->second.in_core >= shares.organization) return false;
  const auto user = organization->second.users.find(whose.user);
  if (user == organization->second.users.end()) return true;
  const bool nobody_before = urgent ? user->second.urgent.empty() : user->second.empty();
  return nobody_before && user->second.has_room(urgent, shares.user);
}

bool fair_line::waits(const line_member& whose) const {
  const auto organization = organizations_.find(whose.organization);
  if (organization == organizations_.end()) return false;
  const auto user = organization->second.users.find(whose.user);
  return user != organization->second.users.end() && !user->second.others.empty();
}

void fair_line::enter(const line_member& whose) {
  auto& organization = organizations_[whose.organization];
  ++organization.users[whose.user].in_core;
  ++organization.in_core;
  ++in_core_;
}

void fair_line::leave(const line_member& whose) {
  auto& organization = organizations_.at(whose.organization);
  --organization.users.at(whose.user).in_core;
  --organization.in_core;
  --in_core_;
  forget_if_idle(whose);
}

void fair_line::hold(const line_member& whose) { ++organizations_[whose.organization].users[whose.user].held; }

void fair_line::release(const line_member& whose) {
  --organizations_.at(whose.organization).users.at(whose.user).held;
  forget_if_idle(whose);
}

std::optional<std::uint64_t> fair_line::next(const core_shares& shares) {
  auto& first = newcomers_turn_ ? newcomers_ : others_;
  auto& second = newcomers_turn_ ? others_ : newcomers_;
  newcomers_turn_ = !newcomers_turn_;
  if (const auto request = next_of(first, shares)) return request;
  return next_of(second, shares);
}

std::optional<std::uint64_t> fair_line::next_of(organization_turns& turns, const core_shares& shares) {
  for (auto turn = turns.begin(); turn != turns.end(); ++turn) {
    const auto id = *turn;
    auto& organization = organizations_.at(id);
    if (organization.in_core >= shares.organization) continue;
    const auto user = next_user(organization, shares);
    if (!user) continue;
    const line_member whose{id, *user};
    others_.splice(others_.end(), turns, turn);
    organization.newcomer = false;
    const auto request = take_first(organization, whose);
    enter(whose);
    return request;
  }
  return std::nullopt;
}

/// The first of its users whose share allows it; he is the last then.
std::optional<user_id> fair_line::next_user(organization_line& line, const core_shares& shares) {
  for (auto turn = line.turns.begin(); turn != line.turns.end(); ++turn) {
    const auto& user = line.users.at(*turn);
    if (!user.has_room(!user.urgent.empty(), shares.user)) continue;
    line.turns.splice(line.turns.end(), line.turns, turn);
    return line.turns.back();
  }
  return std::nullopt;
}

std::uint64_t fair_line::take_first(organization_line& line, const line_member& whose) {
  const auto& user = line.users.at(whose.user);
  const auto request = user.urgent.empty() ? user.others.front() : user.urgent.front();
  remove(request);
  return request;
}

bool fair_line::remove(std::uint64_t request) {
  const auto found = places_.find(request);
  if (found == places_.end()) return false;
  const auto [whose, urgent, at] = found->second;
  places_.erase(found);
  auto& organization = organizations_.at(whose.organization);
  auto& user = organization.users.at(whose.user);
  (urgent ? user.urgent : user.others).erase(at);
  if (user.empty()) organization.turns.erase(user.turn);
  if (organization.turns.empty()) turns_of(organization).erase(organization.turn);
  forget_if_idle(whose);
  return true;
}

void fair_line::forget_if_idle(const line_member& whose) {
  const auto organization = organizations_.find(whose.organization);
  const auto user = organization->second.users.find(whose.user);
  if (user->second.empty() && user->second.in_core == 0 && user->second.held == 0)
    organization->second.users.erase(user);
  if (organization->second.users.empty()) organizations_.erase(organization);
}

}  // namespace sb::web
