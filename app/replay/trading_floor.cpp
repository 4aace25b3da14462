#include "app/replay/trading_floor.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "app/replay/tenant_setup.hpp"

namespace sb::replay {
namespace {

/// One organization's share of the floor.
struct organization_desk {
  organization_id organization;
  std::vector<account_id> demo_accounts;
  std::vector<std::size_t> demo_traders;
};

std::vector<organization_desk> desks_of(const demo_tenants& demo, trading_floor& floor) {
  std::vector<organization_desk> desks;
  const auto desk_of = [&desks](organization_id organization) -> organization_desk& {
    const auto found = std::find_if(desks.begin(), desks.end(),
                                    [organization](const auto& desk) { return desk.organization == organization; });
    if (found != desks.end()) return *found;
    return desks.emplace_back(organization_desk{organization, {}, {}});
  };
  for (const auto& account : demo.accounts) desk_of(account.organization).demo_accounts.push_back(account.account);
  for (const auto& user : demo.users) {
    if (user.role != "trader") continue;
    desk_of(user.organization).demo_traders.push_back(floor.users.size());
    floor.users.push_back({user.email, user.password, {}});
  }
  return desks;
}

std::string email_of(const std::string& run, std::size_t desk) {
  std::string name = run;
  std::replace(name.begin(), name.end(), ':', '.');
  return "replay." + name + '.' + std::to_string(desk + 1) + "@example.com";
}

/// Adds accounts of the desk to the floor until it has `wanted` of them.
void fill_desk(tenant_setup& setup, trading_floor& floor, const organization_desk& desk, std::size_t index,
               std::size_t wanted, const std::string& run) {
  std::size_t filled = 0;
  if (!desk.demo_traders.empty()) {
    for (; filled < std::min(wanted, desk.demo_accounts.size()); ++filled)
      floor.accounts.push_back({desk.demo_accounts[filled], desk.organization, desk.demo_traders});
  }
  if (filled == wanted) return;
  constexpr std::array<std::string_view, 1> trader{"trader"};
  const auto made = setup.create_user(desk.organization, email_of(run, index), "Replay " + run, trader);
  setup.allow_trading(desk.organization, made.user, {});
  setup.set_limits(desk.organization, limits_of::user, made.user.value);
  const auto user = floor.users.size();
  floor.users.push_back({made.email, made.password, {}});
  for (; filled < wanted; ++filled) {
    const auto account = setup.create_account(desk.organization, "Replay " + run + ' ' + std::to_string(filled + 1));
    setup.set_limits(desk.organization, limits_of::account, account.value);
    floor.accounts.push_back({account, desk.organization, {user}});
  }
}

}  // namespace

trading_floor prepare_floor(http_client& http, const demo_tenants& demo, std::size_t accounts,
                            std::size_t organizations, const std::string& run) {
  const auto* admin = demo.find("platform_admin");
  if (admin == nullptr) admin = demo.find("admin");
  if (admin == nullptr) throw std::runtime_error{"the demo has no platform_admin"};

  trading_floor floor;
  floor.users.push_back({admin->email, admin->password, log_in(http, admin->email, admin->password)});
  auto desks = desks_of(demo, floor);
  tenant_setup setup{http, floor.users.front().token};
  if (organizations == 0) organizations = desks.size();
  if (accounts == 0) accounts = demo.accounts.size();
  if (organizations == 0 || accounts < organizations)
    throw std::runtime_error{"a replay needs at least one account in each organization"};
  while (desks.size() > organizations) desks.pop_back();
  while (desks.size() < organizations) {
    const auto made = setup.create_organization("Replay " + run + ' ' + std::to_string(desks.size() + 1));
    setup.set_limits(made, limits_of::organization, made.value);
    desks.push_back({made, {}, {}});
  }
  for (std::size_t i = 0; i < organizations; ++i) {
    const auto wanted = accounts / organizations + (i < accounts % organizations ? 1 : 0);
    fill_desk(setup, floor, desks[i], i, wanted, run);
  }
  for (auto& user : floor.users) {
    if (user.token.empty()) user.token = log_in(http, user.email, user.password);
  }
  return floor;
}

}  // namespace sb::replay
