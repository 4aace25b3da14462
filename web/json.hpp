#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sb::web {

enum class json_kind : std::uint8_t { null, boolean, number, string, array, object };

/// A parsed JSON value that owns everything below it. Immutable once parsed; safe to read from several threads.
class json_value {
 public:
  json_kind kind() const { return kind_; }
  /// The member's name when the value is a member of an object, else empty.
  const std::string& name() const { return name_; }
  bool boolean() const { return boolean_; }
  /// A string's characters (UTF-8, without U+0000), or a number as the text that stood in the document. Never a double:
  /// 0.10, 1e400 and integers of any length arrive as they were sent. Only an integer that fits 64 bits is written
  /// anew, which changes nothing but "-0" into "0".
  const std::string& text() const { return text_; }
  /// Elements of an array or members of an object in the order sent; empty for anything else.
  std::span<const json_value> children() const { return children_; }
  /// The member of that name, or null. Names are unique: the parser refuses duplicates.
  const json_value* find(std::string_view name) const;

 private:
  friend class json_builder;
  friend class plain_json_reader;
  std::string name_;
  std::string text_;
  std::vector<json_value> children_;
  json_kind kind_ = json_kind::null;
  bool boolean_ = false;
};

/// What a document may ask of us. A value costs about 100 bytes of memory, so values_max also bounds the tree to 2 MB.
struct json_limits {
  std::size_t bytes_max = 64 * 1024;
  std::size_t depth_max = 16;       ///< objects and arrays inside each other, the outermost counts as 1
  std::size_t items_max = 1'000;    ///< elements of one array
  std::size_t members_max = 200;    ///< members of one object
  std::size_t values_max = 20'000;  ///< values of the whole document
};

enum class json_refusal : std::uint8_t {
  empty,
  too_large,
  byte_order_mark,
  nul_byte,
  nul_escape,
  invalid_utf8,
  syntax,  ///< also lone surrogates and bytes after the value
  duplicate_key,
  too_deep,
  too_many_items,
  too_many_members,
  too_many_values,
  number_out_of_range,  ///< beyond 1e4932: not even a long double holds it
};

struct json_error {
  json_refusal code = json_refusal::syntax;
  std::size_t offset = 0;  ///< bytes read when it was refused
  std::string pointer;     ///< RFC 6901, where the refused value is known; else empty
  std::string detail;      ///< for people; repeats nothing of the document but member names in `pointer`
};

/// Parses the whole text as one JSON document (RFC 8259) or says why not. Throws only std::bad_alloc.
/// Needs no stack in proportion to the document's depth beyond the 16 levels that the plain parser follows.
std::variant<json_value, json_error> parse_json(std::string_view text, const json_limits& limits = {});

/// Appends "/" and the token with '~' and '/' escaped (RFC 6901).
void append_pointer(std::string& pointer, std::string_view token);

}  // namespace sb::web
