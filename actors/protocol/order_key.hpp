#pragma once
#include <string>
#include <string_view>

#include "domain/ids.hpp"
#include "domain/orders/order.hpp"

namespace sb {

/// The id of the order that a client calls `client_order_id`: "ORD" and the first 145 bits of a SHA-256 in RFC 4648's
/// base32 (A-Z2-7). Every component is hashed with its length, so no two triples share an input. Must never change: the
/// id is the order's stream, and the stream is the check for duplicates.
order_id derive_order_id(organization_id organization, account_id account, std::string_view client_order_id);

/// 32 lower-case hex digits (the first 128 bits of a SHA-256) over what the client asked for. Two requests with one
/// client order id are the same order when their fingerprints are equal. Left out: the user, for a colleague may repeat
/// the request, and the reference price with its time, for these are ours. Enumerators count by their words, so
/// renumbering an enum changes nothing. Must never change: it is stored with every order and reservation.
std::string fingerprint(const order_command& command);

}  // namespace sb
