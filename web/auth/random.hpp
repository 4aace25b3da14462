#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace sb::web {

/// Fills from the operating system's generator (RAND_bytes). Throws std::runtime_error when there is no randomness:
/// nothing that needs it can go on. Safe from any thread.
void random_bytes(std::span<unsigned char> into);

/// `bytes` random bytes as base64url: session ids, generated idempotency keys, demo passwords.
std::string random_token(std::size_t bytes);

}  // namespace sb::web
