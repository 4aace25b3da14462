#pragma once
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

/// What reads bytes from outside, each as one function of any bytes. ./dev fuzz runs them under libFuzzer; the ordinary
/// tests run them over tests/fuzz/corpus and over tests/fuzz/found, so that what was found once stays mended.
namespace sb::fuzz {

using bytes = std::span<const std::uint8_t>;

/// Something that must hold for every input does not hold for this one.
class broken_property : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};
inline void must(bool holds, const char* property) {
  if (!holds) throw broken_property{property};
}

inline std::string_view text_of(bytes input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

/// Each answers 1 for an input that was taken and 0 for one that was refused; it throws broken_property, and whatever
/// else it throws is a fault as well. For one thread; a call leaves nothing behind that another could see.

/// A JSON document, and with it every field table of a request.
int fuzz_json(bytes input);
/// What a client sends over one connection: heads, bodies, targets, and the routes' handlers behind them.
int fuzz_request(bytes input);
/// A bearer token as sent; or, after a line "sign", "forge" or "spoil", a header and a payload to make one of.
int fuzz_token(bytes input);
/// A settings file, and after a line "---env" variables as NAME=VALUE lines.
int fuzz_settings(bytes input);
/// A journal row's body, or a risk book's snapshot.
int fuzz_event(bytes input);

struct target {
  std::string_view name;  ///< also of its folders below corpus/ and found/
  int (*run)(bytes input);
};
inline constexpr target targets[] = {{"json", fuzz_json},
                                     {"request", fuzz_request},
                                     {"token", fuzz_token},
                                     {"settings", fuzz_settings},
                                     {"event", fuzz_event}};

}  // namespace sb::fuzz
