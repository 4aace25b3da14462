#pragma once
#include <functional>

#include "domain/orders/order.hpp"
#include "web/api_request.hpp"

namespace sb::web::handlers {

/// Goes on with the order, a MARKET order with the last price and its time in it; zero where there is none. The same
/// for placing and for checking: is_priced() says of either whether that price will do.
void with_reference_price(const request_ptr& request, order_command command, std::function<void(order_command&&)> then);

}  // namespace sb::web::handlers
