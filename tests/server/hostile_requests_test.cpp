#include <catch2/catch.hpp>

#include "tests/server/raw_client.hpp"
#include "tests/server/running_server.hpp"

using namespace std::string_literals;
using sb::test::raw_client;
using sb::test::request_text;
using sb::test::running_server;

namespace {

struct row {
  std::string name;
  std::string text;
  int status;
  std::string code;
};

const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

std::string get(const std::string& fields) { return request_text("GET", "/", fields); }
std::string get_target(const std::string& target) { return request_text("GET", target); }
std::string post(const std::string& fields, const std::string& body = "") {
  return request_text("POST", "/", fields, body);
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
std::string hosts(const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; }

const std::string empty_chunks = "0\r\n\r\n";

std::vector<row> coding_rows() {
  const auto te = [](const std::string& value) { return post("Transfer-Encoding: " + value + "\r\n", empty_chunks); };
  const std::string code = "VALIDATION_TRANSFER_ENCODING";
  return {
      {"TE xchunked", te("xchunked"), 400, code},
      {"TE chunked then identity", te("chunked, identity"), 400, code},
      {"TE identity then chunked", te("identity, chunked"), 400, code},
      {"TE identity", te("identity"), 400, code},
      {"TE gzip alone, its end unknown", te("gzip"), 400, code},
      {"TE chunked twice", te("chunked, chunked"), 400, code},
      {"TE in capitals", te("Chunked"), 400, code},
      {"TE with a parameter", te("chunked;q=1"), 400, code},
      {"TE in quotes", te("\"chunked\""), 400, code},
      {"TE empty", te(""), 400, code},
      {"TE with a trailing comma", te("chunked,"), 400, code},
      {"TE of two words", te("chunked chunked"), 400, code},
      {"TE gzip then chunked, clear but not ours", te("gzip, chunked"), 501, "VALIDATION_TRANSFER_CODING_UNKNOWN"},
      {"two TE fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", empty_chunks), 400, code},
      {"TE chunked and TE identity",
       post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", empty_chunks), 400, code},
      {"TE identity and TE chunked",
       post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", empty_chunks), 400, code},
      {"TE with HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + empty_chunks, 400,
       code},
      {"CL then TE", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", empty_chunks), 400,
       "VALIDATION_CONFLICTING_LENGTH"},
      {"TE then CL", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", empty_chunks), 400,
       "VALIDATION_CONFLICTING_LENGTH"},
      {"TE xchunked then CL", post("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", empty_chunks), 400,
       "VALIDATION_CONFLICTING_LENGTH"},
  };
}

std::vector<row> length_rows() {
  const auto cl = [](const std::string& value) { return post("Content-Length: " + value + "\r\n", "x"); };
  const std::string code = "VALIDATION_CONTENT_LENGTH";
  return {
      {"CL with plus", cl("+1"), 400, code},
      {"CL negative", cl("-1"), 400, code},
      {"CL hexadecimal", cl("0x1"), 400, code},
      {"CL empty", cl(""), 400, code},
      {"CL of two words", cl("1 1"), 400, code},
      {"CL list of equals", cl("1, 1"), 400, code},
      {"CL with a trailing comma", cl("1,"), 400, code},
      {"CL with a fraction", cl("1.0"), 400, code},
      {"CL 2^64", cl("18446744073709551616"), 400, code},
      {"CL of 40 digits", cl(std::string(40, '9')), 400, code},
      {"CL far beyond the limit", cl("9223372036854775807"), 413, "VALIDATION_BODY_TOO_LARGE"},
      {"CL repeated, equal", post("Content-Length: 1\r\nContent-Length: 1\r\n", "x"), 400, code},
      {"CL repeated, different", post("Content-Length: 1\r\nContent-Length: 2\r\n", "x"), 400, code},
      {"content announced, no length", post("Content-Type: application/json\r\n"), 411, "VALIDATION_LENGTH_REQUIRED"},
      {"HTTP/1.0 POST, no length", "POST / HTTP/1.0\r\nHost: x\r\n\r\n", 411, "VALIDATION_LENGTH_REQUIRED"},
      {"GET with a body", get("Content-Length: 5\r\n") + "hello", 400, "VALIDATION_BODY_NOT_ALLOWED"},
      {"GET with chunks", get("Transfer-Encoding: chunked\r\n") + empty_chunks, 400, "VALIDATION_BODY_NOT_ALLOWED"},
      {"HEAD with a body", request_text("HEAD", "/", "Content-Length: 5\r\n", "hello"), 400,
       "VALIDATION_BODY_NOT_ALLOWED"},
      {"DELETE with a body", request_text("DELETE", "/", "Content-Length: 5\r\n", "hello"), 400,
       "VALIDATION_BODY_NOT_ALLOWED"},
      {"OPTIONS with a body", request_text("OPTIONS", "/", "Content-Length: 5\r\n", "hello"), 400,
       "VALIDATION_BODY_NOT_ALLOWED"},
      {"unknown expectation", post("Expect: 200-maybe\r\nContent-Length: 1\r\n", "x"), 417, "VALIDATION_EXPECTATION"},
  };
}

std::vector<row> line_rows() {
  return {
      {"folded with a blank", get("A: b\r\n c\r\n"), 400, "VALIDATION_HEADER_FOLDED"},
      {"folded with a tab", get("A: b\r\n\tc\r\n"), 400, "VALIDATION_HEADER_FOLDED"},
      {"blank before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, "VALIDATION_HEADER_FOLDED"},
      {"folded TE", post("Transfer-Encoding:\r\n chunked\r\n", empty_chunks), 400, "VALIDATION_HEADER_FOLDED"},
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400, "VALIDATION_LINE_ENDING"},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: x\n\r\n", 400, "VALIDATION_LINE_ENDING"},
      {"bare LF everywhere", "GET / HTTP/1.1\nHost: x\n\n", 400, "VALIDATION_LINE_ENDING"},
      {"bare CR in a value", get("A: b\rc\r\n"), 400, "VALIDATION_LINE_ENDING"},
      {"CR CR LF", get("A: b\r\r\n"), 400, "VALIDATION_LINE_ENDING"},
      {"NUL in a value", get("A: b\0c\r\n"s), 400, "VALIDATION_HEADER"},
      {"NUL in a name", get("A\0: b\r\n"s), 400, "VALIDATION_HEADER"},
      {"vertical tab in a value", post("Transfer-Encoding: \vchunked\r\n", empty_chunks), 400, "VALIDATION_HEADER"},
      {"DEL in a value", get("A: \x7f\r\n"), 400, "VALIDATION_HEADER"},
      {"8-bit value", get("A: \xc3\xa9\r\n"), 400, "VALIDATION_HEADER"},
      {"8-bit name", get("\xc3\xa9: a\r\n"), 400, "VALIDATION_HEADER"},
      {"blank before the colon", post("Transfer-Encoding : chunked\r\n", empty_chunks), 400, "VALIDATION_HEADER"},
      {"no name", get(": a\r\n"), 400, "VALIDATION_HEADER"},
      {"no colon", get("A\r\n"), 400, "VALIDATION_HEADER"},
      {"blank in a name", get("A B: c\r\n"), 400, "VALIDATION_HEADER"},
      {"two Authorization", get("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400,
       "VALIDATION_HEADER_REPEATED"},
      {"two Content-Type", post("Content-Type: a/b\r\nContent-Type: a/c\r\nContent-Length: 1\r\n", "x"), 400,
       "VALIDATION_HEADER_REPEATED"},
      {"no Host", hosts(""), 400, "VALIDATION_HOST"},
      {"two Hosts", hosts("Host: x\r\nHost: y\r\n"), 400, "VALIDATION_HOST"},
      {"two equal Hosts", hosts("Host: x\r\nHost: x\r\n"), 400, "VALIDATION_HOST"},
      {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400, "VALIDATION_HOST"},
      {"empty Host", hosts("Host:\r\n"), 400, "VALIDATION_HOST"},
      {"Host list", hosts("Host: a, b\r\n"), 400, "VALIDATION_HOST"},
      {"Host of two words", hosts("Host: a b\r\n"), 400, "VALIDATION_HOST"},
      {"Host with user", hosts("Host: u@x\r\n"), 400, "VALIDATION_HOST"},
      {"Host with path", hosts("Host: x/y\r\n"), 400, "VALIDATION_HOST"},
      {"Host with a worded port", hosts("Host: x:http\r\n"), 400, "VALIDATION_HOST"},
      {"Host of an open bracket", hosts("Host: [::1\r\n"), 400, "VALIDATION_HOST"},
      {"leading blank line", "\r\n" + get(""), 400, "VALIDATION_REQUEST_LINE"},
      {"leading blank", " " + get(""), 400, "VALIDATION_REQUEST_LINE"},
      {"lower-case method", request_text("get", "/"), 400, "VALIDATION_REQUEST_LINE"},
      {"method of 21 letters", request_text(std::string(21, 'A'), "/"), 400, "VALIDATION_REQUEST_LINE"},
      {"method with a slash", request_text("G/T", "/"), 400, "VALIDATION_REQUEST_LINE"},
      {"no version", "GET /\r\n\r\n", 400, "VALIDATION_TARGET"},
      {"version 1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, "VALIDATION_HTTP_VERSION"},
      {"version 2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "VALIDATION_HTTP_VERSION"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "VALIDATION_HTTP_VERSION"},
      {"version in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", 400, "VALIDATION_REQUEST_LINE"},
      {"version without dot", "GET / HTTP/11\r\nHost: x\r\n\r\n", 400, "VALIDATION_REQUEST_LINE"},
      {"blank after the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400, "VALIDATION_REQUEST_LINE"},
      {"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400, "VALIDATION_REQUEST_LINE"},
  };
}

std::vector<row> target_rows() {
  const std::string code = "VALIDATION_TARGET";
  return {
      {"absolute form", get_target("http://y/"), 400, code},
      {"authority form", request_text("CONNECT", "x:80"), 400, code},
      {"asterisk with OPTIONS", request_text("OPTIONS", "*"), 400, code},
      {"asterisk with GET", get_target("*"), 400, code},
      {"no slash", get_target("a"), 400, code},
      {"two blanks", get_target(" /"), 400, code},
      {"tab for a blank", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "VALIDATION_REQUEST_LINE"},
      {"blank inside", get_target("/a b"), 400, "VALIDATION_REQUEST_LINE"},
      {"fragment", get_target("/a#b"), 400, code},
      {"backslash", get_target("/a\\b"), 400, code},
      {"8-bit", get_target("/\xc3\xa9"), 400, "VALIDATION_REQUEST_LINE"},
      {"NUL", get_target("/a\0b"s), 400, "VALIDATION_REQUEST_LINE"},
      {"escaped NUL", get_target("/a%00"), 400, code},
      {"escaped slash", get_target("/a%2fb"), 400, code},
      {"escaped line end", get_target("/a%0d%0ab"), 400, code},
      {"cut escape", get_target("/a%4"), 400, code},
      {"escape of no number", get_target("/a%zz"), 400, code},
      {"escape of broken UTF-8", get_target("/%ff"), 400, code},
      {"escape of an overlong slash", get_target("/%c0%af"), 400, code},
      {"dot segments", get_target("/a/../b"), 400, code},
      {"escaped dot segments", get_target("/a/%2e%2E/b"), 400, code},
      {"escaped NUL in the query", get_target("/?a=%00"), 400, "VALIDATION_QUERY"},
      {"nameless parameter", get_target("/?=a"), 400, "VALIDATION_QUERY"},
  };
}

std::vector<row> chunk_rows() {
  const std::string code = "VALIDATION_CHUNK";
  return {
      {"chunk extension", chunked("1;a=b\r\nx\r\n0\r\n\r\n"), 400, code},
      {"empty chunk extension", chunked("1;\r\nx\r\n0\r\n\r\n"), 400, code},
      {"extension on the last chunk", chunked("1\r\nx\r\n0;a\r\n\r\n"), 400, code},
      {"blank after the size", chunked("1 \r\nx\r\n0\r\n\r\n"), 400, code},
      {"blank before the size", chunked(" 1\r\nx\r\n0\r\n\r\n"), 400, code},
      {"size in 0x form", chunked("0x1\r\nx\r\n0\r\n\r\n"), 400, code},
      {"size with plus", chunked("+1\r\nx\r\n0\r\n\r\n"), 400, code},
      {"size negative", chunked("-1\r\nx\r\n0\r\n\r\n"), 400, code},
      {"no size", chunked("\r\nx\r\n0\r\n\r\n"), 400, code},
      {"size of nine digits", chunked("000000001\r\nx\r\n0\r\n\r\n"), 400, code},
      {"size 2^64 + 1", chunked("10000000000000001\r\nx\r\n0\r\n\r\n"), 400, code},
      {"size beyond the limit", chunked("7fffffff\r\nx\r\n0\r\n\r\n"), 413, "VALIDATION_BODY_TOO_LARGE"},
      {"LF after the size", chunked("1\nx\r\n0\r\n\r\n"), 400, code},
      {"CR without LF after the size", chunked("1\rxx\r\n0\r\n\r\n"), 400, code},
      {"LF after the data", chunked("1\r\nx\n0\r\n\r\n"), 400, code},
      {"more data than the size", chunked("1\r\nxx\r\n0\r\n\r\n"), 400, code},
      {"two bytes for the line end", chunked("1\r\nxAB0\r\n\r\n"), 400, code},
      {"LF at the end", chunked("1\r\nx\r\n0\r\n\n"), 400, code},
      {"trailer", chunked("1\r\nx\r\n0\r\nA: b\r\n\r\n"), 400, code},
      {"trailer that is framing", chunked("1\r\nx\r\n0\r\nContent-Length: 9\r\n\r\n"), 400, code},
  };
}

void refused_and_closed(const std::vector<row>& rows) {
  running_server running;
  for (const auto& [name, text, status, code] : rows) {
    INFO(name);
    raw_client client{running.port()};
    REQUIRE(client.connected());
    client.send(text + smuggled);
    const auto response = client.read_response();
    CHECK(response.status == status);
    CHECK(response.field("content-type") == "application/problem+json");
    CHECK(response.field("connection") == "close");
    CHECK(response.has("x-request-id"));
    CHECK(response.body.find("\"correlation_id\":\"" + response.field("x-correlation-id") + "\"") != std::string::npos);
    CHECK(response.body.find("\"code\":\"" + code + "\"") != std::string::npos);
    CHECK(response.body.find("\"status\":" + std::to_string(status) + ",") != std::string::npos);
    CHECK(client.closed_by_peer());
  }
  CHECK(running.executed().empty());
  CHECK(running.server.counters().requests == 0);
}

}  // namespace

TEST_CASE("an ambiguous transfer coding is refused and nothing behind it is executed") {
  refused_and_closed(coding_rows());
}

TEST_CASE("an ambiguous or missing length is refused and nothing behind it is executed") {
  refused_and_closed(length_rows());
}

TEST_CASE("a malformed line or field is refused and nothing behind it is executed") { refused_and_closed(line_rows()); }

TEST_CASE("a target that is not a plain path is refused and nothing behind it is executed") {
  refused_and_closed(target_rows());
}

TEST_CASE("a malformed chunk is refused and nothing behind it is executed") { refused_and_closed(chunk_rows()); }

TEST_CASE("unusual but clear requests are served and the connection stays") {
  struct accepted {
    std::string name;
    std::string text;
    std::string echo;
  };
  const std::vector<accepted> rows{
      {"no blank after the colon", "GET /a HTTP/1.1\r\nHost:x\r\n\r\n", "GET /a\n"},
      {"blanks around a value", post("Transfer-Encoding: \t chunked \t\r\n", "1\r\nx\r\n0\r\n\r\n"), "POST /\nx"},
      {"field names in capitals", "POST / HTTP/1.1\r\nHOST: x\r\nCONTENT-LENGTH: 2\r\n\r\nab", "POST /\nab"},
      {"GET with length 0", get("Content-Length: 0\r\n"), "GET /\n"},
      {"DELETE with length 0", request_text("DELETE", "/o", "Content-Length: 0\r\n"), "DELETE /o\n"},
      {"POST without content", post(""), "POST /\n"},
      {"empty chunked body", chunked("0\r\n\r\n"), "POST /\n"},
      {"chunk sizes in both cases and with zeros", chunked("0A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n"),
       "POST /\n01234567890123456789"},
      {"unknown method", request_text("BREW", "/pot"), "BREW /pot\n"},
      {"OPTIONS of a path", request_text("OPTIONS", "/a"), "OPTIONS /a\n"},
      {"Host with port", hosts("Host: example.com:8000\r\n"), "GET /\n"},
      {"Host of IPv6", hosts("Host: [::1]:8000\r\n"), "GET /\n"},
      {"escaped blank and plus", get_target("/a%20b?c=d+e"), "GET /a%20b?c=d+e\n"},
      {"repeated list field", get("Accept: a/b\r\nAccept: c/d\r\n"), "GET /\n"},
      {"body that looks like a request", post("Content-Length: " + std::to_string(smuggled.size()) + "\r\n", smuggled),
       "POST /\n" + smuggled},
  };
  running_server running;
  raw_client client{running.port()};
  for (const auto& [name, text, echo] : rows) {
    INFO(name);
    client.send(text);
    const auto response = client.read_response();
    CHECK(response.status == 200);
    CHECK(response.body == echo);
    CHECK_FALSE(response.has("connection"));
  }
  CHECK(running.server.counters().connections_accepted == 1);
}
