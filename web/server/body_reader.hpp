#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "web/server/refusal.hpp"
#include "web/server/strict_request.hpp"

namespace sb::web::wire {

/// Takes one body out of the byte stream and its transfer coding off. Chunks are read here and not by Beast: its parser
/// takes extensions and trailers for granted, and asserts on a last chunk that arrives in pieces.
class body_reader {
 public:
  struct need_more {};
  struct complete {};
  struct progress {
    std::size_t consumed;  // from the front of the input; on refusal of no meaning
    std::variant<need_more, complete, refusal> verdict;
  };

  body_reader() = default;
  body_reader(const framing& frame, std::size_t body_bytes_max);

  /// Appends content to `body`, never beyond the limit. After `complete` or a refusal it must not be called again.
  progress read(std::string_view input, std::string& body);

 private:
  enum class expects : std::uint8_t { size, size_lf, data, data_cr, data_lf, end_cr, end_lf };

  progress read_chunks(std::string_view input, std::string& body);

  bool chunked_ = false;
  expects expects_ = expects::size;
  std::size_t left_ = 0;  // of the sized body or the present chunk
  std::size_t room_ = 0;  // what the body may still grow by
  std::size_t size_digits_ = 0;
};

}  // namespace sb::web::wire
