#include "app/replay/answer_fields.hpp"

#include <charconv>
#include <utility>
#include <variant>

#include "app/replay/http_client.hpp"

namespace sb::replay {

std::optional<web::json_value> parse_document(std::string_view text) {
  web::json_limits limits;
  limits.bytes_max = http_answer_bytes_max;
  limits.items_max = 20'000;
  limits.values_max = 200'000;
  auto parsed = web::parse_json(text, limits);
  if (auto* value = std::get_if<web::json_value>(&parsed)) return std::move(*value);
  return std::nullopt;
}

std::string text_member(const web::json_value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member != nullptr && member->kind() == web::json_kind::string ? member->text() : std::string{};
}

std::optional<std::int64_t> integer_member(const web::json_value& object, std::string_view name) {
  const auto* member = object.find(name);
  if (member == nullptr || member->kind() != web::json_kind::number) return std::nullopt;
  const auto& text = member->text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace sb::replay
