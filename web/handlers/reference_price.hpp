#pragma once
#include <functional>
#include <utility>

#include "domain/orders/order.hpp"
#include "web/api_request.hpp"

namespace sb::web::handlers {

/// with_reference_price() for a MARKET order.
void find_reference_price(const request_ptr& request, order_command command, std::function<void(order_command&&)> then);

/// Goes on with the order, a MARKET order with the last price and its time in it; zero where there is none. The same
/// for placing and for checking: is_priced() says of either whether that price will do.
template <class Then>
void with_reference_price(const request_ptr& request, order_command command, Then&& then) {
  if (command.type != order_type::market) return then(std::move(command));
  find_reference_price(request, std::move(command), std::forward<Then>(then));
}

}  // namespace sb::web::handlers
