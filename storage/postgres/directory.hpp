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
struct ended_session {
  std::string token;  ///< its id
  wall_ms expires_at;
  wall_ms ended_at;
  friend bool operator==(const ended_session&, const ended_session&) = default;
};

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
/// Ends a session, also one that was never stored. Returns the time of its first end, by
/// PostgreSQL's clock, which stays.
wall_ms end_session(connection& database, const std::string& token, organization_id organization, user_id user,
                    wall_ms expires_at, instant until);
/// Those that were ended at or after `ended_since` and whose tokens expire after `expires_after`, by when they ended.
std::vector<ended_session> ended_sessions(connection& database, wall_ms ended_since, wall_ms expires_after,
                                          instant until);
/// Forgets sessions whose tokens expired before that, some thousands at a time. Returns how many.
std::int64_t forget_sessions(connection& database, wall_ms expired_before, instant until);

}  // namespace sb::postgres::directory
