#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "token_forge.hpp"
#include "web/auth/authenticator.hpp"
#include "web/auth/base64url.hpp"
#include "web/auth/token_issuer.hpp"
#include "web/auth/token_verifier.hpp"

namespace {
using namespace sb;
using namespace sb::web;
using namespace std::string_literals;
using test::es256_token;
using test::unsigned_token;

constexpr std::int64_t now_s = 1'705'329'000;
constexpr wall_ms now{now_s * 1'000};
constexpr auto rsa_kid = "rsa-1";

/// One key of ours, one of an outside issuer, and one that nobody knows. Keys are slow to make: once for all tests.
struct key_ring {
  signing_key ours = signing_key::generate();
  signing_key stranger = signing_key::generate();
  test::rsa_key rsa;
};
const key_ring& keys() {
  static const key_ring ring;
  return ring;
}

std::shared_ptr<const verification_keys> known_keys() {
  static const auto known = [] {
    auto read = verification_keys::from_jwks(R"({"keys":[)" + keys().ours.public_jwk() + "," +
                                             keys().rsa.public_jwk(rsa_kid) + "]}");
    if (const auto* why = std::get_if<std::string>(&read)) throw std::runtime_error(*why);
    return std::make_shared<const verification_keys>(std::get<verification_keys>(std::move(read)));
  }();
  return known;
}
token_verifier verifier() { return {{.issuer = "https://sb.test", .audience = "stocksblitz"}, known_keys()}; }
token_issuer issuer(std::int64_t lifetime_s = 900) {
  return {{.issuer = "https://sb.test", .audience = "stocksblitz", .lifetime_s = lifetime_s}, keys().ours};
}
token_claims trader() {
  token_claims who;
  who.user = user_id{123};
  who.organization = organization_id{456};
  who.roles = {"trader", "viewer"};
  return who;
}

std::string header_with(std::string_view members) {
  return R"({"alg":"ES256","kid":")" + keys().ours.kid() + R"(","typ":"at+jwt")" + std::string{members} + "}";
}
const std::string& header() {
  static const std::string text = header_with("");
  return text;
}
/// A good payload in which the members of `changed` (name -> JSON, "" leaves it out) take the place of the good ones.
std::string payload_with(const std::vector<std::pair<std::string, std::string>>& changed) {
  std::vector<std::pair<std::string, std::string>> members{{"iss", R"("https://sb.test")"},
                                                           {"aud", R"("stocksblitz")"},
                                                           {"sub", R"("123")"},
                                                           {"org", "456"},
                                                           {"roles", R"(["trader"])"},
                                                           {"jti", R"("session-1")"},
                                                           {"iat", std::to_string(now_s)},
                                                           {"exp", std::to_string(now_s + 900)}};
  for (const auto& [name, value] : changed) {
    bool found = false;
    for (auto& member : members) {
      if (member.first != name) continue;
      member.second = value;
      found = true;
    }
    if (!found) members.emplace_back(name, value);
  }
  std::string text{"{"};
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    if (text.size() > 1) text += ',';
    text += '"' + name + "\":" + value;
  }
  return text + "}";
}
std::string at_s(std::int64_t seconds) { return std::to_string(seconds); }

/// "good", or the name of the refusal.
std::string verdict(std::string_view token, wall_ms at = now) {
  const auto outcome = verifier().verify(token, at);
  if (const auto* why = std::get_if<token_refusal>(&outcome)) return std::string{to_string(*why)};
  return "good";
}
std::string signed_with(std::string_view header_text, std::string_view payload) {
  return es256_token(keys().ours, header_text, payload);
}
std::string rs256_token(std::string_view header_text, std::string_view payload) {
  const auto text = unsigned_token(header_text, payload);
  return text + "." + base64url_encode(keys().rsa.sign(text));
}
}  // namespace

TEST_CASE("an issued token is verified to the claims it was issued for") {
  const auto issued = issuer().issue(trader(), wall_ms{now.value + 999});
  const auto outcome = verifier().verify(issued.text, now);
  REQUIRE(std::holds_alternative<verified_token>(outcome));
  const auto& token = std::get<verified_token>(outcome);
  CHECK(token.claims.user == user_id{123});
  CHECK(token.claims.organization == organization_id{456});
  CHECK(token.claims.roles == std::vector<std::string>{"trader", "viewer"});
  CHECK(token.claims.has_role("viewer"));
  CHECK_FALSE(token.claims.has_role("admin"));
  CHECK(token.claims.session == issued.claims.session);
  CHECK(token.claims.session.size() == 24);
  CHECK(token.claims.issued_s == now_s);
  CHECK(token.claims.expires_s == now_s + 900);
  CHECK(token.good_until == wall_ms{(now_s + 960) * 1'000});
  CHECK(issuer().issue(trader(), now).claims.session != issued.claims.session);
  auto again = trader();
  again.session = "kept";
  CHECK(issuer().issue(again, now).claims.session == "kept");
}

TEST_CASE("an issuer refuses settings that no verifier would accept") {
  const auto with = [](issuer_settings settings) { return token_issuer{std::move(settings), keys().ours}; };
  CHECK_THROWS_AS(with({.issuer = "", .audience = "a"}), std::invalid_argument);
  CHECK_THROWS_AS(with({.issuer = "i", .audience = ""}), std::invalid_argument);
  CHECK_THROWS_AS(with({.issuer = "i", .audience = "a", .lifetime_s = 0}), std::invalid_argument);
  CHECK_THROWS_AS(with({.issuer = "i", .audience = "a", .lifetime_s = 3'601}), std::invalid_argument);
}

TEST_CASE("tokens that are good") {
  struct row {
    std::string name;
    std::string token;
    std::int64_t later_s = 0;
  };
  const auto good = payload_with({});
  const std::string rsa_header = R"({"typ":"at+jwt","kid":"rsa-1","alg":"RS256"})";
  const auto r = GENERATE_COPY(values<row>({
      {"as issued", issuer().issue(trader(), now).text},
      {"the table's own", signed_with(header(), good)},
      {"by an outside RSA key", rs256_token(rsa_header, good)},
      {"aud is a list", signed_with(header(), payload_with({{"aud", R"(["other","stocksblitz"])"}}))},
      {"claims we do not know", signed_with(header(), payload_with({{"email", R"("a@b")"}, {"x", R"({"y":[1]})"}}))},
      {"no roles at all", signed_with(header(), payload_with({{"roles", "[]"}}))},
      {"no iat", signed_with(header(), payload_with({{"iat", ""}}))},
      {"nbf now", signed_with(header(), payload_with({{"nbf", at_s(now_s)}}))},
      {"nbf within the skew", signed_with(header(), payload_with({{"nbf", at_s(now_s + 60)}}))},
      {"iat within the skew", signed_with(header(), payload_with({{"iat", at_s(now_s + 60)}}))},
      {"the last second", signed_with(header(), good), 900 + 59},
      {"the longest lifetime", signed_with(header(), payload_with({{"exp", at_s(now_s + 3'660)}}))},
      {"blanks in the JSON", signed_with(header(), " " + good + "\n")},
  }));
  CAPTURE(r.name);
  CHECK(verdict(r.token, wall_ms{(now_s + r.later_s) * 1'000}) == "good");
}

TEST_CASE("forged, broken and odd tokens are refused for their own reason") {
  const auto good_payload = payload_with({});
  const auto good = signed_with(header(), good_payload);
  const auto dot = good.rfind('.');
  const auto text = good.substr(0, dot);
  const auto signature = *base64url_decode(good.substr(dot + 1));
  const auto named = [&](std::string_view alg) {
    return R"({"alg":")" + std::string{alg} + R"(","kid":")" + keys().ours.kid() + R"(","typ":"at+jwt"})";
  };
  const auto forged = [&](std::string_view header_text) { return signed_with(header_text, good_payload); };
  const auto claiming = [&](std::vector<std::pair<std::string, std::string>> changed) {
    return signed_with(header(), payload_with(changed));
  };
  const auto with_signature = [&](std::string_view raw) { return text + "." + base64url_encode(raw); };
  const auto hs256 = [&](std::string_view kid, std::string_view secret) {
    const auto body =
        unsigned_token(R"({"alg":"HS256","kid":")" + std::string{kid} + R"(","typ":"at+jwt"})", good_payload);
    return body + "." + base64url_encode(test::hmac_sha256(secret, body));
  };
  auto flipped = signature;
  flipped[40] = static_cast<char>(flipped[40] ^ 1);
  auto last_bits = good;  // 64 bytes leave four bits of the last character unused
  last_bits.back() = last_bits.back() == 'B' ? 'C' : static_cast<char>(last_bits.back() + 1);
  const std::string order_n = *base64url_decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
  const std::string jwk = R"(,"jwk":)" + keys().stranger.public_jwk();
  const std::string kid_of_stranger = R"({"alg":"ES256","kid":")" + keys().stranger.kid() + R"(","typ":"at+jwt"})";
  const auto payload_at = text.find('.') + 1;
  auto other_payload = base64url_encode(payload_with({{"sub", R"("1")"}}));

  struct row {
    std::string name;
    std::string token;
    std::string reason;
  };
  const std::vector<row> rows{
      // the shape
      {"empty", "", "not_three_parts"},
      {"one part", "abc", "not_three_parts"},
      {"two parts", text, "not_three_parts"},
      {"four parts", good + ".", "not_three_parts"},
      {"five parts, as JWE has", "a.b.c.d.e", "not_three_parts"},
      {"JSON serialization", R"({"payload":"e30","protected":"e30","signature":""})", "not_three_parts"},
      {"too large", signed_with(header(), payload_with({{"x", '"' + std::string(8'000, 'x') + '"'}})), "too_large"},
      {"padded", good + "==", "not_base64url"},
      {"padded header", base64url_encode(header()) + "=." + good.substr(payload_at), "not_base64url"},
      {"the standard alphabet", text + ".+/" + good.substr(dot + 3), "not_base64url"},
      {"a blank", text + ". " + good.substr(dot + 1), "not_base64url"},
      {"a line feed at the end", good + "\n", "not_base64url"},
      {"a NUL at the end", good + "\0"s, "not_base64url"},
      {"unused bits set", last_bits, "not_base64url"},
      {"a length that no bytes have", good.substr(0, dot) + "." + "AAAAA", "not_base64url"},
      // the header
      {"empty header", "." + good.substr(payload_at), "header_not_json"},
      {"header is not JSON", forged("ES256"), "header_not_json"},
      {"header is a list", forged("[]"), "header_not_json"},
      {"header with a byte after it", forged(header() + "x"), "header_not_json"},
      {"header with a NUL after it", forged(header() + "\0"s), "header_not_json"},
      {"header that is not UTF-8", forged("{\"alg\":\"ES256\xFF\"}"), "header_not_json"},
      {"alg twice", forged(header_with(R"(,"alg":"none")")), "header_not_json"},
      {"alg twice, once escaped", forged(header_with(R"(,"\u0061lg":"ES256")")), "header_not_json"},
      {"crit", forged(header_with(R"(,"crit":["exp"])")), "header_member_not_allowed"},
      {"empty crit", forged(header_with(R"(,"crit":[])")), "header_member_not_allowed"},
      {"b64 false", forged(header_with(R"(,"b64":false)")), "header_member_not_allowed"},
      {"jku", forged(header_with(R"(,"jku":"https://evil.test/jwks")")), "header_member_not_allowed"},
      {"x5u", forged(header_with(R"(,"x5u":"https://evil.test/x")")), "header_member_not_allowed"},
      {"x5c", forged(header_with(R"(,"x5c":["AA=="])")), "header_member_not_allowed"},
      {"own key in the header", es256_token(keys().stranger, header_with(jwk), good_payload),
       "header_member_not_allowed"},
      {"zip", forged(header_with(R"(,"zip":"DEF")")), "header_member_not_allowed"},
      {"cty", forged(header_with(R"(,"cty":"JWT")")), "header_member_not_allowed"},
      {"no alg", forged(R"({"kid":"x","typ":"at+jwt"})"), "header_member_missing"},
      {"no kid", forged(R"({"alg":"ES256","typ":"at+jwt"})"), "header_member_missing"},
      {"no typ", forged(R"({"alg":"ES256","kid":"x"})"), "header_member_missing"},
      {"alg is a number", forged(R"({"alg":1,"kid":"x","typ":"at+jwt"})"), "header_member_type"},
      {"alg is null", forged(R"({"alg":null,"kid":"x","typ":"at+jwt"})"), "header_member_type"},
      {"kid is a list", forged(R"({"alg":"ES256","kid":["x"],"typ":"at+jwt"})"), "header_member_type"},
      // the algorithm and the key
      {"alg none", unsigned_token(named("none"), good_payload) + ".", "algorithm_not_allowed"},
      {"alg None", unsigned_token(named("None"), good_payload) + ".", "algorithm_not_allowed"},
      {"alg NONE", unsigned_token(named("NONE"), good_payload) + ".", "algorithm_not_allowed"},
      {"alg nOnE", unsigned_token(named("nOnE"), good_payload) + ".", "algorithm_not_allowed"},
      {"alg empty", unsigned_token(named(""), good_payload) + ".", "algorithm_not_allowed"},
      {"alg es256", forged(named("es256")), "algorithm_not_allowed"},
      {"alg ES384", forged(named("ES384")), "algorithm_not_allowed"},
      {"alg PS256", forged(named("PS256")), "algorithm_not_allowed"},
      {"HS256 with our key's name for a secret", hs256(keys().ours.kid(), keys().ours.kid()), "algorithm_not_allowed"},
      {"HS256 with the RSA public key for a secret", hs256(rsa_kid, keys().rsa.public_pem()), "algorithm_not_allowed"},
      {"unknown kid", es256_token(keys().stranger, kid_of_stranger, good_payload), "key_unknown"},
      {"empty kid", forged(R"({"alg":"ES256","kid":"","typ":"at+jwt"})"), "key_unknown"},
      {"kid is a path", forged(R"({"alg":"ES256","kid":"../../dev/null","typ":"at+jwt"})"), "key_unknown"},
      {"kid is SQL", forged(R"({"alg":"ES256","kid":"' or 1=1 --","typ":"at+jwt"})"), "key_unknown"},
      {"RS256 on the EC key", rs256_token(named("RS256"), good_payload), "algorithm_not_of_key"},
      {"ES256 on the RSA key", forged(R"({"alg":"ES256","kid":"rsa-1","typ":"at+jwt"})"), "algorithm_not_of_key"},
      {"an id token", forged(R"({"alg":"ES256","kid":")" + keys().ours.kid() + R"(","typ":"JWT"})"), "type_wrong"},
      {"typ in capitals", forged(R"({"alg":"ES256","kid":")" + keys().ours.kid() + R"(","typ":"AT+JWT"})"),
       "type_wrong"},
      // the signature
      {"no signature", text + ".", "signature_length"},
      {"a byte less", with_signature(signature.substr(1)), "signature_length"},
      {"a byte more", with_signature(signature + "\0"s), "signature_length"},
      {"DER instead of r and s", with_signature("\x30\x44" + signature), "signature_length"},
      {"by a stranger", es256_token(keys().stranger, header(), good_payload), "signature_wrong"},
      {"one bit flipped", with_signature(flipped), "signature_wrong"},
      {"r and s exchanged", with_signature(signature.substr(32) + signature.substr(0, 32)), "signature_wrong"},
      {"r = s = 0", with_signature(std::string(64, '\0')), "signature_wrong"},
      {"r = 0", with_signature(std::string(32, '\0') + signature.substr(32)), "signature_wrong"},
      {"r = s = the group's order", with_signature(order_n + order_n), "signature_wrong"},
      {"r = s = all ones", with_signature(std::string(64, '\xFF')), "signature_wrong"},
      {"another payload", good.substr(0, payload_at) + other_payload + good.substr(dot), "signature_wrong"},
      {"another header of the same meaning", base64url_encode(" " + header()) + good.substr(payload_at - 1),
       "signature_wrong"},
      // the claims: all with a good signature
      {"empty payload", signed_with(header(), ""), "payload_not_json"},
      {"payload is a list", signed_with(header(), "[]"), "payload_not_json"},
      {"payload with a byte after it", signed_with(header(), good_payload + "x"), "payload_not_json"},
      {"sub twice", signed_with(header(), R"({"sub":"123",)" + good_payload.substr(1)), "payload_not_json"},
      {"too deep", claiming({{"x", std::string(16, '[') + std::string(16, ']')}}), "payload_not_json"},
      {"no iss", claiming({{"iss", ""}}), "issuer_wrong"},
      {"another iss", claiming({{"iss", R"("https://sb.test/")"}}), "issuer_wrong"},
      {"iss in capitals", claiming({{"iss", R"("https://SB.test")"}}), "issuer_wrong"},
      {"iss is a list", claiming({{"iss", R"(["https://sb.test"])"}}), "claim_malformed"},
      {"no aud", claiming({{"aud", ""}}), "audience_wrong"},
      {"another aud", claiming({{"aud", R"("trade_service")"}}), "audience_wrong"},
      {"aud with our name inside", claiming({{"aud", R"("stocksblitz2")"}}), "audience_wrong"},
      {"aud is an empty list", claiming({{"aud", "[]"}}), "audience_wrong"},
      {"aud is a list of others", claiming({{"aud", R"(["a","b"])"}}), "audience_wrong"},
      {"aud is a mixed list", claiming({{"aud", R"(["stocksblitz",1])"}}), "audience_wrong"},
      {"aud is an object", claiming({{"aud", R"({"stocksblitz":1})"}}), "audience_wrong"},
      {"no exp", claiming({{"exp", ""}}), "expiry_missing"},
      {"exp is null", claiming({{"exp", "null"}}), "claim_malformed"},
      {"exp is text", claiming({{"exp", R"("1705329900")"}}), "claim_malformed"},
      {"exp has a fraction", claiming({{"exp", at_s(now_s + 900) + ".5"}}), "claim_malformed"},
      {"exp is negative", claiming({{"exp", "-1"}}), "claim_malformed"},
      {"exp is 1e400", claiming({{"exp", "1e400"}}), "claim_malformed"},
      {"exp is beyond 2^63", claiming({{"exp", "18446744073709551616"}}), "claim_malformed"},
      {"exp is 2^63 - 1", claiming({{"exp", "9223372036854775807"}}), "claim_malformed"},
      {"expired beyond the skew", claiming({{"iat", at_s(now_s - 900)}, {"exp", at_s(now_s - 60)}}), "expired"},
      {"not yet", claiming({{"nbf", at_s(now_s + 61)}}), "not_yet_valid"},
      {"nbf is text", claiming({{"nbf", R"("0")"}}), "claim_malformed"},
      {"from the future", claiming({{"iat", at_s(now_s + 61)}, {"exp", at_s(now_s + 900)}}), "issued_in_future"},
      {"iat is false", claiming({{"iat", "false"}}), "claim_malformed"},
      {"lives too long", claiming({{"exp", at_s(now_s + 3'661)}}), "lifetime_too_long"},
      {"lives too long without iat", claiming({{"iat", ""}, {"exp", at_s(now_s + 3'661)}}), "lifetime_too_long"},
      {"no sub", claiming({{"sub", ""}}), "subject_wrong"},
      {"empty sub", claiming({{"sub", R"("")"}}), "subject_wrong"},
      {"sub is a number", claiming({{"sub", "123"}}), "claim_malformed"},
      {"sub is zero", claiming({{"sub", R"("0")"}}), "subject_wrong"},
      {"sub has a zero before it", claiming({{"sub", R"("0123")"}}), "subject_wrong"},
      {"sub is negative", claiming({{"sub", R"("-1")"}}), "subject_wrong"},
      {"sub has an exponent", claiming({{"sub", R"("1e2")"}}), "subject_wrong"},
      {"sub has a blank", claiming({{"sub", R"("123 ")"}}), "subject_wrong"},
      {"sub is beyond 2^63", claiming({{"sub", R"("9223372036854775808")"}}), "subject_wrong"},
      {"no org", claiming({{"org", ""}}), "organization_wrong"},
      {"org is zero", claiming({{"org", "0"}}), "organization_wrong"},
      {"org has a fraction", claiming({{"org", "456.0"}}), "organization_wrong"},
      {"org is text", claiming({{"org", R"("456")"}}), "claim_malformed"},
      {"no roles", claiming({{"roles", ""}}), "roles_wrong"},
      {"roles is text", claiming({{"roles", R"("admin")"}}), "roles_wrong"},
      {"a role is a number", claiming({{"roles", "[1]"}}), "roles_wrong"},
      {"a role is empty", claiming({{"roles", R"([""])"}}), "roles_wrong"},
      {"a role with a blank", claiming({{"roles", R"(["trader admin"])"}}), "roles_wrong"},
      {"seventeen roles",
       claiming({{"roles", R"(["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"])"}}),
       "roles_wrong"},
      {"no session", claiming({{"jti", ""}}), "session_wrong"},
      {"empty session", claiming({{"jti", R"("")"}}), "session_wrong"},
      {"session too long", claiming({{"jti", '"' + std::string(65, 's') + '"'}}), "session_wrong"},
      {"session is a number", claiming({{"jti", "1"}}), "claim_malformed"},
  };
  REQUIRE(verdict(good) == "good");
  REQUIRE(rows.size() >= 40);
  std::set<std::string> reasons;
  for (const auto& r : rows) {
    CAPTURE(r.name);
    CHECK(verdict(r.token) == r.reason);
    reasons.insert(r.reason);
  }
  // Every reason has its row; `revoked` belongs to the authenticator.
  for (auto why = token_refusal::too_large; why != token_refusal::revoked;
       why = static_cast<token_refusal>(static_cast<int>(why) + 1)) {
    CAPTURE(to_string(why));
    CHECK(reasons.contains(std::string{to_string(why)}));
  }
}

TEST_CASE("a caller is told expired, revoked or not valid, and no more") {
  for (auto why = token_refusal::too_large; why <= token_refusal::revoked;
       why = static_cast<token_refusal>(static_cast<int>(why) + 1)) {
    CAPTURE(to_string(why));
    const auto expected = why == token_refusal::expired   ? problem_code::auth_token_expired
                          : why == token_refusal::revoked ? problem_code::auth_token_revoked
                                                          : problem_code::auth_token_invalid;
    CHECK(problem_for(why) == expected);
  }
}

TEST_CASE("an Authorization field is one scheme and one token") {
  struct row {
    std::string field;
    std::string token;
    problem_code code;
  };
  constexpr auto none = problem_code::internal_error;
  const auto r = GENERATE(values<row>({
      {"Bearer abc.def-_~+/=", "abc.def-_~+/=", none},
      {"bearer x", "x", none},
      {"BEARER x", "x", none},
      {"", "", problem_code::auth_scheme_not_supported},
      {"Basic YTpi", "", problem_code::auth_scheme_not_supported},
      {"Bearerx y", "", problem_code::auth_scheme_not_supported},
      {"Bear x", "", problem_code::auth_scheme_not_supported},
      {"Bearer", "", problem_code::auth_token_missing},
      {"Bearer ", "", problem_code::auth_token_invalid},
      {"Bearer  x", "", problem_code::auth_token_invalid},
      {"Bearer x y", "", problem_code::auth_token_invalid},
      {"Bearer x,y", "", problem_code::auth_token_invalid},
      {"Bearer \"x\"", "", problem_code::auth_token_invalid},
  }));
  CAPTURE(r.field);
  const auto read = bearer_token(r.field);
  if (r.code == none) {
    REQUIRE(std::holds_alternative<std::string_view>(read));
    CHECK(std::get<std::string_view>(read) == r.token);
  } else {
    REQUIRE(std::holds_alternative<problem_code>(read));
    CHECK(entry_of(std::get<problem_code>(read)).text == entry_of(r.code).text);
  }
}

TEST_CASE("a token is verified once and remembered until its end") {
  authenticator gate{verifier(), 10};
  const auto issued = issuer().issue(trader(), now);
  for (int i = 0; i < 3; ++i)
    REQUIRE(std::holds_alternative<std::shared_ptr<const verified_token>>(gate.authenticate(issued.text, now)));
  CHECK(gate.verifications() == 1);
  CHECK(gate.hits() == 2);
  const wall_ms last{(now_s + 960) * 1'000 - 1};
  CHECK(std::holds_alternative<std::shared_ptr<const verified_token>>(gate.authenticate(issued.text, last)));
  const auto over = gate.authenticate(issued.text, wall_ms{last.value + 1});
  REQUIRE(std::holds_alternative<token_refusal>(over));
  CHECK(std::get<token_refusal>(over) == token_refusal::expired);
  CHECK(gate.cached() == 0);
}

TEST_CASE("a refused token is not remembered") {
  authenticator gate{verifier(), 10};
  for (int i = 0; i < 2; ++i) CHECK(std::holds_alternative<token_refusal>(gate.authenticate("a.b.c", now)));
  CHECK(std::holds_alternative<token_refusal>(gate.authenticate(std::string(9'000, 'a'), now)));
  CHECK(gate.cached() == 0);
}

TEST_CASE("a revoked session is refused, cached or respelled") {
  authenticator gate{verifier(), 10};
  const auto issued = issuer().issue(trader(), now);
  const auto other = issuer().issue(trader(), now);
  const auto dot = issued.text.rfind('.');
  const auto respelled = issued.text.substr(0, dot + 1) +
                         base64url_encode(test::respelled_signature(*base64url_decode(issued.text.substr(dot + 1))));
  REQUIRE(respelled != issued.text);
  REQUIRE(verdict(respelled) == "good");  // this is why revocation goes by session
  const auto first = gate.authenticate(issued.text, now);
  REQUIRE(std::holds_alternative<std::shared_ptr<const verified_token>>(first));
  gate.revoke_session(issued.claims.session, std::get<0>(first)->good_until, now);
  for (const auto& token : {issued.text, respelled}) {
    const auto refused = gate.authenticate(token, now);
    REQUIRE(std::holds_alternative<token_refusal>(refused));
    CHECK(std::get<token_refusal>(refused) == token_refusal::revoked);
  }
  CHECK(std::holds_alternative<std::shared_ptr<const verified_token>>(gate.authenticate(other.text, now)));
}

TEST_CASE("a withdrawn key takes its remembered tokens with it") {
  authenticator gate{verifier(), 10};
  const auto issued = issuer().issue(trader(), now);
  REQUIRE(std::holds_alternative<std::shared_ptr<const verified_token>>(gate.authenticate(issued.text, now)));
  auto others = verification_keys::from_jwks(R"({"keys":[)" + keys().stranger.public_jwk() + "]}");
  gate.replace_keys(std::make_shared<const verification_keys>(std::get<verification_keys>(std::move(others))));
  const auto refused = gate.authenticate(issued.text, now);
  REQUIRE(std::holds_alternative<token_refusal>(refused));
  CHECK(std::get<token_refusal>(refused) == token_refusal::key_unknown);
}
