#include "storage/hash_chain.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace sb;

std::string hex(const digest& hash) {
  std::string out;
  for (const unsigned char byte : hash) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

journal_row some_row() {
  journal_row row;
  row.shard = 3;
  row.seq = 17;
  row.stream = "7/order/ORD1";
  row.version = 5;
  row.events = 2;
  row.at = wall_ms{1'700'000'000'000};
  row.epoch = 4;
  row.body = R"([{"t":"A"}])";
  return row;
}

}  // namespace

TEST_CASE("sha256 is SHA-256") {
  // FIPS 180-2, appendix B.
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a link covers exactly the fields that the format names") {
  // Built here byte by byte, so that the stored format cannot change unnoticed.
  const auto be8 = [](std::uint64_t value) {
    std::string out;
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
    return out;
  };
  const auto row = some_row();
  digest previous{};
  previous.fill(0xAB);
  const std::string bytes = std::string(32, '\xAB') + be8(3) + be8(17) + be8(4) + be8(1'700'000'000'000) + be8(5) +
                            be8(2) + be8(row.stream.size()) + row.stream + be8(row.body.size()) + row.body;
  CHECK(hex(chain(previous, row)) == hex(sha256(bytes)));
}

TEST_CASE("every field changes the link") {
  const digest previous{};
  const auto reference = chain(previous, some_row());
  auto row = some_row();
  SECTION("shard") { row.shard = 4; }
  SECTION("seq") { row.seq = 18; }
  SECTION("epoch") { row.epoch = 5; }
  SECTION("at") { row.at.value += 1; }
  SECTION("version") { row.version = 6; }
  SECTION("events") { row.events = 3; }
  SECTION("stream") { row.stream = "7/order/ORD2"; }
  SECTION("body") { row.body[0] = '{'; }
  SECTION("a byte moved from stream to body") {
    row.body.insert(row.body.begin(), row.stream.back());
    row.stream.pop_back();
  }
  CHECK(chain(previous, row) != reference);
}

TEST_CASE("the previous link changes the link, the row's own hash does not") {
  digest other{};
  other[31] = 1;
  auto row = some_row();
  CHECK(chain(other, row) != chain(digest{}, row));
  const auto before = chain(digest{}, row);
  row.hash = other;
  CHECK(chain(digest{}, row) == before);
}
