#include "tests/server/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>

namespace sb::test {
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

bool raw_response::has(std::string_view name) const {
  return lower(head).find("\r\n" + std::string{name} + ":") != std::string::npos;
}

std::string raw_response::field(std::string_view name) const {
  const auto at = lower(head).find("\r\n" + std::string{name} + ": ");
  if (at == std::string::npos) return {};
  const auto begin = at + 2 + name.size() + 2;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

raw_client::raw_client(std::uint16_t port, int receive_buffer_bytes) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer_bytes > 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) close();
}

raw_client::~raw_client() { close(); }

raw_client::raw_client(raw_client&& other) noexcept
    : socket_{std::exchange(other.socket_, -1)}, in_{std::move(other.in_)} {}

void raw_client::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void raw_client::shut_down_sending() { ::shutdown(socket_, SHUT_WR); }

void raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void raw_client::send_byte_by_byte(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) send(bytes.substr(i, 1));
}

bool raw_client::fill() {
  char chunk[16384];
  const auto got = ::recv(socket_, chunk, sizeof chunk, 0);
  if (got <= 0) return false;
  in_.append(chunk, static_cast<std::size_t>(got));
  return true;
}

std::string raw_client::read_head() {
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos)
    if (!fill()) return {};
  auto head = in_.substr(0, end + 4);
  in_.erase(0, end + 4);
  return head;
}

raw_response raw_client::read_response(bool head_only) {
  raw_response out;
  out.head = read_head();
  if (!out.head.starts_with("HTTP/1.1 ") || out.head.size() < 13) return {};
  const auto length = static_cast<std::size_t>(std::strtoul(out.field("content-length").c_str(), nullptr, 10));
  while (!head_only && in_.size() < length)
    if (!fill()) return {};
  if (!head_only) {
    out.body = in_.substr(0, length);
    in_.erase(0, length);
  }
  out.status = std::atoi(out.head.c_str() + 9);
  return out;
}

bool raw_client::closed_by_peer() {
  if (!in_.empty()) return false;
  char one = 0;
  const auto got = ::recv(socket_, &one, 1, 0);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

std::string request_text(std::string_view method, std::string_view target, std::string_view fields,
                         std::string_view body) {
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: x\r\n");
  return out.append(fields).append("\r\n").append(body);
}

}  // namespace sb::test
