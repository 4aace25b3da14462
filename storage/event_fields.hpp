#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "storage/event_record.hpp"
#include "storage/json_value.hpp"

/// How facts become event bodies: each struct has one table of fields, which drives the writer and the reader, so the
/// two cannot disagree. Only the codecs in this folder include it.
///
/// What is written: a compact JSON object in the order of the table; money as whole ticks, days and stamps as integers,
/// enumerators as words, identities as integers. A field that has its usual value is left out; the usual value is part
/// of the format and named in the table, never taken from the struct. What is read: strict about types and ranges,
/// tolerant of keys that it does not know.
namespace sb::body {

/// The schema that this program writes, and the newest that it reads.
constexpr std::int32_t schema_now = 1;

void put_integer(std::string& out, std::int64_t value);
/// A quoted JSON string. Bytes that a body may not hold (broken UTF-8, NUL) become U+FFFD: a broker's text can be any
/// bytes, and a fact must be stored all the same.
void put_string(std::string& out, std::string_view text);
/// False and `why` unless `from` is an integer in [min, max].
bool take_integer(json_value from, std::int64_t& into, std::int64_t min, std::int64_t max, std::string& why);
/// The body as an object; nullopt and `why` when it is none. For how long it stands: see parse_json.
std::optional<json_value> parse_object(std::string_view text, std::string& why);

// ---- the tables
// ------------------------------------------------------------------------------------------------------
/// Written always; a body without it is refused.
template <class Owner, class Value>
struct always {
  std::string_view key;
  Value Owner::*member;
};
/// Left out when empty, zero, false or absent.
template <class Owner, class Value>
struct unless_empty {
  std::string_view key;
  Value Owner::*member;
};
/// Left out when it has its usual value.
template <class Owner, class Value>
struct unless {
  std::string_view key;
  Value Owner::*member;
  Value usual;
};
/// The fields of a member, as if they were the owner's.
template <class Owner, class Value>
struct inlined {
  Value Owner::*member;
};
template <class Owner, class Value>
always(std::string_view, Value Owner::*) -> always<Owner, Value>;
template <class Owner, class Value>
unless_empty(std::string_view, Value Owner::*) -> unless_empty<Owner, Value>;
template <class Owner, class Value>
unless(std::string_view, Value Owner::*, Value) -> unless<Owner, Value>;
template <class Owner, class Value>
inlined(Value Owner::*) -> inlined<Owner, Value>;

/// The table of T: a tuple of the four above.
template <class T>
inline constexpr auto fields = nullptr;
/// The type name of a fact in the journal.
template <class Fact>
inline constexpr std::string_view type_name = {};
/// The words of an enum: `text(Enum)`, and its reverse `from(string_view)` as an optional. An enum whose words are only
/// the journal's derives from searched_words and has text alone: empty beyond its last enumerator, values from 0
/// without a gap.
template <class Enum>
struct words;
template <class Enum>
struct searched_words {
  static std::optional<Enum> from(std::string_view text) {
    for (unsigned value = 0; value <= std::numeric_limits<std::underlying_type_t<Enum>>::max(); ++value) {
      const auto candidate = static_cast<Enum>(value);
      const std::string_view word = words<Enum>::text(candidate);
      if (word.empty()) break;
      if (word == text) return candidate;
    }
    return std::nullopt;
  }
};

// ---- one value
// -------------------------------------------------------------------------------------------------------
/// put appends the value's JSON; take reads it, or answers false and says why.
template <class T>
struct form;

template <class T>
void put_fields(std::string& out, const T& owner);
template <class T>
bool take_fields(json_value from, T& owner, std::string& why);

template <class T>
requires(!std::is_same_v<const std::nullptr_t, decltype(fields<T>)>) struct form<T> {
  static void put(std::string& out, const T& value) {
    const std::size_t start = out.size();
    put_fields(out, value);
    if (out.size() == start) out += ',';
    out[start] = '{';  // each field begins with a comma; the first one makes room for the brace
    out += '}';
  }
  static bool take(json_value from, T& into, std::string& why) {
    if (from.is_object()) return take_fields(from, into, why);
    why = "not an object";
    return false;
  }
};

template <>
struct form<bool> {
  static void put(std::string& out, bool value) { out += value ? "true" : "false"; }
  static bool take(json_value from, bool& into, std::string& why) {
    if (from.get(into) == simdjson::SUCCESS) return true;
    why = "not true or false";
    return false;
  }
};

template <std::signed_integral T>
struct form<T> {
  static void put(std::string& out, T value) { put_integer(out, value); }
  static bool take(json_value from, T& into, std::string& why) {
    std::int64_t wide = 0;
    if (!take_integer(from, wide, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), why)) return false;
    into = static_cast<T>(wide);
    return true;
  }
};

template <>
struct form<std::string> {
  static void put(std::string& out, const std::string& value) { put_string(out, value); }
  static bool take(json_value from, std::string& into, std::string& why) {
    std::string_view text;
    if (from.get(text) != simdjson::SUCCESS) {
      why = "not a string";
      return false;
    }
    into = text;
    return true;
  }
};

template <>
struct form<money> {
  static void put(std::string& out, money value) { put_integer(out, value.ticks); }
  static bool take(json_value from, money& into, std::string& why) {
    return take_integer(from, into.ticks, -money::ticks_max, money::ticks_max, why);
  }
};

template <class Tag>
struct form<integer_id<Tag>> {
  static void put(std::string& out, integer_id<Tag> id) { put_integer(out, id.value); }
  static bool take(json_value from, integer_id<Tag>& into, std::string& why) {
    return form<std::int64_t>::take(from, into.value, why);
  }
};
template <>
struct form<wall_ms> {
  static void put(std::string& out, wall_ms at) { put_integer(out, at.value); }
  static bool take(json_value from, wall_ms& into, std::string& why) {
    return form<std::int64_t>::take(from, into.value, why);
  }
};
template <>
struct form<trading_day> {
  static void put(std::string& out, trading_day day) { put_integer(out, day.value); }
  static bool take(json_value from, trading_day& into, std::string& why) {
    return form<std::int32_t>::take(from, into.value, why);
  }
};

template <class Enum>
requires std::is_enum_v<Enum>
struct form<Enum> {
  static void put(std::string& out, Enum value) { put_string(out, words<Enum>::text(value)); }
  static bool take(json_value from, Enum& into, std::string& why) {
    std::string_view text;
    if (from.get(text) != simdjson::SUCCESS) {
      why = "not a string";
      return false;
    }
    const auto found = words<Enum>::from(text);
    if (!found) {
      why = "unknown word";
      return false;
    }
    into = *found;
    return true;
  }
};

/// Only ever written when present: its field is `unless_empty`.
template <class T>
struct form<std::optional<T>> {
  static void put(std::string& out, const std::optional<T>& value) { form<T>::put(out, *value); }
  static bool take(json_value from, std::optional<T>& into, std::string& why) {
    return form<T>::take(from, into.emplace(), why);
  }
};

template <class T>
struct form<std::vector<T>> {
  static void put(std::string& out, const std::vector<T>& values) {
    out += '[';
    for (const T& value : values) {
      if (&value != values.data()) out += ',';
      form<T>::put(out, value);
    }
    out += ']';
  }
  static bool take(json_value from, std::vector<T>& into, std::string& why) {
    simdjson::dom::array elements;
    if (from.get(elements) != simdjson::SUCCESS) {
      why = "not an array";
      return false;
    }
    into.clear();
    into.reserve(elements.size());
    for (const auto element : elements) {
      if (!form<T>::take(element, into.emplace_back(), why)) {
        why.insert(0, std::to_string(into.size() - 1) + ": ");
        return false;
      }
    }
    return true;
  }
};

// ---- one field
// -------------------------------------------------------------------------------------------------------
template <class Value>
bool is_empty(const Value& value) {
  if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return value == Value{};
  }
}

template <class Value>
void put_member(std::string& out, std::string_view key, const Value& value) {
  out += ",\"";
  out += key;
  out += "\":";
  form<Value>::put(out, value);
}
template <class Owner, class Value>
void put_field(std::string& out, const Owner& owner, const always<Owner, Value>& field) {
  put_member(out, field.key, owner.*field.member);
}
template <class Owner, class Value>
void put_field(std::string& out, const Owner& owner, const unless_empty<Owner, Value>& field) {
  if (!is_empty(owner.*field.member)) put_member(out, field.key, owner.*field.member);
}
template <class Owner, class Value>
void put_field(std::string& out, const Owner& owner, const unless<Owner, Value>& field) {
  if (owner.*field.member != field.usual) put_member(out, field.key, owner.*field.member);
}
template <class Owner, class Value>
void put_field(std::string& out, const Owner& owner, const inlined<Owner, Value>& field) {
  put_fields(out, owner.*field.member);
}

/// Reads the member if it is there; `present` says whether it is.
template <class Value>
bool take_member(json_value from, std::string_view key, Value& into, bool& present, std::string& why) {
  json_value found;
  present = from.at_key(key).get(found) == simdjson::SUCCESS;
  if (!present || form<Value>::take(found, into, why)) return true;
  why.insert(0, std::string{key} + ": ");
  return false;
}
template <class Value>
bool take_required(json_value from, std::string_view key, Value& into, std::string& why) {
  bool present = false;
  if (!take_member(from, key, into, present, why)) return false;
  if (!present) why = std::string{key} + ": missing";
  return present;
}
template <class Value>
bool take_or(json_value from, std::string_view key, Value& into, Value usual, std::string& why) {
  bool present = false;
  if (!take_member(from, key, into, present, why)) return false;
  if (!present) into = std::move(usual);
  return true;
}
template <class Owner, class Value>
bool take_field(json_value from, Owner& owner, const always<Owner, Value>& field, std::string& why) {
  return take_required(from, field.key, owner.*field.member, why);
}
template <class Owner, class Value>
bool take_field(json_value from, Owner& owner, const unless_empty<Owner, Value>& field, std::string& why) {
  return take_or(from, field.key, owner.*field.member, Value{}, why);
}
template <class Owner, class Value>
bool take_field(json_value from, Owner& owner, const unless<Owner, Value>& field, std::string& why) {
  return take_or(from, field.key, owner.*field.member, field.usual, why);
}
template <class Owner, class Value>
bool take_field(json_value from, Owner& owner, const inlined<Owner, Value>& field, std::string& why) {
  return take_fields(from, owner.*field.member, why);
}

template <class T>
void put_fields(std::string& out, const T& owner) {
  std::apply([&](const auto&... field) { (put_field(out, owner, field), ...); }, fields<T>);
}
template <class T>
bool take_fields(json_value from, T& owner, std::string& why) {
  return std::apply([&](const auto&... field) { return (take_field(from, owner, field, why) && ...); }, fields<T>);
}

// ---- one event
// -------------------------------------------------------------------------------------------------------
template <class Fact>
std::optional<Fact> take_fact(const event_record& record, std::string& why) {
  Fact fact{};
  const auto object = parse_object(record.body, why);
  if (object && take_fields(*object, fact, why)) return fact;
  why.insert(0, std::string{type_name<Fact>} + ": ");
  return std::nullopt;
}

template <class Event>
struct codec;
template <class... Facts>
struct codec<std::variant<Facts...>> {
  using event = std::variant<Facts...>;
  static_assert((!type_name<Facts>.empty() && ...), "each fact needs a type name");

  static event_record encode(const event& happened) {
    constexpr std::size_t body_usual = 384;
    event_record record;
    record.schema = schema_now;
    record.body.reserve(body_usual);
    std::visit(
        [&]<class Fact>(const Fact& fact) {
          record.type = type_name<Fact>;
          form<Fact>::put(record.body, fact);
        },
        happened);
    return record;
  }

  static std::optional<event> decode(const event_record& record, std::string& why) {
    std::optional<event> decoded;
    if (record.schema < 1 || record.schema > schema_now) {
      why = record.type + ": schema " + std::to_string(record.schema) + " is not known here";
      return decoded;
    }
    const bool known = ((record.type == type_name<Facts> && (decoded = take_fact<Facts>(record, why), true)) || ...);
    if (!known) why = record.type + ": not a type of this stream";
    return decoded;
  }
};

}  // namespace sb::body
