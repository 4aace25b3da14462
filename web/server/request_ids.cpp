#include "web/server/request_ids.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <random>

namespace sb::web {
namespace {

constexpr std::size_t bytes_max = 128;

const std::string* usable(const http_request& request, std::string_view field) {
  const auto* sent = request.header(field);
  return sent != nullptr && is_request_id(*sent) && request.header_count(field) == 1 ? sent : nullptr;
}

}  // namespace

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_.:+/="}.find(c) != std::string_view::npos;
  });
}

request_ids::request_ids() {
  std::random_device dice;
  char text[20];
  std::snprintf(text, sizeof text, "%08x%08x-", static_cast<unsigned>(dice()), static_cast<unsigned>(dice()));
  prefix_ = text;
}

request_names request_ids::fresh() {
  auto id = prefix_ + std::to_string(++made_);
  return {id, id};
}

request_names request_ids::of(const http_request& request) {
  const auto* id = usable(request, "x-request-id");
  const auto* correlation = usable(request, "x-correlation-id");
  auto names = id != nullptr ? request_names{*id, *id} : fresh();
  if (correlation != nullptr) names.correlation = *correlation;
  return names;
}

}  // namespace sb::web
