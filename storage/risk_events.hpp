#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "domain/limits/risk_book.hpp"
#include "storage/event_record.hpp"

/// Facts of a risk book as journal events, "risk.reserved", "risk.settled" and so on, and the book's snapshot. Money in
/// bodies is in ticks of 1/10000 of the currency unit. Type names, keys and words are stored for good: add, never
/// rename or reuse.
namespace sb {

/// Schema and body are set; principal, correlation and causation are the caller's. Text that is not valid UTF-8 or
/// holds a NUL is stored with U+FFFD in those places.
event_record encode(const risk_event& event);

/// The reverse. nullopt and `why` for another type, a schema that this program does not know, or a body that does not
/// fit; keys that it does not know are ignored.
std::optional<risk_event> decode_risk_event(const event_record& record, std::string& why);

/// The whole book as one JSON object. Equal books give equal bytes: reservations are sorted by order id.
std::string encode_snapshot(const risk_book& book);

/// The reverse. nullopt and `why` when the text is not a snapshot, is of a schema that this program does not know, or
/// names a scope, user, order or tombstone twice.
std::optional<risk_book> decode_snapshot(std::string_view text, std::string& why);

}  // namespace sb
