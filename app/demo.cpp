#include "app/demo.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "app/replay/demo_file.hpp"
#include "app/replay/http_client.hpp"
#include "app/replay/instrument_file.hpp"
#include "app/replay/tenant_setup.hpp"
#include "web/auth/signing_key.hpp"
#include "web/auth/token_issuer.hpp"

namespace sb {
namespace {

using replay::demo_tenants;
using replay::limits_of;
using replay::tenant_setup;

constexpr std::chrono::seconds request_deadline{30};
constexpr std::int64_t bootstrap_token_lifetime_s = 300;
/// The user and the organization that the first tenants' creator claims to be. Numbers are given out from 1 on, so that
/// nobody ever has this one.
constexpr std::int64_t bootstrap_id = 999'999'999'999'999;
constexpr std::size_t accounts_per_organization = 3;
constexpr std::size_t symbols_shown = 5;

/// A token that no user stands behind: there is none before the first one is created. Who holds the signing key can
/// make any token anyway.
std::string bootstrap_token(const demo_options& options) {
  const web::token_issuer issuer{{options.issuer, options.audience, bootstrap_token_lifetime_s},
                                 web::signing_key::load(options.key_file)};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  web::token_claims claims;
  claims.user = user_id{bootstrap_id};
  claims.organization = organization_id{bootstrap_id};
  claims.roles = {"platform_admin"};
  return issuer.issue(claims, wall_ms{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()}).text;
}

class demo_creation {
 public:
  demo_creation(tenant_setup& setup, demo_tenants& demo) : setup_{setup}, demo_{demo} {}

  organization_id organization(const std::string& name, const std::string& account_prefix) {
    const auto made = setup_.create_organization(name);
    setup_.set_limits(made, limits_of::organization, made.value);
    for (std::size_t i = 1; i <= accounts_per_organization; ++i) {
      const auto account = setup_.create_account(made, account_prefix + ' ' + std::to_string(i));
      setup_.set_limits(made, limits_of::account, account.value);
      demo_.accounts.push_back({account, made});
    }
    return made;
  }

  /// `roles`: the widest one first; that is the one by which the demo's file calls the user.
  user_id user(organization_id organization, const std::string& email, const std::string& name,
               std::span<const std::string_view> roles) {
    const auto made = setup_.create_user(organization, email, name, roles);
    demo_.users.push_back({made.email, made.password, std::string{roles.front()}, made.user, organization});
    return made.user;
  }

  void trader(organization_id organization, const std::string& email, const std::string& name) {
    constexpr std::array<std::string_view, 1> roles{"trader"};
    const auto made = user(organization, email, name, roles);
    std::vector<account_id> accounts;
    for (const auto& item : demo_.accounts) {
      if (item.organization == organization) accounts.push_back(item.account);
    }
    setup_.allow_trading(organization, made, accounts);
    setup_.set_limits(organization, limits_of::user, made.value);
  }

 private:
  tenant_setup& setup_;
  demo_tenants& demo_;
};

demo_tenants create_demo(tenant_setup& setup, const std::string& base_url, std::span<const instrument> instruments) {
  demo_tenants demo;
  demo.base_url = base_url;
  demo_creation create{setup, demo};
  const auto alpha = create.organization("Alpha Capital", "Alpha");
  const auto beta = create.organization("Beta Trading", "Beta");
  constexpr std::array<std::string_view, 2> admin_roles{"platform_admin", "admin"};
  setup.allow_viewing(alpha, create.user(alpha, "admin@alpha.example.com", "Asha Admin", admin_roles));
  create.trader(alpha, "trader1@alpha.example.com", "Tara Trader");
  create.trader(alpha, "trader2@alpha.example.com", "Tarun Trader");
  create.trader(beta, "trader@beta.example.com", "Bela Trader");
  constexpr std::array<std::string_view, 1> viewer_roles{"viewer"};
  setup.allow_viewing(alpha, create.user(alpha, "viewer@alpha.example.com", "Vikram Viewer", viewer_roles));
  for (const auto& what : instruments.first(std::min(instruments.size(), symbols_shown)))
    demo.symbols.push_back(what.exchange + ':' + what.symbol);
  return demo;
}

/// The host of "http://host:port" with the port moved by `offset`; the URL itself where it names no port.
std::string moved_port(const std::string& base_url, int offset) {
  const auto colon = base_url.rfind(':');
  int port = 0;
  const char* const end = base_url.data() + base_url.size();
  if (colon == std::string::npos) return base_url;
  const auto [stop, error] = std::from_chars(base_url.data() + colon + 1, end, port);
  if (error != std::errc{} || stop != end) return base_url;
  return base_url.substr(0, colon + 1) + std::to_string(port + offset);
}

const instrument& shown_instrument(std::span<const instrument> instruments) {
  const auto found = std::find_if(instruments.begin(), instruments.end(),
                                  [](const instrument& what) { return what.symbol == "SBIN"; });
  return found == instruments.end() ? instruments.front() : *found;
}

void print_guide(const std::string& base_url, const std::filesystem::path& file, const demo_tenants& demo,
                 const std::string& token, const instrument& what) {
  const auto* trader = demo.find("trader");
  const auto account = std::find_if(demo.accounts.begin(), demo.accounts.end(),
                                    [trader](const auto& item) { return item.organization == trader->organization; });
  std::cout << "\nStocksblitz is running\n"
            << "  gateway    " << base_url << "  (start page; " << base_url << "/openapi.json)\n"
            << "  user API   " << moved_port(base_url, 2) << '\n'
            << "  trade API  " << moved_port(base_url, 4) << '\n'
            << "  metrics    " << moved_port(base_url, 6) << "/metrics\n"
            << "  users      " << demo.users.size() << " in two organizations; e-mails and passwords are in "
            << file.string() << "\n\nPlace an order as " << trader->email
            << " (the token in it is valid for a while):\n\n"
            << "curl -sS " << base_url << "/trades/place-order -H 'Authorization: Bearer " << token
            << "' -H 'Content-Type: application/json' -d '{\"trading_account_id\":" << account->account.value
            << ",\"exchange\":\"" << what.exchange << "\",\"symbol\":\"" << what.symbol
            << "\",\"trade_type\":\"BUY\",\"order_type\":\"LIMIT\",\"product_type\":\"INTRADAY\",\"quantity\":"
            << what.lot << ",\"price\":" << format(what.reference_price) << "}'\n"
            << std::endl;
}

}  // namespace

int run_demo(const demo_options& options) {
  try {
    auto base_url = options.base_url;
    while (base_url.ends_with('/')) base_url.pop_back();
    const auto instruments = replay::read_priced_instruments(options.instruments_file);
    const auto file = options.data_dir / "demo.json";
    replay::http_client http{base_url, 1, request_deadline};
    if (!std::filesystem::exists(file)) {
      tenant_setup setup{http, bootstrap_token(options)};
      replay::write_demo_file(file, create_demo(setup, base_url, instruments));
    }
    const auto demo = replay::read_demo_file(file);
    const auto* trader = demo.find("trader");
    if (trader == nullptr || demo.accounts.empty())
      throw std::runtime_error{file.string() + ": holds no trader or account"};
    std::string token;
    try {
      token = replay::log_in(http, trader->email, trader->password);
    } catch (const replay::setup_error& error) {
      if (error.status != 401) throw;
      throw std::runtime_error{file.string() + " was made for another database: remove it to create the demo anew"};
    }
    print_guide(base_url, file, demo, token, shown_instrument(instruments));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "demo: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace sb
