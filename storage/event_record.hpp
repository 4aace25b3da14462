#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "domain/ids.hpp"

namespace sb {

/// Who caused an event. Ids only: names, addresses and secrets never enter the journal.
struct principal {
  enum class kind : std::uint8_t { system = 0, user = 1, service = 2 };
  kind who = kind::system;
  organization_id organization;
  user_id user;
  std::string credential;   ///< token id or key id; empty for the system itself
  std::string auth_method;  ///< "jwt", "api_key", "" for the system
  friend bool operator==(const principal&, const principal&) = default;
};

/// One fact as it is stored: a type name, the version of its schema and its body as JSON text.
struct event_record {
  std::string type;
  std::int32_t schema = 1;
  principal by;
  std::string correlation;  ///< the saga: one order's way through everything
  std::string causation;    ///< the request or message that led to this event
  std::string body;         ///< JSON object, valid UTF-8, no NUL
  friend bool operator==(const event_record&, const event_record&) = default;
};

using digest = std::array<unsigned char, 32>;

/// role x 64 + hash(organization) mod 64.
using shard_id = std::int32_t;
/// "<organization>/<kind>/<id>", for example "7/order/ORD...". At most 96 bytes of printable ASCII.
using stream_id = std::string;

/// One append of one stream: all events of one turn of one entity, or of several turns one after another, packed in
/// order.
struct journal_row {
  shard_id shard = 0;
  std::int64_t seq = 0;  ///< position in the shard, from 1, gapless
  stream_id stream;
  std::int64_t version = 0;  ///< number of the first event in the stream, from 1
  std::int32_t events = 0;   ///< how many events are packed in `body`; the next row of the stream has version + events
  wall_ms at;                ///< of the first turn
  std::int64_t epoch = 0;
  digest hash{};     ///< SHA-256 over the previous row's hash and this row, see storage/hash_chain.hpp
  std::string body;  ///< pack(events)
};
/// Rows that are now durable, in the shard's order, for settlement, projections and the rest.
struct committed_rows {
  shard_id shard = 0;
  std::vector<journal_row> rows;
};

}  // namespace sb
