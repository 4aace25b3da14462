#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "actors/trade/brokers/broker.hpp"

/// The facts of the paper broker's own book and their lines in its file. `number` counts the broker's orders from 1;
/// `report` is the sequence of the report that tells the fact, 0 where it is told by an answer only.
namespace sb::paper {

struct placed {
  std::int64_t number = 0;
  broker::place order;
  wall_ms at;
  friend bool operator==(const placed&, const placed&) = default;
};
struct rejected {
  std::int64_t number = 0;
  std::int64_t report = 0;
  broker::place order;
  std::string code;
  std::string message;
  wall_ms at;
  friend bool operator==(const rejected&, const rejected&) = default;
};
struct filled {
  std::int64_t number = 0;
  std::int64_t report = 0;
  broker::fill fill;
  friend bool operator==(const filled&, const filled&) = default;
};
/// A fill told once more under a new report; it moves no quantity.
struct repeated {
  std::int64_t number = 0;
  std::int64_t report = 0;
  std::string fill_id;
  wall_ms at;
  friend bool operator==(const repeated&, const repeated&) = default;
};
struct canceled {
  std::int64_t number = 0;
  std::int64_t report = 0;
  wall_ms at;
  friend bool operator==(const canceled&, const canceled&) = default;
};
struct expired {
  std::int64_t number = 0;
  std::int64_t report = 0;
  wall_ms at;
  friend bool operator==(const expired&, const expired&) = default;
};
/// Accepted first, rejected after all.
struct revoked {
  std::int64_t number = 0;
  std::int64_t report = 0;
  std::string code;
  std::string message;
  wall_ms at;
  friend bool operator==(const revoked&, const revoked&) = default;
};
/// This client id makes no order any more.
struct blocked {
  order_id id;
  account_id account;
  wall_ms at;
  friend bool operator==(const blocked&, const blocked&) = default;
};
using record = std::variant<placed, rejected, filled, repeated, canceled, expired, revoked, blocked>;

/// "PB" and the number. Back: 0 for any other text.
std::string broker_order_id(std::int64_t number);
std::int64_t number_of(std::string_view broker_order_id);

/// The longest line that is written or read, newline included. The broker bounds its texts so that nothing comes near.
constexpr std::size_t line_length_max = 4096;

/// CRC-32 as in zip and PNG, so that any tool can check a line.
std::uint32_t checksum_of(std::string_view bytes);

/// The first line of a book.
std::string header_line();
/// Appends "<crc32 of the rest> <line number> <kind> <fields>\n"; the header is line 1. Fields are separated by one
/// blank; bytes that would break that are written as %XX, prices as money's ticks.
void append_line(std::string& out, std::int64_t line_number, const record& fact);

/// `error` is empty when `fact` was read.
struct decoded_line {
  record fact;
  std::string error;
};
/// `line` without its newline. The checksum, the line number, the field count and every field must be right.
decoded_line decode_line(std::string_view line, std::int64_t line_number);

}  // namespace sb::paper
