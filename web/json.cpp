#include "web/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "web/plain_json.hpp"
#include "web/utf8.hpp"

namespace sb::web {
namespace {

// The library stops at a number that its float type cannot hold, before we see the text. A long double moves that point
// from 1e308 to 1e4932, so that 1e400 reaches the field table and is answered with the field's own limits.
using wide_json =
    nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, long double>;

/// A character pointer that reports how far it got: the SAX interface has no positions of its own.
class counting_iterator {
 public:
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  using iterator_category = std::input_iterator_tag;

  counting_iterator(const char* at, const char*& furthest) : at_(at), furthest_(&furthest) {}
  reference operator*() const { return *at_; }
  counting_iterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  counting_iterator operator++(int) {
    auto before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const counting_iterator& a, const counting_iterator& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

/// The library's message without its position (we have our own) and without its echo of the document: a body may hold
/// a password, and the echo may end in the middle of a character.
std::string syntax_detail(std::string_view message) {
  if (const auto colon = message.find(": "); colon != std::string_view::npos) message.remove_prefix(colon + 2);
  message = message.substr(0, message.find("; last read: '"));
  return message.empty() || !is_utf8(message) ? "not a JSON document" : std::string{message};
}

}  // namespace

/// Receives the library's SAX events and builds the tree; returning false stops the parser.
class json_builder {
 public:
  using text_type = wide_json::string_t;

  json_builder(const json_limits& limits, const char* begin, const char*& furthest)
      : limits_(limits), begin_(begin), furthest_(&furthest) {
    open_.reserve(limits.depth_max);
  }

  bool null() { return slot() != nullptr; }
  bool boolean(bool value) {
    auto* const into = slot();
    if (into == nullptr) return false;
    into->kind_ = json_kind::boolean;
    into->boolean_ = value;
    return true;
  }
  bool number_integer(std::int64_t value) { return integer(value); }
  bool number_unsigned(std::uint64_t value) { return integer(value); }
  bool number_float(long double, const text_type& literal) { return scalar(json_kind::number, literal); }
  bool string(text_type& value) {
    auto* const into = slot();
    if (into == nullptr) return false;
    // A raw NUL was refused before parsing, so this one was written as an escape.
    if (value.find('\0') != text_type::npos)
      return refuse(json_refusal::nul_escape, pointer_to_value(), "U+0000 is not allowed");
    into->kind_ = json_kind::string;
    into->text_ = value;
    return true;
  }
  bool binary(wide_json::binary_t&) { return refuse(json_refusal::syntax, {}, "not a JSON document"); }

  bool start_object(std::size_t) { return open(json_kind::object); }
  bool start_array(std::size_t) { return open(json_kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(text_type& name) {
    auto& members = open_.back().container->children_;
    const auto refuse_key = [&](json_refusal code, std::string detail) {
      auto pointer = pointer_to_container();
      append_pointer(pointer, name);
      return refuse(code, std::move(pointer), std::move(detail));
    };
    if (name.find('\0') != text_type::npos) {
      return refuse(json_refusal::nul_escape, pointer_to_container(), "U+0000 is not allowed in a name");
    }
    const auto hash = std::hash<std::string_view>{}(name);
    const auto first = name_hashes_.begin() + static_cast<std::ptrdiff_t>(open_.back().names_from);
    for (auto at = std::find(first, name_hashes_.end(), hash); at != name_hashes_.end();
         at = std::find(at + 1, name_hashes_.end(), hash)) {
      if (members[static_cast<std::size_t>(at - first)].name_ == name) {
        return refuse_key(json_refusal::duplicate_key, "the member occurs twice");
      }
    }
    if (members.size() == limits_.members_max) {
      return refuse(json_refusal::too_many_members, pointer_to_container(),
                    "more than " + std::to_string(limits_.members_max) + " members in one object");
    }
    members.emplace_back().name_ = name;
    name_hashes_.push_back(hash);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& why) {
    constexpr int number_overflow = 406;
    if (why.id == number_overflow) {
      if (slot() == nullptr) return false;
      return refuse(json_refusal::number_out_of_range, pointer_to_value(), "no such number can be represented");
    }
    error_ = json_error{json_refusal::syntax, offset(), {}, syntax_detail(why.what())};
    return false;
  }

  std::variant<json_value, json_error> result(bool complete) && {
    if (error_) return std::move(*error_);
    if (!complete) return json_error{json_refusal::syntax, offset(), {}, "not a JSON document"};
    return std::move(root_);
  }

 private:
  struct open_container {
    json_value* container;
    std::size_t names_from;  // where its members begin in name_hashes_
  };

  std::size_t offset() const { return static_cast<std::size_t>(*furthest_ - begin_); }

  /// Where the next value goes: the member whose name was just read, a new element, or the root. Null when refused.
  json_value* slot() {
    if (++values_ > limits_.values_max) {
      refuse(json_refusal::too_many_values, {}, "more than " + std::to_string(limits_.values_max) + " values");
      return nullptr;
    }
    if (open_.empty()) return &root_;
    auto& parent = *open_.back().container;
    if (parent.kind_ == json_kind::object) return &parent.children_.back();
    if (parent.children_.size() == limits_.items_max) {
      refuse(json_refusal::too_many_items, pointer_to_container(),
             "more than " + std::to_string(limits_.items_max) + " elements in one array");
      return nullptr;
    }
    return &parent.children_.emplace_back();
  }
  bool scalar(json_kind kind, std::string_view text) {
    auto* const into = slot();
    if (into == nullptr) return false;
    into->kind_ = kind;
    into->text_ = text;
    return true;
  }
  template <class Integer>
  bool integer(Integer value) {
    std::array<char, 24> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return scalar(json_kind::number, {text.data(), static_cast<std::size_t>(end - text.data())});
  }
  bool open(json_kind kind) {
    auto* const into = slot();
    if (into == nullptr) return false;
    if (open_.size() == limits_.depth_max) {
      return refuse(json_refusal::too_deep, pointer_to_value(),
                    "more than " + std::to_string(limits_.depth_max) + " levels");
    }
    into->kind_ = kind;
    // An open container is the last child of its parent, and the parent gets no other child before this one is closed:
    // the pointer stays good although children live in vectors.
    open_.push_back({into, name_hashes_.size()});
    return true;
  }
  bool close() {
    name_hashes_.resize(open_.back().names_from);
    open_.pop_back();
    return true;
  }
  bool refuse(json_refusal code, std::string pointer, std::string detail) {
    error_ = json_error{code, offset(), std::move(pointer), std::move(detail)};
    return false;
  }
  /// The newest child of the first `levels` open containers.
  std::string pointer_to(std::size_t levels) const {
    std::string pointer;
    for (std::size_t i = 0; i < levels; ++i) {
      const auto& container = *open_[i].container;
      if (container.kind_ == json_kind::object) {
        append_pointer(pointer, container.children_.back().name_);
      } else {
        append_pointer(pointer, std::to_string(container.children_.size() - 1));
      }
    }
    return pointer;
  }
  /// Only after slot() gave the value its place.
  std::string pointer_to_value() const { return pointer_to(open_.size()); }
  std::string pointer_to_container() const { return pointer_to(open_.empty() ? 0 : open_.size() - 1); }

  const json_limits& limits_;
  const char* begin_;
  const char** furthest_;
  json_value root_;
  std::vector<open_container> open_;
  // Of the members of all open objects, the innermost last. Looking a name up in 200 numbers side by side is cheap
  // enough for a body that is nothing but names; comparing the names themselves was not.
  std::vector<std::size_t> name_hashes_;
  std::size_t values_ = 0;
  std::optional<json_error> error_;
};

const json_value* json_value::find(std::string_view name) const {
  if (kind_ != json_kind::object) return nullptr;
  for (const auto& member : children_)
    if (member.name_ == name) return &member;
  return nullptr;
}

std::variant<json_value, json_error> parse_json(std::string_view text, const json_limits& limits) {
  if (text.empty()) return json_error{json_refusal::empty, 0, {}, "the document is empty"};
  if (text.size() > limits.bytes_max) {
    return json_error{
        json_refusal::too_large, limits.bytes_max, {}, "more than " + std::to_string(limits.bytes_max) + " bytes"};
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return json_error{json_refusal::byte_order_mark, 0, {}, "a byte order mark is not part of JSON"};
  }
  // The library takes a NUL outside of a string for the end of its input.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return json_error{json_refusal::nul_byte, nul, {}, "a NUL byte"};
  }
  if (auto plain = read_plain_json(text, limits)) return std::move(*plain);
  if (const auto good = utf8_valid_prefix(text); good != text.size()) {
    return json_error{json_refusal::invalid_utf8, good, {}, "not UTF-8"};
  }
  const char* furthest = text.data();
  json_builder builder{limits, text.data(), furthest};
  const bool complete = wide_json::sax_parse(
      counting_iterator{text.data(), furthest}, counting_iterator{text.data() + text.size(), furthest}, &builder,
      nlohmann::json::input_format_t::json, /*strict=*/true, /*ignore_comments=*/false);
  return std::move(builder).result(complete);
}

void append_pointer(std::string& pointer, std::string_view token) {
  pointer += '/';
  if (token.find_first_of("~/") == std::string_view::npos) {
    pointer += token;
    return;
  }
  for (const char c : token) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

}  // namespace sb::web
