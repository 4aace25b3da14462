#include "web/auth/password.hpp"

#include <argon2.h>

#include <array>
#include <stdexcept>

#include "web/auth/random.hpp"

namespace sb::web {
namespace {

constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;
constexpr std::string_view prefix = "$argon2id$";

std::string parameters_text() {
  return std::string{prefix} + "v=" + std::to_string(ARGON2_VERSION_NUMBER) +
         "$m=" + std::to_string(password_cost_now.memory_kib) + ",t=" + std::to_string(password_cost_now.passes) +
         ",p=" + std::to_string(password_cost_now.lanes) + "$";
}

}  // namespace

std::string hash_password(std::string_view password) {
  if (password.size() > password_bytes_max) throw std::length_error("password too long");
  std::array<unsigned char, salt_bytes> salt{};
  random_bytes(salt);
  const auto& cost = password_cost_now;
  std::string encoded(argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, salt_bytes, hash_bytes, Argon2_id),
                      '\0');
  const int result = argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(),
                                           salt.data(), salt.size(), hash_bytes, encoded.data(), encoded.size());
  if (result != ARGON2_OK) throw std::runtime_error(std::string{"argon2: "} + argon2_error_message(result));
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool verify_password(std::string_view encoded, std::string_view password) {
  if (!encoded.starts_with(prefix) || password.size() > password_bytes_max) return false;
  return argon2id_verify(std::string{encoded}.c_str(), password.data(), password.size()) == ARGON2_OK;
}

bool verify_password_of_nobody(std::string_view password) {
  if (password.size() > password_bytes_max) return false;
  const std::array<unsigned char, salt_bytes> salt{};
  std::array<unsigned char, hash_bytes> hash{};
  const auto& cost = password_cost_now;
  argon2id_hash_raw(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(), salt.data(),
                    salt.size(), hash.data(), hash.size());
  return false;
}

bool is_password_hash_outdated(std::string_view encoded) { return !encoded.starts_with(parameters_text()); }

}  // namespace sb::web
