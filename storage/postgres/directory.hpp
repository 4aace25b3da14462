#pragma once
#include <optional>
#include <string>
#include <vector>

#include "domain/ids.hpp"
#include "storage/postgres/connection.hpp"

/// What must not be in the journal: names, addresses, password hashes, sessions. Small statements on a caller's
/// connection; each throws storage_unavailable (connect_error, statement_error) and is safe to repeat after that.
namespace sb::postgres::directory {

struct person {
  organization_id organization;
  user_id user;
  std::string email;  ///< as its owner writes it
  std::string display_name;
  std::string phone;  ///< empty: none
  friend bool operator==(const person&, const person&) = default;
};

struct login {
  organization_id organization;
  user_id user;
  std::string password_hash;
  friend bool operator==(const login&, const login&) = default;
};

enum class email_claim { claimed, taken };
enum class session_state { unknown, active, revoked };

/// Reserves an e-mail address for a user who is about to be created. `claimed` also when this user holds it already.
/// Addresses are compared without regard to the case of A-Z.
email_claim claim_email(connection& database, const std::string& email, organization_id organization, user_id user,
                        wall_ms now, instant until);
/// The user exists now: the claim no longer expires, and log-in finds it. False when this user does not hold the
/// address.
bool confirm_email(connection& database, const std::string& email, organization_id organization, user_id user,
                   instant until);
/// Frees the addresses of claims made before `before` that no user came of. Returns how many.
std::int64_t release_orphan_claims(connection& database, wall_ms before, instant until);

/// Stores a person with a password hash, or replaces both.
void save_person(connection& database, const person& who, const std::string& password_hash, wall_ms now, instant until);
std::optional<person> find_person(connection& database, organization_id organization, user_id user, instant until);
/// By user id, ascending.
std::vector<person> list_persons(connection& database, organization_id organization, instant until);
/// Only confirmed addresses.
std::optional<login> find_login(connection& database, const std::string& email, instant until);

/// `token` is the token's id (never the token). A token id that exists already stays as it is.
void create_session(connection& database, const std::string& token, organization_id organization, user_id user,
                    wall_ms issued_at, wall_ms expires_at, instant until);
/// Expiry is the caller's affair: the token says it.
session_state find_session(connection& database, const std::string& token, instant until);
/// False when there is no such session. The first revocation's time stays.
bool revoke_session(connection& database, const std::string& token, wall_ms now, instant until);
/// Every session of a user, for a changed password or a suspended user. Returns how many were active.
std::int64_t revoke_sessions(connection& database, organization_id organization, user_id user, wall_ms now,
                             instant until);

}  // namespace sb::postgres::directory
