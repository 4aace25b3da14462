#pragma once
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "app/replay/http_client.hpp"
#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "web/json.hpp"

namespace sb::replay {

/// An answer that set-up cannot go on with. `what()` names the request, the status and the problem's code.
struct setup_error : std::runtime_error {
  setup_error(const http_call& call, const http_answer& answer);
  int status;  ///< 0: no answer
};

/// Logs in and returns the access token. Throws setup_error.
std::string log_in(http_client& http, const std::string& email, const std::string& password);
/// The request that log_in sends, for callers that do not wait.
http_call login_call(const std::string& email, const std::string& password);

/// Limits wide enough for a replay or a bench, yet in force: daily value, orders per day and open orders of
/// organizations and users; single order value, quantity and exchange of accounts.
enum class limits_of : std::uint8_t { organization, user, account };

/// What an account's limits allow for one order.
constexpr money order_value_max{10'000'000 * money::unit};

/// Creates organizations, users and accounts through REST, as a platform_admin. Every call waits for its answer,
/// repeats itself for a bounded time after 429, 503 or a lost connection (which can leave an unused twin behind, never
/// a wrong one), and throws setup_error.
class tenant_setup {
 public:
  /// `http` must outlive it. `token`: of a platform_admin.
  tenant_setup(http_client& http, std::string token);

  organization_id create_organization(const std::string& name);
  account_id create_account(organization_id organization, const std::string& name);
  struct new_user {
    std::string email;
    std::string password;
    user_id user;
  };
  /// `roles`: API words, the first one the main role. An e-mail that is taken gets a random suffix before its "@". The
  /// password is random, 20 characters.
  new_user create_user(organization_id organization, const std::string& email, const std::string& display_name,
                       std::span<const std::string_view> roles);
  /// Place, cancel and view on these accounts; none = all of the organization.
  void allow_trading(organization_id organization, user_id user, std::span<const account_id> accounts);
  /// View only, on all accounts.
  void allow_viewing(organization_id organization, user_id user);
  void set_limits(organization_id organization, limits_of scope, std::int64_t id);

 private:
  web::json_value request(http_call call, int status);
  void put_permissions(organization_id organization, user_id user, std::span<const std::string_view> actions,
                       std::span<const account_id> accounts);

  http_client& http_;
  std::string token_;
};

}  // namespace sb::replay
