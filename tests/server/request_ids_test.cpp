#include "web/server/request_ids.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "tests/server/raw_client.hpp"
#include "tests/server/running_server.hpp"

using namespace std::chrono_literals;
using namespace sb::web;
using sb::test::raw_client;
using sb::test::raw_response;
using sb::test::request_text;
using sb::test::running_server;

namespace {

http_request with_fields(std::vector<name_value> fields) {
  http_request request;
  request.headers = std::move(fields);
  return request;
}

std::string correlation_of(const raw_response& response) {
  const std::string member = R"("correlation_id":")";
  const auto begin = response.body.find(member);
  if (begin == std::string::npos) return "absent";
  const auto text = begin + member.size();
  return response.body.substr(text, response.body.find('"', text) - text);
}

/// It carries names of its own making.
void is_named_by_the_server(const raw_response& response) {
  CHECK(is_request_id(response.field("x-request-id")));
  CHECK(response.field("x-correlation-id") == response.field("x-request-id"));
  CHECK(correlation_of(response) == response.field("x-correlation-id"));
}

const std::string named = "X-Request-ID: req-1\r\nX-Correlation-ID: saga-1\r\n";
void is_named_as_sent(const raw_response& response) {
  CHECK(response.field("x-request-id") == "req-1");
  CHECK(response.field("x-correlation-id") == "saga-1");
  CHECK(correlation_of(response) == "saga-1");
}

}  // namespace

TEST_CASE("what may name a request") {
  CHECK(is_request_id("aZ09-_.:+/="));
  CHECK(is_request_id(std::string(128, 'x')));
  for (const auto& bad : {std::string{}, std::string(129, 'x'), std::string{"a b"}, std::string{"a\"b"},
                          std::string{"a\\b"}, std::string{"a,b"}, std::string{"<"}, std::string{"\xc3\xa9"}})
    CHECK_FALSE(is_request_id(bad));
}

TEST_CASE("names are taken from the fields or made") {
  request_ids ids;
  const auto both = ids.of(with_fields({{"x-request-id", "r"}, {"x-correlation-id", "c"}}));
  CHECK(both.request == "r");
  CHECK(both.correlation == "c");
  CHECK(ids.of(with_fields({{"x-request-id", "r"}})).correlation == "r");
  const auto own = ids.of(with_fields({{"x-correlation-id", "c"}}));
  CHECK(own.request != "c");
  CHECK(own.correlation == "c");
  CHECK(ids.of(with_fields({{"x-request-id", "r"}, {"x-request-id", "r"}})).request != "r");
  CHECK(ids.of(with_fields({{"x-request-id", "a b"}})).request != "a b");
  const auto first = ids.fresh();
  CHECK(is_request_id(first.request));
  CHECK(first.request.size() <= std::string{}.capacity());  // its copies need no memory of their own
  CHECK(first.correlation == first.request);
  CHECK(ids.fresh().request != first.request);
  CHECK(request_ids{}.fresh().request != request_ids{}.fresh().request);  // as over a restart
}

TEST_CASE("a refusal carries the names of a request whose fields were read") {
  struct row {
    std::string what, text;
    int status;
  };
  const auto r = GENERATE(values<row>({
      {"body too large", request_text("POST", "/", named + "Content-Length: 99999999\r\n"), 413},
      {"chunk too large", request_text("POST", "/", named + "Transfer-Encoding: chunked\r\n", "7fffffff\r\n"), 413},
      {"target", request_text("GET", "/%00", named), 400},
      {"query", request_text("GET", "/?=a", named), 400},
      {"no Host", "GET / HTTP/1.1\r\n" + named + "\r\n", 400},
      {"no length", request_text("POST", "/", named + "Content-Type: a/b\r\n"), 411},
      {"malformed length behind them", request_text("POST", "/", named + "Content-Length: x\r\n"), 400},
      {"expectation", request_text("POST", "/", named + "Expect: x\r\nContent-Length: 1\r\n", "x"), 417},
      {"a handler that throws", request_text("GET", "/throw", named), 500},
      {"an answer that cannot be sent", request_text("GET", "/invalid", named), 500},
  }));
  INFO(r.what);
  running_server running{{}, [](http_request&& request, responder respond) {
                           if (request.path == "/throw") throw std::runtime_error{"fault"};
                           http_response split;
                           split.headers.emplace_back("X-Split", "a\r\nb");
                           respond(std::move(split));
                         }};
  raw_client client{running.port()};
  client.send(r.text);
  const auto response = client.read_response();
  CHECK(response.status == r.status);
  is_named_as_sent(response);
}

TEST_CASE("a refusal of what has no names gets its own") {
  struct row {
    std::string what, text;
    int status;
  };
  const auto r = GENERATE(values<row>({
      {"none sent", request_text("GET", "/%00"), 400},
      {"malformed", request_text("GET", "/%00", "X-Request-ID: a\"b\r\nX-Correlation-ID: \r\n"), 400},
      {"twice", request_text("GET", "/%00", "X-Request-ID: a\r\nX-Request-ID: b\r\n"), 400},
      {"not HTTP", "nonsense\r\n\r\n", 400},
      {"header too large", request_text("GET", "/", named + "A: " + std::string(9'000, 'a') + "\r\n"), 431},
      {"too many fields",
       request_text("GET", "/",
                    [] {
                      std::string fields;
                      for (int i = 0; i < 70; ++i) fields += "A" + std::to_string(i) + ": b\r\n";
                      return fields;
                    }()),
       431},
      {"target too long", request_text("GET", "/" + std::string(3'000, 'a')), 414},
  }));
  INFO(r.what);
  running_server running;
  raw_client client{running.port()};
  client.send(r.text);
  const auto response = client.read_response();
  CHECK(response.status == r.status);
  is_named_by_the_server(response);
}

TEST_CASE("a late request is refused by its names as far as they are known") {
  http_limits limits;
  limits.header_time_max = 50ms;
  limits.body_time_max = 50ms;
  running_server running{limits};
  SECTION("in its header") {
    raw_client client{running.port()};
    client.send("GET / HTTP/1.1\r\n" + named);
    const auto response = client.read_response();
    CHECK(response.status == 408);
    is_named_by_the_server(response);
  }
  SECTION("in its body") {
    raw_client client{running.port()};
    client.send(request_text("POST", "/", named + "Content-Length: 5\r\n", "x"));
    const auto response = client.read_response();
    CHECK(response.status == 408);
    is_named_as_sent(response);
  }
}

TEST_CASE("a connection too many is told so under a name") {
  http_limits limits;
  int status = 0;
  SECTION("of all") {
    limits.connections_max = 1;
    status = 503;
  }
  SECTION("of its address") {
    limits.connections_per_address_max = 1;
    status = 429;
  }
  running_server running{limits};
  raw_client first{running.port()};
  first.send(request_text("GET", "/"));
  REQUIRE(first.read_response().status == 200);
  raw_client second{running.port()};
  const auto response = second.read_response();
  CHECK(response.status == status);
  is_named_by_the_server(response);
}

TEST_CASE("the handler is given the names, the answer has them, and the next request on a connection has its own") {
  running_server running{{}, [](http_request&& request, responder respond) {
                           http_response told;
                           told.body = request.names.request + ' ' + request.names.correlation;
                           respond(std::move(told));
                         }};
  raw_client client{running.port()};
  const auto is_named = [&client] {
    client.send(request_text("GET", "/", named));
    const auto response = client.read_response();
    CHECK(response.body == "req-1 saga-1");
    CHECK(response.field("x-request-id") == "req-1");
    CHECK(response.field("x-correlation-id") == "saga-1");
  };
  is_named();
  client.send(request_text("GET", "/"));
  const auto second = client.read_response();
  const auto made = second.field("x-request-id");
  CHECK(is_request_id(made));
  CHECK(made != "req-1");
  CHECK(second.field("x-correlation-id") == made);
  CHECK(second.body == made + ' ' + made);
  is_named();
  client.send("GET / HTTP/1.1\n");  // refused before any field is read
  const auto third = client.read_response();
  CHECK(third.status == 400);
  is_named_by_the_server(third);
  CHECK(third.field("x-request-id") != "req-1");
}
