#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sb::web {

/// argon2id with OWASP's parameters: about 20 ms of CPU and 19 MiB for a guess. One lane, so that a login takes one
/// core.
struct password_cost {
  std::uint32_t memory_kib = 19'456;
  std::uint32_t passes = 2;
  std::uint32_t lanes = 1;
};
constexpr password_cost password_cost_now{};
/// Longer ones are refused before any hashing.
constexpr std::size_t password_bytes_max = 1'024;

/// The encoded hash with its parameters and a fresh salt ("$argon2id$v=19$m=..."): what is stored.
/// Throws std::runtime_error without randomness or memory, std::length_error beyond password_bytes_max.
/// Takes about 20 ms of CPU: not for the io thread nor a scheduler thread.
std::string hash_password(std::string_view password);

/// Whether the password made that hash. Compares in constant time. False for a hash that is not an argon2id one.
bool verify_password(std::string_view encoded, std::string_view password);

/// Does the work of one verification and answers false: a login of an unknown user takes as long as a wrong password.
bool verify_password_of_nobody(std::string_view password);

/// The hash was made with other parameters than those of today: make a new one at the next good login.
bool is_password_hash_outdated(std::string_view encoded);

}  // namespace sb::web
