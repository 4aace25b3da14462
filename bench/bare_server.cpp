/// The least that an HTTP server written with Boost.Beast does: reads a request, checks its token as the product does,
/// and sends the bytes of a file. For `./dev bench`, which divides the product's rate by this one's.
///
///   bench_bare JWKS ANSWER     prints its port; ends when its standard input does
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "web/auth/authenticator.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

sb::wall_ms now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

std::string text_of(const char* file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) throw std::runtime_error(std::string{"cannot read "} + file);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct shared_parts {
  sb::web::authenticator tokens;
  std::string answer;
};

class session : public std::enable_shared_from_this<session> {
 public:
  session(tcp::socket socket, shared_parts& shared) : socket_{std::move(socket)}, shared_{shared} {}

  void read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_, [self = shared_from_this()](beast::error_code failed, std::size_t) {
      if (!failed) self->answer();
    });
  }

 private:
  void answer() {
    const auto field = request_[http::field::authorization];
    const auto token = sb::web::bearer_token({field.data(), field.size()});
    const auto* text = std::get_if<std::string_view>(&token);
    if (text == nullptr || shared_.tokens.authenticate(*text, now()).index() != 0) return;  // the connection ends
    asio::async_write(socket_, asio::buffer(shared_.answer),
                      [self = shared_from_this()](beast::error_code failed, std::size_t) {
                        if (!failed) self->read();
                      });
  }

  tcp::socket socket_;
  shared_parts& shared_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
};

void accept(tcp::acceptor& door, shared_parts& shared) {
  door.async_accept([&](beast::error_code failed, tcp::socket socket) {
    if (failed) return;
    socket.set_option(tcp::no_delay{true});
    std::make_shared<session>(std::move(socket), shared)->read();
    accept(door, shared);
  });
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: bench_bare JWKS ANSWER");
  auto keys = sb::web::verification_keys::from_jwks(text_of(argv[1]));
  if (const auto* wrong = std::get_if<std::string>(&keys)) throw std::runtime_error(*wrong);
  auto set = std::make_shared<const sb::web::verification_keys>(std::get<sb::web::verification_keys>(std::move(keys)));
  shared_parts shared{sb::web::authenticator{sb::web::token_verifier{
                          {.issuer = "stocksblitz", .audience = "stocksblitz"}, std::move(set)}},
                      text_of(argv[2])};
  asio::io_context io{1};
  tcp::acceptor door{io, {asio::ip::make_address("127.0.0.1"), 0}};
  accept(door, shared);
  std::cout << door.local_endpoint().port() << std::endl;
  asio::posix::stream_descriptor input{io, ::dup(STDIN_FILENO)};
  char byte = 0;
  input.async_read_some(asio::buffer(&byte, 1), [&](beast::error_code, std::size_t) { io.stop(); });
  io.run();
  return 0;
} catch (const std::exception& failed) {
  std::cerr << "bench_bare: " << failed.what() << '\n';
  return 2;
}
