#include "web/server/body_reader.hpp"

#include <catch2/catch.hpp>

using namespace sb::web;
using namespace sb::web::wire;

namespace {

const framing chunked{framing::body::chunked, 0, true, false};

struct outcome {
  std::string body;
  std::size_t consumed = 0;
  bool complete = false;
  std::optional<refusal> why;
};

/// Feeds `input` in pieces of `piece` bytes until the reader has decided.
outcome read(const framing& frame, std::size_t body_bytes_max, std::string_view input, std::size_t piece) {
  outcome out;
  body_reader reader{frame, body_bytes_max};
  while (out.consumed < input.size()) {
    const auto progress = reader.read(input.substr(out.consumed, piece), out.body);
    if (const auto* why = std::get_if<refusal>(&progress.verdict)) {
      out.why = *why;
      return out;
    }
    out.consumed += progress.consumed;
    out.complete = std::holds_alternative<body_reader::complete>(progress.verdict);
    if (out.complete) return out;
  }
  return out;
}

}  // namespace

TEST_CASE("a body comes out the same however its bytes arrive") {
  const std::string next = "GET /";
  const std::string text = "5\r\nhello\r\n1\r\n \r\n00000005\r\nworld\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size() + next.size(); ++piece) {
    INFO("pieces of " << piece);
    const auto out = read(chunked, 11, text + next, piece);
    CHECK(out.complete);
    CHECK(out.body == "hello world");
    CHECK(out.consumed == text.size());
    const auto sized = read({framing::body::sized, 11, true, false}, 11, "hello world" + next, piece);
    CHECK(sized.complete);
    CHECK(sized.body == "hello world");
    CHECK(sized.consumed == 11);
  }
}

TEST_CASE("a chunked body is refused at the first byte beyond the limit, and never stored beyond it") {
  const std::string text = "6\r\nhello \r\n6\r\nworld!\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    INFO("pieces of " << piece);
    CHECK(read(chunked, 12, text, piece).complete);
    const auto beyond = read(chunked, 11, text, piece);
    CHECK(beyond.why == refusal::body_too_large);
    CHECK(beyond.body.size() <= 11);
  }
}

TEST_CASE("a malformed chunk is refused however its bytes arrive") {
  const std::vector<std::string> rows{
      "g\r\n",         ";\r\n",         "1;a=b\r\nx\r\n",  "1 \r\nx\r\n",  "\t1\r\nx\r\n",
      "+1\r\nx\r\n",   "-1\r\nx\r\n",   "0x1\r\nx\r\n",    "\r\n",         "\n",
      "1\nx\r\n",      "1\rx",          "1\r\nxx\r\n",     "1\r\nx\n",     "1\r\nx\rx",
      "0\n",           "0\r\r",         "0\r\nA: b\r\n",   "0\r\n\n",      "0\r\n\r\r",
      "000000000\r\n", "100000001\r\n", "1\r\nx0\r\n\r\n", "1,1\r\nx\r\n", "0\r\n \r\n\r\n",
      "0 \r\n\r\n",    "0;\r\n\r\n",    "1\r\nx\r\n\r\n",
  };
  for (const auto& text : rows)
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      INFO(text << " in pieces of " << piece);
      CHECK(read(chunked, 100, text, piece).why == refusal::chunk);
    }
}

TEST_CASE("an unfinished chunked body is never complete") {
  const std::string text = "5\r\nhello\r\n0\r\n\r\n";
  for (std::size_t length = 1; length < text.size(); ++length) {
    INFO("cut after " << length);
    const auto out = read(chunked, 100, text.substr(0, length), 1);
    CHECK_FALSE(out.complete);
    CHECK_FALSE(out.why);
  }
}
