#include "web/auth/token_verifier.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "web/auth/base64url.hpp"
#include "web/fields.hpp"
#include "web/json.hpp"

namespace sb::web {
namespace {

constexpr json_limits header_limits{.bytes_max = token_bytes_max, .depth_max = 4, .items_max = 16, .members_max = 16};
constexpr json_limits payload_limits{.bytes_max = token_bytes_max};
constexpr std::int64_t date_s_max = 253'402'300'799;  // the end of the year 9999

struct token_parts {
  std::string header;
  std::string payload;
  std::string signature;
};

std::variant<token_parts, token_refusal> split(std::string_view token) {
  if (token.size() > token_bytes_max) return token_refusal::too_large;
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return token_refusal::not_three_parts;
  }
  auto header = base64url_decode(token.substr(0, first));
  auto payload = base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!header || !payload || !signature) return token_refusal::not_base64url;
  return token_parts{std::move(*header), std::move(*payload), std::move(*signature)};
}

struct token_header {
  std::string alg;
  std::string kid;
  std::string typ;
};

std::variant<token_header, token_refusal> read_header(std::string_view text) {
  const auto parsed = parse_json(text, header_limits);
  const auto* const json = std::get_if<json_value>(&parsed);
  if (json == nullptr || json->kind() != json_kind::object) return token_refusal::header_not_json;
  constexpr std::array<std::string_view, 3> allowed{"alg", "kid", "typ"};
  for (const auto& member : json->children()) {
    if (std::find(allowed.begin(), allowed.end(), member.name()) == allowed.end()) {
      return token_refusal::header_member_not_allowed;
    }
  }
  for (const auto name : allowed) {
    const auto* const member = json->find(name);
    if (member == nullptr) return token_refusal::header_member_missing;
    if (member->kind() != json_kind::string) return token_refusal::header_member_type;
  }
  return token_header{json->find("alg")->text(), json->find("kid")->text(), json->find("typ")->text()};
}

std::optional<signature_algorithm> algorithm_of(std::string_view alg) {
  if (alg == to_string(signature_algorithm::es256)) return signature_algorithm::es256;
  if (alg == to_string(signature_algorithm::rs256)) return signature_algorithm::rs256;
  return std::nullopt;
}

/// A claim that may be absent but not of another kind.
struct claim {
  const json_value* value = nullptr;
  bool malformed = false;
};
claim claim_of(const json_value& payload, std::string_view name, json_kind kind) {
  const auto* const value = payload.find(name);
  return {value, value != nullptr && value->kind() != kind};
}

struct date_claim {
  std::optional<std::int64_t> at_s;
  bool malformed = false;
};
date_claim date_of(const json_value& payload, std::string_view name) {
  const auto [value, malformed] = claim_of(payload, name, json_kind::number);
  if (value == nullptr || malformed) return {std::nullopt, malformed};
  const auto parsed = parse_integer(value->text());
  if (parsed.error != number_error::none || parsed.value < 0 || parsed.value > date_s_max) return {std::nullopt, true};
  return {parsed.value, false};
}

bool names_audience(const json_value& payload, std::string_view audience) {
  const auto* const aud = payload.find("aud");
  if (aud == nullptr) return false;
  if (aud->kind() == json_kind::string) return aud->text() == audience;
  if (aud->kind() != json_kind::array) return false;
  bool found = false;
  for (const auto& each : aud->children()) {
    if (each.kind() != json_kind::string) return false;
    found = found || each.text() == audience;
  }
  return found;
}

/// An id as we write it: digits only, no leading zero, from 1 on. Anything looser would give one user two names.
std::optional<std::int64_t> id_from(std::string_view text) {
  const bool digits = !text.empty() && text.front() != '0' &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  const auto parsed = parse_integer(text);
  if (parsed.error != number_error::none) return std::nullopt;
  return parsed.value;
}

std::optional<std::vector<std::string>> roles_from(const json_value& payload) {
  const auto* const roles = payload.find("roles");
  if (roles == nullptr || roles->kind() != json_kind::array || roles->children().size() > token_roles_max) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (const auto& role : roles->children()) {
    const bool good = role.kind() == json_kind::string && !role.text().empty() &&
                      role.text().size() <= token_role_bytes_max && fits(role.text(), text_class::token);
    if (!good) return std::nullopt;
    names.push_back(role.text());
  }
  return names;
}

}  // namespace

std::string_view to_string(token_refusal why) {
  switch (why) {
    case token_refusal::too_large:
      return "too_large";
    case token_refusal::not_three_parts:
      return "not_three_parts";
    case token_refusal::not_base64url:
      return "not_base64url";
    case token_refusal::header_not_json:
      return "header_not_json";
    case token_refusal::header_member_not_allowed:
      return "header_member_not_allowed";
    case token_refusal::header_member_missing:
      return "header_member_missing";
    case token_refusal::header_member_type:
      return "header_member_type";
    case token_refusal::algorithm_not_allowed:
      return "algorithm_not_allowed";
    case token_refusal::key_unknown:
      return "key_unknown";
    case token_refusal::algorithm_not_of_key:
      return "algorithm_not_of_key";
    case token_refusal::type_wrong:
      return "type_wrong";
    case token_refusal::signature_length:
      return "signature_length";
    case token_refusal::signature_wrong:
      return "signature_wrong";
    case token_refusal::payload_not_json:
      return "payload_not_json";
    case token_refusal::claim_malformed:
      return "claim_malformed";
    case token_refusal::issuer_wrong:
      return "issuer_wrong";
    case token_refusal::audience_wrong:
      return "audience_wrong";
    case token_refusal::expiry_missing:
      return "expiry_missing";
    case token_refusal::expired:
      return "expired";
    case token_refusal::not_yet_valid:
      return "not_yet_valid";
    case token_refusal::issued_in_future:
      return "issued_in_future";
    case token_refusal::lifetime_too_long:
      return "lifetime_too_long";
    case token_refusal::subject_wrong:
      return "subject_wrong";
    case token_refusal::organization_wrong:
      return "organization_wrong";
    case token_refusal::roles_wrong:
      return "roles_wrong";
    case token_refusal::session_wrong:
      return "session_wrong";
    case token_refusal::revoked:
      return "revoked";
  }
  return "unknown";
}

token_verifier::token_verifier(token_rules rules, std::shared_ptr<const verification_keys> keys)
    : rules_(std::move(rules)), keys_(std::move(keys)) {}

std::variant<verified_token, token_refusal> token_verifier::verify(std::string_view token, wall_ms now) const {
  const auto split_token = split(token);
  if (const auto* why = std::get_if<token_refusal>(&split_token)) return *why;
  const auto& parts = std::get<token_parts>(split_token);

  const auto header_read = read_header(parts.header);
  if (const auto* why = std::get_if<token_refusal>(&header_read)) return *why;
  const auto& header = std::get<token_header>(header_read);

  const auto algorithm = algorithm_of(header.alg);
  if (!algorithm) return token_refusal::algorithm_not_allowed;
  const auto* const key = keys_->find(header.kid);
  if (key == nullptr) return token_refusal::key_unknown;
  if (key->algorithm() != *algorithm) return token_refusal::algorithm_not_of_key;
  if (header.typ != token_type) return token_refusal::type_wrong;
  if (parts.signature.size() != key->signature_bytes()) return token_refusal::signature_length;
  if (!key->signed_by(token)) return token_refusal::signature_wrong;
  return check_claims(parts.payload, now);
}

std::variant<verified_token, token_refusal> token_verifier::check_claims(std::string_view text, wall_ms now) const {
  const auto parsed = parse_json(text, payload_limits);
  const auto* const payload = std::get_if<json_value>(&parsed);
  if (payload == nullptr || payload->kind() != json_kind::object) return token_refusal::payload_not_json;

  const auto issuer = claim_of(*payload, "iss", json_kind::string);
  const auto subject = claim_of(*payload, "sub", json_kind::string);
  const auto session = claim_of(*payload, "jti", json_kind::string);
  const auto organization = claim_of(*payload, "org", json_kind::number);
  const auto expires = date_of(*payload, "exp");
  const auto issued = date_of(*payload, "iat");
  const auto not_before = date_of(*payload, "nbf");
  if (issuer.malformed || subject.malformed || session.malformed || organization.malformed || expires.malformed ||
      issued.malformed || not_before.malformed) {
    return token_refusal::claim_malformed;
  }
  if (issuer.value == nullptr || issuer.value->text() != rules_.issuer) return token_refusal::issuer_wrong;
  if (!names_audience(*payload, rules_.audience)) return token_refusal::audience_wrong;

  if (!expires.at_s) return token_refusal::expiry_missing;
  const std::int64_t now_s = now.value / 1'000;
  if (now_s >= *expires.at_s + rules_.skew_s) return token_refusal::expired;
  if (not_before.at_s && *not_before.at_s > now_s + rules_.skew_s) return token_refusal::not_yet_valid;
  if (issued.at_s && *issued.at_s > now_s + rules_.skew_s) return token_refusal::issued_in_future;
  // A token without iat must not live longer than one that was issued just now.
  const std::int64_t since_s = issued.at_s.value_or(now_s);
  if (*expires.at_s - since_s > rules_.lifetime_s_max + rules_.skew_s) return token_refusal::lifetime_too_long;

  const auto user = subject.value == nullptr ? std::nullopt : id_from(subject.value->text());
  if (!user) return token_refusal::subject_wrong;
  const auto organization_number = organization.value == nullptr ? std::nullopt : id_from(organization.value->text());
  if (!organization_number) return token_refusal::organization_wrong;
  auto roles = roles_from(*payload);
  if (!roles) return token_refusal::roles_wrong;
  if (session.value == nullptr || session.value->text().empty() ||
      session.value->text().size() > token_session_bytes_max || !fits(session.value->text(), text_class::visible)) {
    return token_refusal::session_wrong;
  }
  verified_token good;
  good.claims.user = user_id{*user};
  good.claims.organization = organization_id{*organization_number};
  good.claims.roles = std::move(*roles);
  good.claims.session = session.value->text();
  good.claims.issued_s = issued.at_s.value_or(0);
  good.claims.expires_s = *expires.at_s;
  good.good_until = wall_ms{(*expires.at_s + rules_.skew_s) * 1'000};
  return good;
}

}  // namespace sb::web
