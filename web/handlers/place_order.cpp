#include "actors/protocol/order_key.hpp"
#include "web/handlers/handlers.hpp"
#include "web/handlers/reference_price.hpp"
#include "web/order_form.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

/// Everything that is known of an order before it is sent on its way.
struct placing {
  order_command command;
  order_id id;
  std::int32_t wait_ms = 0;
};
using placing_ptr = std::shared_ptr<placing>;

/// 201 when it is decided what became of the order, 202 while it is not. The switch has no default: a new state must
/// say here what a client is told.
int status_for(order_status status) {
  switch (status) {
    case order_status::none:
    case order_status::pending_new:
    case order_status::unknown:
      return 202;
    case order_status::new_:
    case order_status::partially_filled:
    case order_status::filled:
    case order_status::canceled:
    case order_status::rejected:
    case order_status::denied:  // refused before it comes to this
    case order_status::expired:
    case order_status::absent:
      return 201;
  }
  return 202;
}

void answer_placed(const request_ptr& request, const order_answer& told) {
  auto& services = request->services;
  if (told.replayed) {
    request->headers.emplace_back("Idempotent-Replayed", "true");
  } else {
    services.orders.placed(told.order, request->who.roles, request->seconds());
  }
  if (told.order.status == order_status::denied)
    return request->refuse(denial_problem(told.order, services.settings.currency));
  request->headers.emplace_back("Location", "/trades/" + told.id);
  json_writer out;
  write_order(out, told.id, request->organization, told.order, told.held);
  request->respond(status_for(told.order.status), std::move(out));
}

void send_order(const request_ptr& request, const placing_ptr& order) {
  auto print = fingerprint(order->command);
  ::sb::place_order body{std::move(order->command), std::move(print), order->wait_ms};
  // Also who does not wait for the broker waits until the order is stored.
  const auto patience = order->wait_ms > 0 ? std::int64_t{order->wait_ms} : request->services.settings.client_wait_ms;
  request->services.entities.ask(
      order_key(request->organization, order->id), std::move(body), request->context, patience,
      [request](sb::answer&& told) {
        request->guarded([&] {
          if (const auto* placed = std::get_if<sb::order_answer>(&told)) return answer_placed(request, *placed);
          const auto* why = std::get_if<rejected>(&told);
          request->refuse(problem_for(why != nullptr ? *why : rejected{}, entity_kind::order));
        });
      });
}

}  // namespace

void place_order(const request_ptr& request) {
  auto& r = *request;
  auto key = read_order_key(r.http, r.body);
  if (auto* why = std::get_if<problem>(&key)) return r.refuse(std::move(*why));
  const auto order = std::make_shared<placing>();
  auto& command = order->command;
  command = read_order(r.body, r.services.settings);
  command.organization = r.organization;
  command.user = r.who.user;
  command.client_order_id = std::get<std::string>(std::move(key));
  order->id = derive_order_id(command.organization, command.account, command.client_order_id);
  r.order_names = {{"order_id", order->id}, {"client_order_id", command.client_order_id}};

  const auto wait = read_wait(r.http, r.services.settings.client_wait_ms);
  if (const auto* why = std::get_if<problem>(&wait)) return r.refuse(problem{*why});
  order->wait_ms = std::get<std::int32_t>(wait);
  if (auto why = refuse_order(command, r.body, *r.services.instruments)) return r.refuse(std::move(*why));
  with_account(request, command.account, [request, order] {
    // Also without a price that will do: then the order itself is denied, and that is stored.
    with_reference_price(request, std::move(order->command), [request, order](order_command&& priced) {
      order->command = std::move(priced);
      send_order(request, order);
    });
  });
}

}  // namespace sb::web::handlers
