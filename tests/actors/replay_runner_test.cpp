#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "app/replay/answer_fields.hpp"
#include "app/replay/flow_runner.hpp"
#include "app/replay/tenant_setup.hpp"
#include "web/json_writer.hpp"
#include "web/server/http_server.hpp"

using namespace sb;
using namespace sb::replay;

namespace {

using std::chrono::milliseconds;

/// A server on loopback that answers like a node, from a few rules, and can be told to answer otherwise. All its state
/// is the io thread's until stop().
class scripted_node {
 public:
  /// Answers one request instead of the rules, and is then used up.
  struct special_answer {
    std::string target;
    int status;
    int times;
  };

  explicit scripted_node(std::vector<special_answer> exceptions = {}) : exceptions_{std::move(exceptions)} {
    web::http_server_settings settings;
    settings.listeners = {{}};
    server_ = std::make_unique<web::http_server>(
        settings, [this](web::http_request&& request, web::responder respond) { respond.respond(answer(request)); });
    server_->start();
  }
  std::string base_url() const { return "http://127.0.0.1:" + std::to_string(server_->ports().front()); }
  void stop() { server_->stop(); }

  std::map<std::string, std::int64_t> quantities;  ///< accepted orders: what is left
  std::set<std::string> tokens;                    ///< seen with orders
  std::vector<std::string> requests;               ///< "POST /trades/place-order <client order id>"
  int logins = 0;
  std::string good_token = "first";

 private:
  static web::http_response reply(int status, web::json_writer&& body) {
    web::http_response response;
    response.status = status;
    response.content_type = "application/json";
    response.body = std::move(body).take();
    if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "0");
    return response;
  }
  static web::http_response refuse(int status, std::string_view code) {
    web::json_writer body;
    body.begin_object().member("code", code).member("order_id", "ORDdenied").end_object();
    return reply(status, std::move(body));
  }

  web::http_response answer(const web::http_request& request) {
    requests.push_back(request.method + ' ' + request.target);
    for (auto& rule : exceptions_) {
      if (rule.target != request.target || rule.times == 0) continue;
      --rule.times;
      return refuse(rule.status, "SCRIPTED");
    }
    const auto body = parse_document(request.body);
    if (request.target == "/auth/login") {
      ++logins;
      web::json_writer token;
      token.begin_object().member("access_token", std::string_view{good_token}).end_object();
      return reply(200, std::move(token));
    }
    const auto* authorization = request.header("authorization");
    const std::string token = authorization == nullptr ? "" : std::string{*authorization}.substr(7);
    tokens.insert(token);
    if (token != good_token) return refuse(401, "AUTH_TOKEN_EXPIRED");
    if (request.target == "/trades/place-order") return place(*body);
    if (request.target == "/ops/paper/fills") return fill(*body);
    return cancel(request.target.substr(std::string{"/trades/"}.size()));
  }
  web::http_response place(const web::json_value& body) {
    const auto id = "ORD" + text_member(body, "client_order_id");
    if (integer_member(body, "trading_account_id") == 13) return refuse(403, "PERM_NOT_GRANTED");
    quantities[id] = *integer_member(body, "quantity");
    web::json_writer out;
    out.begin_object().member("order_id", std::string_view{id}).member("state", "new").end_object();
    return reply(201, std::move(out));
  }
  web::http_response fill(const web::json_value& body) {
    const auto order = quantities.find(text_member(body, "order"));
    if (order == quantities.end() || order->second == 0) return refuse(409, "ORDER_CLOSED");
    const auto quantity = std::min(order->second, *integer_member(body, "quantity"));
    order->second -= quantity;
    web::json_writer out;
    out.begin_object().member("fill_id", "f" + std::to_string(requests.size())).member("quantity", quantity);
    out.key("price").raw(body.find("price")->text()).end_object();
    return reply(200, std::move(out));
  }
  web::http_response cancel(const std::string& id) {
    const auto order = quantities.find(id);
    if (order == quantities.end() || order->second == 0) return refuse(409, "ORDER_CLOSED");
    order->second = 0;
    web::json_writer out;
    out.begin_object().member("order_id", std::string_view{id}).member("state", "canceled").end_object();
    return reply(200, std::move(out));
  }

  std::vector<special_answer> exceptions_;
  std::unique_ptr<web::http_server> server_;
};

/// Three orders: one filled in part and canceled, one filled, one of account 13 that is denied.
order_flow three_orders() {
  const auto parsed = parse_order_flow(
      "seq,t_ms_utc,event,order_id,side,price,qty\n"
      "1,1,SUBMIT,1,BUY,100,500000000\n"
      "2,1,SUBMIT,2,SELL,100,300000000\n"
      "3,1,EXECUTE,1,BUY,100,200000000\n"
      "4,1,SUBMIT,3,BUY,100,100000000\n"
      "5,1,EXECUTE,2,SELL,100,900000000\n"
      "6,1,CANCEL,3,BUY,100,100000000\n"
      "7,1,CANCEL,1,BUY,100,300000000\n"
      "8,1,CANCEL,2,SELL,100,300000000\n",
      0);
  REQUIRE(parsed.mistakes.empty());
  return parsed.flow;
}

struct finished_run {
  tally counts;
  std::vector<acknowledged_order> orders;
};
finished_run play(const std::string& base_url, std::size_t connections, milliseconds patience,
                  const std::string& token) {
  const auto flow = three_orders();
  const instrument sbin{"NSE", "SBIN", 1, money{500}, 0, 20, money{800 * money::unit}};
  const order_mapping mapping{flow, {sbin}, 4, money{5'000'000 * money::unit}};
  trading_floor floor;
  floor.users = {{"admin@x.example", "secret", token}, {"trader@x.example", "secret", token}};
  for (const std::int64_t account : {10, 11, 12, 13}) floor.accounts.push_back({{account}, {7}, {1}});
  http_client http{base_url, connections, milliseconds{20'000}};
  std::ostringstream screen;
  progress shown{screen, false};
  flow_runner runner{flow, mapping, floor, http, shown, {"run", std::nullopt, patience}};
  runner.run();
  return {runner.counts(), runner.orders()};
}
finished_run play(scripted_node& node, std::size_t connections = 8, const std::string& token = "first") {
  auto finished = play(node.base_url(), connections, milliseconds{20'000}, token);
  node.stop();
  return finished;
}

}  // namespace

SCENARIO("recorded rows become requests and their answers are kept") {
  scripted_node node;
  const std::size_t connections = GENERATE(1u, 2u, 8u);
  const auto [counts, orders] = play(node, connections);
  INFO(format_table(counts));
  CHECK(is_green(counts, false));
  CHECK(counts.of(flow_kind::submit).statuses == std::map<int, std::int64_t>{{201, 2}, {403, 1}});
  CHECK(counts.of(flow_kind::cancel).statuses == std::map<int, std::int64_t>{{200, 1}, {409, 2}});
  CHECK(counts.of(flow_kind::execute).statuses == std::map<int, std::int64_t>{{200, 2}});
  CHECK(counts.of(flow_kind::submit).latency.count() == 3);
  CHECK(counts.accepted == 2);
  CHECK(counts.denied == std::map<std::string, std::int64_t>{{"PERM_NOT_GRANTED", 1}});
  CHECK(counts.filled == 1);
  CHECK(counts.filled_in_part == 1);
  CHECK(counts.canceled == 1);

  REQUIRE(orders.size() == 3);
  using answer = acknowledged_order::answer;
  CHECK(orders[0].placed == answer::accepted);
  CHECK(orders[0].id == "ORDrun-1");
  CHECK(orders[0].client_order_id == "run-1");
  CHECK(orders[0].account == account_id{11});
  CHECK(orders[0].organization == organization_id{7});
  CHECK(orders[0].symbol == "SBIN");
  CHECK(orders[0].quantity == 5);
  CHECK(format(orders[0].price) == "800.00");
  CHECK(orders[0].canceled);
  REQUIRE(orders[0].fills.size() == 1);
  CHECK(orders[0].fills[0].quantity == 2);
  CHECK(format(orders[0].fills[0].price) == "800.00");
  CHECK(orders[1].direction == side::sell);
  REQUIRE(orders[1].fills.size() == 1);
  CHECK(orders[1].fills[0].quantity == 3);  // clipped by the node
  CHECK_FALSE(orders[1].canceled);
  CHECK(orders[2].placed == answer::denied);
  CHECK(node.requests.size() == 8);
}

SCENARIO("a refusal for now is sent again, the same and in its order's turn") {
  struct row {
    int status;
    std::int64_t tally::*counter;
    bool green;
  };
  const auto r = GENERATE(values<row>({{429, &tally::retries_429, true}, {503, &tally::retries_503, false}}));
  const std::string target = GENERATE("/trades/place-order", "/ops/paper/fills", "/trades/ORDrun-1");
  INFO(r.status << ' ' << target);
  scripted_node node{{{target, r.status, 2}}};
  const auto [counts, orders] = play(node);
  CHECK(counts.*r.counter == 2);
  CHECK(is_green(counts, false) == r.green);
  CHECK(is_green(counts, true));
  CHECK(node.requests.size() == 10);
  CHECK(counts.of(flow_kind::submit).statuses == std::map<int, std::int64_t>{{201, 2}, {403, 1}});
  CHECK(counts.of(flow_kind::cancel).statuses == std::map<int, std::int64_t>{{200, 1}, {409, 2}});
  CHECK(counts.of(flow_kind::execute).statuses == std::map<int, std::int64_t>{{200, 2}});
}

SCENARIO("a token that has run out is renewed once for each user") {
  GIVEN("users with an old token") {
    scripted_node node;
    const auto [counts, orders] = play(node, 8, "old");
    INFO(format_table(counts));
    CHECK(is_green(counts, false));
    CHECK(node.logins == 2);
    CHECK(counts.logins == 2);
    CHECK(node.tokens == std::set<std::string>{"first", "old"});
  }
  GIVEN("a log-in that is refused for now") {
    scripted_node node{{{"/auth/login", 429, 1}}};
    CHECK(is_green(play(node, 8, "old").counts, false));
  }
  GIVEN("a log-in that is refused") {
    scripted_node node{{{"/auth/login", 401, 100}}};
    const auto counts = play(node, 8, "old").counts;
    THEN("every SUBMIT fails and nothing else is sent") {
      CHECK(counts.of(flow_kind::submit).statuses == std::map<int, std::int64_t>{{401, 3}});
      CHECK(counts.of(flow_kind::cancel).skipped == 3);
      CHECK(counts.of(flow_kind::execute).skipped == 2);
      CHECK_FALSE(is_green(counts, true));
    }
  }
}

SCENARIO("an answer that a green run does not have is final and told") {
  const int status = GENERATE(400, 404, 409, 422, 500);
  scripted_node node{{{"/trades/place-order", status, 1}}};
  const auto counts = play(node, 1).counts;
  CHECK(counts.of(flow_kind::submit).statuses.at(status) == 1);
  CHECK(counts.of(flow_kind::cancel).skipped == 1);
  CHECK_FALSE(is_green(counts, true));
  REQUIRE(counts.unexpected.size() == 1);
  CHECK_THAT(counts.unexpected.front(),
             Catch::Matchers::StartsWith("SUBMIT run-1: " + std::to_string(status) + " SCRIPTED"));
}

SCENARIO("a node that is not there is asked until patience is over") {
  std::string base_url;
  {
    scripted_node gone;
    base_url = gone.base_url();
  }
  const auto counts = play(base_url, 8, milliseconds{0}, "first").counts;
  CHECK(counts.of(flow_kind::submit).statuses == std::map<int, std::int64_t>{{0, 3}});
  CHECK(counts.of(flow_kind::submit).latency.count() == 0);
  CHECK_FALSE(is_green(counts, true));
  http_client http{base_url, 1, milliseconds{5'000}};
  const auto answer = http.call({"GET", "/health/live", {}, {}});
  CHECK(answer.status == 0);
  CHECK_FALSE(answer.failure.empty());
}

TEST_CASE("a log-in answers with the token, or says why not") {
  scripted_node node{{{"/auth/login", 401, 1}}};
  http_client http{node.base_url(), 1, milliseconds{20'000}};
  CHECK_THROWS_WITH(log_in(http, "a@x.example", "wrong"), "POST /auth/login: 401 SCRIPTED");
  CHECK(log_in(http, "a@x.example", "right") == "first");
}
