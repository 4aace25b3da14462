#include "web/server/strict_request.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "web/server/parsed_head.hpp"

using namespace sb::web;
using namespace sb::web::wire;

namespace {

const http_limits limits;

http_request request(std::string method, std::vector<name_value> headers) {
  http_request out;
  out.method = std::move(method);
  out.target = "/";
  out.headers = std::move(headers);
  return out;
}

std::optional<refusal> refused(http_request r, unsigned version = 11) {
  const auto verdict = strict_request(r, version, limits);
  const auto* why = std::get_if<refusal>(&verdict);
  return why != nullptr ? std::optional{*why} : std::nullopt;
}

framing accepted(http_request r, unsigned version = 11) {
  const auto verdict = strict_request(r, version, limits);
  REQUIRE(std::holds_alternative<framing>(verdict));
  return std::get<framing>(verdict);
}

}  // namespace

TEST_CASE("a header section ends where its blank line ends, however it arrives") {
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string text = head + "\r\n\r\nnext";
  header_scan bytewise;
  for (std::size_t length = 0; length < head.size(); ++length)
    REQUIRE(std::holds_alternative<header_scan::need_more>(bytewise.scan({text.data(), length}, limits)));
  const auto end = bytewise.scan({text.data(), head.size()}, limits);
  REQUIRE(std::holds_alternative<header_scan::complete>(end));
  CHECK(std::get<header_scan::complete>(end).bytes == head.size());

  const auto at_once = header_scan{}.scan(text, limits);
  REQUIRE(std::holds_alternative<header_scan::complete>(at_once));
  CHECK(std::get<header_scan::complete>(at_once).bytes == head.size());
}

TEST_CASE("what can never become a header section is refused before it ends") {
  struct row {
    std::string text;
    refusal why;
  };
  const std::vector<row> rows{
      {"\r\n", refusal::request_line},
      {" G", refusal::request_line},
      {"\x16\x03\x01", refusal::request_line},
      {"GET / HTTP/1.1\n", refusal::line_ending},
      {"GET / HTTP/1.1\r\nA: b\rc", refusal::line_ending},
      {"GET / HTTP/1.1\r\n ", refusal::folded_field},
      {"GET / HTTP/1.1\r\nA: b\r\n\t", refusal::folded_field},
      {"GET / HTTP/1.1\r\nA: \x80", refusal::field},
      {"GET /" + std::string(limits.header_bytes_max, 'a'), refusal::target_too_long},
      {"GET / HTTP/1.1\r\nA: " + std::string(limits.header_bytes_max, 'a'), refusal::header_too_large},
  };
  for (const auto& [text, why] : rows) {
    INFO(text.substr(0, 40));
    const auto verdict = header_scan{}.scan(text, limits);
    REQUIRE(std::holds_alternative<refusal>(verdict));
    CHECK(std::get<refusal>(verdict) == why);
    header_scan bytewise;
    header_scan::verdict last;
    for (std::size_t length = 1; length <= text.size() && !std::holds_alternative<refusal>(last); ++length)
      last = bytewise.scan({text.data(), length}, limits);
    REQUIRE(std::holds_alternative<refusal>(last));
    CHECK(std::get<refusal>(last) == why);
  }
}

TEST_CASE("a byte that no field may have is found wherever it stands") {
  const std::string head = "GET / HTTP/1.1\r\nA: ";
  for (std::size_t before = 0; before < 24; ++before) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool allowed = byte == '\t' || byte == '\r' || (byte >= 0x20 && byte < 0x7F);
      auto text = head + std::string(before, 'x') + static_cast<char>(byte);
      text += byte == '\r' ? "\n\r\n" : std::string(12, 'y') + "\r\n\r\n";
      const auto verdict = header_scan{}.scan(text, limits);
      CAPTURE(before, byte);
      REQUIRE(std::holds_alternative<header_scan::complete>(verdict) == allowed);
      if (!allowed) REQUIRE(std::get<refusal>(verdict) == (byte == '\n' ? refusal::line_ending : refusal::field));
    }
  }
}

TEST_CASE("framing follows the one length the request states") {
  const name_value host{"host", "x"};
  const auto sized = accepted(request("POST", {host, {"content-length", "10"}}));
  CHECK(sized.kind == framing::body::sized);
  CHECK(sized.length == 10);
  CHECK(accepted(request("POST", {host, {"content-length", "0"}})).kind == framing::body::none);
  CHECK(accepted(request("POST", {host, {"transfer-encoding", "chunked"}})).kind == framing::body::chunked);
  CHECK(accepted(request("POST", {host})).kind == framing::body::none);
  CHECK(accepted(request("POST", {host, {"content-length", "00010"}})).length == 10);
  CHECK(refused(request("POST", {host, {"content-length", "65537"}})) == refusal::body_too_large);
  CHECK(accepted(request("POST", {host, {"content-length", "65536"}})).length == 65536);
}

TEST_CASE("a connection stays open as its version and the client say") {
  const name_value host{"host", "x"};
  struct row {
    unsigned version;
    std::string connection;
    bool keep_alive;
  };
  const std::vector<row> rows{
      {11, "", true},
      {11, "close", false},
      {11, "Close", false},
      {11, "keep-alive, close", false},
      {11, "x, close ,y", false},
      {11, "closed", true},
      {10, "", false},
      {10, "keep-alive", true},
      {10, "Keep-Alive", true},
      {10, "keep-alive, close", false},
  };
  for (const auto& [version, connection, keep_alive] : rows) {
    INFO(version << " " << connection);
    auto r = request("GET", {host});
    if (!connection.empty()) r.headers.emplace_back("connection", connection);
    CHECK(accepted(r, version).keep_alive == keep_alive);
  }
}

TEST_CASE("only a client that will send a body is told to continue") {
  const name_value host{"host", "x"};
  const name_value expect{"expect", "100-Continue"};
  CHECK(accepted(request("POST", {host, expect, {"content-length", "1"}})).expects_continue);
  CHECK(accepted(request("POST", {host, expect, {"transfer-encoding", "chunked"}})).expects_continue);
  CHECK_FALSE(accepted(request("POST", {host, expect, {"content-length", "0"}})).expects_continue);
  CHECK_FALSE(accepted(request("POST", {host, expect, {"content-length", "1"}}), 10).expects_continue);
  CHECK_FALSE(accepted(request("GET", {host, expect})).expects_continue);
  CHECK(refused(request("POST", {host, {"expect", "x"}})) == refusal::expectation);
}

TEST_CASE("versions other than 1.0 and 1.1 are refused by the rules too") {
  CHECK(refused(request("GET", {{"host", "x"}}), 12) == refusal::http_version);
  CHECK(refused(request("GET", {{"host", "x"}}), 9) == refusal::http_version);
  CHECK(refused(request("GET", {{"host", "x"}}), 20) == refusal::http_version);
}

TEST_CASE("parsing lowers field names, trims values and keeps the order") {
  http_request r;
  const auto version = parse_head("PUT /a?b HTTP/1.0\r\nX-Second:  two words \r\nA:\r\nx-second: 3\r\n\r\n", r);
  REQUIRE(std::holds_alternative<unsigned>(version));
  CHECK(std::get<unsigned>(version) == 10);
  CHECK(r.method == "PUT");
  CHECK(r.target == "/a?b");
  CHECK(r.headers == std::vector<name_value>{{"x-second", "two words"}, {"a", ""}, {"x-second", "3"}});
  CHECK(*r.header("x-second") == "two words");
  CHECK(r.header("b") == nullptr);
  CHECK(r.header_count("x-second") == 2);
}

TEST_CASE("every refusal renders as a problem of its own") {
  std::set<std::string_view> reasons;
  for (const auto& spec : refusal_specs()) {
    INFO(spec.reason);
    CHECK(reasons.insert(spec.reason).second);
    const auto response = refusal_response(spec.what, {"req-1", "saga-1"});
    CHECK(response.status == spec.status);
    CHECK(response.content_type == "application/problem+json");
    CHECK(response.body.find("\"code\":\"" + std::string{spec.code} + "\"") != std::string::npos);
    CHECK(response.body.find("\"type\":\"" + problem_type_of(spec.what) + "\"") != std::string::npos);
    CHECK(response.body.find(R"("correlation_id":"saga-1"})") != std::string::npos);
    CHECK((spec.action == "retry" || spec.action == "user" || spec.action == "check"));
    for (const auto text : {spec.code, spec.title, spec.detail})
      CHECK(text.find_first_of("\"\\\n") == std::string_view::npos);
  }
  CHECK(problem_type_of(refusal::body_too_large) == "/problems/validation-body-too-large");
}
