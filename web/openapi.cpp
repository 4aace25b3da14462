#include "web/openapi.hpp"

#include <map>
#include <vector>

#include "domain/tenants/role.hpp"
#include "web/answer_types.hpp"
#include "web/json_writer.hpp"
#include "web/problem.hpp"
#include "web/request_types.hpp"
#include "web/routes.hpp"
#include "web/schema.hpp"

namespace sb::web {
namespace {

constexpr std::string_view api_version = "1.0.0";
constexpr std::string_view problem_schema = "Problem";

/// Every table that is reachable from the routes, by name.
class schema_set {
 public:
  void add(const object_type* type) {
    if (type == nullptr || !known_.emplace(type->name, type).second) return;
    for (const auto& row : type->fields) add(row.type);
  }
  const std::map<std::string_view, const object_type*>& all() const { return known_; }

 private:
  std::map<std::string_view, const object_type*> known_;
};

void write_reference(json_writer& out, std::string_view name) {
  out.begin_object().member("$ref", std::string_view{"#/components/schemas/" + std::string{name}}).end_object();
}

void write_content(json_writer& out, std::string_view media_type, std::string_view schema) {
  out.key("content").begin_object().key(media_type).begin_object().key("schema");
  write_reference(out, schema);
  out.end_object().end_object();
}

std::string_view name_of_parameter(std::string_view path) {
  const auto open = path.find('{');
  if (open == std::string_view::npos) return {};
  return path.substr(open + 1, path.find('}') - open - 1);
}

void write_path_parameter(json_writer& out, std::string_view path) {
  const auto name = name_of_parameter(path);
  if (name.empty()) return;
  out.begin_object().member("name", name).member("in", "path").member("required", true);
  out.key("schema").begin_object().member("type", "string").end_object();
  if (name == "path") out.member("description", "One or more segments; slashes are not escaped.");
  out.end_object();
}

void write_header_parameter(json_writer& out, std::string_view name, std::string_view description) {
  out.begin_object().member("name", name).member("in", "header").member("required", false);
  out.member("description", description);
  out.key("schema").begin_object().member("type", "string").end_object().end_object();
}

/// The fields that only some routes look at; X-Request-ID and X-Correlation-ID are described once, for all.
void write_headers_of(json_writer& out, const route& row) {
  if (row.body == &tables::order) {
    write_header_parameter(out, "Idempotency-Key", "1 to 64 of [A-Za-z0-9._:-], bare or quoted; the client order id.");
    write_header_parameter(out, "Prefer", "respond-async, or wait=0 to wait=30 seconds (RFC 7240).");
  }
  if (row.body == &tables::paper_fill) {
    write_header_parameter(out, "Idempotency-Key",
                           "As for an order; a repeat is answered as the first time and fills once.");
  }
  if (row.body == &tables::limits) write_header_parameter(out, "If-Match", "The ETag that the caller has seen.");
}

void write_answers(json_writer& out, const route& row) {
  out.key("responses").begin_object();
  for (const auto& each : row.answers) {
    out.key(std::to_string(each.status)).begin_object().member("description", each.description);
    if (each.type != nullptr) {
      write_content(out, each.media_type, each.type->name);
    } else {
      out.key("content").begin_object().key(each.media_type).begin_object().end_object().end_object();
    }
    out.end_object();
  }
  out.key("default").begin_object().member("description", "A problem (RFC 9457); code says which one.");
  write_content(out, "application/problem+json", problem_schema);
  out.end_object().end_object();
}

std::string operation_id(const route& row) {
  std::string id;
  for (const char c : row.method) id += static_cast<char>(c - 'A' + 'a');
  for (const char c : row.path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain) {
      id += c;
    } else if (id.back() != '_') {
      id += '_';
    }
  }
  if (id.back() == '_') id.pop_back();
  return id;
}

void write_operation(json_writer& out, const route& row) {
  std::string method;
  for (const char c : row.method) method += static_cast<char>(c - 'A' + 'a');
  out.key(method).begin_object().member("operationId", std::string_view{operation_id(row)});
  out.member("summary", row.summary).key("tags").begin_array().string(row.tag).end_array();
  out.key("parameters").begin_array();
  write_path_parameter(out, row.path);
  if (row.query != nullptr) write_parameters(out, *row.query, "query");
  write_headers_of(out, row);
  out.end_array();
  if (row.body != nullptr) {
    out.key("requestBody").begin_object().member("required", true);
    write_content(out, "application/json", row.body->name);
    out.end_object();
  }
  write_answers(out, row);
  out.key("security").begin_array();
  if (row.auth == authentication::bearer) {
    out.begin_object().key("bearer").begin_array();
    for (const auto text : words(row.roles)) out.string(text);
    out.end_array().end_object();
  }
  out.end_array().end_object();
}

void write_member(json_writer& out, std::string_view name, std::string_view type) {
  out.key(name).begin_object().member("type", type).end_object();
}

/// By hand: a problem may carry further members, which no field table says.
void write_problem(json_writer& out) {
  out.key(problem_schema).begin_object().member("type", "object");
  out.key("required").begin_array();
  for (const auto* name : {"type", "title", "status", "detail", "code", "retryable", "action", "correlation_id"})
    out.string(name);
  out.end_array().key("properties").begin_object();
  for (const auto* name : {"type", "title", "detail", "instance", "correlation_id", "order_id", "client_order_id"})
    write_member(out, name, "string");
  write_member(out, "status", "integer");
  write_member(out, "retryable", "boolean");
  out.key("action").begin_object().member("type", "string").key("enum").begin_array();
  for (const auto action : {problem_action::retry, problem_action::user, problem_action::check})
    out.string(to_string(action));
  out.end_array().end_object();
  out.key("code").begin_object().member("type", "string").key("enum").begin_array();
  for (const auto code : problem_codes()) out.string(code);
  out.end_array().end_object();
  write_member(out, "quantity_max", "integer");
  out.key("errors").begin_object().member("type", "array");
  out.key("items")
      .begin_object()
      .member("type", "object")
      .key("required")
      .begin_array()
      .string("code")
      .string("detail");
  out.end_array().end_object().end_object();
  out.key("violations").begin_object().member("type", "array").key("items");
  write_reference(out, tables::violation_answer.name);
  out.end_object().end_object().end_object();
}

}  // namespace

std::string openapi_document(std::span<const route> table) {
  schema_set schemas;
  schemas.add(&tables::violation_answer);
  std::map<std::string_view, std::vector<const route*>> by_path;
  for (const auto& row : table) {
    schemas.add(row.body);
    for (const auto& each : row.answers) schemas.add(each.type);
    by_path[row.path].push_back(&row);
  }

  json_writer out;
  out.begin_object().member("openapi", "3.1.0").key("info").begin_object();
  out.member("title", "Stocksblitz").member("version", api_version);
  out.member(
      "description",
      "Orders, limits, permissions and positions. Money has two to four decimals; times are UTC; a trading day is "
      "the exchange's. Every request may carry X-Request-ID and X-Correlation-ID; both come back.");
  out.end_object();
  out.key("paths").begin_object();
  for (const auto& [path, rows] : by_path) {
    out.key(path).begin_object();
    for (const auto* row : rows) write_operation(out, *row);
    out.end_object();
  }
  out.end_object();
  out.key("components").begin_object().key("schemas").begin_object();
  for (const auto& [name, type] : schemas.all()) {
    out.key(name);
    if (type == &tables::event_body) {
      out.begin_object().member("type", "object").end_object();
    } else {
      write_schema(out, *type);
    }
  }
  write_problem(out);
  out.end_object();
  out.key("securitySchemes").begin_object().key("bearer").begin_object();
  out.member("type", "http").member("scheme", "bearer").member("bearerFormat", "JWT").end_object().end_object();
  out.end_object();
  out.key("x-problems").raw(problem_catalog());
  out.end_object();
  return std::move(out).take();
}

}  // namespace sb::web
