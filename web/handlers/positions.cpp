#include <map>

#include "web/handlers/handlers.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

/// Positions that wait for the last prices of what they hold.
struct valuation {
  account_id account;
  std::vector<position_record> held;
  std::map<std::pair<std::string, std::string>, money> prices;
  std::size_t missing = 0;
};

void answer_positions(const request_ptr& request, const valuation& valued) {
  const auto today = request->services.today();
  json_writer out;
  out.begin_object().member("trading_account_id", valued.account).key("data").begin_array();
  for (const auto& each : valued.held) write_position(out, each, valued.prices.at({each.exchange, each.symbol}), today);
  out.end_array().end_object();
  mark_projection(*request);
  request->respond(200, std::move(out));
}

/// All questions at once. A price that does not come stays zero, which reads as "none".
void value_positions(const request_ptr& request, std::vector<position_record>&& held) {
  const auto valued = std::make_shared<valuation>();
  valued->account = request->query.id<account_id>("trading_account_id");
  valued->held = std::move(held);
  for (const auto& each : valued->held) valued->prices.try_emplace({each.exchange, each.symbol});
  valued->missing = valued->prices.size();
  if (valued->missing == 0) return answer_positions(request, *valued);
  for (auto& entry : valued->prices) {
    request->services.entities.last_price(entry.first.first, entry.first.second,
                                          [request, valued, price = &entry.second](sb::answer&& told) {
                                            request->guarded([&] {
                                              if (const auto* found = std::get_if<price_answer>(&told))
                                                *price = found->price;
                                              if (--valued->missing == 0) answer_positions(request, *valued);
                                            });
                                          });
  }
}

void read_positions(const request_ptr& request) {
  request->services.database.list_positions(
      request->organization, request->query.id<account_id>("trading_account_id"),
      on_read<std::vector<position_record>>(
          request, [request](std::vector<position_record>&& held) { value_positions(request, std::move(held)); }));
}

}  // namespace

void list_positions(const request_ptr& request) {
  const auto account = request->query.id<account_id>("trading_account_id");
  with_account(request, account, [request, account] {
    if (request->who.reads_all()) return read_positions(request);
    ask<permission_checked>(request, book_key(request->organization),
                            check_permission_request{request->who.user, account, trade_action::view},
                            [request](permission_checked&& told) {
                              if (told.allowed) return read_positions(request);
                              request->refuse(problem_code::perm_not_granted, "The permission view is not granted.");
                            });
  });
}

}  // namespace sb::web::handlers
