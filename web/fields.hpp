#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"

namespace sb::web {

enum class field_kind : std::uint8_t {
  string,     ///< length_min..length_max characters, each of the field's `characters`
  integer,    ///< value_min..value_max; 5, 5.0 and 5e0 are the same integer
  id,         ///< an integer from 1 on
  money,      ///< value_min..value_max in ticks of sb::money; in a body also as a string
  boolean,    ///< in a query: true or false
  word,       ///< one of `words`
  date_time,  ///< RFC 3339
  date,       ///< YYYY-MM-DD, or one of `words` (such as today)
  strings,    ///< items_min..items_max strings, each as `string`, and one of `words` where there are any
  ids,        ///< items_min..items_max integers from 1 on; in a body only
  object,     ///< `type`
  objects,    ///< items_min..items_max objects of `type`
};

/// Which characters a text may have. None of them allows control characters; those but `text` are ASCII only.
enum class text_class : std::uint8_t {
  text,      ///< any printable Unicode text on one line
  visible,   ///< ASCII 0x21..0x7E
  token,     ///< [A-Za-z0-9_-]
  symbol,    ///< [A-Z0-9&_.-]: an exchange's instrument
  email,     ///< visible characters with one '@' that is neither first nor last
  password,  ///< as text, and kept out of every message
};

struct object_type;

/// One row of a field table. A member that says nothing keeps its default.
struct field {
  std::string_view name;
  field_kind kind = field_kind::string;
  bool required = false;
  text_class characters = text_class::text;
  bool nullable = false;  ///< of a response: null where there is no value; a body's null is an absent field anyway
  std::size_t length_min = 1;
  std::size_t length_max = 255;
  std::int64_t value_min = std::numeric_limits<std::int64_t>::min();
  std::int64_t value_max = std::numeric_limits<std::int64_t>::max();
  std::size_t items_min = 0;
  std::size_t items_max = 100;
  std::span<const std::string_view> words{};
  const object_type* type = nullptr;
  std::string_view unit{};  ///< INR, shares, percent, seconds
  std::string_view description{};
};

/// The field table of a request, a response or a query: the parser, the error pointers and the OpenAPI schema are all
/// made from it. Tables are constexpr and live as long as the program.
struct object_type {
  std::string_view name;  ///< of the schema: PlaceOrder
  std::string_view description;
  std::span<const field> fields;
};

/// The values of one object that fits its table. Texts point into the json_value or the parameters it was read from,
/// which must outlive it. Accessors take a name of the table; a name or kind that the table does not have is our own
/// mistake and throws std::logic_error. A null in a body counts as an absent field, except for is_null().
class field_values {
 public:
  bool has(std::string_view name) const { return state_of(name) >= presence::present; }
  /// The field was given as JSON null: "remove it" where a route says so.
  bool is_null(std::string_view name) const { return state_of(name) == presence::null; }

  /// The value of a field that is present; std::logic_error when it is not.
  std::int64_t integer(std::string_view name) const;
  sb::money amount(std::string_view name) const;
  std::string_view text(std::string_view name) const;  ///< string and word, also a date that is a word
  bool flag(std::string_view name) const;
  std::size_t word(std::string_view name) const;  ///< index into the field's words
  wall_ms time(std::string_view name) const;
  std::span<const std::string_view> texts(std::string_view name) const;
  std::span<const std::int64_t> ids(std::string_view name) const;
  const field_values& object(std::string_view name) const;
  std::span<const field_values> objects(std::string_view name) const;
  template <class Id>
  Id id(std::string_view name) const {
    return Id{integer(name)};
  }

  /// The same, or what stands for an absent field.
  std::int64_t integer_or(std::string_view name, std::int64_t absent) const {
    return has(name) ? integer(name) : absent;
  }
  std::optional<sb::money> amount_if(std::string_view name) const {
    return has(name) ? std::optional{amount(name)} : std::nullopt;
  }
  std::string_view text_or(std::string_view name, std::string_view absent) const {
    return has(name) ? text(name) : absent;
  }
  bool flag_or(std::string_view name, bool absent) const { return has(name) ? flag(name) : absent; }
  std::size_t word_or(std::string_view name, std::size_t absent) const { return has(name) ? word(name) : absent; }
  std::optional<wall_ms> time_if(std::string_view name) const {
    return has(name) ? std::optional{time(name)} : std::nullopt;
  }
  /// nullopt when absent, and when the field holds a word instead of a day.
  std::optional<trading_day> day_if(std::string_view name) const;

 private:
  friend class field_reader;
  enum class presence : std::uint8_t { absent, null, present, present_word };
  struct slot {
    presence state = presence::absent;
    std::int64_t number = 0;  // integer, ticks, flag, index of the word, milliseconds or days
    std::string_view text;
    std::vector<std::string_view> texts;
    std::vector<std::int64_t> numbers;
    std::vector<field_values> objects;
  };
  std::size_t index_in_table(std::string_view name) const;
  presence state_at(std::size_t index) const { return slots_.empty() ? presence::absent : slots_[index].state; }
  presence state_of(std::string_view name) const { return state_at(index_in_table(name)); }
  const slot& slot_of(std::string_view name, std::initializer_list<field_kind> kinds) const;

  const object_type* type_ = nullptr;
  std::vector<slot> slots_;  // parallel to the table; empty: all are absent
};

/// At most this many errors are reported; there is no use in more.
constexpr std::size_t field_errors_max = 50;

using fields_read = std::variant<field_values, std::vector<field_error>>;

/// Every field of the object checked against the table; all mistakes at once, never only the first.
fields_read read_object(const json_value& object, const object_type& type);
/// The same for query parameters (decoded). A `strings` field takes its parameter as often as it comes.
fields_read read_query(std::span<const name_value> parameters, const object_type& type);
/// The same for the parameters of a path.
fields_read read_path(std::span<const name_value> parameters, const object_type& type);

/// An exact integer from a JSON number: "120", "1.2e2" and "120.0" are 120.
struct parsed_integer {
  std::int64_t value = 0;
  number_error error = number_error::none;
};
parsed_integer parse_integer(std::string_view text);

bool fits(std::string_view text, text_class characters);

}  // namespace sb::web
