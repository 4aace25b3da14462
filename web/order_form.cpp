#include "web/order_form.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "web/auth/random.hpp"

namespace sb::web {
namespace {

constexpr std::size_t key_length_max = 64;
constexpr std::size_t own_key_bytes = 15;
constexpr std::size_t order_id_length = 32;
constexpr std::int64_t ticks_per_basis_point = money::unit / 100;  // of market_protection_pct, which counts in percent

bool is_order_key(std::string_view text) {
  return !text.empty() && text.size() <= key_length_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == ':' || c == '-';
  });
}

field_error body_error(std::string pointer, problem_code code, std::string detail) {
  return {field_place::body, std::move(pointer), code, std::move(detail), {}};
}

/// A problem about the whole order: its code, and each field that is wrong.
problem order_problem(problem_code code, std::vector<field_error> errors) {
  auto why = problem_for(std::move(errors));
  why.code = code;
  return why;
}

std::vector<field_error> not_offered(const order_command& command, const field_values& body) {
  std::vector<field_error> errors;
  constexpr auto code = problem_code::validation_order_type_not_supported;
  if (command.type == order_type::stop_loss || command.type == order_type::sl_market)
    errors.push_back(body_error("/order_type", code, "is not offered yet; MARKET and LIMIT are"));
  if (body.word_or("variety", 0) != 0) errors.push_back(body_error("/variety", code, "is not offered yet; REGULAR is"));
  return errors;
}

std::vector<field_error> not_together(const order_command& command, const field_values& body) {
  std::vector<field_error> errors;
  constexpr auto code = problem_code::validation_field_combination;
  if (command.type == order_type::limit && command.price.ticks == 0)
    errors.push_back(body_error("/price", code, "a LIMIT order needs a price above 0"));
  if (command.type == order_type::market && command.price.ticks != 0)
    errors.push_back(body_error("/price", code, "a MARKET order has no price"));
  const auto protection = body.amount_if("market_protection_pct");
  if (protection && command.type != order_type::market)
    errors.push_back(body_error("/market_protection_pct", code, "is for MARKET orders"));
  if (protection && protection->ticks % ticks_per_basis_point != 0)
    errors.push_back(body_error("/market_protection_pct", code, "may have two decimals"));
  return errors;
}

std::optional<problem> refused_by(const instrument& traded, const order_command& command) {
  std::vector<field_error> errors;
  const auto quantity = check_quantity(traded, command.quantity);
  if (quantity == instrument_refusal::quantity_not_lot_multiple) {
    errors.push_back(body_error("/quantity", problem_code::validation_lot_size, "must be a multiple of the lot"));
    errors.back().limits = {{"lot", std::to_string(traded.lot)}};
  }
  if (command.type == order_type::limit && check_price(traded, command.price) != instrument_refusal::none) {
    errors.push_back(body_error("/price", problem_code::validation_tick_size, "must be a multiple of the tick"));
    errors.back().limits = {{"tick", format(traded.tick)}};
  }
  if (errors.empty() && quantity == instrument_refusal::quantity_above_freeze) {
    errors.push_back(
        body_error("/quantity", problem_code::risk_freeze_quantity, "is above the exchange's freeze quantity"));
    errors.back().limits = {{"limit", std::to_string(traded.freeze_quantity)},
                            {"value", std::to_string(command.quantity)}};
  }
  if (errors.empty()) return std::nullopt;
  const auto code = errors.front().code;
  return order_problem(code, std::move(errors));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view sent, std::string_view lower) {
  return std::equal(sent.begin(), sent.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}

problem wait_problem() {
  return problem_for(std::vector<field_error>{
      {field_place::header, "Prefer", problem_code::validation_header, "wait must be from 0 to 30 seconds", {}}});
}

}  // namespace

order_command read_order(const field_values& body, const api_settings& settings) {
  order_command command;
  command.account = body.id<account_id>("trading_account_id");
  command.exchange = body.text("exchange");
  command.symbol = body.text("symbol");
  command.direction = static_cast<side>(body.word("trade_type"));
  command.type = static_cast<order_type>(body.word("order_type"));
  command.product = static_cast<product_type>(body.word("product_type"));
  command.valid = static_cast<validity>(body.word_or("validity", 0));
  command.quantity = body.integer("quantity");
  command.price = body.amount_if("price").value_or(money{});
  const auto protection = body.amount_if("market_protection_pct");
  command.market_protection =
      protection ? static_cast<std::int32_t>(protection->ticks / ticks_per_basis_point) : settings.market_protection;
  command.comments = body.text_or("comments", "");
  return command;
}

std::optional<problem> refuse_order(const order_command& command, const field_values& body,
                                    const instrument_master& instruments) {
  if (auto errors = not_offered(command, body); !errors.empty())
    return order_problem(problem_code::validation_order_type_not_supported, std::move(errors));
  if (auto errors = not_together(command, body); !errors.empty())
    return order_problem(problem_code::validation_field_combination, std::move(errors));
  const auto* traded = instruments.find(command.exchange, command.symbol);
  if (traded == nullptr) {
    constexpr auto code = problem_code::validation_symbol_unknown;
    return order_problem(code, {body_error("/symbol", code, "is not listed at " + command.exchange)});
  }
  return refused_by(*traded, command);
}

std::variant<std::optional<std::string>, problem> read_idempotency_key(const http_request& request) {
  const auto* field = request.header("idempotency-key");
  if (field == nullptr) return std::nullopt;
  std::string_view key = *field;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (!is_order_key(key) || request.header_count("idempotency-key") != 1) {
    problem why;
    why.code = problem_code::idempotency_key_malformed;
    why.detail = "Idempotency-Key must be one value of 1 to 64 of [A-Za-z0-9._:-], bare or as a quoted string.";
    return why;
  }
  return std::string{key};
}

std::variant<std::string, problem> read_order_key(const http_request& request, const field_values& body) {
  const bool named = body.has("client_order_id");
  const std::string_view name = named ? body.text("client_order_id") : std::string_view{};
  if (named && !is_order_key(name)) {
    return problem_for(std::vector<field_error>{
        body_error("/client_order_id", problem_code::validation_bad_characters, "may have [A-Za-z0-9._:-] only")});
  }
  auto given = read_idempotency_key(request);
  if (auto* why = std::get_if<problem>(&given)) return std::move(*why);
  auto& key = std::get<std::optional<std::string>>(given);
  if (!key) return named ? std::string{name} : "sb-" + random_token(own_key_bytes);
  if (named && *key != name) {
    problem why;
    why.code = problem_code::idempotency_keys_differ;
    return why;
  }
  return std::move(*key);
}

std::variant<std::int32_t, problem> read_wait(const http_request& request, std::int64_t otherwise) {
  constexpr std::int32_t wait_s_max = 30;
  std::optional<std::int32_t> wait_s;
  bool at_once = false;
  for (const auto& [name, value] : request.headers) {
    if (name != "prefer") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      auto preference = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      preference = trimmed(preference.substr(0, preference.find(';')));  // parameters mean nothing to us
      const auto equals = preference.find('=');
      const auto what = trimmed(preference.substr(0, equals));
      if (same_word(what, "respond-async")) at_once = true;
      if (!same_word(what, "wait")) continue;
      if (equals == std::string_view::npos) return wait_problem();
      const auto number = trimmed(preference.substr(equals + 1));
      std::int32_t seconds = 0;
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), seconds);
      if (error != std::errc{} || end != number.data() + number.size() || seconds < 0 || seconds > wait_s_max)
        return wait_problem();
      if (!wait_s) wait_s = seconds;  // RFC 7240: of several the first counts
    }
  }
  if (wait_s) return *wait_s * 1'000;
  return at_once ? 0 : static_cast<std::int32_t>(otherwise);
}

bool is_order_id(std::string_view text) {
  return text.size() == order_id_length && text.starts_with("ORD") &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); });
}

}  // namespace sb::web
