#pragma once
#include <span>
#include <string>

namespace sb::web {

struct route;

/// The OpenAPI 3.1 document of these routes: paths, parameters, bodies, answers and problems, all from the tables that
/// the dispatcher itself uses.
std::string openapi_document(std::span<const route> table);

}  // namespace sb::web
