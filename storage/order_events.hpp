#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/orders/order.hpp"
#include "storage/event_record.hpp"

/// Order facts as journal events: "order.requested", "order.filled" and so on. Money in bodies is in ticks of 1/10000
/// of the currency unit. Type names, keys and words are stored for good: add, never rename or reuse.
namespace sb {

/// Schema and body are set; principal, correlation and causation are the caller's. Text that is not valid UTF-8 or
/// holds a NUL is stored with U+FFFD in those places.
event_record encode(const order_event& event);

/// The reverse. nullopt and `why` for another type, a schema that this program does not know, or a body that does not
/// fit; keys that it does not know are ignored.
std::optional<order_event> decode_order_event(const event_record& record, std::string& why);

/// What happened in a turn of an order, from the body of its row: every event, or nullopt and `why` where one of them
/// cannot be read.
std::optional<std::vector<order_event>> decode_order_events(std::string_view body, std::string& why);

}  // namespace sb
