#include "web/server/http_server.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <optional>
#include <thread>

#include "tests/server/raw_client.hpp"
#include "tests/server/running_server.hpp"

using namespace sb::web;
using namespace std::chrono_literals;
using sb::test::raw_client;
using sb::test::request_text;
using sb::test::running_server;

namespace {

constexpr auto patience = 10s;  // only a failing test waits so long

http_response text(std::string body) {
  http_response out;
  out.content_type = "text/plain";
  out.body = std::move(body);
  return out;
}

/// Takes the responders of requests so that a test answers when it likes.
class shelf {
 public:
  http_server::request_handler handler() {
    return [this](http_request&& request, responder respond) {
      const std::scoped_lock lock{mutex_};
      taken_.emplace_back(std::move(request.target), std::move(respond));
      changed_.notify_all();
    };
  }
  std::pair<std::string, responder> take() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, patience, [this] { return !taken_.empty(); })) throw std::runtime_error{"no request"};
    auto first = std::move(taken_.front());
    taken_.erase(taken_.begin());
    return first;
  }
  bool empty() {
    const std::scoped_lock lock{mutex_};
    return taken_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, responder>> taken_;
};

/// Returns after everything that the io thread had to do before has been done.
void pass_io_thread(http_server& server) {
  std::promise<void> passed;
  server.post([&passed] { passed.set_value(); });
  REQUIRE(passed.get_future().wait_for(patience) == std::future_status::ready);
}

}  // namespace

SCENARIO("one connection carries many requests") {
  GIVEN("a server that echoes") {
    running_server running;
    raw_client client{running.port()};
    WHEN("requests follow each other") {
      for (int i = 0; i < 20; ++i) {
        client.send(request_text("GET", "/" + std::to_string(i)));
        REQUIRE(client.read_response().body == "GET /" + std::to_string(i) + "\n");
      }
      THEN("they came over one connection") { CHECK(running.server.counters().connections_accepted == 1); }
    }
    WHEN("requests with and without bodies are pipelined in one write") {
      std::string all;
      for (int i = 0; i < 50; ++i) {
        all += request_text("POST", "/" + std::to_string(i), "Content-Length: 3\r\n", "abc");
        all += request_text("POST", "/c", "Transfer-Encoding: chunked\r\n", "3\r\ndef\r\n0\r\n\r\n");
        all += request_text("GET", "/g");
      }
      client.send(all);
      THEN("each is answered, in order") {
        for (int i = 0; i < 50; ++i) {
          REQUIRE(client.read_response().body == "POST /" + std::to_string(i) + "\nabc");
          REQUIRE(client.read_response().body == "POST /c\ndef");
          REQUIRE(client.read_response().body == "GET /g\n");
        }
      }
    }
    WHEN("every byte comes alone") {
      client.send_byte_by_byte(request_text("POST", "/a", "Content-Length: 5\r\n", "hello"));
      client.send_byte_by_byte(request_text("POST", "/b", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"));
      THEN("the requests are the same") {
        CHECK(client.read_response().body == "POST /a\nhello");
        CHECK(client.read_response().body == "POST /b\nhello");
      }
    }
    WHEN("the client says close") {
      client.send(request_text("GET", "/a", "Connection: close\r\n") + request_text("GET", "/b"));
      THEN("it is answered, the connection closes, and what follows is not executed") {
        const auto response = client.read_response();
        CHECK(response.status == 200);
        CHECK(response.field("connection") == "close");
        CHECK(client.closed_by_peer());
        CHECK(running.executed() == std::vector<std::string>{"GET /a"});
      }
    }
    WHEN("the client closes its half after the request") {
      client.send(request_text("GET", "/a"));
      client.shut_down_sending();
      THEN("it still gets the answer") {
        CHECK(client.read_response().status == 200);
        CHECK(client.closed_by_peer());
      }
    }
    WHEN("an HTTP/1.0 client asks, with and without keep-alive") {
      client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      CHECK(client.read_response().field("connection") == "keep-alive");
      client.send("GET /b HTTP/1.0\r\n\r\n");
      THEN("the connection lives as it says") {
        CHECK(client.read_response().field("connection") == "close");
        CHECK(client.closed_by_peer());
      }
    }
  }
}

SCENARIO("a client that expects 100 is told when to send") {
  running_server running;
  raw_client client{running.port()};
  WHEN("the body is acceptable") {
    client.send(request_text("POST", "/a", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
    CHECK(client.read_head() == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    CHECK(client.read_response().body == "POST /a\nab");
  }
  WHEN("the body comes without waiting") {
    client.send(request_text("POST", "/a", "Expect: 100-continue\r\nContent-Length: 2\r\n", "ab"));
    auto head = client.read_response();  // one write may still arrive in two segments: then there is a 100 first
    if (head.status == 100) head = client.read_response();
    CHECK(head.body == "POST /a\nab");
  }
  WHEN("the body is too large") {
    client.send(request_text("POST", "/a", "Expect: 100-continue\r\nContent-Length: 65537\r\n"));
    CHECK(client.read_response().status == 413);
    CHECK(client.closed_by_peer());
  }
}

TEST_CASE("responses are framed by the server and cannot split") {
  const auto handler = [](http_request&& request, responder respond) {
    http_response out = text("0123456789");
    if (request.path == "/no-content") out = http_response{204, "", {}, ""};
    if (request.path == "/not-modified") out = http_response{304, "", {{"ETag", "\"1\""}}, ""};
    if (request.path == "/split") out.headers.emplace_back("X-A", "b\r\nSet-Cookie: c");
    if (request.path == "/split-type") out.content_type = "a/b\r\nX: y";
    if (request.path == "/name") out.headers.emplace_back("X A", "b");
    if (request.path == "/own") out.headers.emplace_back("content-LENGTH", "1");
    if (request.path == "/own-id") out.headers.emplace_back("x-request-ID", "1");
    if (request.path == "/own-saga") out.headers.emplace_back("X-Correlation-Id", "1");
    if (request.path == "/status") out.status = 99;
    if (request.path == "/full-no-content") out.status = 204;
    if (request.path == "/long") out.body.assign(1025, 'x');
    if (request.path == "/fields") out.headers = {{"X-A", "b"}, {"X-A", "c"}};
    if (request.path == "/standing") out.standing = "X-S: 1\r\nX-T: 2\r\n";
    respond(std::move(out));
  };
  http_limits limits;
  limits.response_bytes_max = 1024;
  running_server running{limits, handler};
  raw_client client{running.port()};
  const auto ask = [&client](std::string_view method, std::string_view path) {
    client.send(request_text(method, path));
    return client.read_response(method == "HEAD");
  };

  const auto plain = ask("GET", "/");
  CHECK(plain.status == 200);
  CHECK(plain.field("content-length") == "10");
  CHECK(plain.field("content-type") == "text/plain");
  CHECK(plain.field("date").size() == 29);
  CHECK(plain.field("date").substr(25) == " GMT");
  CHECK_FALSE(plain.has("server"));
  CHECK(ask("HEAD", "/").field("content-length") == "10");
  const auto empty = ask("GET", "/no-content");  // would begin with the body if HEAD had sent one
  CHECK(empty.status == 204);
  CHECK_FALSE(empty.has("content-length"));
  CHECK(ask("GET", "/not-modified").field("etag") == "\"1\"");
  CHECK(ask("GET", "/fields").head.find("X-A: b\r\nX-A: c\r\n") != std::string::npos);
  CHECK(ask("GET", "/standing").head.find("\r\nX-S: 1\r\nX-T: 2\r\n") != std::string::npos);
  for (const char* path :
       {"/split", "/split-type", "/name", "/own", "/own-id", "/own-saga", "/status", "/full-no-content", "/long"}) {
    INFO(path);
    const auto response = ask("GET", path);
    CHECK(response.status == 500);
    CHECK(response.body.find("INTERNAL_ERROR") != std::string::npos);
    CHECK_FALSE(response.has("set-cookie"));
  }
  CHECK(running.refused("invalid_answer") == 9);
  CHECK(ask("GET", "/").status == 200);
}

TEST_CASE("an answer that no buffer takes at once arrives whole, and so does the one behind it") {
  std::string large;
  while (large.size() < 24'000'000) large += std::to_string(large.size()) + '\n';
  http_limits limits;
  limits.response_bytes_max = large.size();
  running_server running{limits, [&large](http_request&& request, responder respond) {
                           respond(text(request.path == "/large" ? large : "small"));
                         }};
  raw_client client{running.port()};
  client.send(request_text("GET", "/large"));
  CHECK(client.read_response().body == large);
  client.send(request_text("GET", "/large") + request_text("GET", "/small") + request_text("GET", "/large"));
  CHECK(client.read_response().body == large);
  CHECK(client.read_response().body == "small");
  CHECK(client.read_response().body == large);
  client.send(request_text("GET", "/small"));
  CHECK(client.read_response().body == "small");
}

TEST_CASE("an answer of any length is whole, and its head alone where that was asked for") {
  running_server running{{}, [](http_request&& request, responder respond) {
                           respond(text(std::string(std::stoul(request.path.substr(1)), 'x')));
                         }};
  raw_client client{running.port()};
  for (const std::size_t bytes : {0, 1, 4'095, 4'096, 4'097, 100'000, 300'000}) {
    CAPTURE(bytes);
    const auto path = "/" + std::to_string(bytes);
    client.send(request_text("GET", path));
    const auto whole = client.read_response();
    CHECK(whole.body == std::string(bytes, 'x'));
    client.send(request_text("HEAD", path));
    const auto head = client.read_response(true);
    CHECK(head.field("content-length") == std::to_string(bytes));
    client.send(request_text("HEAD", path) + request_text("GET", path));
    CHECK(client.read_response(true).field("content-length") == std::to_string(bytes));
    CHECK(client.read_response().body.size() == bytes);
  }
}

SCENARIO("an answer may come from any thread, later or never") {
  shelf requests;
  running_server running{{}, requests.handler()};
  raw_client client{running.port()};
  client.send(request_text("GET", "/a") + request_text("GET", "/b"));
  auto [target, respond] = requests.take();
  REQUIRE(target == "/a");

  WHEN("another thread answers") {
    pass_io_thread(running.server);
    CHECK(requests.empty());  // the second waits for the first
    std::thread{[answer = respond] { answer.respond(text("first")); }}.join();
    CHECK(client.read_response().body == "first");
    THEN("the second follows") {
      requests.take().second.respond(text("second"));
      CHECK(client.read_response().body == "second");
    }
  }
  WHEN("it is answered twice, by copies") {
    const auto copy = respond;
    CHECK(respond.respond(text("first")));
    CHECK_FALSE(copy.respond(text("again")));
    CHECK(client.read_response().body == "first");
    requests.take().second.respond(text("second"));
    THEN("the second answer was not sent") { CHECK(client.read_response().body == "second"); }
  }
  WHEN("every copy is dropped") {
    {
      responder last{nullptr};
      std::swap(last, respond);
    }
    THEN("the client gets a 500 and the connection closes") {
      const auto response = client.read_response();
      CHECK(response.status == 500);
      CHECK(response.body.find("\"action\":\"check\"") != std::string::npos);
      CHECK(client.closed_by_peer());
      CHECK(running.refused("no_answer") == 1);
    }
  }
  WHEN("the client is gone before the answer") {
    client.close();
    respond.respond(text("late"));
    THEN("the next client is served") {
      raw_client other{running.port()};
      other.send(request_text("GET", "/c"));
      // The vanished client's second request may have been read before its end was seen.
      auto [path, answer] = requests.take();
      if (path == "/b") {
        answer.respond(text("late"));
        std::tie(path, answer) = requests.take();
      }
      CHECK(path == "/c");
      answer.respond(text("served"));
      CHECK(other.read_response().body == "served");
    }
  }
  WHEN("the server is stopped before the answer") {
    running.server.stop();
    THEN("the answer is dropped") {
      CHECK(respond.respond(text("late")));
      CHECK(client.closed_by_peer());
    }
  }
}

TEST_CASE("a responder may outlive its server") {
  std::optional<responder> kept;
  {
    std::promise<void> taken;
    running_server running{{}, [&](http_request&&, responder respond) {
                             kept = std::move(respond);
                             taken.set_value();
                           }};
    raw_client client{running.port()};
    client.send(request_text("GET", "/"));
    REQUIRE(taken.get_future().wait_for(patience) == std::future_status::ready);
  }
  CHECK(kept->respond(text("too late")));
}

TEST_CASE("a responder without a server calls back, also when dropped") {
  std::vector<int> statuses;
  {
    const auto respond = on_response({"r", "c"}, [&](http_response&& r) { statuses.push_back(r.status); });
    respond.respond(text("once"));
    respond.respond(text("twice"));
  }
  {
    const auto dropped = on_response({"r", "c"}, [&](http_response&& r) {
      statuses.push_back(r.status);
      CHECK(r.body.find(R"("correlation_id":"c")") != std::string::npos);
    });
  }
  CHECK(statuses == std::vector<int>{200, 500});
}

TEST_CASE("a handler that throws costs one request") {
  running_server running{{}, [](http_request&& request, responder respond) {
                           if (request.path == "/throw") throw std::runtime_error{"fault"};
                           respond(text("fine"));
                         }};
  raw_client client{running.port()};
  client.send(request_text("GET", "/throw"));
  CHECK(client.read_response().status == 500);
  CHECK(client.closed_by_peer());
  raw_client other{running.port()};
  other.send(request_text("GET", "/"));
  CHECK(other.read_response().status == 200);
  CHECK(running.server.counters().handler_failures == 1);
}

TEST_CASE("requests name the listener and the peer they came by") {
  std::vector<std::string> seen;
  http_server server{{{{"127.0.0.1", 0}, {"127.0.0.1", 0}}, {}, 10ms}, [&](http_request&& request, responder respond) {
                       respond(text(std::to_string(request.listener) + " " + request.remote_address));
                     }};
  server.start();
  REQUIRE(server.ports().size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    raw_client client{server.ports()[i]};
    client.send(request_text("GET", "/"));
    CHECK(client.read_response().body == std::to_string(i) + " 127.0.0.1");
  }
}

TEST_CASE("ticks and posted work run on the thread of the handler") {
  std::promise<std::thread::id> ticked;
  bool told = false;
  std::promise<std::thread::id> handled;
  running_server running{{},
                         [&](http_request&&, responder respond) {
                           handled.set_value(std::this_thread::get_id());
                           respond(text("x"));
                         },
                         [&] {
                           if (!std::exchange(told, true)) ticked.set_value(std::this_thread::get_id());
                         }};
  std::promise<std::thread::id> posted;
  running.server.post([&] { posted.set_value(std::this_thread::get_id()); });
  raw_client client{running.port()};
  client.send(request_text("GET", "/"));
  auto tick = ticked.get_future();
  auto post = posted.get_future();
  auto handle = handled.get_future();
  REQUIRE(tick.wait_for(patience) == std::future_status::ready);
  REQUIRE(post.wait_for(patience) == std::future_status::ready);
  REQUIRE(handle.wait_for(patience) == std::future_status::ready);
  const auto id = handle.get();
  CHECK(tick.get() == id);
  CHECK(post.get() == id);
  CHECK(id != std::this_thread::get_id());
}

TEST_CASE("posted work from many threads all runs, each thread's in order") {
  running_server running;
  constexpr int posts = 500;
  std::vector<int> last(4, -1);
  bool in_order = true;
  {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < posts; ++i)
          running.server.post([&, t, i] { in_order = in_order && std::exchange(last[t], i) == i - 1; });
      });
    for (auto& thread : threads) thread.join();
  }
  pass_io_thread(running.server);
  CHECK(in_order);
  CHECK(last == std::vector<int>(4, posts - 1));
}

TEST_CASE("three hundred connections at once, answered by several threads") {
  constexpr std::size_t clients = 300;
  http_limits limits;
  limits.connections_per_address_max = clients;
  shelf requests;
  running_server running{limits, requests.handler()};
  std::vector<raw_client> open;
  for (std::size_t i = 0; i < clients; ++i) {
    open.emplace_back(running.port());
    REQUIRE(open.back().connected());
    open.back().send(request_text("GET", "/" + std::to_string(i)));
  }
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < clients / 4; ++i) {
        auto [target, respond] = requests.take();
        respond.respond(text(target));
      }
    });
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < clients; ++i) REQUIRE(open[i].read_response().body == "/" + std::to_string(i));
  CHECK(running.server.counters().connections_open == clients);
  CHECK(running.server.counters().requests == clients);
}

SCENARIO("draining lets the work in flight end") {
  shelf requests;
  running_server running{{}, requests.handler()};
  raw_client idle{running.port()};
  raw_client busy{running.port()};
  idle.send(request_text("GET", "/idle"));
  requests.take().second.respond(text("served"));
  REQUIRE(idle.read_response().status == 200);
  busy.send(request_text("GET", "/busy"));
  auto respond = requests.take().second;

  running.server.drain();
  pass_io_thread(running.server);
  CHECK(idle.closed_by_peer());
  idle.close();
  CHECK_FALSE(raw_client{running.port()}.connected());
  CHECK_FALSE(running.server.wait_until_drained(0ms));
  respond.respond(text("done"));
  const auto response = busy.read_response();
  CHECK(response.body == "done");
  CHECK(response.field("connection") == "close");
  CHECK(busy.closed_by_peer());
  busy.close();
  CHECK(running.server.wait_until_drained(patience));
  CHECK(running.server.counters().connections_open == 0);
}

TEST_CASE("a server without connections drains at once, and stops more than once") {
  running_server running;
  running.server.drain();
  CHECK(running.server.wait_until_drained(patience));
  running.server.stop();
  running.server.stop();
  bool ran = false;
  running.server.post([&ran] { ran = true; });
  CHECK_FALSE(ran);
}

TEST_CASE("an address that cannot be bound is named") {
  running_server running;
  const auto refused = [](std::string address, std::uint16_t port) {
    http_server second{{{{"127.0.0.1", 0}, {address, port}}, {}, 10ms}, [](http_request&&, responder) {}};
    CHECK_THROWS_WITH(second.start(), Catch::Contains(address + ":" + std::to_string(port)));
    CHECK(second.ports().empty());
  };
  refused("127.0.0.1", running.port());
  refused("nonsense", 0);
}

TEST_CASE("counters tell what happened") {
  running_server running;
  raw_client client{running.port()};
  const auto good = request_text("GET", "/");
  client.send(good);
  const auto answered = client.read_response();
  const std::string bad = "nonsense\r\n\r\n";
  client.send(bad);
  const auto refused = client.read_response();
  REQUIRE(client.closed_by_peer());
  const auto counts = running.server.counters();
  CHECK(counts.connections_accepted == 1);
  CHECK(counts.requests == 1);
  CHECK(counts.responses == 2);
  CHECK(counts.bytes_read == good.size() + bad.size());
  CHECK(counts.bytes_written ==
        answered.head.size() + answered.body.size() + refused.head.size() + refused.body.size());
  CHECK(running.refused("request_line") == 1);
}
