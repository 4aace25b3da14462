#include "web/server/request_ids.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
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
  constexpr std::string_view signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device dice;
  std::uniform_int_distribution<std::size_t> any{0, signs.size() - 1};
  for (int sign = 0; sign < 8; ++sign) prefix_ += signs[any(dice)];
}

request_names request_ids::fresh() {
  char number[16];
  const auto end = std::to_chars(std::begin(number), std::end(number), ++made_, 36).ptr;
  auto id = prefix_;
  id.append(number, end);
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
