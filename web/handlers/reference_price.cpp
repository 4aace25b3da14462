#include "web/handlers/reference_price.hpp"

#include <utility>

namespace sb::web::handlers {

void find_reference_price(const request_ptr& request, order_command command,
                          std::function<void(order_command&&)> then) {
  const auto exchange = command.exchange;
  const auto symbol = command.symbol;
  request->services.entities.last_price(
      exchange, symbol, [request, command = std::move(command), then = std::move(then)](sb::answer&& told) mutable {
        request->guarded([&] {
          if (const auto* why = std::get_if<rejected>(&told))
            return request->refuse(problem_for(*why, entity_kind::order));
          if (const auto* found = std::get_if<price_answer>(&told)) {
            command.reference_price = found->price;
            command.reference_at = found->at;
          }
          then(std::move(command));
        });
      });
}

}  // namespace sb::web::handlers
