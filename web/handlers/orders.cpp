#include <charconv>

#include "web/auth/base64url.hpp"
#include "web/date_time.hpp"
#include "web/handlers/handlers.hpp"
#include "web/order_form.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

/// `then(bool)`.
template <class Then>
void with_permission(const request_ptr& request, account_id account, trade_action action, Then then) {
  ask<permission_checked>(request, book_key(request->organization),
                          check_permission_request{request->who.user, account, action},
                          [then = std::move(then)](permission_checked&& told) { then(told.allowed); });
}

bool is_own(const api_request& request, const order_state& order) {
  return order.command.user == request.who.user && request.organization == request.who.organization;
}

/// `then(const sb::order_answer&)` with the order in the path, live. One that the caller may not see is not there.
template <class Then>
void with_visible_order(const request_ptr& request, Then then) {
  const std::string id{request->id};
  if (!is_order_id(id)) return request->refuse(problem_code::order_not_found);
  ask<sb::order_answer>(request, order_key(request->organization, id), get_order{},
                        [request, then = std::move(then)](sb::order_answer&& told) {
                          if (request->who.reads_all() || is_own(*request, told.order)) return then(told);
                          const auto account = told.order.command.account;
                          with_permission(request, account, trade_action::view,
                                          [request, then, told = std::move(told)](bool allowed) {
                                            if (!allowed) return request->refuse(problem_code::order_not_found);
                                            then(told);
                                          });
                        });
}

void name_order(api_request& request, const sb::order_answer& told) {
  request.order_names = {{"order_id", told.id}, {"client_order_id", told.order.command.client_order_id}};
}

void answer_order(const request_ptr& request, int status, const sb::order_answer& told) {
  json_writer out;
  write_order(out, told.id, request->organization, told.order, told.held);
  request->headers.emplace_back("ETag", '"' + std::to_string(told.order.version) + '"');
  request->respond(status, std::move(out));
}

void send_cancel(const request_ptr& request, const order_id& id) {
  const auto wait = read_wait(request->http, request->services.settings.client_wait_ms);
  if (const auto* why = std::get_if<problem>(&wait)) return request->refuse(problem{*why});
  const auto wait_ms = std::get<std::int32_t>(wait);
  const auto patience = wait_ms > 0 ? std::int64_t{wait_ms} : request->services.settings.client_wait_ms;
  request->services.entities.ask(
      order_key(request->organization, id), sb::cancel_order{wait_ms}, request->context, patience,
      [request](sb::answer&& told) {
        request->guarded([&] {
          if (const auto* order = std::get_if<sb::order_answer>(&told)) {
            // Filled or expired while the cancel was on its way: there was nothing left to cancel.
            const bool canceled = order->order.status == order_status::canceled;
            if (!canceled && is_closed(order->order.status)) return request->refuse(problem_code::order_closed);
            return answer_order(request, canceled ? 200 : 202, *order);
          }
          const auto* why = std::get_if<rejected>(&told);
          request->refuse(problem_for(why != nullptr ? *why : rejected{}, entity_kind::order));
        });
      });
}

std::string cursor_of(const order_record& last) {
  return base64url_encode(std::to_string(last.state.created_at.value) + '.' + last.id);
}

std::optional<std::pair<wall_ms, order_id>> read_cursor(std::string_view text) {
  const auto plain = base64url_decode(text);
  if (!plain) return std::nullopt;
  const auto point = plain->find('.');
  if (point == std::string::npos || !is_order_id(std::string_view{*plain}.substr(point + 1))) return std::nullopt;
  wall_ms at;
  const auto [end, error] = std::from_chars(plain->data(), plain->data() + point, at.value);
  if (error != std::errc{} || end != plain->data() + point) return std::nullopt;
  return std::pair{at, plain->substr(point + 1)};
}

/// All of a filter, as text.
std::string text_of(const order_filter& filter) {
  const auto number = [](const auto& value) { return value ? std::to_string(value->value) + '/' : std::string{"-/"}; };
  auto key = std::to_string(filter.organization.value) + '/' + number(filter.user) + number(filter.account);
  key += number(filter.from) + number(filter.to) + std::to_string(filter.limit) + '/';
  key += filter.status ? word(*filter.status) : "-";
  key += '/' + (filter.after ? std::to_string(filter.after->first.value) + '.' + filter.after->second : "-") + '/';
  if (filter.symbol) key += '=' + *filter.symbol;  // last: it may have any character
  return key;
}

std::string render_page(std::vector<order_record>&& page, std::size_t limit) {
  const bool more = page.size() > limit;
  if (more) page.resize(limit);
  json_writer out;
  out.begin_object().key("data").begin_array();
  for (const auto& each : page) write_order(out, each.id, each.organization, each.state, std::nullopt);
  out.end_array();
  const auto cursor = more ? std::optional{cursor_of(page.back())} : std::nullopt;
  out.member("next_cursor", cursor ? std::optional<std::string_view>{*cursor} : std::nullopt);
  out.member("has_more", more).end_object();
  return std::move(out).take();
}

void answer_page(const request_ptr& request, std::string body) {
  mark_projection(*request);
  request->respond_json(200, std::move(body));
}

/// The same page is rendered once, until the projection writes to the organization's shard (decision 0013). Without a
/// lease another node may write by now.
void send_list(const request_ptr& request, order_filter filter) {
  auto& services = request->services;
  const auto version = services.entities.ready() ? services.database.orders_version(request->organization) : 0;
  auto key = text_of(filter);
  if (version != 0) {
    if (const auto* kept = services.order_pages.find(key, version)) return answer_page(request, *kept);
  }
  const auto limit = static_cast<std::size_t>(filter.limit);
  ++filter.limit;  // one more tells whether there are more
  services.database.list_orders(
      filter, on_read<std::vector<order_record>>(
                  request, [request, limit, version, key = std::move(key)](std::vector<order_record>&& page) {
                    auto body = render_page(std::move(page), limit);
                    if (version != 0) request->services.order_pages.keep(key, version, body);
                    answer_page(request, std::move(body));
                  }));
}

}  // namespace

void show_order(const request_ptr& request) {
  with_visible_order(request, [request](const sb::order_answer& told) {
    request->headers.emplace_back("X-Data-Source", "live");
    answer_order(request, 200, told);
  });
}

void cancel_order(const request_ptr& request) {
  request->context.urgent = true;
  with_visible_order(request, [request](const sb::order_answer& told) {
    name_order(*request, told);
    if (request->who.is_admin() || is_own(*request, told.order)) return send_cancel(request, told.id);
    with_permission(request, told.order.command.account, trade_action::cancel_order,
                    [request, id = told.id](bool allowed) {
                      if (allowed) return send_cancel(request, id);
                      request->refuse(problem_code::perm_not_granted, "The permission cancel_order is not granted.");
                    });
  });
}

void show_timeline(const request_ptr& request) {
  with_visible_order(request, [request](const sb::order_answer& told) {
    request->services.database.timeline(
        request->organization, told.id,
        on_read<std::vector<timeline_record>>(request, [request, id = told.id](std::vector<timeline_record>&& events) {
          json_writer out;
          out.begin_object().member("order_id", std::string_view{id}).key("data").begin_array();
          for (const auto& each : events) write_timeline_event(out, each);
          out.end_array().end_object();
          request->respond(200, std::move(out));
        }));
  });
}

void list_orders(const request_ptr& request) {
  const auto& query = request->query;
  order_filter filter;
  filter.organization = request->organization;
  if (query.has("user_id")) filter.user = query.id<user_id>("user_id");
  if (query.has("trading_account_id")) filter.account = query.id<account_id>("trading_account_id");
  if (query.has("state")) filter.status = order_status_from(query.text("state"));
  if (query.has("symbol")) filter.symbol = query.text("symbol");
  filter.from = query.time_if("from");
  filter.to = query.time_if("to");
  filter.limit = static_cast<std::int32_t>(query.integer_or("limit", filter.limit));
  if (query.has("cursor")) {
    filter.after = read_cursor(query.text("cursor"));
    if (!filter.after) return request->refuse(problem_code::validation_cursor);
  }
  const auto& who = request->who;
  if (who.reads_all() || filter.user == who.user) return send_list(request, std::move(filter));
  if (filter.account) {
    return with_permission(request, *filter.account, trade_action::view, [request, filter](bool allowed) {
      auto shown = filter;
      if (!allowed && shown.user) return request->refuse(problem_code::user_not_found);
      if (!allowed) shown.user = request->who.user;
      send_list(request, std::move(shown));
    });
  }
  if (filter.user) return request->refuse(problem_code::user_not_found);
  filter.user = who.user;
  send_list(request, std::move(filter));
}

void count_orders(const request_ptr& request) {
  const auto& query = request->query;
  std::optional<user_id> user;
  if (query.has("user_id")) user = query.id<user_id>("user_id");
  if (!request->who.reads_all()) {
    if (user && *user != request->who.user) return request->refuse(problem_code::user_not_found);
    user = request->who.user;
  }
  const auto day = query.day_if("date").value_or(request->services.today());
  request->services.database.count_orders(
      request->organization, user, day, on_read<std::int64_t>(request, [request, user, day](std::int64_t count) {
        json_writer out;
        out.begin_object().member("user_id", user ? std::optional{user->value} : std::nullopt);
        out.member("date", std::string_view{format_date(day)}).member("count", count).end_object();
        mark_projection(*request);
        request->respond(200, std::move(out));
      }));
}

}  // namespace sb::web::handlers
