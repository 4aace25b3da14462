#include <algorithm>
#include <array>

#include "tests/fuzz/answering_node.hpp"
#include "tests/fuzz/targets.hpp"
#include "web/json.hpp"
#include "web/problem.hpp"
#include "web/routes.hpp"
#include "web/server/body_reader.hpp"
#include "web/server/parsed_head.hpp"
#include "web/server/request_ids.hpp"
#include "web/server/response_head.hpp"
#include "web/server/strict_request.hpp"
#include "web/server/target.hpp"
#include "web/utf8.hpp"

namespace sb::fuzz {
namespace {

using namespace web;
using namespace web::wire;

constexpr std::size_t response_bytes_max = 16 * 1024 * 1024;

/// What became of a client's bytes: requests, then why it ended. nullopt: they ended in the middle of a request.
struct reading {
  struct one {
    http_request request;
    unsigned version = 11;
    framing frame;
  };
  std::vector<one> requests;
  std::optional<refusal> why;
};

/// As the connection does it, with input that comes `step` bytes at a time.
class reader {
 public:
  reader(std::string_view text, std::size_t step, const http_limits& limits)
      : text_{text}, step_{step}, limits_{limits} {}

  reading read() {
    while (read_one()) {
    }
    return std::move(seen_);
  }

 private:
  std::string_view arrived() const { return text_.substr(begin_, end_ - begin_); }
  bool receive() {
    if (end_ == text_.size()) return false;
    end_ = std::min(text_.size(), end_ + step_);
    return true;
  }
  bool refuse(refusal why) {
    seen_.why = why;
    return false;
  }

  /// False: nothing after this is read as a request.
  bool read_one() {
    header_scan scan;
    auto verdict = scan.scan(arrived(), limits_);
    while (std::holds_alternative<header_scan::need_more>(verdict)) {
      if (!receive()) return false;
      verdict = scan.scan(arrived(), limits_);
    }
    if (const auto* why = std::get_if<refusal>(&verdict)) return refuse(*why);
    const auto head_bytes = std::get<header_scan::complete>(verdict).bytes;
    must(head_bytes <= arrived().size() && arrived().substr(0, head_bytes).ends_with("\r\n\r\n"), "a head has an end");

    reading::one one;
    const auto version = parse_head(arrived().substr(0, head_bytes), one.request);
    begin_ += head_bytes;
    if (const auto* why = std::get_if<refusal>(&version)) return refuse(*why);
    one.version = std::get<unsigned>(version);
    const auto strict = strict_request(one.request, one.version, limits_);
    if (const auto* why = std::get_if<refusal>(&strict)) return refuse(*why);
    one.frame = std::get<framing>(strict);
    if (one.frame.kind != framing::body::none && !read_body(one)) return false;
    const bool goes_on = one.frame.keep_alive;
    seen_.requests.push_back(std::move(one));
    return goes_on;
  }

  bool read_body(reading::one& one) {
    body_reader body{one.frame, limits_.body_bytes_max};
    while (true) {
      const auto progress = body.read(arrived(), one.request.body);
      if (const auto* why = std::get_if<refusal>(&progress.verdict)) return refuse(*why);
      must(progress.consumed <= arrived().size(), "a body takes what is there");
      begin_ += progress.consumed;
      if (std::holds_alternative<body_reader::complete>(progress.verdict)) return true;
      if (!receive()) return false;
    }
  }

  std::string_view text_;
  std::size_t step_;
  const http_limits& limits_;
  std::size_t begin_ = 0;  // of what is not taken yet
  std::size_t end_ = 0;    // of what has arrived
  reading seen_;
};

bool same_request(const http_request& a, const http_request& b) {
  return a.method == b.method && a.target == b.target && a.path == b.path && a.query == b.query && a.body == b.body &&
         a.headers == b.headers;
}

bool same_reading(const reading& a, const reading& b) {
  return a.why == b.why && std::equal(a.requests.begin(), a.requests.end(), b.requests.begin(), b.requests.end(),
                                      [](const reading::one& x, const reading::one& y) {
                                        return same_request(x.request, y.request) && x.version == y.version &&
                                               x.frame.keep_alive == y.frame.keep_alive && x.frame.kind == y.frame.kind;
                                      });
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void put_encoded(std::string& out, std::string_view text, bool is_path) {
  constexpr char hex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '~' || c == '.' || (is_path && c == '/');
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    segments.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

/// A route's pattern by the book: what stands for its parameter, or nullopt where it does not fit.
std::optional<std::string> fit(std::string_view pattern, std::string_view path) {
  const auto wanted = segments_of(pattern);
  const auto given = segments_of(path);
  const auto spanning = std::find(wanted.begin(), wanted.end(), "{path}");
  const bool spans = spanning != wanted.end();
  if (spans ? given.size() < wanted.size() : given.size() != wanted.size()) return std::nullopt;
  const auto taken = given.size() - wanted.size() + 1;
  std::string parameter;
  std::size_t at = 0;
  for (const auto segment : wanted) {
    const std::size_t count = segment == "{path}" ? taken : 1;
    for (std::size_t i = 0; i < count; ++i, ++at) {
      if (segment.starts_with('{')) {
        parameter += (parameter.empty() ? "" : "/") + std::string{given[at]};
        if (count == 1 && given[at].empty()) return std::nullopt;
      } else if (segment != given[at]) {
        return std::nullopt;
      }
    }
  }
  return parameter;
}

const router& paths() {
  static const router made{routes()};
  return made;
}

/// The dispatcher's answer against a look at every row.
const route* check_route(const http_request& request, listener_set listener) {
  const auto found = paths().find(request.method, request.path, listener);
  const auto served = [&](const route& row) { return (row.listeners & listener) != 0 && fit(row.path, request.path); };
  if (found.where != nullptr) {
    const auto& row = *found.where;
    must(row.method == (request.method == "HEAD" ? "GET" : request.method), "a route has the request's method");
    must(served(row), "a route has the request's path and listener");
    must(*fit(row.path, request.path) == found.id, "a route's parameter is what stands in the path");
    return found.where;
  }
  if (found.allow.empty()) must(std::none_of(routes().begin(), routes().end(), served), "an existing path is found");
  return nullptr;
}

void check_request(const reading::one& one, const http_limits& limits) {
  const auto& request = one.request;
  must(!request.method.empty() && is_printable(request.method), "a method is a word");
  must(request.target.starts_with('/') && is_printable(request.target), "a target is a printable path");
  must(request.target.size() <= limits.target_bytes_max && request.headers.size() <= limits.fields_max &&
           request.body.size() <= limits.body_bytes_max && request.query.size() <= limits.query_parameters_max,
       "a request is within its limits");
  must(request.path.starts_with('/') && is_utf8(request.path) && !has_control(request.path), "a path is plain text");
  for (const auto segment : segments_of(request.path))
    must(segment != "." && segment != "..", "a path leads nowhere else");
  for (const auto& [name, value] : request.query)
    must(!name.empty() && is_utf8(name) && is_utf8(value) && !has_control(name) && !has_control(value),
         "a query is plain text");
  for (const auto& [name, value] : request.headers)
    must(!name.empty() && is_printable(name) && value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos,
         "a field is one line");
  must(request.header_count("host") == 1 || (one.version == 10 && request.header_count("host") == 0),
       "there is one host");
  must(request.header_count("content-length") + request.header_count("transfer-encoding") <= 1, "there is one framing");
  must(request.body.empty() || (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE"),
       "what takes no body has none");

  std::string target;
  put_encoded(target, request.path, true);
  for (const auto& [name, value] : request.query) {
    target += target.find('?') == std::string::npos ? '?' : '&';
    put_encoded(target, name, false);
    target += '=';
    put_encoded(target, value, false);
  }
  std::string path;
  std::vector<name_value> query;
  must(!decode_target(target, limits.query_parameters_max, path, query) && path == request.path &&
           query == request.query,
       "a target survives being written");
}

/// Written out with one clear framing and with another request behind it, it is read as it was, and so is the other:
/// no request hides inside another.
void check_framing(const reading::one& one) {
  constexpr std::string_view behind = "GET /health/live HTTP/1.1\r\nhost: behind\r\n\r\n";
  constexpr std::array<std::string_view, 4> ours{"content-length", "transfer-encoding", "connection", "expect"};
  auto plain = one.request;
  std::erase_if(plain.headers, [&](const name_value& field) {
    return std::find(ours.begin(), ours.end(), field.first) != ours.end();
  });
  if (plain.header("host") == nullptr) plain.headers.emplace_back("host", "x");
  const bool sized = plain.method != "GET" && plain.method != "HEAD" && plain.method != "DELETE";
  if (sized) plain.headers.emplace_back("content-length", std::to_string(plain.body.size()));
  std::string text = plain.method + ' ' + plain.target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : plain.headers) text.append(name).append(": ").append(value).append("\r\n");
  text.append("\r\n").append(plain.body).append(behind);

  http_limits roomy;
  roomy.header_bytes_max *= 2;
  roomy.fields_max += 2;
  const auto again = reader{text, text.size(), roomy}.read();
  must(!again.why && again.requests.size() == 2, "one request is one request, and the next is the next");
  must(same_request(again.requests.front().request, plain), "a request survives being written");
  must(again.requests.back().request.target == "/health/live", "nothing is left over of a request");
}

void check_problem(const json_value& body, const http_response& response, const std::string& correlation) {
  const auto* const status = body.find("status");
  const auto* const code = body.find("code");
  const auto* const names = body.find("correlation_id");
  must(status != nullptr && status->text() == std::to_string(response.status), "a problem has its status");
  const auto codes = problem_codes();
  must(code != nullptr && std::find(codes.begin(), codes.end(), code->text()) != codes.end(),
       "a problem has a known code");
  must(names != nullptr && names->text() == correlation, "a problem has its correlation id");
}

void check_response(const http_response& response, mood now, const std::string& correlation) {
  constexpr std::array<int, 17> known{200, 201, 202, 400, 401, 403, 404, 405, 409,
                                      412, 413, 415, 422, 429, 503, 501, 406};
  must(std::find(known.begin(), known.end(), response.status) != known.end(),
       "an answer has a status that we document");
  must(response.status != 503 || now != mood::present, "a healthy node is not away");
  must(is_sendable(response, response_bytes_max), "an answer can be sent");
  const bool is_problem = response.content_type == "application/problem+json";
  must(is_problem == (response.status >= 400) || response.status == 503, "a refusal is a problem");
  if (response.content_type.find("json") == std::string::npos) return;
  json_limits roomy;
  roomy.bytes_max = response_bytes_max;
  roomy.depth_max = 64;
  roomy.values_max = 1'000'000;
  const auto parsed = parse_json(response.body, roomy);
  must(std::holds_alternative<json_value>(parsed), "an answer is the JSON that it says");
  if (is_problem) check_problem(std::get<json_value>(parsed), response, correlation);
}

mood mood_of(const http_request& request) {
  constexpr std::array<std::string_view, 4> words{"present", "absent", "overloaded", "unavailable"};
  const auto* const wanted = request.header("x-node");
  const auto found = wanted == nullptr ? words.begin() : std::find(words.begin(), words.end(), *wanted);
  return found == words.end() ? mood::present : static_cast<mood>(found - words.begin());
}

/// Puts a real token where its placeholder stands; whose it is.
std::optional<role> put_token(const answering_node& node, http_request& request) {
  std::optional<role> who;
  for (auto& [name, value] : request.headers) {
    constexpr std::string_view scheme = "Bearer ";
    if (name != "authorization" || !value.starts_with(scheme)) continue;
    who = answering_node::role_of(std::string_view{value}.substr(scheme.size()));
    if (who) value = std::string{scheme} + node.token_of(*who);
  }
  return who;
}

bool names_canary(const http_request& request) {
  const auto has = [](std::string_view text) { return text.find(canary) != std::string_view::npos; };
  const auto either = [&](const name_value& each) { return has(each.first) || has(each.second); };
  return has(request.path) || has(request.body) || std::any_of(request.query.begin(), request.query.end(), either) ||
         std::any_of(request.headers.begin(), request.headers.end(), either);
}

/// The handler behind it: an answer that we document, to whom it is for, without a word of another organization.
void check_handling(answering_node& node, request_ids& ids, http_request request) {
  const auto who = put_token(node, request);
  request.names = ids.of(request);
  const auto correlation = request.names.correlation;
  const auto now = mood_of(request);
  const bool named_it = names_canary(request);
  const auto* const where = check_route(request, on_gateway);
  const bool known_path = where != nullptr;
  const bool may = known_path && (where->auth == authentication::none || (who && where->roles.has(*who)));
  const bool is_platform = who == role::platform_admin;
  // The gateway's prefixes name a route of another path, so who may is known only without one.
  const bool prefixed = request.path.starts_with("/user-service/") || request.path.starts_with("/trade-service/");
  const auto told = node(std::move(request), now);
  check_response(told.response, now, correlation);
  if (!prefixed) must(may || told.response.status >= 400, "only who may gets what he asked for");
  // A malformed X-Request-ID is told before anybody is asked for a token.
  if (known_path && where->auth == authentication::bearer && !who)
    must(told.response.status == 401 || told.response.status == 400, "nobody is asked for a token");
  const bool is_login = known_path && where->path == "/auth/login";
  must(is_platform || is_login || !told.asked_of_other || !who, "nobody asks for another organization's entity");
  // What a client wrote himself may come back to him.
  must(is_platform || named_it || told.response.body.find(canary) == std::string::npos,
       "no word of another organization gets out");
}

}  // namespace

int fuzz_request(bytes input) {
  static answering_node node;
  static request_ids ids;
  const auto text = text_of(input);
  const http_limits limits;
  const auto at_once = reader{text, std::max<std::size_t>(text.size(), 1), limits}.read();
  for (const std::size_t step : {std::size_t{1}, text.size() % 13 + 2})
    must(same_reading(at_once, reader{text, step, limits}.read()), "it is the same request however it arrives");
  for (const auto& one : at_once.requests) {
    check_request(one, limits);
    check_framing(one);
    check_handling(node, ids, one.request);
  }
  return at_once.requests.empty() ? 0 : 1;
}

}  // namespace sb::fuzz
