#include "web/server/parsed_head.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <string>
#include <utility>

#include "web/server/strict_request.hpp"

namespace sb::web::wire {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

/// Beast's parser writing straight into our request. It skips the body, so only the header callbacks ever run.
class head_parser final : public http::basic_parser<true> {
 public:
  explicit head_parser(http_request& request) : request_{request} { skip(true); }

  unsigned version() const { return version_; }

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int version,
                       beast::error_code&) override {
    request_.method.assign(method.data(), method.size());
    request_.target.assign(target.data(), target.size());
    version_ = static_cast<unsigned>(version);
  }
  void on_field_impl(http::field, beast::string_view name, beast::string_view value, beast::error_code&) override {
    auto& field =
        request_.headers.emplace_back(std::string{name.data(), name.size()}, std::string{value.data(), value.size()});
    for (char& c : field.first)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override { return 0; }
  void on_finish_impl(beast::error_code&) override {}

  http_request& request_;
  unsigned version_ = 0;
};

refusal refusal_for(const beast::error_code& error, std::string_view text, const http_request& request) {
  if (error == http::error::bad_method) return refusal::request_line;
  if (error == http::error::bad_target) return refusal::target;
  if (error == http::error::bad_version) return refusal_for_version(text);
  if (error == http::error::bad_line_ending) return refusal::line_ending;
  // The field that gave offence is not stored; the one it conflicts with is.
  if (error == http::error::bad_content_length)
    return request.header("transfer-encoding") != nullptr ? refusal::conflicting_length : refusal::content_length;
  if (error == http::error::multiple_content_length) return refusal::content_length;
  if (error == http::error::bad_transfer_encoding)
    return request.header("content-length") != nullptr ? refusal::conflicting_length : refusal::transfer_encoding;
  return request.method.empty() ? refusal::request_line : refusal::field;
}

}  // namespace

std::variant<unsigned, refusal> parse_head(std::string_view text, http_request& request) {
  head_parser parser{request};
  parser.header_limit(static_cast<std::uint32_t>(text.size() + 1));
  parser.eager(true);
  request.headers.reserve(12);
  beast::error_code error;
  const auto used = parser.put(boost::asio::const_buffer{text.data(), text.size()}, error);
  if (error) return refusal_for(error, text, request);
  if (!parser.is_done() || used != text.size()) return refusal::request_line;
  return parser.version();
}

}  // namespace sb::web::wire
