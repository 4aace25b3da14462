#include "web/server/body_reader.hpp"

#include <algorithm>

namespace sb::web::wire {
namespace {

constexpr std::size_t size_digits_max = 8;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

body_reader::body_reader(const framing& frame, std::size_t body_bytes_max)
    : chunked_{frame.kind == framing::body::chunked}, left_{chunked_ ? 0 : frame.length}, room_{body_bytes_max} {}

body_reader::progress body_reader::read(std::string_view input, std::string& body) {
  if (chunked_) return read_chunks(input, body);
  const auto taken = input.substr(0, left_);
  body.append(taken);
  left_ -= taken.size();
  if (left_ > 0) return {taken.size(), need_more{}};
  return {taken.size(), complete{}};
}

body_reader::progress body_reader::read_chunks(std::string_view input, std::string& body) {
  std::size_t at = 0;
  while (at < input.size()) {
    const char c = input[at];
    switch (expects_) {
      case expects::size: {
        const int digit = hex_value(c);
        if (digit >= 0) {
          if (++size_digits_ > size_digits_max) return {at, refusal::chunk};
          left_ = left_ * 16 + static_cast<std::size_t>(digit);
        } else if (c == '\r' && size_digits_ > 0) {
          if (left_ > room_) return {at, refusal::body_too_large};
          expects_ = expects::size_lf;
        } else {
          return {at, refusal::chunk};
        }
        ++at;
        break;
      }
      case expects::size_lf:
        if (c != '\n') return {at, refusal::chunk};
        expects_ = left_ == 0 ? expects::end_cr : expects::data;
        ++at;
        break;
      case expects::data: {
        const auto taken = input.substr(at, left_);
        body.append(taken);
        at += taken.size();
        left_ -= taken.size();
        room_ -= taken.size();
        if (left_ == 0) expects_ = expects::data_cr;
        break;
      }
      case expects::data_cr:
        if (c != '\r') return {at, refusal::chunk};
        expects_ = expects::data_lf;
        ++at;
        break;
      case expects::data_lf:
        if (c != '\n') return {at, refusal::chunk};
        expects_ = expects::size;
        size_digits_ = 0;
        ++at;
        break;
      case expects::end_cr:
        if (c != '\r') return {at, refusal::chunk};
        expects_ = expects::end_lf;
        ++at;
        break;
      case expects::end_lf:
        if (c != '\n') return {at, refusal::chunk};
        return {at + 1, complete{}};
    }
  }
  return {at, need_more{}};
}

}  // namespace sb::web::wire
