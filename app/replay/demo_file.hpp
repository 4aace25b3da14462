#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/ids.hpp"

namespace sb::replay {

struct demo_user {
  std::string email;
  std::string password;
  std::string role;  ///< the widest one: platform_admin, admin, trader, viewer
  user_id user;
  organization_id organization;
  friend bool operator==(const demo_user&, const demo_user&) = default;
};
struct demo_account {
  account_id account;
  organization_id organization;
  friend bool operator==(const demo_account&, const demo_account&) = default;
};

/// Who can log in to a demo, and what they can trade. Holds passwords: written for its owner's eyes only.
struct demo_tenants {
  std::string base_url;
  std::vector<demo_user> users;
  std::vector<demo_account> accounts;
  std::vector<std::string> symbols;  ///< a few that can be traded, "NSE:SBIN"
  friend bool operator==(const demo_tenants&, const demo_tenants&) = default;

  /// The first user with that role; nullptr when there is none.
  const demo_user* find(std::string_view role) const;
};

std::string format_demo(const demo_tenants& demo);
/// nullopt and `why` unless every user and account is complete. Members that it does not know are ignored.
std::optional<demo_tenants> parse_demo(std::string_view json, std::string& why);

/// Throws std::runtime_error that names the file.
demo_tenants read_demo_file(const std::filesystem::path& path);
/// The file appears whole or not at all, mode 0600, on disk when this returns; an existing one is replaced. Throws
/// std::runtime_error that names the file.
void write_demo_file(const std::filesystem::path& path, const demo_tenants& demo);

}  // namespace sb::replay
