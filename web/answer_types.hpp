#pragma once
#include "web/fields.hpp"

/// The field tables of answers, for the API's description; web/rendering.cpp writes them.
namespace sb::web::tables {

extern const object_type token_answer;
extern const object_type session_end_answer;
extern const object_type me_answer;
extern const object_type jwks_answer;
extern const object_type organization_answer;
extern const object_type user_answer;
extern const object_type user_row;
extern const object_type user_list;
extern const object_type account_answer;
extern const object_type permissions_answer;
extern const object_type permission_decision;
extern const object_type usage;
extern const object_type scope_limits;
extern const object_type limits_answer;
extern const object_type violation_answer;
extern const object_type order_check_answer;
extern const object_type reservation;
extern const object_type order_answer;
extern const object_type order_list;
extern const object_type actor_of_event;
extern const object_type event_body;
extern const object_type timeline_event;
extern const object_type timeline;
extern const object_type order_count;
extern const object_type position_row;
extern const object_type positions;
extern const object_type fill_answer;
extern const object_type failure;
extern const object_type tree_node;
extern const object_type restart_answer;
extern const object_type health;

}  // namespace sb::web::tables
