#include "web/server/http_server.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <ctime>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "web/server/connection.hpp"
#include "web/server/inbox.hpp"
#include "web/server/response_head.hpp"
#include "web/server/server_context.hpp"

namespace sb::web {

using namespace wire;

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;
using steady = std::chrono::steady_clock;
using tick_timer = asio::basic_waitable_timer<steady, asio::wait_traits<steady>, asio::io_context::executor_type>;

/// An IPv4 client of an IPv6 listener is the same address as by the IPv4 one.
std::string address_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace

struct http_server::impl {
  struct listener {
    tcp_acceptor acceptor;
    std::size_t index;
    tcp::endpoint peer = {};
    bool paused = false;  // accept failed, out of descriptors perhaps; tried again on the next tick
  };

  impl(http_server_settings chosen, request_handler handler, std::function<void()> tick)
      : settings{std::move(chosen)},
        context{settings.limits, std::move(handler), std::make_shared<inbox>(io)},
        on_tick{std::move(tick)} {
    context.on_last_closed = [this] {
      const std::scoped_lock lock{drained_mutex};
      drained = true;
      drained_changed.notify_all();
    };
  }

  void bind_all();
  void run();
  void accept(listener& from);
  void admit(tcp_socket socket, const listener& from);
  void tick();
  void await_tick();
  void close_listeners();
  void drain();
  void shut_down();

  const http_server_settings settings;
  asio::io_context io{1};
  server_context context;
  std::function<void()> on_tick;
  std::list<listener> listeners;
  std::vector<std::uint16_t> ports;
  tick_timer ticker{io};
  bool stopping = false;
  std::int64_t date_seconds = 0;
  std::thread thread;

  std::mutex drained_mutex;
  std::condition_variable drained_changed;
  bool drained = false;  // under the mutex
};

void http_server::impl::bind_all() {
  std::size_t index = 0;
  for (const auto& [address, port] : settings.listeners) {
    try {
      const tcp::endpoint endpoint{asio::ip::make_address(address), port};
      tcp_acceptor acceptor{io, endpoint.protocol()};
      acceptor.set_option(asio::socket_base::reuse_address{true});
      acceptor.bind(endpoint);
      acceptor.listen(asio::socket_base::max_listen_connections);
      acceptor.non_blocking(true);
      ports.push_back(acceptor.local_endpoint().port());
      listeners.push_back({std::move(acceptor), index++});
    } catch (const boost::system::system_error& failure) {
      listeners.clear();
      ports.clear();
      throw std::runtime_error{"cannot listen on " + address + ":" + std::to_string(port) + ": " +
                               failure.code().message()};
    }
  }
}

void http_server::impl::run() {
  context.mail->adopt_thread();
  for (auto& each : listeners) accept(each);
  ticker.expires_at(steady::now());
  tick();
  io.run();
}

void http_server::impl::accept(listener& from) {
  from.paused = false;
  from.acceptor.async_accept(from.peer, [this, &from](error_code error, tcp_socket socket) {
    if (!from.acceptor.is_open()) return;
    if (error) {
      from.paused = true;
      return;
    }
    admit(std::move(socket), from);
    accept(from);
  });
}

void http_server::impl::admit(tcp_socket socket, const listener& from) {
  const auto& limits = settings.limits;
  context.counts.connections_accepted.add();
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  socket.non_blocking(true, ignored);
  auto address = address_text(from.peer.address());
  const auto same = context.connections_by_address.find(address);
  const bool full = context.board.size() - context.connections_refused >= limits.connections_max;
  const bool address_full =
      same != context.connections_by_address.end() && same->second >= limits.connections_per_address_max;
  if ((full || address_full) && context.connections_refused >= limits.refused_connections_max) {
    const auto why = full ? refusal::too_many_connections : refusal::too_many_connections_of_address;
    context.counts.refused[static_cast<std::size_t>(why)].add();
    return;
  }
  context.counts.connections_open.add();
  const auto accepted = std::make_shared<connection>(context, std::move(socket), std::move(address), from.index);
  const auto place = context.board.add(accepted);
  if (full) return accepted->start_refused(place, refusal::too_many_connections);
  if (address_full) return accepted->start_refused(place, refusal::too_many_connections_of_address);
  accepted->start(place);
}

void http_server::impl::tick() {
  // The wall clock is for the Date field alone; every deadline is steady.
  const std::int64_t seconds = std::time(nullptr);
  if (seconds != std::exchange(date_seconds, seconds)) context.date_field = date_field(seconds);
  context.board.expire(deadline_board::clock::now(),
                       [](connection& late, waiting what) { late.deadline_passed(what); });
  for (auto& each : listeners)
    if (each.paused && each.acceptor.is_open()) accept(each);
  if (on_tick) on_tick();
  const auto now = steady::now();
  ticker.expires_at(std::max(now, ticker.expiry() + settings.tick));
  await_tick();
}

void http_server::impl::await_tick() {
  ticker.async_wait([this](error_code error) {
    if (!error && !stopping) tick();
  });
}

void http_server::impl::close_listeners() {
  error_code ignored;
  for (auto& each : listeners) each.acceptor.close(ignored);
}

void http_server::impl::drain() {
  if (context.draining) return;
  context.draining = true;
  close_listeners();
  context.board.each([](connection& open) { open.close_if_idle(); });
  if (context.board.size() == 0) context.on_last_closed();
}

void http_server::impl::shut_down() {
  context.draining = true;
  close_listeners();
  context.mail->close();
  context.board.each([](connection& open) { open.close(); });
  stopping = true;
  ticker.cancel();
  context.on_last_closed();
}

http_server::http_server(http_server_settings settings, request_handler handler, std::function<void()> on_tick)
    : impl_{std::make_unique<impl>(std::move(settings), std::move(handler), std::move(on_tick))} {}

http_server::~http_server() { stop(); }

void http_server::start() {
  if (impl_->thread.joinable()) throw std::logic_error{"the server was started before"};
  impl_->bind_all();
  impl_->thread = std::thread{[server = impl_.get()] { server->run(); }};
}

void http_server::post(std::function<void()> work) { impl_->context.mail->post(std::move(work)); }

std::vector<std::uint16_t> http_server::ports() const { return impl_->ports; }

void http_server::drain() {
  post([server = impl_.get()] { server->drain(); });
}

bool http_server::wait_until_drained(std::chrono::milliseconds time_max) {
  std::unique_lock lock{impl_->drained_mutex};
  return impl_->drained_changed.wait_for(lock, time_max, [this] { return impl_->drained; });
}

void http_server::stop() {
  if (!impl_->thread.joinable()) return;
  post([server = impl_.get()] { server->shut_down(); });
  impl_->thread.join();
}

http_counters http_server::counters() const {
  const auto& live = impl_->context.counts;
  http_counters out;
  out.connections_open = live.connections_open.value();
  out.connections_accepted = live.connections_accepted.value();
  out.connections_timed_out = live.connections_timed_out.value();
  out.requests = live.requests.value();
  out.responses = live.responses.value();
  out.responses_undelivered = live.responses_undelivered.value();
  out.handler_failures = live.handler_failures.value();
  out.bytes_read = live.bytes_read.value();
  out.bytes_written = live.bytes_written.value();
  for (const auto& spec : refusal_specs())
    out.refused.emplace_back(spec.reason, live.refused[static_cast<std::size_t>(spec.what)].value());
  return out;
}

}  // namespace sb::web
