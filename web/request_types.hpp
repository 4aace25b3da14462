#pragma once
#include "web/fields.hpp"

/// The field tables of bodies and queries. Words of a table stand in the order of the enum they name.
namespace sb::web::tables {

/// For routes without a body or parameters of their own.
extern const object_type nothing;

extern const object_type login;
extern const object_type new_organization;
extern const object_type new_user;
extern const object_type new_account;
extern const object_type permissions;
extern const object_type limit_row;
extern const object_type limits;
extern const object_type order;
extern const object_type order_check;
extern const object_type paper_fill;

/// Parameters of routes that act in one organization; organization_id is for a platform_admin.
extern const object_type in_organization;
extern const object_type user_list_query;
extern const object_type limits_query;
extern const object_type permission_query;
extern const object_type order_list_query;
extern const object_type order_count_query;
extern const object_type position_query;
extern const object_type supervision_query;

}  // namespace sb::web::tables
