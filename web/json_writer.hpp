#pragma once
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "domain/ids.hpp"
#include "domain/money.hpp"

namespace sb::web {

/// Writes one JSON document by appending; nothing is buffered twice and nothing is checked for balance: the caller's
/// code is the structure. Strings may be any bytes: what is not UTF-8 becomes U+FFFD, so the document is always valid.
/// Use by one thread.
class json_writer {
 public:
  json_writer() : out_(1024, '\0') {}        // an order
  json_writer(const json_writer&) = delete;  // and no move, which would leave a size without a document
  json_writer& operator=(const json_writer&) = delete;

  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }
  /// The name of the member that the next value belongs to.
  json_writer& key(std::string_view name);

  json_writer& string(std::string_view text);
  json_writer& integer(std::int64_t value);
  json_writer& boolean(bool value);
  json_writer& null();
  /// A number literal with 2 to 4 decimals: 50000.00.
  json_writer& amount(sb::money value);
  /// RFC 3339 in UTC with milliseconds, as a string.
  json_writer& date_time(wall_ms at);
  /// Text that is one JSON value already: a number literal of json_value, or another writer's document.
  json_writer& raw(std::string_view value);

  json_writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  json_writer& member(std::string_view name, const char* text) { return key(name).string(text); }
  json_writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
  json_writer& member(std::string_view name, sb::money value) { return key(name).amount(value); }
  json_writer& member(std::string_view name, wall_ms at) { return key(name).date_time(at); }
  template <std::integral Integer>
  json_writer& member(std::string_view name, Integer value) {
    static_assert(sizeof(Integer) < 8 || std::is_signed_v<Integer>, "beyond int64 a number would not be written right");
    return key(name).integer(static_cast<std::int64_t>(value));
  }
  template <class Tag>
  json_writer& member(std::string_view name, integer_id<Tag> id) {
    return key(name).integer(id.value);
  }
  /// null when there is no value.
  template <class T>
  json_writer& member(std::string_view name, const std::optional<T>& value) {
    return value ? member(name, *value) : key(name).null();
  }

  /// What is written so far; valid until more is.
  std::string_view text() const { return {out_.data(), size_}; }
  std::string take() && {
    out_.resize(std::exchange(size_, 0));
    comma_ = false;
    return std::exchange(out_, {});
  }

 private:
  json_writer& odd_string(std::string_view text);
  json_writer& open(char bracket) {
    written_to(put(value_place(1), bracket));
    comma_ = false;
    return *this;
  }
  json_writer& close(char bracket) {
    comma_ = false;
    return written_to(put(value_place(1), bracket));
  }
  static char* put(char* to, char one) {
    *to = one;
    return to + 1;
  }
  static char* put(char* to, std::string_view text) { return to + text.copy(to, text.size()); }
  /// Where the next value begins, behind its comma. There is room for so many bytes, and for one more; written_to()
  /// says where it ends.
  char* value_place(std::size_t bytes) {
    constexpr std::size_t commas = 2;  // before it, and the colon that a name has
    if (out_.size() - size_ < bytes + commas) grow(bytes + commas);
    char* to = out_.data() + size_;
    if (comma_) *to++ = ',';
    comma_ = true;
    return to;
  }
  json_writer& written_to(const char* end) {
    size_ = static_cast<std::size_t>(end - out_.data());
    return *this;
  }
  void grow(std::size_t bytes) { out_.resize(std::max(2 * out_.size(), size_ + bytes)); }

  std::string out_;       ///< the document, and room behind it
  std::size_t size_ = 0;  ///< of the document
  bool comma_ = false;
};

}  // namespace sb::web
