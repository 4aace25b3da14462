#pragma once
#include "domain/limits/violation.hpp"
#include "storage/event_fields.hpp"

/// Fields that orders and risk books have in common: scopes and failed checks.
namespace sb::body {

template <>
struct words<scope_kind> : searched_words<scope_kind> {
  static std::string_view text(scope_kind kind) {
    switch (kind) {
      case scope_kind::organization:
      case scope_kind::user:
      case scope_kind::account:
        return word(kind);
    }
    return {};
  }
};
template <>
struct words<limit_type> : searched_words<limit_type> {
  static std::string_view text(limit_type type) {
    return static_cast<std::size_t>(type) < limit_type_count ? word(type) : std::string_view{};
  }
};
template <>
struct words<check> : searched_words<check> {
  static constexpr std::string_view text(check failed) {
    switch (failed) {
      case check::permission:
        return "permission";
      case check::limit:
        return "limit";
      case check::not_allowed:
        return "not_allowed";
      case check::deadline_passed:
        return "deadline_passed";
      case check::attempt_closed:
        return "attempt_closed";
    }
    return {};
  }
};

/// ["user", 3]
template <>
struct form<limit_scope> {
  static void put(std::string& out, const limit_scope& scope) {
    out += '[';
    form<scope_kind>::put(out, scope.kind);
    out += ',';
    put_integer(out, scope.id);
    out += ']';
  }
  static bool take(json_value from, limit_scope& into, std::string& why) {
    simdjson::dom::array pair;
    if (from.get(pair) != simdjson::SUCCESS || pair.size() != 2) {
      why = "not a pair of scope and number";
      return false;
    }
    auto element = pair.begin();
    if (!form<scope_kind>::take(*element, into.kind, why)) return false;
    return form<std::int64_t>::take(*++element, into.id, why);
  }
};

template <>
inline constexpr auto fields<violation> = std::tuple{
    always{"check", &violation::failed},
    always{"scope", &violation::scope},
    always{"type", &violation::type},
    unless_empty{"limit", &violation::limit},
    unless_empty{"usage", &violation::usage},
    unless_empty{"attempted", &violation::attempted},
    unless_empty{"head_room", &violation::head_room},
    unless_empty{"word", &violation::word},
};

}  // namespace sb::body
