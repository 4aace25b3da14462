#include "cut_proxy.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace sb::test {
namespace {

constexpr const char* socket_name = "/.s.PGSQL.5432";

sockaddr_un address_of(const std::string& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = directory + socket_name;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("socket path too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Empty at the end of the stream.
std::string receive(int socket) {
  std::string bytes(65'536, '\0');
  const auto got = recv(socket, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

bool send_all(int socket, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto now = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += static_cast<std::size_t>(now);
  }
  return true;
}

/// Which of the two has something to read; false when `stop` has.
bool wait_either(int stop, int a, int b, bool& a_ready, bool& b_ready) {
  pollfd entries[] = {{stop, POLLIN, 0}, {a, POLLIN, 0}, {b, POLLIN, 0}};
  while (poll(entries, 3, -1) < 0) {
  }
  a_ready = a >= 0 && entries[1].revents != 0;
  b_ready = b >= 0 && entries[2].revents != 0;
  return entries[0].revents == 0;
}

}  // namespace

struct cut_proxy::link {
  int client = -1;
  int server = -1;
  ~link() {
    close(client);
    close(server);
  }
};

cut_proxy::cut_proxy(std::string server) : server_{std::move(server)} {
  std::string name = "/tmp/sb-proxy-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = name;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  stop_read_ = ends[0];
  stop_write_ = ends[1];
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of(directory_);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 16) != 0) {
    throw std::runtime_error("listen");
  }
  acceptor_ = std::thread{[this] { accept_loop(); }};
}

cut_proxy::~cut_proxy() {
  close(stop_write_);  // every poll sees the pipe's end
  deliver_delayed();
  acceptor_.join();
  for (auto& one : forwarders_) one.join();
  close(stop_read_);
  close(listener_);
  unlink((directory_ + socket_name).c_str());
  rmdir(directory_.c_str());
}

std::string cut_proxy::through(const std::string& conninfo) const {
  auto text = conninfo;
  return text.replace(text.find(server_), server_.size(), directory_);
}

void cut_proxy::arm(const std::string& statement, fault what) {
  const std::unique_lock lock{mutex_};
  armed_statement_ = statement;
  armed_ = what;
  is_armed_ = true;
  struck_ = deliver_ = delivered_ = false;
}

bool cut_proxy::struck() const {
  const std::unique_lock lock{mutex_};
  return struck_;
}

void cut_proxy::deliver_delayed() {
  std::unique_lock lock{mutex_};
  deliver_ = true;
  changed_.notify_all();
  if (!struck_ || armed_ != fault::delay_statement) return;
  changed_.wait(lock, [this] { return delivered_; });
}

/// A Bind message is 'B', four bytes of length, an empty portal name and the statement's name.
bool cut_proxy::take_fault(const std::string& bytes, fault& what) {
  const std::unique_lock lock{mutex_};
  if (!is_armed_) return false;
  const auto marker = std::string(1, '\0') + armed_statement_ + std::string(1, '\0');
  const auto at = bytes.find(marker);
  if (at == std::string::npos || at < 5 || bytes[at - 5] != 'B') return false;
  is_armed_ = false;
  struck_ = true;
  what = armed_;
  return true;
}

void cut_proxy::accept_loop() {
  for (;;) {
    bool incoming = false;
    bool unused = false;
    if (!wait_either(stop_read_, listener_, -1, incoming, unused)) return;
    auto one = std::make_shared<link>();
    one->client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    one->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(server_);
    if (connect(one->server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    forwarders_.emplace_back([this, one] { forward(*one); });
  }
}

void cut_proxy::forward(link& one) {
  for (bool mute = false;;) {
    bool from_client = false;
    bool from_server = false;
    if (!wait_either(stop_read_, one.client, one.server, from_client, from_server)) return;
    if (from_server) {
      const auto bytes = receive(one.server);
      if (bytes.empty()) return;
      if (!mute && !send_all(one.client, bytes)) return;
    }
    if (!from_client) continue;
    const auto bytes = receive(one.client);
    if (bytes.empty()) return;
    fault what{};
    if (!take_fault(bytes, what)) {
      if (!send_all(one.server, bytes)) return;
      continue;
    }
    switch (what) {
      case fault::lose_statement:
        return;
      case fault::lose_answer:
        send_all(one.server, bytes);
        receive(one.server);  // PostgreSQL answers a statement in one piece, after its commit
        return;
      case fault::swallow_answer:
        send_all(one.server, bytes);
        mute = true;
        break;
      case fault::delay_statement: {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return deliver_; });
        lock.unlock();
        send_all(one.server, bytes);
        receive(one.server);
        lock.lock();
        delivered_ = true;
        changed_.notify_all();
        return;
      }
    }
  }
}

}  // namespace sb::test
