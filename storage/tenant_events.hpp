#pragma once
#include <optional>
#include <string>

#include "domain/tenants/tenants.hpp"
#include "storage/event_record.hpp"

/// Facts of users, organizations and trading accounts as journal events: "user.created", "account.opened" and so on.
/// Type names, keys and words are stored for good: add, never rename or reuse.
namespace sb {

/// Schema and body are set; principal, correlation and causation are the caller's. Text that is not valid UTF-8 or
/// holds a NUL is stored with U+FFFD in those places.
event_record encode(const user_event& event);
event_record encode(const organization_event& event);
event_record encode(const account_event& event);

/// The reverse. nullopt and `why` for another type, a schema that this program does not know, or a body that does not
/// fit; keys that it does not know are ignored.
std::optional<user_event> decode_user_event(const event_record& record, std::string& why);
std::optional<organization_event> decode_organization_event(const event_record& record, std::string& why);
std::optional<account_event> decode_account_event(const event_record& record, std::string& why);

}  // namespace sb
