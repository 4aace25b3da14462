// Passwords, key files, key sets and the encodings under them.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>

#include "corpus.hpp"
#include "token_forge.hpp"
#include "web/auth/base64url.hpp"
#include "web/auth/digest.hpp"
#include "web/auth/password.hpp"
#include "web/auth/random.hpp"
#include "web/auth/signing_key.hpp"
#include "web/auth/verification_keys.hpp"
#include "web/json.hpp"

namespace {
using namespace sb::web;
using namespace std::string_literals;

struct temporary_folder {
  std::filesystem::path path = test::make_temporary_folder();
  temporary_folder() = default;
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};
void write_file(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  std::ofstream(file, std::ios::binary) << text;
  chmod(file.c_str(), mode);
}
std::string set_of(std::string_view keys) { return R"({"keys":[)" + std::string{keys} + "]}"; }
/// Slow to make, so once for all tests.
const test::rsa_key& rsa() {
  static const test::rsa_key key;
  return key;
}
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}
}  // namespace

TEST_CASE("base64url has one spelling for each text") {
  const std::string bytes = "\x00\xFF\xFE~\x80"s;
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const auto text = base64url_encode(bytes.substr(0, length));
    CHECK(text.find_first_of("+/=") == std::string::npos);
    CHECK(base64url_decode(text) == bytes.substr(0, length));
  }
  CHECK(base64url_encode("\xFB\xFF") == "-_8");
  for (const auto& wrong :
       {"A"s, "AB"s, "AAB"s, "AAAAA"s, "AA=="s, "AAA="s, "A A"s, "AA\n"s, "+/8"s, "AA\0"s, "\xC3\xA9"s}) {
    CAPTURE(wrong);
    CHECK_FALSE(base64url_decode(wrong).has_value());
  }
}

TEST_CASE("SHA-256 of abc is the standard's") {
  const auto digest = sha256("abc");
  CHECK(base64url_encode({reinterpret_cast<const char*>(digest.data()), digest.size()}) ==
        "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

TEST_CASE("random tokens differ") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) CHECK(seen.insert(random_token(16)).second);
  CHECK(random_token(16).size() == 22);
}

TEST_CASE("a password is verified by its own hash only") {
  const auto encoded = hash_password("correct horse");
  CHECK(encoded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  CHECK(verify_password(encoded, "correct horse"));
  CHECK_FALSE(verify_password(encoded, "correct horsf"));
  CHECK_FALSE(verify_password(encoded, ""));
  CHECK_FALSE(verify_password(encoded, "correct horse\0"s));
  CHECK(hash_password("correct horse") != encoded);  // a fresh salt
  CHECK_FALSE(is_password_hash_outdated(encoded));
  CHECK(is_password_hash_outdated(replaced(encoded, "t=2", "t=1")));
  CHECK(is_password_hash_outdated("$2b$12$abcdefghijklmnopqrstuv"));
  CHECK_FALSE(verify_password_of_nobody("correct horse"));
}

TEST_CASE("what is not an argon2id hash verifies nothing") {
  for (const auto* encoded : {"", "correct horse", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA", "$argon2id$",
                              "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$12$abcdefghijklmnopqrstuv"}) {
    CAPTURE(encoded);
    CHECK_FALSE(verify_password(encoded, "correct horse"));
  }
  const std::string longest(password_bytes_max, 'x');
  CHECK(verify_password(hash_password(longest), longest));
  CHECK_THROWS_AS(hash_password(longest + "x"), std::length_error);
  CHECK_FALSE(verify_password(hash_password(longest), longest + "x"));
}

TEST_CASE("a key file is made once, private, and gives the same key again") {
  const temporary_folder folder;
  const auto file = folder.path / "signing.pem";
  const auto made = signing_key::load_or_create(file);
  struct stat status {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600U);
  CHECK(signing_key::load_or_create(file).kid() == made.kid());
  CHECK(signing_key::load(file).public_jwk() == made.public_jwk());
  CHECK_THROWS_WITH(signing_key::generate().save(file), Catch::Contains("File exists"));
  CHECK(signing_key::load(file).kid() == made.kid());
  // Nothing is left beside it.
  CHECK(std::distance(std::filesystem::directory_iterator{folder.path}, {}) == 1);
  CHECK(made.kid().size() == 43);
  CHECK(signing_key::generate().kid() != made.kid());
}

TEST_CASE("a key file that is not private or not a key is refused") {
  const temporary_folder folder;
  const auto file = folder.path / "key.pem";
  signing_key::generate().save(file);
  const auto pem = test::contents(file);
  struct row {
    std::string text;
    mode_t mode;
    std::string why;
  };
  const auto r = GENERATE_COPY(values<row>({
      {pem, 0640, "0600"},
      {pem, 0604, "0600"},
      {pem, 0602, "0600"},
      {"", 0600, "not a key file"},
      {"hello", 0600, "not an unencrypted private key"},
      {pem.substr(0, pem.size() / 2), 0600, "not an unencrypted private key"},
      {std::string(20'000, 'x'), 0600, "not a key file"},
      {rsa().public_pem(), 0600, "not an unencrypted private key"},
  }));
  write_file(file, r.text, r.mode);
  CHECK_THROWS_WITH(signing_key::load(file), Catch::Contains(r.why));
  CHECK_THROWS_WITH(signing_key::load_or_create(file), Catch::Contains(r.why));
}

TEST_CASE("a key is not read through a link, from a folder or from nowhere") {
  const temporary_folder folder;
  signing_key::generate().save(folder.path / "real.pem");
  std::filesystem::create_symlink(folder.path / "real.pem", folder.path / "link.pem");
  CHECK_THROWS_AS(signing_key::load(folder.path / "link.pem"), std::runtime_error);
  CHECK_THROWS_AS(signing_key::load_or_create(folder.path / "link.pem"), std::runtime_error);
  CHECK_THROWS_AS(signing_key::load(folder.path), std::runtime_error);
  CHECK_THROWS_AS(signing_key::load(folder.path / "none.pem"), std::runtime_error);
  CHECK_THROWS_AS(signing_key::load_or_create(folder.path / "no such folder" / "k.pem"), std::runtime_error);
}

TEST_CASE("the thumbprint and the key set are what others expect") {
  const auto key = signing_key::generate();
  const auto set = verification_keys::from_jwks(set_of(key.public_jwk()));
  REQUIRE(std::holds_alternative<verification_keys>(set));
  const auto* const found = std::get<verification_keys>(set).find(key.kid());
  REQUIRE(found != nullptr);
  CHECK(found->algorithm() == signature_algorithm::es256);
  CHECK(found->signature_bytes() == 64);
  CHECK(std::get<verification_keys>(set).find("") == nullptr);
  // RFC 7638 by hand: the required members in order, hashed.
  const auto jwk = parse_json(key.public_jwk());
  const auto& members = std::get<json_value>(jwk);
  const auto digest = sha256(R"({"crv":"P-256","kty":"EC","x":")" + members.find("x")->text() + R"(","y":")" +
                             members.find("y")->text() + R"("})");
  CHECK(key.kid() == base64url_encode({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  CHECK(key.public_jwk().find("\"d\"") == std::string::npos);
}

TEST_CASE("keys of other kinds in a set are left out") {
  const auto key = signing_key::generate();
  const auto set = verification_keys::from_jwks(
      set_of(R"({"kty":"oct","k":"AAAA","kid":"a"},{"kty":"EC","crv":"P-384","kid":"b"},{"kty":"OKP","kid":"c"},)"
             R"({"kty":"RSA","use":"enc","alg":"RSA-OAEP","kid":"d"},{"kty":"RSA","alg":"PS256","kid":"e"},)" +
             key.public_jwk() + "," + rsa().public_jwk("f")));
  REQUIRE(std::holds_alternative<verification_keys>(set));
  CHECK(std::get<verification_keys>(set).size() == 2);
  CHECK(std::get<verification_keys>(set).find("a") == nullptr);
  CHECK(std::get<verification_keys>(set).find("f")->algorithm() == signature_algorithm::rs256);
}

TEST_CASE("a key set with anything wrong is refused as a whole") {
  const auto key = signing_key::generate().public_jwk();
  const auto other = signing_key::generate().public_jwk();
  const auto outside = rsa().public_jwk("r");
  const auto x_at = key.find("\"x\":\"") + 5;
  const auto y_at = key.find("\"y\":\"") + 5;
  auto off_curve = key;
  off_curve.replace(y_at, 43, key.substr(x_at, 43));
  auto short_x = key;
  short_x.replace(x_at, 43, "AAAA");
  struct row {
    std::string set;
    std::string why;
  };
  const auto r = GENERATE_COPY(values<row>({
      {"", "not JSON"},
      {"[]", "no array"},
      {"{}", "no array"},
      {R"({"keys":{}})", "no array"},
      {set_of(""), "no key"},
      {set_of("1"), "JSON object"},
      {set_of(R"({"kty":"oct","k":"AAAA","kid":"a"})"), "no key"},
      {set_of(key + "," + key), "twice"},
      {set_of(key + "," + replaced(other, R"("kid":")", R"("kid":"","was":")")), "needs a kid"},
      {set_of(replaced(key, R"("kid":")", R"("was":")")), "needs a kid"},
      {set_of(replaced(key, R"("use")", R"("d":"AAAA","use")")), "private"},
      {set_of(off_curve), "not a point"},
      {set_of(short_x), "32 bytes"},
      {set_of(replaced(outside, "AQAB", "Aw")), "65537"},
      {set_of(test::rsa_key{1'024}.public_jwk("s")), "2048"},
      {set_of(replaced(outside, R"("n":")", R"("n":"=)")), "2048"},
  }));
  CAPTURE(r.set);
  const auto read = verification_keys::from_jwks(r.set);
  REQUIRE(std::holds_alternative<std::string>(read));
  CHECK_THAT(std::get<std::string>(read), Catch::Contains(r.why));
}
