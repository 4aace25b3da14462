#include "web/admission/admission.hpp"

#include <algorithm>

namespace sb::web {
namespace {

using place = admission_ticket::place;

constexpr std::int64_t second_ms = 1'000;
constexpr std::size_t users_max = 100'000;  // counted in one second; of more nobody is told apart

line_member member_of(const admission_ticket& ticket) {
  const auto& held = std::get<shard_credit>(ticket.held);
  return {held.organization, held.user};
}

std::vector<std::uint64_t> take_due(std::deque<std::pair<boot_ms, std::uint64_t>>& all, std::int64_t ms, boot_ms now) {
  std::vector<std::uint64_t> found;
  for (; !all.empty() && all.front().first.value + ms <= now.value; all.pop_front())
    found.push_back(all.front().second);
  return found;
}

}  // namespace

short_of admission::take(std::uint64_t request, admission_ticket& ticket, bool urgent, boot_ms now) {
  const auto lacking = credits_.take(ticket.held);
  const auto* held = std::get_if<shard_credit>(&ticket.held);
  if (lacking != short_of::nothing || held == nullptr) return lacking;
  note(*held, now);
  end_holds_due(now);
  const auto whose = member_of(ticket);
  ticket.urgent = urgent;
  if (line_.in_core() < core_.now() && line_.may_pass(whose, urgent, shares(now))) {
    line_.enter(whose);
    entered(request, ticket, now);
  } else {
    line_.wait(request, whose, urgent);
    ticket.where = place::line;
    in_line_.emplace_back(now, request);
  }
  return short_of::nothing;
}

void admission::entered(std::uint64_t request, admission_ticket& ticket, boot_ms now) {
  ticket.where = place::core;
  ticket.entered = now;
  in_core_.emplace_back(now, request);
}

void admission::stored(std::uint64_t request, admission_ticket& ticket, boot_ms now) {
  const bool holds = wants_more(ticket, now);
  leave_core(ticket, now);
  if (holds) hold(request, member_of(ticket), limits_.core.took_ms, now);
}

void admission::answered_early(std::uint64_t request, admission_ticket& ticket, boot_ms now) {
  const bool holds = wants_more(ticket, now);
  const auto took = now.value - ticket.entered.value;
  give_back(request, ticket, now);
  if (holds) hold(request, member_of(ticket), std::min(std::max<std::int64_t>(took, 1), limits_.core.took_ms), now);
}

bool admission::wants_more(const admission_ticket& ticket, boot_ms now) {
  return ticket.where == place::core && !ticket.urgent && users_active(now) > 1 && line_.waits(member_of(ticket));
}

void admission::hold(std::uint64_t request, const line_member& whose, std::int64_t ms, boot_ms now) {
  line_.hold(whose);
  held_.emplace(request, whose);
  held_until_.emplace(boot_ms{now.value + ms}, request);
}

void admission::end_hold(std::uint64_t request) {
  const auto found = held_.find(request);
  if (found == held_.end()) return;
  line_.release(found->second);
  held_.erase(found);
}

void admission::end_holds_due(boot_ms now) {
  for (; !held_until_.empty() && held_until_.begin()->first <= now; held_until_.erase(held_until_.begin()))
    end_hold(held_until_.begin()->second);
}

void admission::leave_core(admission_ticket& ticket, boot_ms now) {
  if (ticket.where != place::core) return;
  ticket.where = place::beyond;
  // What waits because of somebody's share would wait in a larger core as well.
  const bool full = line_.in_core() >= core_.now();
  core_.took(now.value - ticket.entered.value, line_.in_core(), full && line_.waiting() > 0);
  line_.leave(member_of(ticket));
}

void admission::give_back(std::uint64_t request, admission_ticket& ticket, boot_ms now) {
  if (ticket.where == place::line) line_.remove(request);
  leave_core(ticket, now);
  end_hold(request);
  ticket.where = place::beyond;
  credits_.give_back(ticket.held);
}

std::optional<std::uint64_t> admission::next(boot_ms now) {
  end_holds_due(now);
  if (line_.waiting() == 0 || line_.in_core() >= core_.now()) return std::nullopt;
  return line_.next(shares(now));
}

std::vector<std::uint64_t> admission::waited_too_long(boot_ms now) { return take_due(in_line_, limits_.line_ms, now); }

std::vector<std::uint64_t> admission::long_in_core(boot_ms now) { return take_due(in_core_, limits_.stay_ms, now); }

std::int64_t admission::refusal_delay(user_id user, boot_ms now) {
  auto& refused = current(now).refused;
  if (refused.size() >= users_max && !refused.contains(user)) return 0;
  const auto count = ++refused[user];
  if (count <= limits_.refusals) return 0;
  const auto before = before_.refused.find(user);
  const auto often = std::max(count, before == before_.refused.end() ? 0 : before->second);
  const auto steps = std::min(limits_.steps_max, 1 + often / limits_.refusals_of_a_step);
  const auto least = steps * limits_.refusal_ms;
  constexpr std::uint32_t golden = 2'654'435'769;  // 2^32 times the golden ratio: its multiples spread evenly
  const auto spread = static_cast<std::uint64_t>(++refused_ * golden) * static_cast<std::uint64_t>(least);
  return least + static_cast<std::int64_t>(spread >> 32U);
}

admission::second& admission::current(boot_ms now) {
  const auto number = now.value / second_ms;
  if (number != now_.number) {
    before_ = number == now_.number + 1 ? std::move(now_) : second{};
    now_ = second{};
    now_.number = number;
  }
  return now_;
}

void admission::note(const shard_credit& who, boot_ms now) {
  auto& active = current(now);
  if (active.users.size() >= users_max) return;
  if (active.users.insert(who.user).second && !before_.users.contains(who.user)) ++active.new_users;
  if (active.organizations.insert(who.organization).second && !before_.organizations.contains(who.organization))
    ++active.new_organizations;
}

std::int32_t admission::users_active(boot_ms now) {
  const auto& active = current(now);
  return static_cast<std::int32_t>(before_.users.size()) + active.new_users;
}

core_shares admission::shares(boot_ms now) {
  const auto users = users_active(now);
  const auto& active = current(now);
  const auto organizations = static_cast<std::int32_t>(before_.organizations.size()) + active.new_organizations;
  const auto all = core_.now();
  return {organizations > 1 ? std::max(1, all / 2) : all, users > 1 ? std::max(limits_.user_share, all / users) : all};
}

}  // namespace sb::web
