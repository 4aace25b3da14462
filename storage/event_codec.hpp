#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/event_record.hpp"

namespace sb {

/// A row's events as one JSON array, each
///   {"t":type,"v":schema,"p":{"w":who,"o":organization,"u":user,"i":credential,"m":method},"c":correlation,"k":causation,"b":body}
/// Written by hand for speed. "p" and "c" are left out where they equal those of the event before.
/// The bodies go in as they are: each must be a JSON object without white space around it. All text must be valid UTF-8
/// without NUL; the edge has checked that.
std::string pack(const std::vector<event_record>& events);
/// About how many bytes pack makes of them; seldom fewer than that, where few characters need an escape.
std::size_t packed_bytes(const std::vector<event_record>& events);

/// The reverse of pack, bodies byte for byte. nullopt and a reason in `why` for anything that pack does not write (also
/// an empty array): the caller parks the stream.
std::optional<std::vector<event_record>> unpack(std::string_view body, std::string& why);

}  // namespace sb
