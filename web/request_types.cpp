#include "web/request_types.hpp"

#include "domain/money.hpp"

namespace sb::web::tables {
namespace {

using k = field_kind;
using c = text_class;

constexpr std::string_view role_words[] = {"platform_admin", "admin", "trader", "viewer", "service"};
constexpr std::string_view broker_words[] = {"paper"};
constexpr std::string_view action_words[] = {"place_order", "cancel_order", "view"};
constexpr std::string_view scope_words[] = {"organization", "user", "account"};
constexpr std::string_view limit_words[] = {"single_order_value", "daily_trading_limit", "orders_per_day",
                                            "open_orders",        "order_quantity",      "allowed_exchanges",
                                            "allowed_symbols",    "allowed_products"};
constexpr std::string_view side_words[] = {"BUY", "SELL"};
constexpr std::string_view type_words[] = {"MARKET", "LIMIT", "STOP_LOSS", "SL_MARKET"};
constexpr std::string_view product_words[] = {"INTRADAY", "DELIVERY", "NORMAL", "MTF"};
constexpr std::string_view variety_words[] = {"REGULAR", "BO", "CO"};
constexpr std::string_view validity_words[] = {"DAY", "IOC"};
constexpr std::string_view state_words[] = {"pending_new", "new",    "partially_filled", "filled",  "canceled",
                                            "rejected",    "denied", "expired",          "unknown", "absent"};
constexpr std::string_view today_words[] = {"today"};

constexpr std::int64_t quantity_max = 1'000'000'000'000;

constexpr field organization_field{
    .name = "organization_id", .kind = k::id, .description = "Another organization; for a platform_admin only."};
constexpr field required_account{.name = "trading_account_id", .kind = k::id, .required = true};

constexpr field login_fields[] = {
    {.name = "email", .required = true, .characters = c::email, .length_max = 254},
    {.name = "password", .required = true, .characters = c::password, .length_max = 128},
};
constexpr field organization_fields[] = {
    {.name = "name", .required = true, .length_max = 120},
};
constexpr field user_fields[] = {
    {.name = "email", .required = true, .characters = c::email, .length_max = 254},
    {.name = "password", .required = true, .characters = c::password, .length_min = 12, .length_max = 128},
    {.name = "role", .kind = k::word, .words = role_words, .description = "Either role or roles."},
    {.name = "roles",
     .kind = k::strings,
     .items_min = 1,
     .items_max = std::size(role_words),
     .words = role_words,
     .description = "platform_admin can be given by a platform_admin only."},
    {.name = "display_name", .length_max = 120},
    organization_field,
};
constexpr field account_fields[] = {
    {.name = "name", .required = true, .length_max = 64, .description = "The broker's name of the account."},
    {.name = "broker", .kind = k::word, .words = broker_words},
    organization_field,
};
constexpr field permission_fields[] = {
    {.name = "actions",
     .kind = k::strings,
     .required = true,
     .items_max = std::size(action_words),
     .words = action_words},
    {.name = "trading_account_ids",
     .kind = k::ids,
     .required = true,
     .items_max = 100,
     .description = "Empty: every account of the organization."},
};
constexpr field limit_fields[] = {
    {.name = "limit_type", .kind = k::word, .required = true, .words = limit_words},
    {.name = "limit_value",
     .kind = k::money,
     .value_min = 0,
     .description = "Money for single_order_value and daily_trading_limit; a whole number for the counts."},
    {.name = "allowed",
     .kind = k::strings,
     .characters = c::visible,
     .length_max = 64,
     .items_max = 1'000,
     .description = "The words of the allowed_ types; an empty list allows nothing."},
};
constexpr field limits_fields[] = {
    {.name = "scope", .kind = k::word, .required = true, .words = scope_words},
    {.name = "scope_id", .kind = k::id, .required = true},
    {.name = "limits", .kind = k::objects, .required = true, .items_max = std::size(limit_words), .type = &limit_row},
};
constexpr field order_fields[] = {
    required_account,
    {.name = "exchange", .required = true, .characters = c::symbol, .length_max = 16},
    {.name = "symbol", .required = true, .characters = c::symbol, .length_max = 64},
    {.name = "trade_type", .kind = k::word, .required = true, .words = side_words},
    {.name = "order_type",
     .kind = k::word,
     .required = true,
     .words = type_words,
     .description = "STOP_LOSS and SL_MARKET are known and not offered yet."},
    {.name = "product_type", .kind = k::word, .required = true, .words = product_words},
    {.name = "variety",
     .kind = k::word,
     .words = variety_words,
     .description = "REGULAR by default; BO and CO are known and not offered yet."},
    {.name = "validity", .kind = k::word, .words = validity_words, .description = "DAY by default."},
    {.name = "quantity",
     .kind = k::integer,
     .required = true,
     .value_min = 1,
     .value_max = quantity_max,
     .unit = "shares"},
    {.name = "price",
     .kind = k::money,
     .value_min = 0,
     .unit = "INR",
     .description = "Required for LIMIT; absent or 0 for MARKET."},
    {.name = "market_protection_pct",
     .kind = k::money,
     .value_min = 0,
     .value_max = 100 * money::unit,
     .unit = "percent",
     .description = "MARKET: how far above the last price capacity is reserved; two decimals."},
    {.name = "comments", .length_min = 0, .length_max = 128},
    // Last: order_check is the table without it.
    {.name = "client_order_id",
     .characters = c::visible,
     .length_max = 64,
     .description = "[A-Za-z0-9._:-]; the same as Idempotency-Key. Made by the server where both are absent."},
};
constexpr field paper_fill_fields[] = {
    {.name = "order", .required = true, .characters = c::token, .length_max = 32},
    {.name = "price", .kind = k::money, .required = true, .value_min = 1, .unit = "INR"},
    {.name = "quantity",
     .kind = k::integer,
     .required = true,
     .value_min = 1,
     .value_max = quantity_max,
     .unit = "shares",
     .description = "Cut down to what is left of the order."},
};

constexpr field in_organization_fields[] = {organization_field};
constexpr field limit_parameter{.name = "limit",
                                .kind = k::integer,
                                .value_min = 1,
                                .value_max = 200,
                                .description = "Rows of a page; 50 by default."};
constexpr field cursor_parameter{
    .name = "cursor", .characters = c::token, .length_max = 200, .description = "next_cursor of the page before."};
constexpr field user_list_fields[] = {limit_parameter, cursor_parameter, organization_field};
constexpr field limits_query_fields[] = {
    {.name = "scope", .kind = k::word, .words = scope_words},
    {.name = "scope_id", .kind = k::id, .description = "With scope only."},
    organization_field,
};
constexpr field permission_query_fields[] = {
    {.name = "user_id", .kind = k::id, .required = true},
    {.name = "action", .kind = k::word, .required = true, .words = action_words},
    {.name = "trading_account_id", .kind = k::id, .description = "Absent: on any account."},
    organization_field,
};
constexpr field order_list_fields[] = {
    {.name = "state", .kind = k::word, .words = state_words},
    {.name = "symbol", .characters = c::symbol, .length_max = 64},
    {.name = "trading_account_id", .kind = k::id},
    {.name = "user_id", .kind = k::id},
    {.name = "from", .kind = k::date_time, .description = "Created at or after."},
    {.name = "to", .kind = k::date_time, .description = "Created before."},
    limit_parameter,
    cursor_parameter,
    organization_field,
};
constexpr field order_count_fields[] = {
    {.name = "user_id", .kind = k::id, .description = "Absent: the whole organization, or oneself for a trader."},
    {.name = "date", .kind = k::date, .words = today_words, .description = "Trading day; today by default."},
    organization_field,
};
constexpr field position_fields[] = {required_account, organization_field};
constexpr field supervision_fields[] = {
    {.name = "depth",
     .kind = k::integer,
     .value_min = 0,
     .value_max = 16,
     .description = "Levels that are listed; what is below is counted."},
    {.name = "under",
     .characters = c::visible,
     .length_max = 200,
     .description = "Only this actor and what is below it."},
};

}  // namespace

const object_type nothing{"Nothing", "An object without members.", {}};
const object_type login{"Login", "Credentials of a person.", login_fields};
const object_type new_organization{"NewOrganization", "An organization to be.", organization_fields};
const object_type new_user{"NewUser", "A user to be. No permission is granted with it.", user_fields};
const object_type new_account{"NewTradingAccount", "A trading account to be.", account_fields};
const object_type permissions{"Permissions", "What a user may do, and on which accounts.", permission_fields};
const object_type limit_row{"Limit", "One limit; limit_value or allowed, by its type.", limit_fields};
const object_type limits{"ScopeLimits", "All limits of one scope; an empty list removes them.", limits_fields};
const object_type order{"PlaceOrder", "An order.", order_fields};
const object_type order_check{"CheckOrder", "An order as it would be checked against limits and permissions.",
                              std::span{order_fields}.first(std::size(order_fields) - 1)};
const object_type paper_fill{"PaperFill", "A fill by the paper broker's external market.", paper_fill_fields};

const object_type in_organization{"InOrganization", "", in_organization_fields};
const object_type user_list_query{"UserListQuery", "", user_list_fields};
const object_type limits_query{"LimitsQuery", "", limits_query_fields};
const object_type permission_query{"PermissionQuery", "", permission_query_fields};
const object_type order_list_query{"OrderListQuery", "", order_list_fields};
const object_type order_count_query{"OrderCountQuery", "", order_count_fields};
const object_type position_query{"PositionQuery", "", position_fields};
const object_type supervision_query{"SupervisionQuery", "", supervision_fields};

}  // namespace sb::web::tables
