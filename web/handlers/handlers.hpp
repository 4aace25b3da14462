#pragma once
#include "web/api_request.hpp"

/// One function for each row of the route table; aliases share one. Each is called once, on the io thread, with a
/// request that is authenticated and read, and sees to it that the request is answered or refused.
namespace sb::web::handlers {

// auth.cpp
void log_in(const request_ptr& request);
void log_out(const request_ptr& request);
void show_me(const request_ptr& request);
void show_keys(const request_ptr& request);
// tenants.cpp
void create_organization(const request_ptr& request);
void show_organization(const request_ptr& request);
void create_user(const request_ptr& request);
void show_user(const request_ptr& request);
void list_users(const request_ptr& request);
void create_account(const request_ptr& request);
void show_account(const request_ptr& request);
// permissions.cpp
void show_permissions(const request_ptr& request);
void replace_permissions(const request_ptr& request);
void decide_permission(const request_ptr& request);
// limits.cpp
void show_limits(const request_ptr& request);
void replace_limits(const request_ptr& request);
void check_order(const request_ptr& request);
// place_order.cpp, orders.cpp
void place_order(const request_ptr& request);
void show_order(const request_ptr& request);
void cancel_order(const request_ptr& request);
void show_timeline(const request_ptr& request);
void list_orders(const request_ptr& request);
void count_orders(const request_ptr& request);
// positions.cpp
void list_positions(const request_ptr& request);
// ops.cpp
void fill_paper_order(const request_ptr& request);
void show_supervision(const request_ptr& request);
void restart_actor(const request_ptr& request);
void show_live(const request_ptr& request);
void show_ready(const request_ptr& request);
void show_metrics(const request_ptr& request);
// pages.cpp
void show_openapi(const request_ptr& request);
void show_front_page(const request_ptr& request);

}  // namespace sb::web::handlers
