#include "tests/fuzz/json_text.hpp"

#include <algorithm>
#include <boost/json/src.hpp>

#include "tests/web/json_rewrite.hpp"
#include "web/json_writer.hpp"

namespace sb::fuzz {
namespace {

using web::json_kind;
using web::json_value;

constexpr std::size_t depth_max = 64;

bool same(const boost::json::value& theirs, const json_value& ours) {
  switch (ours.kind()) {
    case json_kind::null:
      return theirs.is_null();
    case json_kind::boolean:
      return theirs.is_bool() && theirs.get_bool() == ours.boolean();
    case json_kind::number:
      return theirs.is_number();
    case json_kind::string:
      return theirs.is_string() &&
             std::string_view{theirs.get_string().data(), theirs.get_string().size()} == ours.text();
    case json_kind::array: {
      if (!theirs.is_array() || theirs.get_array().size() != ours.children().size()) return false;
      const auto& items = theirs.get_array();
      return std::equal(items.begin(), items.end(), ours.children().begin(),
                        [](const auto& a, const auto& b) { return same(a, b); });
    }
    case json_kind::object: {
      if (!theirs.is_object() || theirs.get_object().size() != ours.children().size()) return false;
      return std::all_of(ours.children().begin(), ours.children().end(), [&](const json_value& member) {
        const auto* const found = theirs.get_object().if_contains(member.name());
        return found != nullptr && same(*found, member);
      });
    }
  }
  return false;
}

}  // namespace

std::string json_of(const json_value& value) {
  web::json_writer out;
  web::write_again(out, value);
  return std::move(out).take();
}

bool same(const json_value& a, const json_value& b) {
  return a.kind() == b.kind() && a.name() == b.name() && a.text() == b.text() && a.boolean() == b.boolean() &&
         std::equal(a.children().begin(), a.children().end(), b.children().begin(), b.children().end(),
                    [](const json_value& x, const json_value& y) { return same(x, y); });
}

std::optional<second_opinion> second_reader(std::string_view text, const json_value* ours) {
  boost::json::parse_options options;
  options.max_depth = depth_max;
  boost::json::error_code error;
  const auto theirs = boost::json::parse({text.data(), text.size()}, error, {}, options);
  if (error == boost::json::error::exponent_overflow || error == boost::json::error::too_deep) return std::nullopt;
  if (error) return second_opinion::refuses;
  if (ours == nullptr) return second_opinion::accepts;
  return same(theirs, *ours) ? second_opinion::accepts : second_opinion::reads_otherwise;
}

}  // namespace sb::fuzz
