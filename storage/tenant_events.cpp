#include "storage/tenant_events.hpp"

#include "storage/event_fields.hpp"

namespace sb {
namespace body {

template <>
struct words<role> {
  static std::string_view text(role value) { return word(value); }
  static std::optional<role> from(std::string_view text) { return role_from(text); }
};
/// ["trader","viewer"]
template <>
struct form<role_set> {
  static void put(std::string& out, role_set set) {
    out += '[';
    bool first = true;
    for (const auto text : sb::words(set)) {
      if (!std::exchange(first, false)) out += ',';
      put_string(out, text);
    }
    out += ']';
  }
  static bool take(json_value from, role_set& into, std::string& why) {
    std::vector<role> listed;
    if (!form<std::vector<role>>::take(from, listed, why)) return false;
    into = {};
    for (const auto r : listed) into.add(r);
    return true;
  }
};

template <>
inline constexpr std::string_view type_name<user_created> = "user.created";
template <>
inline constexpr std::string_view type_name<user_status_set> = "user.status_set";
template <>
inline constexpr std::string_view type_name<organization_created> = "organization.created";
template <>
inline constexpr std::string_view type_name<account_opened> = "account.opened";

template <>
inline constexpr auto fields<user_created> = std::tuple{
    always{"user", &user_created::user},
    always{"roles", &user_created::roles},
};
template <>
inline constexpr auto fields<user_status_set> = std::tuple{
    always{"active", &user_status_set::active},
};
template <>
inline constexpr auto fields<organization_created> = std::tuple{
    always{"organization", &organization_created::organization},
    always{"name", &organization_created::name},
};
template <>
inline constexpr auto fields<account_opened> = std::tuple{
    always{"account", &account_opened::account},
    always{"name", &account_opened::name},
    always{"broker", &account_opened::broker},
};

}  // namespace body

event_record encode(const user_event& event) { return body::codec<user_event>::encode(event); }
event_record encode(const organization_event& event) { return body::codec<organization_event>::encode(event); }
event_record encode(const account_event& event) { return body::codec<account_event>::encode(event); }

std::optional<user_event> decode_user_event(const event_record& record, std::string& why) {
  return body::codec<user_event>::decode(record, why);
}
std::optional<organization_event> decode_organization_event(const event_record& record, std::string& why) {
  return body::codec<organization_event>::decode(record, why);
}
std::optional<account_event> decode_account_event(const event_record& record, std::string& why) {
  return body::codec<account_event>::decode(record, why);
}

}  // namespace sb
