#include "web/server/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

#include "web/server/inbox.hpp"
#include "web/server/parsed_head.hpp"
#include "web/server/response_head.hpp"

namespace sb::web::wire {
namespace {

namespace asio = boost::asio;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t read_bytes = 4096;
constexpr std::size_t discard_bytes_max = 256 * 1024;
constexpr std::size_t joined_body_bytes_max = 4 * 1024;  // one copy costs less than two buffers in a call
constexpr std::size_t kept_body_bytes_max = 16 * 1024;   // a response buffer above this is not worth keeping

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// Carries the answer of one request to the io thread; dropped unanswered, it carries the server's 500.
class connection_slot final : public response_slot {
 public:
  connection_slot(std::shared_ptr<inbox> mail, std::weak_ptr<connection> to)
      : mail_{std::move(mail)}, to_{std::move(to)} {}
  ~connection_slot() override {
    if (!settled()) mail_->deliver(to_, std::nullopt);
  }

 private:
  void deliver(http_response&& response) override { mail_->deliver(to_, std::move(response)); }

  std::shared_ptr<inbox> mail_;
  std::weak_ptr<connection> to_;
};

}  // namespace

connection::connection(server_context& context, tcp_socket socket, std::string remote_address, std::size_t listener)
    : context_{context},
      socket_{std::move(socket)},
      remote_address_{std::move(remote_address)},
      listener_{listener},
      in_{context.limits.header_bytes_max + read_bytes} {}

void connection::start(deadline_board::place place) {
  place_ = place;
  counted_ = true;
  ++context_.connections_by_address[remote_address_];
  context_.board.wait(place_, waiting::head);
  read_some();
}

void connection::start_refused(deadline_board::place place, refusal why) {
  place_ = place;
  ++context_.connections_refused;
  refuse(why);
}

std::string_view connection::input() const {
  const auto data = in_.cdata();
  return {static_cast<const char*>(data.data()), data.size()};
}

void connection::read_some() {
  reading_ = true;
  const auto room = std::min(read_bytes, in_.max_size() - in_.size());
  socket_.async_read_some(in_.prepare(room), [self = shared_from_this()](error_code error, std::size_t bytes) {
    self->on_read(error, bytes);
  });
}

void connection::on_read(error_code error, std::size_t bytes) {
  reading_ = false;
  if (phase_ == phase::closed) return;
  if (error) {
    // A deadline may have begun to answer already; then the end of the writing closes.
    if (phase_ != phase::writing) close();
    return;
  }
  context_.counts.bytes_read.add(bytes);
  switch (phase_) {
    case phase::idle:
    case phase::head:
      in_.commit(bytes);
      return read_head();
    case phase::body:
      in_.commit(bytes);
      return read_body();
    case phase::lingering:
      discarded_ += bytes;
      return discarded_ > discard_bytes_max ? close() : read_some();
    case phase::handling:
    case phase::writing:
    case phase::closed:
      return;
  }
}

void connection::read_head() {
  if (in_.size() == 0) return read_some();
  if (phase_ == phase::idle) {
    phase_ = phase::head;
    scan_ = {};
    names_ = {};
    if (served_) context_.board.wait(place_, waiting::head);  // the first one's time began at accept
  }
  const auto verdict = scan_.scan(input(), context_.limits);
  if (const auto* end = std::get_if<header_scan::complete>(&verdict)) return begin_request(end->bytes);
  if (const auto* why = std::get_if<refusal>(&verdict)) return refuse(*why);
  read_some();
}

void connection::begin_request(std::size_t head_bytes) {
  request_ = {};
  const auto version = parse_head(input().substr(0, head_bytes), request_);
  in_.consume(head_bytes);
  names_ = context_.ids.of(request_);  // of what is not understood in full: the fields that are
  if (const auto* why = std::get_if<refusal>(&version)) return refuse(*why);
  const auto strict = strict_request(request_, std::get<unsigned>(version), context_.limits);
  if (const auto* why = std::get_if<refusal>(&strict)) return refuse(*why);
  const auto& frame = std::get<framing>(strict);
  head_only_ = request_.method == "HEAD";
  close_after_ = !frame.keep_alive;
  says_keep_alive_ = frame.keep_alive && std::get<unsigned>(version) == 10;
  if (frame.kind == framing::body::none) return hand_over();

  phase_ = phase::body;
  body_ = body_reader{frame, context_.limits.body_bytes_max};
  body_began_ = deadline_board::clock::now();
  body_received_ = 0;
  context_.board.wait(place_, waiting::body);
  if (frame.expects_continue && in_.size() == 0) return write_continue();
  read_body();
}

void connection::write_continue() {
  continuing_ = true;
  asio::async_write(socket_, asio::buffer(continue_line),
                    [self = shared_from_this()](error_code error, std::size_t bytes) {
                      self->continuing_ = false;
                      if (self->phase_ == phase::closed) return;
                      if (error) return self->close();
                      self->context_.counts.bytes_written.add(bytes);
                      self->read_some();
                    });
}

void connection::read_body() {
  if (in_.size() == 0) return read_some();
  const auto progress = body_.read(input(), request_.body);
  if (const auto* why = std::get_if<refusal>(&progress.verdict)) return refuse(*why);
  in_.consume(progress.consumed);
  body_received_ += progress.consumed;
  if (std::holds_alternative<body_reader::complete>(progress.verdict)) return hand_over();
  read_some();
}

void connection::hand_over() {
  phase_ = phase::handling;
  served_ = true;
  context_.board.wait(place_, waiting::nothing);
  context_.counts.requests.add();
  request_.remote_address = remote_address_;
  request_.listener = listener_;
  request_.names = names_;
  responder respond{std::make_shared<connection_slot>(context_.mail, weak_from_this())};
  try {
    context_.handler(std::move(request_), std::move(respond));
  } catch (const std::exception&) {
    // One request's fault must not end everybody's server; the responder it lost has answered 500.
    context_.counts.handler_failures.add();
  }
}

void connection::answer(std::optional<http_response>&& response) {
  if (phase_ != phase::handling) return context_.counts.responses_undelivered.add();
  if (!response) return refuse(refusal::no_answer);
  write(std::move(*response));
}

void connection::refuse(refusal why) {
  context_.counts.refused[static_cast<std::size_t>(why)].add();
  request_ = {};
  close_after_ = true;
  head_only_ = false;
  if (names_.request.empty()) names_ = context_.ids.fresh();
  write(refusal_response(why, names_));
}

void connection::write(http_response&& response) {
  if (!is_sendable(response, context_.limits.response_bytes_max)) {
    context_.counts.refused[static_cast<std::size_t>(refusal::invalid_answer)].add();
    response = refusal_response(refusal::invalid_answer, names_);
  }
  close_after_ = close_after_ || context_.draining;
  const auto field = close_after_       ? connection_field::close
                     : says_keep_alive_ ? connection_field::keep_alive
                                        : connection_field::none;
  out_head_.clear();
  append_response_head(out_head_, response, names_, context_.date_field, field);
  out_body_.clear();
  if (!head_only_ && response.body.size() <= joined_body_bytes_max) {
    out_head_ += response.body;
  } else if (!head_only_) {
    out_body_ = std::move(response.body);
  }
  phase_ = phase::writing;
  const std::array whole{asio::buffer(std::as_const(out_head_)), asio::buffer(std::as_const(out_body_))};
  std::size_t sent = 0;
  if (in_.size() == 0) {  // else the next request would be answered from within this one
    error_code error;     // comes again below
    sent = out_body_.empty() ? socket_.write_some(whole[0], error) : socket_.write_some(whole, error);
    if (sent == out_head_.size() + out_body_.size()) return on_written({}, sent);
  }
  context_.board.wait(place_, waiting::write);
  const auto in_head = std::min(sent, out_head_.size());
  asio::async_write(socket_, std::array{whole[0] + in_head, whole[1] + (sent - in_head)},
                    [self = shared_from_this(), sent](error_code error, std::size_t bytes) {
                      self->on_written(error, sent + bytes);
                    });
}

void connection::on_written(error_code error, std::size_t bytes) {
  context_.counts.bytes_written.add(bytes);
  if (phase_ == phase::closed) return;
  if (error) {
    context_.counts.responses_undelivered.add();
    return close();
  }
  context_.counts.responses.add();
  if (out_body_.capacity() > kept_body_bytes_max) std::string{}.swap(out_body_);
  if (close_after_ || (context_.draining && in_.size() == 0)) return linger();
  phase_ = phase::idle;
  if (in_.size() == 0) context_.board.wait(place_, waiting::idle);
  read_head();
}

/// Closing with unread input makes the kernel send a reset, which can overtake the answer. So: say that nothing more
/// comes, drop what the client still sends, and close when it does.
void connection::linger() {
  phase_ = phase::lingering;
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  context_.board.wait(place_, waiting::linger);
  in_.clear();
  if (!reading_) read_some();
}

bool connection::body_is_late() const {
  const auto& limits = context_.limits;
  const auto elapsed = deadline_board::clock::now() - body_began_;
  if (elapsed >= limits.body_time_max) return true;
  if (elapsed <= limits.body_grace) return false;
  const auto counted_ms = duration_cast<milliseconds>(elapsed - limits.body_grace).count();
  return body_received_ < static_cast<std::size_t>(counted_ms) * limits.body_bytes_per_second_min / 1000;
}

void connection::deadline_passed(waiting what) {
  switch (what) {
    case waiting::nothing:
      return;
    case waiting::head:
      if (phase_ == phase::head) return refuse(refusal::request_timeout);
      context_.counts.connections_timed_out.add();
      return close();  // it never sent a byte: nothing to answer
    case waiting::body:
      if (!body_is_late()) return context_.board.wait(place_, waiting::body);
      return continuing_ ? abort() : refuse(refusal::request_timeout);
    case waiting::idle:
      context_.counts.connections_timed_out.add();
      return linger();
    case waiting::write:
      return abort();
    case waiting::linger:
      return close();
  }
}

void connection::close_if_idle() {
  if (phase_ == phase::idle) linger();
}

/// Closes with a reset: what the client did not read is not kept by the kernel either.
void connection::abort() {
  context_.counts.connections_timed_out.add();
  error_code ignored;
  socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
  close();
}

void connection::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  error_code ignored;
  socket_.close(ignored);
  if (counted_) {
    const auto same = context_.connections_by_address.find(remote_address_);
    if (--same->second == 0) context_.connections_by_address.erase(same);
  } else {
    --context_.connections_refused;
  }
  context_.counts.connections_open.subtract();
  const auto alive = shared_from_this();  // the board's may be the last
  context_.board.remove(place_);
  if (context_.draining && context_.board.size() == 0 && context_.on_last_closed) context_.on_last_closed();
}

}  // namespace sb::web::wire
