#include "actors/protocol/order_key.hpp"

#include <cstdint>

#include "storage/hash_chain.hpp"

namespace sb {
namespace {

/// The bytes to be hashed: each component is its length as 8 bytes big endian and then itself; an integer is a
/// component of 8 bytes big endian.
class hash_input {
 public:
  explicit hash_input(std::string_view purpose) {
    bytes_.reserve(256);
    add(purpose);
  }
  void add(std::string_view text) {
    put(text.size());
    bytes_ += text;
  }
  void add(std::int64_t number) {
    put(sizeof number);
    put(static_cast<std::uint64_t>(number));
  }
  digest hash() const { return sha256(bytes_); }

 private:
  void put(std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(number >> shift & 0xff);
  }
  std::string bytes_;
};

}  // namespace

order_id derive_order_id(organization_id organization, account_id account, std::string_view client_order_id) {
  constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr unsigned digits = 29;
  hash_input input{"order id"};
  input.add(organization.value);
  input.add(account.value);
  input.add(client_order_id);
  const digest hash = input.hash();
  order_id id = "ORD";
  for (unsigned digit = 0; digit < digits; ++digit) {
    const unsigned bit = digit * 5;
    const unsigned pair = static_cast<unsigned>(hash[bit / 8]) << 8 | hash[bit / 8 + 1];
    id += alphabet[pair >> (11 - bit % 8) & 31];
  }
  return id;
}

std::string fingerprint(const order_command& command) {
  constexpr char hex[] = "0123456789abcdef";
  constexpr std::size_t bytes_kept = 16;
  hash_input input{"order command"};
  input.add(command.organization.value);
  input.add(command.account.value);
  input.add(command.client_order_id);
  input.add(command.exchange);
  input.add(command.symbol);
  input.add(word(command.direction));
  input.add(word(command.type));
  input.add(word(command.product));
  input.add(word(command.valid));
  input.add(command.quantity);
  input.add(command.price.ticks);
  input.add(std::int64_t{command.market_protection});
  input.add(command.comments);
  const digest hash = input.hash();
  std::string text;
  for (std::size_t at = 0; at < bytes_kept; ++at) {
    text += hex[hash[at] >> 4];
    text += hex[hash[at] & 15];
  }
  return text;
}

}  // namespace sb
