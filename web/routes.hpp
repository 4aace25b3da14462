#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/tenants/role.hpp"
#include "web/api_request.hpp"
#include "web/fields.hpp"

namespace sb::web {

enum class authentication : std::uint8_t { none, bearer };

/// A set of listeners as bits; bit n is listener number n.
using listener_set = std::uint8_t;
constexpr listener_set on_gateway = 1;
constexpr listener_set on_user_api = 2;
constexpr listener_set on_trade_api = 4;
constexpr listener_set on_operations = 8;
constexpr listener_set on_all = 15;

/// One kind of answer. Problems need no row: every route may answer with one.
struct answer_row {
  int status = 200;
  const object_type* type = nullptr;  ///< null: nothing that a table describes, see the description
  std::string_view description;
  std::string_view media_type = "application/json";
};

/// One row of the route table: everything that is known of a route stands here, and the dispatcher, the metrics and the
/// OpenAPI document are made from it.
struct route {
  std::string_view method;
  std::string_view path;  ///< {id} is one segment; {path} is one or more
  authentication auth = authentication::bearer;
  role_set roles;  ///< any of them; empty with authentication::none
  listener_set listeners = on_gateway;
  const object_type* body = nullptr;   ///< null: takes none
  const object_type* query = nullptr;  ///< null: takes no parameters
  std::span<const answer_row> answers;
  handler handle = nullptr;
  std::string_view tag;
  std::string_view summary;
};

std::span<const route> routes();
/// What the table lacks, for people; empty when nothing.
std::vector<std::string> check_routes(std::span<const route> table);

/// Finds a route by method and path in time that does not depend on the number of routes. Immutable.
class router {
 public:
  explicit router(std::span<const route> table);

  struct found {
    const route* where = nullptr;  ///< null: nothing at this path, or not with this method
    std::string_view id;           ///< points into the path
    std::string allow;             ///< methods of the path when it exists without this one; else empty
  };
  /// HEAD finds what GET would. Routes that the listener does not serve do not exist.
  found find(std::string_view method, std::string_view path, listener_set listener) const;

 private:
  struct node {
    std::vector<std::pair<std::string_view, std::unique_ptr<node>>> literals;
    std::unique_ptr<node> parameter;
    bool spanning = false;  ///< the parameter takes all segments but the last
    std::vector<const route*> here;
  };
  void add(const route& row);

  node root_;
};

}  // namespace sb::web
