#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "app/anchor_log.hpp"
#include "app/audit/anchor_check.hpp"
#include "temporary_directory.hpp"
#include "tests/file_size_limit.hpp"

using namespace sb;
using namespace sb::audit;

namespace {

digest hash_of(unsigned char byte) {
  digest hash;
  hash.fill(byte);
  return hash;
}

shard_head head(shard_id shard, std::int64_t seq) {
  shard_head one;
  one.shard = shard;
  one.head = seq;
  one.head_hash = hash_of(static_cast<unsigned char>(seq));
  return one;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}
void put(const std::filesystem::path& file, const std::string& text) {
  std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
}

std::vector<anchor_key> public_half(const web::signing_key& key) {
  const auto jwk = web::parse_json(key.public_jwk());
  return {std::get<anchor_key>(anchor_key::from_jwk(std::get<web::json_value>(jwk)))};
}

/// One signed line without its end.
std::string signed_line(const web::signing_key& key, const std::vector<shard_head>& heads) {
  const test::temporary_directory directory;
  append_anchor(directory.path() / "anchors.log", key, {1'702'000'000'000}, heads);
  auto line = text_of(directory.path() / "anchors.log");
  line.pop_back();
  return line;
}

}  // namespace

SCENARIO("what a node has signed is read back") {
  const auto key = web::signing_key::generate();
  const auto line = signed_line(key, {head(3, 17), head(127, 4'000'000'000)});
  const auto parts = split_anchor_line(line);
  REQUIRE(parts);
  REQUIRE(public_half(key).front().signed_by(parts->text, parts->signature));
  const auto read = parse_anchor(parts->text);
  REQUIRE(read);
  REQUIRE(*read == anchor{{1'702'000'000'000},
                          {{3, 17, hash_of(17)}, {127, 4'000'000'000, head(127, 4'000'000'000).head_hash}}});
}

SCENARIO("a journal is held against what was anchored") {
  const auto key = web::signing_key::generate();
  finding_list findings;
  anchor_check check{public_half(key), findings};
  check.take("anchors.log line 1", signed_line(key, {head(3, 17), head(64, 5)}));
  check.take("anchors.log line 2", signed_line(key, {head(3, 20)}));
  REQUIRE(check.waiting().size() == 3);

  WHEN("its rows have the hashes that they had") {
    check.compare(std::vector<std::optional<digest>>{hash_of(17), hash_of(5), hash_of(20)});
    THEN("nothing is found") {
      REQUIRE(findings.empty());
      REQUIRE(check.waiting().empty());
      REQUIRE(check.anchored_seq(3) == 20);
      REQUIRE(check.anchored_seq(64) == 5);
      REQUIRE(check.anchored_seq(1) == 0);
      REQUIRE(check.last_at() == wall_ms{1'702'000'000'000});
    }
  }
  WHEN("one row is gone and another one has been written anew") {
    check.compare(std::vector<std::optional<digest>>{hash_of(99), hash_of(5), std::nullopt});
    THEN("both are named, with the line that remembers them") {
      REQUIRE(findings.shown() ==
              std::vector<std::string>{
                  "shard 3 seq 17: anchored 2023-12-08T01:46:40Z (anchors.log line 1) with another hash",
                  "shard 3 seq 20: anchored 2023-12-08T01:46:40Z (anchors.log line 2), and it is not there"});
    }
  }
}

TEST_CASE("every flipped bit of an anchor is found") {
  const auto key = web::signing_key::generate();
  const auto line = signed_line(key, {head(3, 17)});
  finding_list findings;
  anchor_check check{public_half(key), findings};
  std::int64_t flipped = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto forged = line;
      forged[at] = static_cast<char>(static_cast<unsigned char>(forged[at]) ^ (1U << bit));
      check.take("line", forged);
      ++flipped;
      INFO(forged);
      REQUIRE(findings.count() == flipped);
    }
  }
  REQUIRE(check.waiting().empty());
}

TEST_CASE("a line that no node has written is not an anchor") {
  const auto key = web::signing_key::generate();
  const auto other = web::signing_key::generate();
  const auto sign = [&key](const std::string& text) {
    constexpr char digits[] = "0123456789abcdef";
    std::string line = text + ' ';
    for (const char c : key.sign(text)) {
      line += digits[static_cast<unsigned char>(c) >> 4U];
      line += digits[static_cast<unsigned char>(c) & 15U];
    }
    return line;
  };
  finding_list findings;
  anchor_check check{public_half(key), findings};
  const std::string hash(64, 'a');
  check.take("good", sign(R"({"at":1,"heads":[[0,1,")" + hash + R"("]]})"));
  REQUIRE(findings.empty());
  check.take("empty", "");
  check.take("no signature", R"({"at":1,"heads":[]})");
  check.take("another key", signed_line(other, {head(3, 17)}));
  check.take("no JSON", sign("{"));
  check.take("no heads", sign(R"({"at":1})"));
  check.take("heads of two", sign(R"({"at":1,"heads":[[0,1]]})"));
  check.take("a short hash", sign(R"({"at":1,"heads":[[0,1,"aa"]]})"));
  check.take("a shard out of range", sign(R"({"at":1,"heads":[[4294967296,1,")" + hash + R"("]]})"));
  check.take("a fraction", sign(R"({"at":1,"heads":[[0,1.5,")" + hash + R"("]]})"));
  INFO(format(findings));
  REQUIRE(findings.count() == 9);
  REQUIRE(check.heads() == 1);
}

SCENARIO("a line that was cut off by a crash does not spoil the next one") {
  const test::temporary_directory directory;
  const auto file = directory.path() / "anchors.log";
  const auto key = web::signing_key::generate();
  append_anchor(file, key, {1}, {head(3, 17)});
  const auto first = text_of(file);
  const auto torn =
      GENERATE_COPY(as<std::string>{}, "", "{", first.substr(0, first.size() - 1), std::string(10'000, 'x'));
  GIVEN("a file that ends with " + std::to_string(torn.size()) + " bytes of a line") {
    put(file, first + torn);
    WHEN("the next anchor is written") {
      append_anchor(file, key, {2}, {head(3, 18)});
      THEN("the whole lines are there and nothing else") {
        const auto text = text_of(file);
        REQUIRE(text.starts_with(first + R"({"at":2,)"));
        REQUIRE(std::count(text.begin(), text.end(), '\n') == 2);
      }
    }
  }
  GIVEN("a file of nothing else") {
    put(file, torn);
    append_anchor(file, key, {2}, {head(3, 18)});
    REQUIRE(text_of(file).starts_with(R"({"at":2,)"));
  }
}

SCENARIO("an anchor that finds no room leaves nothing behind") {
  const test::temporary_directory directory;
  const auto file = directory.path() / "anchors.log";
  const auto key = web::signing_key::generate();
  append_anchor(file, key, {1}, {head(3, 17)});
  const auto before = text_of(file);
  {
    const test::file_size_limit room{before.size() + 100};
    REQUIRE_THROWS_WITH(append_anchor(file, key, {2}, {head(3, 18)}),
                        "anchor: " + file.string() + " cannot be written");
  }
  REQUIRE(text_of(file) == before);
  append_anchor(file, key, {3}, {head(3, 19)});
  REQUIRE(text_of(file).starts_with(before + R"({"at":3,)"));
}

SCENARIO("keys come from a file") {
  const test::temporary_directory directory;
  const auto file = directory.path() / "key";
  const auto key = web::signing_key::generate();
  const auto loaded = [&] { return load_anchor_keys(file); };
  const auto signature = key.sign("text");

  GIVEN("the node's own key") {
    key.save(file);
    REQUIRE(loaded().size() == 1);
    REQUIRE(loaded().front().signed_by("text", signature));
    REQUIRE_FALSE(loaded().front().signed_by("text.", signature));
    REQUIRE_FALSE(loaded().front().signed_by("text", signature.substr(1)));
    REQUIRE_FALSE(loaded().front().signed_by("text", std::string(64, '\0')));
    REQUIRE_FALSE(loaded().front().signed_by("text", std::string(64, '\xff')));
  }
  GIVEN("its public half") {
    put(file, key.public_jwk());
    REQUIRE(loaded().front().signed_by("text", signature));
  }
  GIVEN("a set of keys") {
    put(file, R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},)" + web::signing_key::generate().public_jwk() + "," +
                  key.public_jwk() + "]}");
    REQUIRE(loaded().size() == 2);
    REQUIRE_FALSE(loaded().front().signed_by("text", signature));
    REQUIRE(loaded().back().signed_by("text", signature));
  }
  GIVEN("something else") {
    const auto text =
        GENERATE(as<std::string>{}, "", "{}", "[]", "1", "no key", R"({"keys":[]})", R"({"keys":[{"kty":"RSA"}]})",
                 R"({"kty":"EC","crv":"P-256"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
                 R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})",
                 R"({"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
                 R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})",
                 "-----BEGIN PUBLIC KEY-----\n");
    put(file, text);
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    INFO(text);
    REQUIRE_THROWS_AS(loaded(), std::runtime_error);
  }
  GIVEN("no file") { REQUIRE_THROWS_AS(loaded(), std::runtime_error); }
}
