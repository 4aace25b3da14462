#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "app/replay/demo_file.hpp"
#include "app/replay/http_client.hpp"
#include "domain/ids.hpp"

namespace sb::replay {

struct floor_user {
  std::string email;
  std::string password;
  std::string token;
};
struct floor_account {
  account_id account;
  organization_id organization;
  std::vector<std::size_t> traders;  ///< indices of users who may trade it; not empty
};
/// Who places a replay's orders on which accounts.
struct trading_floor {
  std::vector<floor_user> users;
  std::vector<floor_account> accounts;
  std::size_t platform_admin = 0;  ///< index into users
};

/// Takes the demo's accounts and traders, and creates through REST what it has too few of: `organizations` in all and
/// `accounts` spread evenly over them; 0 = as many as the demo has. What is created carries the run's name, is written
/// nowhere, and its passwords are forgotten with the process. All users are logged in. Throws std::runtime_error.
trading_floor prepare_floor(http_client& http, const demo_tenants& demo, std::size_t accounts,
                            std::size_t organizations, const std::string& run);

}  // namespace sb::replay
