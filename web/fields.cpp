#include "web/fields.hpp"

#include <algorithm>
#include <stdexcept>

#include "web/date_time.hpp"
#include "web/json_writer.hpp"
#include "web/utf8.hpp"

namespace sb::web {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_visible(char c) { return c > 0x20 && c < 0x7F; }

/// No C0 and C1 controls, no line and paragraph separators. The text is UTF-8.
bool is_one_line(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return false;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
    if (c == 0xE2 && (text.substr(i, 3) == "\xE2\x80\xA8" || text.substr(i, 3) == "\xE2\x80\xA9")) return false;
  }
  return true;
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const auto word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string json_of(std::size_t count) { return std::to_string(count); }

/// A bound as the field's kind writes it.
std::string bound_text(const field& row, std::int64_t bound) {
  return row.kind == field_kind::money ? format(money{bound}) : std::to_string(bound);
}

std::int64_t value_min_of(const field& row) {
  if (row.kind == field_kind::id || row.kind == field_kind::ids) return std::max<std::int64_t>(row.value_min, 1);
  if (row.kind == field_kind::money) return std::max(row.value_min, -money::ticks_max);
  return row.value_min;
}
std::int64_t value_max_of(const field& row) {
  if (row.kind == field_kind::money) return std::min(row.value_max, money::ticks_max);
  return row.value_max;
}

std::optional<std::size_t> index_of(const object_type& type, std::string_view name) {
  for (std::size_t i = 0; i < type.fields.size(); ++i)
    if (type.fields[i].name == name) return i;
  return std::nullopt;
}

}  // namespace

parsed_integer parse_integer(std::string_view text) {
  constexpr parsed_integer not_a_number{0, number_error::not_a_number};
  constexpr parsed_integer too_precise{0, number_error::too_precise};
  constexpr parsed_integer out_of_range{0, number_error::out_of_range};
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto digits_of = [&text] {
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[count])) ++count;
    const auto digits = text.substr(0, count);
    text.remove_prefix(count);
    return digits;
  };
  const auto whole = digits_of();
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return not_a_number;
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = digits_of();
    if (fraction.empty()) return not_a_number;
  }
  std::int64_t exponent = 0;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    const bool down = text.starts_with('-');
    if (down || text.starts_with('+')) text.remove_prefix(1);
    const auto digits = digits_of();
    if (digits.empty()) return not_a_number;
    // Beyond any document's length the value is decided by its sign alone.
    for (const char c : digits) exponent = std::min<std::int64_t>(exponent * 10 + (c - '0'), 1'000'000'000);
    if (down) exponent = -exponent;
  }
  if (!text.empty()) return not_a_number;

  std::string digits{whole};
  digits += fraction;
  // The decimal point stands after `point` digits.
  std::int64_t point = static_cast<std::int64_t>(whole.size()) + exponent;
  const auto first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  digits.erase(0, first);
  point -= static_cast<std::int64_t>(first);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (point < static_cast<std::int64_t>(digits.size())) return too_precise;
  if (point > 19) return out_of_range;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(point); ++i) {  // at most 19 digits: fits 64 bits unsigned
    value = value * 10 + (i < digits.size() ? static_cast<std::uint64_t>(digits[i] - '0') : 0U);
  }
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value > largest + (negative ? 1U : 0U)) return out_of_range;
  return {static_cast<std::int64_t>(negative ? 0U - value : value), number_error::none};
}

bool fits(std::string_view text, text_class characters) {
  switch (characters) {
    case text_class::text:
    case text_class::password:
      return is_one_line(text);
    case text_class::visible:
      return std::all_of(text.begin(), text.end(), is_visible);
    case text_class::token:
      return std::all_of(text.begin(), text.end(),
                         [](char c) { return is_digit(c) || is_upper(c) || is_lower(c) || c == '_' || c == '-'; });
    case text_class::symbol:
      return std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || is_upper(c) || c == '&' || c == '_' || c == '.' || c == '-';
      });
    case text_class::email: {
      const auto at = text.find('@');
      return std::all_of(text.begin(), text.end(), is_visible) && at != std::string_view::npos && at != 0 &&
             at + 1 < text.size() && text.find('@', at + 1) == std::string_view::npos;
    }
  }
  return false;
}

/// Where a value stands. Its text is needed for a mistake, and for what is inside of it.
class spot {
 public:
  static spot member(std::string_view base, std::string_view name) { return {base, name, false}; }
  static spot parameter(std::string_view name) { return {{}, name, true}; }

  std::string text() const {
    if (is_parameter_) return std::string{name_};
    std::string pointer{base_};
    append_pointer(pointer, name_);
    return pointer;
  }

 private:
  spot(std::string_view base, std::string_view name, bool is_parameter)
      : base_{base}, name_{name}, is_parameter_{is_parameter} {}

  std::string_view base_;
  std::string_view name_;
  bool is_parameter_;
};

/// Reads one object, or one set of parameters, against its table and gathers the errors.
class field_reader {
 public:
  explicit field_reader(field_place place) : place_(place) {}

  std::vector<field_error>& errors() { return errors_; }

  field_values read(const json_value& value, const object_type& type, const std::string& base) {
    field_values values;
    values.type_ = &type;
    values.slots_.resize(type.fields.size());
    if (value.kind() != json_kind::object) {
      fail(base, problem_code::validation_wrong_type, "must be a JSON object");
      return values;
    }
    for (const auto& member : value.children()) {
      const auto pointer = spot::member(base, member.name());
      const auto at = index_of(type, member.name());
      if (!at) {
        fail_unknown(pointer, type);
        continue;
      }
      const auto& row = type.fields[*at];
      auto& into = values.slots_[*at];
      if (member.kind() == json_kind::null) {
        into.state = field_values::presence::null;
        if (row.required) fail(pointer, problem_code::validation_required, "is required and must not be null");
        continue;
      }
      into.state = field_values::presence::present;
      read_value(member, row, into, pointer);
    }
    require(values, type, base);
    return values;
  }

  field_values read(std::span<const name_value> parameters, const object_type& type) {
    field_values values;
    values.type_ = &type;
    if (!parameters.empty()) values.slots_.resize(type.fields.size());
    for (const auto& [name, text] : parameters) {
      const auto at = index_of(type, name);
      if (!at) {
        fail_unknown(spot::parameter(name), type);
        continue;
      }
      const auto& row = type.fields[*at];
      auto& into = values.slots_[*at];
      if (row.kind == field_kind::strings) {
        into.state = field_values::presence::present;
        into.texts.push_back(text);
        read_element(text, row, spot::parameter(name));
        continue;
      }
      if (into.state != field_values::presence::absent) {
        fail(spot::parameter(name), problem_code::validation_duplicate_parameter, "is given more than once");
        continue;
      }
      into.state = field_values::presence::present;
      read_text(text, row, into, spot::parameter(name));
    }
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      const auto& row = type.fields[i];
      if (row.kind == field_kind::strings && values.state_at(i) == field_values::presence::present) {
        check_count(values.slots_[i].texts.size(), row, spot::parameter(row.name));
      }
    }
    require(values, type, {});
    return values;
  }

 private:
  using limits = std::vector<std::pair<std::string, std::string>>;

  void fail(const spot& pointer, problem_code code, std::string detail, limits with = {}) {
    fail(pointer.text(), code, std::move(detail), std::move(with));
  }
  void fail(std::string pointer, problem_code code, std::string detail, limits with = {}) {
    if (errors_.size() == field_errors_max) return;
    errors_.push_back({place_, std::move(pointer), code, std::move(detail), std::move(with)});
  }
  void fail_unknown(const spot& pointer, const object_type& type) {
    fail(pointer, problem_code::validation_unknown_field, "is not a field of " + std::string{type.name});
  }
  void require(const field_values& values, const object_type& type, const std::string& base) {
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      const auto& row = type.fields[i];
      if (!row.required || values.state_at(i) != field_values::presence::absent) continue;
      fail(place_ == field_place::body ? spot::member(base, row.name) : spot::parameter(row.name),
           problem_code::validation_required, "is required");
    }
  }
  void wrong_type(const spot& pointer, std::string_view wanted) {
    fail(pointer, problem_code::validation_wrong_type, "must be " + std::string{wanted});
  }

  void read_value(const json_value& value, const field& row, field_values::slot& into, const spot& pointer) {
    std::string base;  // of what is inside
    switch (row.kind) {
      case field_kind::string:
      case field_kind::word:
      case field_kind::date_time:
      case field_kind::date:
        if (value.kind() != json_kind::string) return wrong_type(pointer, "a string");
        return read_text(value.text(), row, into, pointer);
      case field_kind::integer:
      case field_kind::id:
        if (value.kind() != json_kind::number) return wrong_type(pointer, "an integer");
        return read_text(value.text(), row, into, pointer);
      case field_kind::money:
        if (value.kind() != json_kind::number && value.kind() != json_kind::string) {
          return wrong_type(pointer, "a number, or a string that holds one");
        }
        return read_text(value.text(), row, into, pointer);
      case field_kind::boolean:
        if (value.kind() != json_kind::boolean) return wrong_type(pointer, "true or false");
        into.number = value.boolean() ? 1 : 0;
        return;
      case field_kind::strings:
        if (value.kind() != json_kind::array) return wrong_type(pointer, "an array of strings");
        check_count(value.children().size(), row, pointer);
        base = pointer.text();
        for (std::size_t i = 0; i < value.children().size(); ++i) {
          const auto& item = value.children()[i];
          const auto number = std::to_string(i);
          const auto item_pointer = spot::member(base, number);
          if (item.kind() != json_kind::string) {
            wrong_type(item_pointer, "a string");
            continue;
          }
          into.texts.push_back(item.text());
          read_element(item.text(), row, item_pointer);
        }
        return;
      case field_kind::ids:
        if (value.kind() != json_kind::array) return wrong_type(pointer, "an array of integers");
        check_count(value.children().size(), row, pointer);
        base = pointer.text();
        for (std::size_t i = 0; i < value.children().size(); ++i) {
          const auto& item = value.children()[i];
          const auto number = std::to_string(i);
          const auto item_pointer = spot::member(base, number);
          if (item.kind() != json_kind::number) {
            wrong_type(item_pointer, "an integer");
            continue;
          }
          const auto parsed = parse_integer(item.text());
          into.numbers.push_back(parsed.value);
          check_number(parsed.error, parsed.value, row, item_pointer);
        }
        return;
      case field_kind::object:
        into.objects.push_back(read(value, *row.type, pointer.text()));
        return;
      case field_kind::objects:
        if (value.kind() != json_kind::array) return wrong_type(pointer, "an array of objects");
        check_count(value.children().size(), row, pointer);
        base = pointer.text();
        into.objects.reserve(value.children().size());
        for (std::size_t i = 0; i < value.children().size(); ++i) {
          const auto number = std::to_string(i);
          into.objects.push_back(read(value.children()[i], *row.type, spot::member(base, number).text()));
        }
        return;
    }
  }

  /// Every kind that can be written as text, be it a JSON string, a JSON number or a parameter.
  void read_text(std::string_view text, const field& row, field_values::slot& into, const spot& pointer) {
    into.text = text;
    switch (row.kind) {
      case field_kind::string:
        return check_text(text, row, pointer);
      case field_kind::word:
        if (const auto at = word_at(text, row)) {
          into.number = static_cast<std::int64_t>(*at);
          return;
        }
        return not_a_word(row, pointer);
      case field_kind::integer:
      case field_kind::id: {
        const auto parsed = parse_integer(text);
        into.number = parsed.value;
        return check_number(parsed.error, parsed.value, row, pointer);
      }
      case field_kind::money: {
        const auto parsed = parse_money(text);
        into.number = parsed.value.ticks;
        return check_number(parsed.error, parsed.value.ticks, row, pointer);
      }
      case field_kind::boolean:
        into.number = text == "true" ? 1 : 0;
        if (text != "true" && text != "false") wrong_type(pointer, "true or false");
        return;
      case field_kind::date_time:
        if (const auto at = parse_date_time(text)) {
          into.number = at->value;
          return;
        }
        return fail(pointer, problem_code::validation_bad_format,
                    "must be an RFC 3339 date and time such as 2024-01-15T14:30:00Z");
      case field_kind::date:
        if (word_at(text, row)) {
          into.state = field_values::presence::present_word;
          return;
        }
        if (const auto day = parse_date(text)) {
          into.number = day->value;
          return;
        }
        return fail(pointer, problem_code::validation_bad_format,
                    "must be a date such as 2024-01-15" + (row.words.empty() ? "" : " or one of " + joined(row.words)));
      case field_kind::strings:
      case field_kind::ids:
      case field_kind::object:
      case field_kind::objects:
        return wrong_type(pointer, "in the body");
    }
  }

  void check_text(std::string_view text, const field& row, const spot& pointer) {
    const std::size_t length = utf8_length(text);
    if (length < row.length_min) {
      fail(pointer, problem_code::validation_too_short,
           "must have at least " + std::to_string(row.length_min) + " characters",
           {{"min_length", json_of(row.length_min)}});
    } else if (length > row.length_max) {
      fail(pointer, problem_code::validation_too_long,
           "must have at most " + std::to_string(row.length_max) + " characters",
           {{"max_length", json_of(row.length_max)}});
    }
    if (fits(text, row.characters)) return;
    if (row.characters == text_class::email) {
      return fail(pointer, problem_code::validation_bad_format, "must be an e-mail address");
    }
    fail(pointer, problem_code::validation_bad_characters, character_rule(row.characters));
  }

  /// One element of `strings`.
  void read_element(std::string_view text, const field& row, const spot& pointer) {
    if (row.words.empty()) return check_text(text, row, pointer);
    if (!word_at(text, row)) not_a_word(row, pointer);
  }

  void check_number(number_error error, std::int64_t value, const field& row, const spot& pointer) {
    const std::int64_t least = value_min_of(row);
    const std::int64_t greatest = value_max_of(row);
    switch (error) {
      case number_error::not_a_number:
        return fail(pointer, problem_code::validation_not_a_number, "must be a number as JSON writes it");
      case number_error::too_precise:
        return fail(pointer, problem_code::validation_too_precise,
                    row.kind == field_kind::money ? "must have at most 4 decimals" : "must be a whole number",
                    {{"max_decimals", row.kind == field_kind::money ? "4" : "0"}});
      case number_error::none:
        if (value >= least && value <= greatest) return;
        break;
      case number_error::out_of_range:
        break;
    }
    const auto least_text = bound_text(row, least);
    const auto greatest_text = bound_text(row, greatest);
    fail(pointer, problem_code::validation_number_out_of_range,
         "must be from " + least_text + " to " + greatest_text + (row.unit.empty() ? "" : " " + std::string{row.unit}),
         {{"min", least_text}, {"max", greatest_text}});
  }

  void check_count(std::size_t count, const field& row, const spot& pointer) {
    if (count < row.items_min) {
      fail(pointer, problem_code::validation_too_few,
           "must have at least " + std::to_string(row.items_min) + " elements",
           {{"min_items", json_of(row.items_min)}});
    } else if (count > row.items_max) {
      fail(pointer, problem_code::validation_too_many,
           "must have at most " + std::to_string(row.items_max) + " elements", {{"max_items", json_of(row.items_max)}});
    }
  }

  static std::optional<std::size_t> word_at(std::string_view text, const field& row) {
    const auto found = std::find(row.words.begin(), row.words.end(), text);
    if (found == row.words.end()) return std::nullopt;
    return static_cast<std::size_t>(found - row.words.begin());
  }
  void not_a_word(const field& row, const spot& pointer) {
    json_writer allowed;
    allowed.begin_array();
    for (const auto word : row.words) allowed.string(word);
    allowed.end_array();
    fail(pointer, problem_code::validation_not_allowed, "must be one of " + joined(row.words),
         {{"allowed", std::move(allowed).take()}});
  }
  static std::string character_rule(text_class characters) {
    switch (characters) {
      case text_class::text:
      case text_class::password:
        return "must not have control characters or line breaks";
      case text_class::visible:
        return "may have visible ASCII characters only";
      case text_class::token:
        return "may have letters, digits, '_' and '-' only";
      case text_class::symbol:
        return "may have capital letters, digits, '&', '_', '.' and '-' only";
      case text_class::email:
        return "must be an e-mail address";
    }
    return {};
  }

  field_place place_;
  std::vector<field_error> errors_;
};

namespace {
template <class... Arguments>
fields_read read_with(field_place place, const Arguments&... arguments) {
  field_reader reader{place};
  auto values = reader.read(arguments...);
  if (!reader.errors().empty()) return std::move(reader.errors());
  return values;
}
}  // namespace

fields_read read_object(const json_value& object, const object_type& type) {
  return read_with(field_place::body, object, type, std::string{});
}
fields_read read_query(std::span<const name_value> parameters, const object_type& type) {
  return read_with(field_place::query, parameters, type);
}
fields_read read_path(std::span<const name_value> parameters, const object_type& type) {
  return read_with(field_place::path, parameters, type);
}

std::size_t field_values::index_in_table(std::string_view name) const {
  if (type_ != nullptr) {
    if (const auto at = index_of(*type_, name)) return *at;
  }
  throw std::logic_error("no field " + std::string{name} + " in this table");
}

const field_values::slot& field_values::slot_of(std::string_view name, std::initializer_list<field_kind> kinds) const {
  const auto at = index_in_table(name);
  if (std::find(kinds.begin(), kinds.end(), type_->fields[at].kind) == kinds.end()) {
    throw std::logic_error("field " + std::string{name} + " is of another kind");
  }
  if (state_at(at) < presence::present) {
    throw std::logic_error("field " + std::string{name} + " is absent");
  }
  return slots_[at];
}

std::int64_t field_values::integer(std::string_view name) const {
  return slot_of(name, {field_kind::integer, field_kind::id}).number;
}
sb::money field_values::amount(std::string_view name) const { return {slot_of(name, {field_kind::money}).number}; }
std::string_view field_values::text(std::string_view name) const {
  return slot_of(name, {field_kind::string, field_kind::word, field_kind::date}).text;
}
bool field_values::flag(std::string_view name) const { return slot_of(name, {field_kind::boolean}).number != 0; }
std::size_t field_values::word(std::string_view name) const {
  return static_cast<std::size_t>(slot_of(name, {field_kind::word}).number);
}
wall_ms field_values::time(std::string_view name) const { return {slot_of(name, {field_kind::date_time}).number}; }
std::span<const std::string_view> field_values::texts(std::string_view name) const {
  return slot_of(name, {field_kind::strings}).texts;
}
std::span<const std::int64_t> field_values::ids(std::string_view name) const {
  return slot_of(name, {field_kind::ids}).numbers;
}
const field_values& field_values::object(std::string_view name) const {
  return slot_of(name, {field_kind::object}).objects.front();
}
std::span<const field_values> field_values::objects(std::string_view name) const {
  return slot_of(name, {field_kind::objects}).objects;
}
std::optional<trading_day> field_values::day_if(std::string_view name) const {
  if (state_of(name) != presence::present) return std::nullopt;
  return trading_day{static_cast<std::int32_t>(slot_of(name, {field_kind::date}).number)};
}

}  // namespace sb::web
