#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "web/server/http.hpp"
#include "web/server/http_limits.hpp"
#include "web/server/refusal.hpp"

namespace sb::web::wire {

/// What a library parser forgives and two parsers in a row read differently is how one request hides inside another.
/// So a request passes three gates: the raw text (this scan), the library's grammar, and the rules of strict_request().

/// Looks at the raw bytes of one header section as they arrive, each byte once. Finds its end, and refuses what is gone
/// after parsing (folded lines, lone CR or LF) and what must not wait for more input (binary garbage, no end in sight).
class header_scan {
 public:
  struct need_more {};
  struct complete {
    std::size_t bytes;  // of the section, with its blank line; what follows belongs to the body or the next request
  };
  using verdict = std::variant<need_more, complete, refusal>;

  /// `text` is everything received since the request began; what earlier calls saw must be unchanged at its front.
  verdict scan(std::string_view text, const http_limits& limits);

 private:
  std::size_t seen_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
  bool after_cr_ = false;
};

/// How the rest of the request is to be read.
struct framing {
  enum class body : std::uint8_t { none, sized, chunked };
  body kind = body::none;
  std::size_t length = 0;         // of a sized body; never above the body limit
  bool keep_alive = true;         // what the client asks for
  bool expects_continue = false;  // it sends its body after a 100
};

/// The rules over a parsed header: `request` has method, target and lower-case fields, `version` is 10 or 11. On
/// success `request.path` and `request.query` are filled. After a refusal the connection must close: nothing that
/// follows may be read as a request.
std::variant<framing, refusal> strict_request(http_request& request, unsigned version, const http_limits& limits);

/// Why a request line that names another version than 1.0 and 1.1 is refused: well formed or not.
refusal refusal_for_version(std::string_view header_text);

}  // namespace sb::web::wire
