#pragma once
#include <concepts>
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
  json_writer() { out_.reserve(1024); }  // an order

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

  const std::string& text() const { return out_; }
  std::string take() && { return std::move(out_); }

 private:
  json_writer& open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
    return *this;
  }
  json_writer& close(char bracket) {
    out_ += bracket;
    comma_ = true;
    return *this;
  }
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void quoted(std::string_view text);

  std::string out_;
  bool comma_ = false;
};

}  // namespace sb::web
