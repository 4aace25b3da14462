#include <algorithm>
#include <set>

#include "domain/instruments/instrument.hpp"
#include "domain/money.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/targets.hpp"
#include "web/api_settings.hpp"
#include "web/fields.hpp"
#include "web/json.hpp"
#include "web/order_form.hpp"
#include "web/plain_json.hpp"
#include "web/request_types.hpp"
#include "web/utf8.hpp"

namespace sb::fuzz {
namespace {

using namespace web;

constexpr const object_type* bodies[] = {&tables::nothing,   &tables::login,       &tables::new_organization,
                                         &tables::new_user,  &tables::new_account, &tables::permissions,
                                         &tables::limits,    &tables::order,       &tables::order_check,
                                         &tables::paper_fill};

const instrument_master& instruments() {
  static const instrument_master master{
      {{"NSE", "SBIN", 1, {500}, 1'000, 20, {5'000'000}}, {"NFO", "NIFTY_FUT", 50, {500}, 0, 0, {210'000'000}}}};
  return master;
}

bool is_pointer(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != '/') return false;
  for (std::size_t at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return true;
}

struct extent {
  std::size_t values = 0;
  std::size_t depth = 0;
};

/// Counts, and finds what no parsed value may be.
void measure(const json_value& value, std::size_t depth, const json_limits& limits, extent& seen) {
  ++seen.values;
  must(is_utf8(value.text()) && value.text().find('\0') == std::string::npos, "a text is UTF-8 without NUL");
  must(is_utf8(value.name()) && value.name().find('\0') == std::string::npos, "a name is UTF-8 without NUL");
  if (value.kind() != json_kind::array && value.kind() != json_kind::object) {
    must(value.children().empty(), "only containers have children");
    return;
  }
  seen.depth = std::max(seen.depth, depth);
  const bool is_array = value.kind() == json_kind::array;
  must(value.children().size() <= (is_array ? limits.items_max : limits.members_max), "no container is too long");
  std::set<std::string_view> names;
  for (const auto& child : value.children()) {
    must(is_array ? child.name().empty() : names.insert(child.name()).second, "each member has a name of its own");
    measure(child, depth + 1, limits, seen);
  }
}

void check_refusal(std::string_view text, const json_error& why) {
  must(why.offset <= text.size(), "a refusal's offset lies in the document");
  must(!why.detail.empty() && is_utf8(why.detail) && is_pointer(why.pointer), "a refusal can be shown");
  switch (why.code) {
    case json_refusal::empty:
    case json_refusal::byte_order_mark:
    case json_refusal::nul_byte:
    case json_refusal::invalid_utf8:
    case json_refusal::syntax:
      must(second_reader(text, nullptr) != second_opinion::accepts, "what is refused as no JSON is none");
      return;
    case json_refusal::too_large:
    case json_refusal::nul_escape:
    case json_refusal::duplicate_key:
    case json_refusal::too_deep:
    case json_refusal::too_many_items:
    case json_refusal::too_many_members:
    case json_refusal::too_many_values:
    case json_refusal::number_out_of_range:
      return;  // our own profile
  }
}

void check_text(std::string_view text, const field& row) {
  if (row.words.empty()) {
    const auto length = utf8_length(text);
    must(length >= row.length_min && length <= row.length_max, "an accepted text has its length");
    must(fits(text, row.characters), "an accepted text has its characters");
  } else {
    must(std::find(row.words.begin(), row.words.end(), text) != row.words.end(), "an accepted word is one of the list");
  }
}

void check_fields(const field_values& values, const object_type& type);

/// What was accepted is what the table says, read without the reader.
void check_field(const field_values& values, const field& row) {
  const auto name = row.name;
  const auto in_bounds = [&](std::size_t count) { return count >= row.items_min && count <= row.items_max; };
  switch (row.kind) {
    case field_kind::string:
      return check_text(values.text(name), row);
    case field_kind::integer:
    case field_kind::id:
      must(values.integer(name) >=
               (row.kind == field_kind::id ? std::max<std::int64_t>(row.value_min, 1) : row.value_min),
           "an accepted integer is not too small");
      must(values.integer(name) <= row.value_max, "an accepted integer is not too large");
      return;
    case field_kind::money: {
      const auto ticks = values.amount(name).ticks;
      must(ticks >= row.value_min && ticks <= row.value_max, "an accepted amount is within its bounds");
      must(ticks >= -money::ticks_max && ticks <= money::ticks_max, "an accepted amount is money");
      const auto again = parse_money(format(values.amount(name)));
      must(again.error == number_error::none && again.value.ticks == ticks, "an amount survives being written");
      return;
    }
    case field_kind::boolean:
      static_cast<void>(values.flag(name));
      return;
    case field_kind::word:
      must(row.words[values.word(name)] == values.text(name), "an accepted word is the one that was sent");
      return;
    case field_kind::date_time:
      static_cast<void>(values.time(name));
      return;
    case field_kind::date:
      static_cast<void>(values.day_if(name));
      return;
    case field_kind::strings:
      must(in_bounds(values.texts(name).size()), "an accepted list has its length");
      for (const auto text : values.texts(name)) check_text(text, row);
      return;
    case field_kind::ids:
      must(in_bounds(values.ids(name).size()), "an accepted list has its length");
      for (const auto id : values.ids(name)) must(id >= 1, "an accepted id is positive");
      return;
    case field_kind::object:
      return check_fields(values.object(name), *row.type);
    case field_kind::objects:
      must(in_bounds(values.objects(name).size()), "an accepted list has its length");
      for (const auto& each : values.objects(name)) check_fields(each, *row.type);
      return;
  }
}

void check_fields(const field_values& values, const object_type& type) {
  for (const auto& row : type.fields) {
    must(!row.required || values.has(row.name), "a required field is there");
    must(!(values.has(row.name) && values.is_null(row.name)), "a field is present or null");
    if (values.has(row.name)) check_field(values, row);
  }
}

void check_order(const field_values& body) {
  const auto command = read_order(body, api_settings{});
  if (refuse_order(command, body, instruments())) return;
  const auto* const traded = instruments().find(command.exchange, command.symbol);
  must(traded != nullptr, "an order is for an instrument");
  must(command.quantity > 0 && command.quantity % traded->lot == 0, "an order is for whole lots");
  must(traded->freeze_quantity == 0 || command.quantity <= traded->freeze_quantity, "an order is not frozen");
  must(command.type == order_type::market ? command.price.ticks == 0
                                          : command.price.ticks > 0 && command.price.ticks % traded->tick.ticks == 0,
       "an order's price is on the tick");
  must(reserve_value(command).ticks >= 0, "an order's value is not negative");
}

void check_table(const json_value& document, const object_type& type) {
  const auto read = read_object(document, type);
  if (const auto* errors = std::get_if<std::vector<field_error>>(&read)) {
    must(!errors->empty() && errors->size() <= field_errors_max, "a refusal names its mistakes, and not all of them");
    for (const auto& error : *errors)
      must(is_pointer(error.pointer) && !error.detail.empty() && is_utf8(error.detail), "a mistake can be shown");
    return;
  }
  const auto& values = std::get<field_values>(read);
  check_fields(values, type);
  if (&type == &tables::order) check_order(values);
}

/// The parser of what has nothing odd in it takes nothing that the other one would not. An array is for the other one.
void check_plain(std::string_view text, const json_limits& limits) {
  if (text.empty() || text.size() > limits.bytes_max || text.find('\0') != std::string_view::npos ||
      text.starts_with("\xEF\xBB\xBF"))
    return;
  const auto plain = read_plain_json(text, limits);
  if (!plain) return;
  auto around = limits;
  ++around.depth_max, ++around.values_max, around.bytes_max += 2;
  const auto other = parse_json('[' + std::string{text} + ']', around);
  const auto* list = std::get_if<json_value>(&other);
  must(list != nullptr && list->children().size() == 1, "what one parser reads the other reads too");
  must(same(*plain, list->children()[0]), "both parsers read the same");
}

}  // namespace

int fuzz_json(bytes input) {
  const auto text = text_of(input);
  const json_limits limits;
  check_plain(text, limits);
  const auto parsed = parse_json(text, limits);
  if (const auto* why = std::get_if<json_error>(&parsed)) {
    check_refusal(text, *why);
    return 0;
  }
  const auto& value = std::get<json_value>(parsed);
  must(second_reader(text, &value).value_or(second_opinion::accepts) == second_opinion::accepts,
       "another reader reads the same");
  extent seen;
  measure(value, 1, limits, seen);
  must(seen.values <= limits.values_max && seen.depth <= limits.depth_max, "a document is within its limits");

  const auto written = json_of(value);
  auto roomy = limits;
  roomy.bytes_max = std::max(limits.bytes_max, written.size());  // an escape is longer than its character
  const auto again = parse_json(written, roomy);
  must(std::holds_alternative<json_value>(again), "what we write we read");
  must(same(value, std::get<json_value>(again)), "a document survives being written");
  for (const auto* type : bodies) check_table(value, *type);
  return 1;
}

}  // namespace sb::fuzz
